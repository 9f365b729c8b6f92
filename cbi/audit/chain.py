"""How one audit entry is bound to all before it: a keyed hash over every column and the link before."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import offices
from cbi.errors import Invalid

_TOLD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
BEFORE_THE_FIRST = bytes(32)

COLUMNS = """
    e.id::text, (extract(epoch FROM e.at) * 1000000)::bigint::text, e.actor_kind, e.actor_id::text, e.act,
    e.subject_kind, e.subject_id, e.details::text, e.written_in::text
"""
"""Every column of an entry as text, the same whatever time zone and date style the connection has."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last link. Kept somewhere else (printed, mailed), it shows if the end of the log was cut off later.

    `written_in` and `entry_id` say up to where entries are sealed.
    """

    position: int
    chain: bytes
    written_in: int
    entry_id: int

    @property
    def told(self) -> str:
        """As it is kept elsewhere: the position, a colon, and the hash in hexadecimal digits."""
        return f"{self.position}:{self.chain.hex()}"


class UnusableHead(Invalid):
    """What was typed is not the end of an audit log."""

    code = "audit.unusable_head"


def as_told(typed: str) -> Head:
    """A head that was kept elsewhere. Raises UnusableHead for anything that `Head.told` does not say."""
    found = _TOLD.fullmatch("".join(typed.split()).lower())
    if found is None:
        raise UnusableHead(
            "That is not the end of an audit log: a number, a colon, and 64 letters and digits.",
            next_step="Copy it as `cbi audit head` told it.",
        )
    return Head(int(found[1]), bytes.fromhex(found[2]), 0, 0)


def head(session: Session) -> Head:
    """The last link of the office's chain; position 0 before there is any."""
    last = session.execute(
        text(
            "SELECT s.position, s.chain, coalesce(e.written_in, 0), s.entry_id"
            " FROM audit_seals s LEFT JOIN audit_entries e ON e.id = s.entry_id"
            " ORDER BY s.position DESC LIMIT 1"
        )
    ).first()
    return Head(*last) if last else Head(0, BEFORE_THE_FIRST, 0, 0)


def came_from_another_server(session: Session, last: Head) -> bool:
    """Whether a backup was read into a new database server since the head was written.

    A new server counts its transactions from the beginning, so for a while the numbers say nothing about the order.
    """
    following = session.scalar(text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"))
    return last.written_in >= int(following or 0)


def key_of(session: Session) -> bytes:
    """The office's key for sealing; it never enters the database."""
    return offices.office_of(session).keys.derive("audit-seal")


def link(key: bytes, before: bytes, position: int, values: Sequence[str | None]) -> bytes:
    """The next link (HMAC-SHA256, 32 bytes). Each value goes in with its length, so no two entries read alike."""
    parts = [before, b"%d;" % position]
    for value in values:
        data = b"" if value is None else value.encode()
        parts.append(b"%d:%b" % (-1 if value is None else len(data), data))
    return hmac.digest(key, b"".join(parts), hashlib.sha256)
