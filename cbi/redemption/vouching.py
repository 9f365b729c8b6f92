"""A supervisor's word for a person who has no second factor to show, or got it wrong too often."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict
from cbi.payments.models import Payment
from cbi.redemption.counters import rules_of
from cbi.redemption.models import CodeIssue
from cbi.redemption.reissuing import NoCode, plain_reason
from cbi.redemption.states import CodeState


class NothingToVouchFor(Conflict):
    """The code cannot be paid, whoever the person is."""

    code = "redemption.nothing_to_vouch_for"


def vouch(session: Session, actor: Actor, locator: str, reason: str) -> datetime:
    """Let the code with this locator be paid without a second factor for the next minutes; returns until when.

    The supervisor has recognised the person by other means, and does not learn the code; the teller still needs all of
    it. Supervisors are users and tellers are not, so it always takes two. Raises NotPermitted, UnusableReason, NoCode,
    NothingToVouchFor.
    """
    actor.require(Permission.COUNTER_MANAGE)
    why = plain_reason(reason)
    found = session.execute(
        select(CodeIssue, Payment.provider)
        .join(Payment, Payment.id == CodeIssue.payment_id)
        .where(CodeIssue.locator == locator, CodeIssue.live)
        .with_for_update(of=CodeIssue)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NoCode(
            "No code has this locator.",
            next_step="It is the first digits of the code, without the last seven.",
        )
    issue, provider = found
    if issue.state is not CodeState.ISSUED:
        raise NothingToVouchFor(f"This code is {issue.state}.", next_step="It cannot be paid.")
    until = clock.now() + timedelta(minutes=rules_of(provider).hold_minutes)
    issue.vouched_by, issue.vouched_until = actor.id, until
    session.flush()
    record(session, actor, "code.vouched_for", "payment", issue.payment_id, reason=why)
    return until
