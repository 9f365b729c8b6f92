"""When a provider never comes back, or a payment waits that must not go out: two people take back what waits to be sent.

What waits has certainly not left: the payment has failed in an attempt that no provider ever heard of. From then on one
person tries it again or gives it up, as with every payment that failed.
"""

from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, NotFound
from cbi.payments.models import Attempt, Payment, PaymentRun, RunRoute
from cbi.payments.moves import move
from cbi.payments.outcomes.suspense_models import Withdrawal
from cbi.payments.runs.runs import find, programme_of
from cbi.payments.sending import dispatch
from cbi.payments.states import PaymentState, RunState
from cbi.payments.unpaid.again import check_decider
from cbi.payments.unpaid.unpaid import OwnReport

WITHDRAWN = "withdrawn"
"""Why its attempt failed: two people took it back before anything was sent."""


class NothingWaits(Conflict):
    """No payment of the run waits for this provider."""

    code = "withdrawal.nothing_waits"


class UnknownWithdrawal(NotFound):
    """Nobody has proposed this."""

    code = "withdrawal.unknown"


class AlreadyConfirmed(Conflict):
    """This has been confirmed, or refused."""

    code = "withdrawal.already_confirmed"


def propose(
    session: Session, actor: Actor, run_id: UUID, provider: str, reason: str, payment_id: UUID | None = None
) -> Withdrawal:  # fmt: skip
    """Propose to take back what of a released run waits for a provider, or one such payment. Moves nothing.

    Raises UnknownRun, NotPermitted, OnlyPeopleDecide, OwnRun, UnusableReason, NothingWaits.
    """
    run = find(session, run_id, lock=True)
    check_decider(session, actor, run, Permission.RUN_CANCEL)
    count, total = _waiting(session, run, _chosen(run, provider, payment_id))
    proposed = session.scalars(
        insert(Withdrawal)
        .values(
            run_id=run.id, provider=provider, payment_id=payment_id, reason=reasons.plain(reason), payment_count=count,
            total_minor=total, currency=run.currency, proposed_by=actor.id, proposed_at=clock.now(),
        )
        .returning(Withdrawal)
    ).one()  # fmt: skip
    record(
        session, actor, "payment_run.withdrawal_proposed", "payment_run", run.id, withdrawal=str(proposed.id),
        provider=provider, payments=count, reason=proposed.reason,
    )  # fmt: skip
    return proposed


def confirm(session: Session, actor: Actor, withdrawal_id: UUID, code: str) -> Withdrawal:
    """Confirm a colleague's proposal with a fresh one-time code: whatever of it still waits has failed.

    Raises UnknownWithdrawal, NotPermitted, OnlyPeopleDecide, OwnRun, WrongCode, OwnReport, NothingWaits, AlreadyConfirmed.
    """
    proposal = session.get(Withdrawal, withdrawal_id, populate_existing=True)
    if proposal is None:
        actor.require(Permission.RUN_AUTHORISE)
        raise UnknownWithdrawal(
            "There is no such proposal.", next_step="Make it first: cbi run withdraw"
        )
    run = find(session, proposal.run_id, lock=True)
    check_decider(session, actor, run, Permission.RUN_AUTHORISE)
    totp.step_up(session, actor, code)
    if proposal.proposed_by == actor.id:
        raise OwnReport(
            "You proposed this, so somebody else has to confirm it.",
            next_step="Ask a colleague who may authorise payment runs.",
        )
    # Whoever sends holds this row while they choose what to send.
    session.get_one(
        RunRoute, (run.id, proposal.provider), with_for_update=True, populate_existing=True
    )
    chosen = _chosen(run, proposal.provider, proposal.payment_id)
    count, total = _waiting(session, run, chosen)
    confirmed = session.scalar(
        update(Withdrawal)
        .where(
            Withdrawal.id == proposal.id,
            Withdrawal.confirmed_by.is_(None),
            Withdrawal.refusal_id.is_(None),
        )
        .values(
            confirmed_by=actor.id, confirmed_at=clock.now(), payment_count=count, total_minor=total
        )
        .returning(Withdrawal.id)
    )
    if confirmed is None:
        raise AlreadyConfirmed("This was confirmed or refused.", next_step="Look at the run.")
    _fail(session, run, proposal, chosen)
    dispatch.finish_release(session, run.id)
    record(
        session, actor, "payment_run.withdrawal_confirmed", "payment_run", run.id, withdrawal=str(proposal.id),
        provider=proposal.provider, payments=count, total=total,
    )  # fmt: skip
    session.refresh(proposal)
    return proposal


def proposed(session: Session, actor: Actor, run_id: UUID) -> list[Withdrawal]:
    """What was proposed to be taken back of a run, in order. Raises UnknownRun, NotPermitted."""
    run = find(session, run_id)
    actor.require(Permission.PAYMENT_READ, programme_of(session, run).code)
    found = select(Withdrawal).where(Withdrawal.run_id == run.id)
    return list(session.scalars(found.order_by(Withdrawal.proposed_at, Withdrawal.id)))


def _chosen(run: PaymentRun, provider: str, payment_id: UUID | None) -> ColumnElement[bool]:
    return and_(
        Payment.run_id == run.id, Payment.provider == provider, Payment.live, Payment.state == PaymentState.READY,
        true() if payment_id is None else Payment.id == payment_id,
    )  # fmt: skip


def _waiting(session: Session, run: PaymentRun, chosen: ColumnElement[bool]) -> tuple[int, int]:
    count, total = session.execute(
        select(func.count(), func.coalesce(func.sum(Payment.rest_minor), 0)).where(chosen)
    ).one()
    if not count or run.state is not RunState.RELEASING:
        raise NothingWaits(
            f"Nothing of run {run.number} waits to be sent that could be taken back.",
            next_step=f"See what waits for a decision: cbi run undecided {run.number}",
            number=run.number,
        )
    return int(count), int(total)


def _fail(
    session: Session, run: PaymentRun, proposal: Withdrawal, chosen: ColumnElement[bool]
) -> None:
    """Begin an attempt for each and end it at once: its number is used up, and its money stays committed to the run."""
    source = f"withdrawal:{proposal.id}"
    move(
        session, run, chosen, PaymentState.READY, PaymentState.SENDING, provider=proposal.provider, source=source
    )  # fmt: skip
    # What is really being sent has its attempt written down before anything leaves.
    unwritten = ~exists().where(
        Attempt.payment_id == Payment.id, Attempt.number == Payment.attempts
    )
    move(
        session, run, unwritten, PaymentState.SENDING, PaymentState.FAILED, provider=proposal.provider, source=source,
        failure=WITHDRAWN,
    )  # fmt: skip
    dispatch.note_attempts(
        session,
        and_(
            Payment.run_id == run.id, Payment.provider == proposal.provider, Payment.state == PaymentState.FAILED,
            Payment.attempts > 0, unwritten,
        ),
    )  # fmt: skip
