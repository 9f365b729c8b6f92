"""What of a released run waits to be sent, on a page: for which provider, and proposing that it is taken back."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form
from fastapi.responses import Response
from sqlalchemy import func, select

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.payments.models import Payment, RunRoute
from cbi.payments.outcomes.suspense_models import Withdrawal
from cbi.payments.runs import runs
from cbi.payments.states import PaymentState, RunState
from cbi.payments.unpaid import withdrawing

router = Pages()

Reader = Annotated[Actor, Depends(may(Permission.PAYMENT_READ))]
Canceller = Annotated[Actor, Depends(may(Permission.RUN_CANCEL))]
Typed = Annotated[str, Form(max_length=1000)]
Word = Annotated[str, Form(max_length=64)]


@router.get("/runs/{run_id}/waiting")
def waiting(visit: ThisVisit, session: OfficeSession, actor: Reader, run_id: UUID) -> Response:
    """What waits to be sent, provider by provider, and what was proposed to be taken back."""
    proposals = withdrawing.proposed(session, actor, run_id)
    run = runs.find(session, run_id)
    programme = runs.programme_of(session, run).code
    rows = [
        (provider, count, Money(int(minor), run.currency))
        for provider, count, minor in session.execute(
            select(RunRoute.provider, func.count(Payment.id), func.coalesce(func.sum(Payment.rest_minor), 0))
            .outerjoin(
                Payment,
                (Payment.run_id == RunRoute.run_id) & (Payment.provider == RunRoute.provider)
                & Payment.live & (Payment.state == PaymentState.READY),
            )
            .where(RunRoute.run_id == run.id)
            .group_by(RunRoute.provider)
            .order_by(RunRoute.provider)
        )
    ]  # fmt: skip
    waits = [provider for provider, count, _ in rows if count and run.state is RunState.RELEASING]
    return visit.show(
        "decisions/waiting.html",
        run=run,
        programme=programme,
        rows=rows,
        total=sum((amount for _, _, amount in rows), Money.zero(run.currency)),
        proposals=[(each, _state(each), Money(each.total_minor, each.currency)) for each in proposals],
        names=names_of(session, [who for each in proposals for who in (each.proposed_by, each.confirmed_by)]),
        choices=[(each, each.replace("_", " ")) for each in waits],
        may_propose=actor.may(Permission.RUN_CANCEL, programme),
        may_read_run=actor.may(Permission.RUN_READ, programme),
    )  # fmt: skip


@router.post("/runs/{run_id}/withdraw")
def propose(
    visit: ThisVisit, session: OfficeSession, actor: Canceller, run_id: UUID, provider: Word = "", reason: Typed = ""
) -> Response:  # fmt: skip
    """Propose to take back what waits for a provider; nothing moves before a colleague confirms it."""
    made = withdrawing.propose(session, actor, run_id, provider, reason)
    said = visit.ngettext(
        "%(num)s payment is proposed to be taken back. A colleague who may authorise runs decides.",
        "%(num)s payments are proposed to be taken back. A colleague who may authorise runs decides.",
        made.payment_count,
    )
    return visit.go(f"/runs/{run_id}/waiting" if visit.may(Permission.PAYMENT_READ) else "/", said)


def _state(proposal: Withdrawal) -> str:
    if proposal.refusal_id is not None:
        return "refused"
    return "waits" if proposal.confirmed_by is None else "confirmed"
