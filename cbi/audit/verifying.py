"""Reads the audit log from its beginning and names the first entry that anyone altered, removed or slipped in."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi.audit import chain
from cbi.audit.chain import COLUMNS, Head

_AT_A_TIME = 5_000

_SEALED = text(
    f"""
    SELECT s.position, s.entry_id, s.chain, {COLUMNS}
    FROM audit_seals s LEFT JOIN audit_entries e ON e.id = s.entry_id ORDER BY s.position
    """  # noqa: S608 - the columns are a constant
)


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain stops being what was written. `kind` is altered, missing or inserted."""

    kind: str
    position: int
    entry_id: int | None

    def __str__(self) -> str:
        entry = f"Audit entry {self.entry_id}" if self.entry_id is not None else "An audit entry"
        return {
            "altered": f"{entry} (link {self.position}) is not what was written, or its link is not.",
            "missing": f"{entry} (link {self.position}) was removed.",
            "inserted": f"{entry} was slipped in among entries that were sealed before (up to link {self.position}).",
        }[self.kind]


def first_break(session: Session, anchor: Head | None = None) -> Break | None:
    """The first place where the log is not what was written, or None. Reads as a stream, in constant memory.

    `anchor` is a head that was kept somewhere else: without one, nobody can tell that the very end was cut off.
    """
    key, before, position = chain.key_of(session), chain.BEFORE_THE_FIRST, 0
    end: tuple[int, int] = (0, 0)
    with session.execute(_SEALED, execution_options={"yield_per": _AT_A_TIME}) as rows:
        for place, entry_id, link, *values in rows:
            position += 1
            if place != position:
                return Break("missing", position, None)
            if values[0] is None:
                return Break("missing", position, entry_id)
            before = chain.link(key, before, position, values)
            if link != before or (anchor and anchor.position == position and anchor.chain != link):
                return Break("altered", position, entry_id)
            end = (int(values[-1]), entry_id)
    if anchor and anchor.position > position:
        known = anchor.entry_id if anchor.position == position + 1 else 0
        return Break("missing", position + 1, known or None)
    return _slipped_in(session, Head(position, before, *end))


def _slipped_in(session: Session, last: Head) -> Break | None:
    """An entry that should have been sealed before the last one, and was not: it was not there then."""
    if chain.came_from_another_server(session, last):
        return None
    entry_id = session.scalar(
        text(
            "SELECT e.id FROM audit_entries e WHERE (e.written_in, e.id) <= (:written_in, :entry_id)"
            " AND NOT EXISTS (SELECT FROM audit_seals s WHERE s.entry_id = e.id) ORDER BY e.id LIMIT 1"
        ),
        {"written_in": last.written_in, "entry_id": last.entry_id},
    )
    return None if entry_id is None else Break("inserted", last.position, entry_id)


def unsealed(session: Session) -> int:
    """How many entries wait to be sealed: until then only the database's privileges protect them."""
    return (
        session.scalar(
            text(
                "SELECT count(*) FROM audit_entries e"
                " WHERE NOT EXISTS (SELECT FROM audit_seals s WHERE s.entry_id = e.id)"
            )
        )
        or 0
    )
