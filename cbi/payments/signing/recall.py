"""Second thoughts: an approver returns a run with a reason, or it is called off before release."""

from uuid import UUID

from sqlalchemy import true
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.ledger.chart import Entry
from cbi.ledger.posting import post
from cbi.money import Money
from cbi.payments.fees import fees
from cbi.payments.models import PaymentRun
from cbi.payments.moves import book_of, move
from cbi.payments.runs.runs import find, move_run, programme_of
from cbi.payments.states import RUN, PaymentState, RunState


def send_back(session: Session, actor: Actor, run_id: UUID, reason: str) -> PaymentRun:
    """Return a locked or certified run to its maker. Its approvals no longer count: the next lock is a new revision."""
    run = find(session, run_id, lock=True)
    actor.require(Permission.RUN_RETURN, programme_of(session, run).code)
    RUN.check(run.state, RunState.DRAFT)
    run.revision += 1
    run.digest = run.locked_at = None
    move_run(session, actor, run, RunState.DRAFT, reason=reasons.plain(reason))
    return run


def cancel(session: Session, actor: Actor, run_id: UUID, reason: str) -> PaymentRun:
    """Call the whole run off before release. After authorisation its funds go back to the programme's budget."""
    run = find(session, run_id, lock=True)
    actor.require(Permission.RUN_CANCEL, programme_of(session, run).code)
    RUN.check(run.state, RunState.CANCELLED)
    if run.state is RunState.APPROVED:
        post(session, Entry.UNCOMMIT, book_of(run), Money(run.total_minor, run.currency), run.id)
        fees.call_off(session, run)
    for provider in run.providers:
        move(
            session, run, true(), PaymentState.READY, PaymentState.CANCELLED, provider=provider,
            source=f"{actor.kind}:{actor.id}",
        )  # fmt: skip
    move_run(session, actor, run, RunState.CANCELLED, reason=reasons.plain(reason))
    return run
