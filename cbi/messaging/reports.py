"""What a gateway reports of a text after it took it: in any order, repeated, and perhaps before we know that it did.

Each piece of news is kept once. Where a text stands follows from all of them: delivered outweighs failed, and failed
outweighs being on the way.
"""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.errors import NotFound
from cbi.messaging.models import DeliveryReport, Message
from cbi.messaging.states import MESSAGE, TELLS, MessageState, News

_WEIGHTS = {MessageState.SENT: 1, MessageState.FAILED: 2, MessageState.DELIVERED: 3}


class UnknownText(NotFound):
    """The gateway reports on a text that is not in the outbox."""

    code = "messaging.unknown_text"


def receive(session: Session, message_id: UUID, news: News) -> bool:
    """Keep a piece of news about a text and draw the conclusion; False when it was known. Raises UnknownText."""
    # The lock comes first: a worker that is recording this text either sees this report, or is seen by it.
    known = session.scalar(select(Message.id).where(Message.id == message_id).with_for_update())
    if known is None:
        raise UnknownText("There is no such text.")
    kept = session.scalar(
        insert(DeliveryReport)
        .values(message_id=message_id, news=news, received_at=clock.now())
        .on_conflict_do_nothing(index_elements=["message_id", "news"])
        .returning(DeliveryReport.id)
    )
    if kept is None:
        return False
    apply(session, [message_id])
    return True


def named(session: Session, name: str) -> UUID | None:
    """The text that a gateway means: by the name that we gave it, else by the gateway's own if only one has it."""
    with suppress(ValueError):
        ours = session.scalar(select(Message.id).where(Message.id == UUID(name)))
        if ours is not None:
            return ours
    theirs = session.scalars(
        select(Message.id).where(Message.gateway_reference == name).limit(2)
    ).all()
    return theirs[0] if len(theirs) == 1 else None


def apply(session: Session, message_ids: Sequence[UUID]) -> None:
    """Put texts where the reports on them say, as far as the lifecycle allows. Texts in a worker's hands are left alone."""
    arrows = [(before, after) for after in _WEIGHTS for before in MESSAGE.sources(after)]
    session.execute(
        _APPLY,
        {
            "ids": list(message_ids),
            "news": list(TELLS),
            "states": [state for state, _ in TELLS.values()],
            "reasons": [reason for _, reason in TELLS.values()],
            "weights": [_WEIGHTS[state] for state, _ in TELLS.values()],
            "befores": [before for before, _ in arrows],
            "afters": [after for _, after in arrows],
        },
    )


_APPLY = text("""
    UPDATE messages SET state = told.state, reason = told.reason
    FROM (
        SELECT DISTINCT ON (delivery_reports.message_id) delivery_reports.message_id, means.state, means.reason
        FROM delivery_reports
        JOIN unnest(
            CAST(:news AS text[]), CAST(:states AS text[]), CAST(:reasons AS text[]), CAST(:weights AS bigint[])
        ) AS means (news, state, reason, weight) ON means.news = delivery_reports.news
        WHERE delivery_reports.message_id = ANY(CAST(:ids AS uuid[]))
        ORDER BY delivery_reports.message_id, means.weight DESC, delivery_reports.id
    ) AS told
    WHERE messages.id = told.message_id AND NOT messages.waiting AND (messages.state, told.state) IN (
        SELECT before, after FROM unnest(CAST(:befores AS text[]), CAST(:afters AS text[])) AS arrow (before, after)
    )
""")
