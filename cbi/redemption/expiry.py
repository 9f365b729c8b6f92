"""What time does to codes: their last day passes, holds lapse, and long afterwards their locators can be used again."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.audit.standstill import STANDS_STILL
from cbi.offices import office_of
from cbi.payments.outcomes import outcomes
from cbi.redemption import notices
from cbi.redemption.models import Authorisation, CodeIssue
from cbi.redemption.states import CODE, CodeState, HoldState

LOCATORS_REST = timedelta(days=180)
"""How long after a code's end its locator belongs to nobody else: somebody may still come with the old message."""

AT_ONCE = 10_000
_GRACE = timedelta(minutes=1)


def expire_due(session: Session, limit: int = AT_ONCE) -> int:
    """Close up to `limit` codes whose last day is over and that no teller holds; returns how many.

    Their payments expire with them (the money awaits a decision), and the people are told. Call it until it returns 0.
    """
    now, today = clock.now(), clock.today(office_of(session).timezone)
    free = or_(CodeIssue.hold_id.is_(None), CodeIssue.held_until <= now)
    due = (
        select(CodeIssue.id)
        .where(
            CodeIssue.state.in_(CODE.sources(CodeState.EXPIRED)),
            CodeIssue.expires_on < today,
            free,
            ~STANDS_STILL,
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    closed = session.execute(
        update(CodeIssue)
        .where(CodeIssue.id.in_(due.scalar_subquery()))
        .values(state=CodeState.EXPIRED, closed_at=now, hold_id=None, held_until=None)
        .returning(CodeIssue.id, CodeIssue.payment_id),
        execution_options={"synchronize_session": False},
    ).all()
    if closed:
        payments: list[UUID] = [row.payment_id for row in closed]
        outcomes.expire(session, payments, source="expiry")
        ended = CodeIssue.id.in_([row.id for row in closed])
        notices.tell(session, "EXPIRED", ended, about="expired")
    return len(closed)


def lapse_holds(session: Session) -> int:
    """Mark holds that nobody confirmed in time, so that each shows on the teller's day as unanswered."""
    lapsed = session.scalars(
        update(Authorisation)
        .where(Authorisation.open, Authorisation.held_until <= clock.now() - _GRACE)
        .values(state=HoldState.LAPSED, open=False, ended_at=Authorisation.held_until)
        .returning(Authorisation.id),
        execution_options={"synchronize_session": False},
    )
    return len(lapsed.all())


def free_locators(session: Session) -> int:
    """Let the locators of codes that ended long ago be drawn again."""
    freed = session.scalars(
        update(CodeIssue)
        .where(CodeIssue.live, CodeIssue.closed_at < clock.now() - LOCATORS_REST)
        .values(live=False)
        .returning(CodeIssue.id),
        execution_options={"synchronize_session": False},
    )
    return len(freed.all())
