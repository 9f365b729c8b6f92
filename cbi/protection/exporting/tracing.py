"""Which list a file, or some rows of one, came from: by the file itself, by the marks of its rows, or by their order."""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Invalid
from cbi.offices import office_of
from cbi.protection.exporting.asking import SUBJECT
from cbi.protection.exporting.marks import Marker
from cbi.protection.exporting.models import Export, ExportFetch
from cbi.registry.intake.files import opened

_NEWEST = 5_000
"""How many lists an order is compared with."""
_WIDEST = 50
"""Columns that are looked at for an order."""
MOST_BYTES = 20_000_000


class TooLongToTrace(Invalid):
    """What was found is longer than any list of people."""

    code = "export.too_long_to_trace"


@dataclass(frozen=True, slots=True)
class Found:
    """A list that rows came from, and what shows it: `file` (the very file), `mark` or `order`. `rows`: how many do."""

    number: int
    by: str
    rows: int


def trace(session: Session, actor: Actor, content: bytes) -> Sequence[Found]:
    """The lists that a file came from: encrypted as it left, a workbook, CSV or any text. The question is written down.

    Without marks the order of the registration numbers tells it, where enough rows are there and nobody sorted them.
    """
    actor.require(Permission.EXPORT_APPROVE)
    if len(content) > MOST_BYTES:
        raise TooLongToTrace(
            f"This is more than {MOST_BYTES // 1_000_000} MB.", next_step="Take some of its rows."
        )
    found = _by_file(session, content)
    if not found:
        marker = Marker(office_of(session).keys)
        lines = list(_lines(content))
        marks = Counter(number for line in lines for number in marker.read(" ".join(line)))
        known = set(session.scalars(select(Export.number).where(Export.number.in_(marks))))
        found = [
            Found(number, "mark", rows) for number, rows in marks.most_common() if number in known
        ]
        found = found or list(_by_order(session, marker, lines))
    record(
        session, actor, "export.traced", SUBJECT, hashlib.sha256(content).hexdigest(),
        found=[each.number for each in found],
    )  # fmt: skip
    return found


def _by_file(session: Session, content: bytes) -> list[Found]:
    digest = hashlib.sha256(content).digest()
    rows = session.execute(
        select(Export.number, ExportFetch.people)
        .join(Export, Export.id == ExportFetch.export_id)
        .where(ExportFetch.digest == digest)
    )
    return [Found(number, "file", people) for number, people in rows]


def _by_order(session: Session, marker: Marker, lines: Sequence[Sequence[str]]) -> Iterator[Found]:
    numbers = session.scalars(
        select(Export.number)
        .where(Export.fetches > 0)
        .order_by(Export.number.desc())
        .limit(_NEWEST)
    ).all()
    width = max((len(line) for line in lines), default=0)
    for at in range(min(width, _WIDEST)):
        cells = (line[at].strip() for line in lines if at < len(line))
        column = list(dict.fromkeys(filter(None, cells)))
        # A heading or two may stand in front of the rows.
        for number in numbers:
            for skip in range(3):
                if marker.is_order_of(number, column[skip:]):
                    yield Found(number, "order", len(column) - skip)
                    break


def _lines(content: bytes) -> Iterator[Sequence[str]]:
    try:
        with opened(io.BytesIO(content)) as file:
            for sheet in file.all_sheets:
                yield from (line.cells for line in file.lines(sheet))
    except Invalid:
        for row in content.decode("utf-8", errors="replace").splitlines():
            yield (row,)
