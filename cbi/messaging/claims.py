"""Which worker holds which texts, and what became of them: the rows behind a hand-over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.audit.standstill import STANDS_STILL
from cbi.messaging import reports
from cbi.messaging.models import Message
from cbi.messaging.states import MESSAGE, MessageState, Reason

HELD_AT_MOST = timedelta(hours=1)
"""Longer than any batch takes: whoever holds a text for so long is dead."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A text that a worker has taken in order to hand it over."""

    id: UUID
    template: str
    language: str
    account_id: UUID | None
    number: bytes | None = field(repr=False)
    code_issue_id: UUID | None
    values: Mapping[str, Any]
    tries: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a text. `tried` says whether the gateway was asked to take it."""

    after: MessageState
    reason: Reason | None = None
    tried: bool = False
    not_before: datetime | None = None
    reference: str | None = None


def take(session: Session, size: int) -> list[Taken]:
    """Take up to `size` waiting texts that are due and that nobody else is taking; they are `sending` from here on."""
    now = clock.now()
    # A CTE that locks runs once; as a subquery the planner may run it again and take more than `size`.
    due = (
        select(Message.id)
        .where(
            Message.waiting,
            Message.state == MessageState.QUEUED,
            ~STANDS_STILL,
            Message.not_before.is_(None) | (Message.not_before <= now),
        )
        .order_by(Message.id)
        .limit(size)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    rows = session.execute(
        update(Message)
        .where(Message.id == due.c.id)
        .values(state=MessageState.SENDING, handed_over_at=now)
        .returning(
            Message.id,
            Message.template,
            Message.language,
            Message.account_id,
            Message.number,
            Message.code_issue_id,
            Message.values,
            Message.tries,
        ),
        execution_options={"synchronize_session": False},
    )
    return [Taken(*row) for row in rows]


def record(session: Session, outcomes: Mapping[UUID, Outcome]) -> None:
    """Write down what became of texts, where the lifecycle still allows it, and what the gateway reported meanwhile."""
    for after in {outcome.after for outcome in outcomes.values()}:
        these = {key: outcome for key, outcome in outcomes.items() if outcome.after == after}
        session.execute(
            _RECORD,
            {
                "after": after,
                "waiting": after == MessageState.QUEUED,
                "before": sorted(MESSAGE.sources(after)),
                "ids": list(these),
                "reasons": [outcome.reason for outcome in these.values()],
                "tries": [int(outcome.tried) for outcome in these.values()],
                "times": [outcome.not_before for outcome in these.values()],
                "references": [outcome.reference for outcome in these.values()],
            },
        )
    reports.apply(session, list(outcomes))


_RECORD = text("""
    UPDATE messages
    SET state = :after, waiting = :waiting, reason = became.reason, not_before = became.not_before,
        tries = messages.tries + became.tries, gateway_reference = became.reference,
        number = CASE WHEN :waiting THEN messages.number END
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:reasons AS text[]), CAST(:tries AS bigint[]),
        CAST(:times AS timestamptz[]), CAST(:references AS text[])
    ) AS became (id, reason, tries, not_before, reference)
    WHERE messages.id = became.id AND messages.state = ANY(CAST(:before AS text[]))
""")


def give_up_lost(session: Session, held_longer_than: timedelta = HELD_AT_MOST) -> int:
    """Mark as `unknown` what was taken so long ago that its worker must have died; returns how many texts.

    They are never sent again: the gateway may have them.
    """
    lost = session.scalars(
        update(Message)
        .where(
            Message.waiting,
            Message.state == MessageState.SENDING,
            Message.handed_over_at <= clock.now() - held_longer_than,
        )
        .values(state=MessageState.UNKNOWN, waiting=False, reason=Reason.INTERRUPTED, number=None)
        .returning(Message.id),
        execution_options={"synchronize_session": False},
    ).all()
    reports.apply(session, lost)
    return len(lost)
