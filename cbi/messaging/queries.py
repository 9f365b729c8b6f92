"""What staff ask about texts: how many stand where, and which ones did not arrive."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ScalarSelect, Select, func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.messaging.models import InboundText, Message
from cbi.messaging.states import MessageState, Reason

LATE = timedelta(minutes=10)
"""How long a text may wait before somebody should look."""

TROUBLE = (MessageState.FAILED, MessageState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Texts:
    """How many texts of an office stand where."""

    queued: int
    """Waiting, or in a worker's hands."""
    late: int
    """Of those, how many have waited for over ten minutes."""
    handed_over: int
    """The gateway took them, and has not said that they arrived."""
    delivered: int
    undeliverable: int
    """The network could not deliver them, refused them, or gave up."""
    not_sent: int
    """The gateway never took them: no number, or refused for good."""
    unknown: int
    """Nobody knows whether they left; never sent again by themselves."""
    withdrawn: int
    reasons: Mapping[Reason, int]
    """Of those that failed, how many for which reason."""
    unheard: int
    """Texts that came in and that nothing has dealt with."""


@dataclass(frozen=True, slots=True)
class Late:
    """Texts that have waited for over ten minutes, and since when the oldest of them."""

    texts: int
    since: datetime


def late(session: Session) -> Late | None:
    """The texts that have waited too long, or None: where there are some, no worker hands them over."""
    count, since = session.execute(
        select(func.count(), func.min(Message.created_at)).where(
            Message.waiting, Message.created_at < clock.now() - LATE
        )
    ).one()
    return Late(count, since) if count else None


def by_state(session: Session) -> Texts:
    """How many texts of the office stand where."""
    counted = session.execute(
        select(Message.state, Message.reason, func.count()).group_by(Message.state, Message.reason)
    ).all()
    states = {state: sum(n for each, _, n in counted if each == state) for state in MessageState}
    failed = {reason: n for state, reason, n in counted if state == MessageState.FAILED and reason}
    reported = (Reason.UNDELIVERABLE, Reason.REJECTED, Reason.EXPIRED)
    undeliverable = sum(failed.get(reason, 0) for reason in reported)
    late, unheard = session.execute(
        select(
            _count(select(Message).where(Message.waiting, Message.created_at < clock.now() - LATE)),
            _count(select(InboundText).where(InboundText.handled_at.is_(None))),
        )
    ).one()
    return Texts(
        queued=states[MessageState.QUEUED] + states[MessageState.SENDING],
        late=late,
        handed_over=states[MessageState.SENT],
        delivered=states[MessageState.DELIVERED],
        undeliverable=undeliverable,
        not_sent=states[MessageState.FAILED] - undeliverable,
        unknown=states[MessageState.UNKNOWN],
        withdrawn=states[MessageState.WITHDRAWN],
        reasons=failed,
        unheard=unheard,
    )


def _count(rows: Select[Message] | Select[InboundText]) -> ScalarSelect[int]:
    return select(func.count()).select_from(rows.subquery()).scalar_subquery()


def in_trouble() -> Select[Message]:
    """The texts that did not arrive, or of which nobody knows: for a page of them."""
    return select(Message).where(Message.state.in_(TROUBLE))
