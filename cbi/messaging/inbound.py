"""Texts that come in: each kept once, sealed, until somebody or something has dealt with it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import exists, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from cbi import clock, db
from cbi.keys import Keyring, seal, unseal
from cbi.messaging import numbers
from cbi.messaging.models import InboundText
from cbi.offices import office_of

LONGEST = 2000
"""Characters of a text that are kept; thirteen of the longest parts that a telephone sends."""

_KEY = "inbound texts"
_CODE_LIKE = re.compile(r"(?<![+\d])\d(?:[\W_]{0,2}\d){11,13}(?!\d)")


@dataclass(frozen=True, slots=True)
class Heard:
    """A text that came in, opened. Who sent it and what it says are not in its repr."""

    id: UUID
    channel: str
    sender: str = field(repr=False)
    sender_index: bytes = field(repr=False)
    words: str = field(repr=False)
    received_at: datetime

    @property
    def can_be_answered(self) -> bool:
        """Whether its sender is a telephone number: not a short number or a name."""
        return numbers.can_be_answered(self.sender)


def receive(
    session: Session, channel: str, external_id: str, sender: str, text: str, received_at: datetime
) -> bool:
    """Keep a text that came in, or return False when the channel gave this one before.

    `channel` and `external_id` are the gateway and its own name for the text. `sender` may be written in any way that
    networks do. What looks like a redemption code is cut down to its public digits before it is kept.
    """
    office = office_of(session)
    number = numbers.sender(sender, office.region)
    words = without_codes(text.replace("\0", "")[:LONGEST], office.locator_digits)
    text_id, key = uuid4(), office.keys.derive(_KEY)
    kept = session.scalar(
        insert(InboundText)
        .values(
            id=text_id,
            channel=channel,
            external_id=external_id,
            sender=seal(key, number, f"inbound_texts/{text_id}/sender"),
            sender_index=numbers.index(office.keys, number),
            words=seal(key, words, f"inbound_texts/{text_id}/words"),
            received_at=received_at,
        )
        .on_conflict_do_nothing(index_elements=["channel", "external_id"])
        .returning(InboundText.id)
    )
    if kept is not None:
        db.soon(session, "answer")
    return kept is not None


def without_codes(text: str, locator_digits: int) -> str:
    """The text with only the first `locator_digits` of whatever could be a redemption code (12 to 14 digits).

    People send their code when they ask about it; its locator is public, and the rest nobody may keep. A telephone
    number with its plus sign stays as it is.
    """

    def cut(found: re.Match[str]) -> str:
        seen = 0
        kept = []
        for character in found[0]:
            seen += character.isdecimal()
            kept.append("*" if character.isdecimal() and seen > locator_digits else character)
        return "".join(kept)

    return _CODE_LIKE.sub(cut, text)


def waiting(session: Session, size: int) -> list[Heard]:
    """Up to `size` texts that nobody has dealt with, the oldest first, locked for this transaction.

    Those that another transaction is dealing with are left out, and so is whatever the same number wrote after an
    unhandled text: STOP and START change places for nobody. Raises Unreadable.
    """
    before = aliased(InboundText)
    earlier = exists().where(
        before.sender_index == InboundText.sender_index,
        before.handled_at.is_(None),
        tuple_(before.received_at, before.id) < tuple_(InboundText.received_at, InboundText.id),
    )
    rows = session.scalars(
        select(InboundText)
        .where(InboundText.handled_at.is_(None), ~earlier)
        .order_by(InboundText.received_at, InboundText.id)
        .limit(size)
        .with_for_update(of=InboundText, skip_locked=True)
    )
    return opened(office_of(session).keys, rows)


def opened(keys: Keyring, rows: Iterable[InboundText]) -> list[Heard]:
    """Texts with their sender and words readable, for the moment they are needed. Raises Unreadable."""
    key = keys.derive(_KEY)
    return [
        Heard(
            row.id,
            row.channel,
            _plain(key, row.sender, f"inbound_texts/{row.id}/sender"),
            row.sender_index,
            _plain(key, row.words, f"inbound_texts/{row.id}/words"),
            row.received_at,
        )
        for row in rows
    ]


def _plain(key: bytes, sealed: bytes, place: str) -> str:
    # Whose data was destroyed has no words left here.
    return unseal(key, sealed, place).decode() if sealed else ""


def handled(session: Session, text_id: UUID, outcome: dict[str, Any]) -> bool:
    """Note that a text was dealt with, and how; False when it had been already. `outcome` holds no personal data."""
    done = session.scalar(
        update(InboundText)
        .where(InboundText.id == text_id, InboundText.handled_at.is_(None))
        .values(handled_at=clock.now(), outcome=outcome)
        .returning(InboundText.id),
        execution_options={"synchronize_session": False},
    )
    return done is not None
