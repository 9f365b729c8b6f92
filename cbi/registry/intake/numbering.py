"""Which household a row is about: no registration number twice in a list, and an edited submission keeps its own."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import any_, bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from cbi.registry.intake.checks import Reason
from cbi.registry.intake.facts import Candidate, Row, place
from cbi.registry.intake.models import ImportNumber, SubmissionName
from cbi.registry.intake.reading import reject_whole
from cbi.registry.intake.tables import Line

_ADD_NUMBERS = text(
    "INSERT INTO import_numbers (import_id, number, sheet, line)"
    " SELECT :import_id, number, :sheet, line"
    " FROM unnest(CAST(:numbers AS text[]), CAST(:lines AS bigint[])) AS seen (number, line)"
    " ON CONFLICT DO NOTHING RETURNING number"
)
_ADD_NAMES = text(
    "INSERT INTO submission_names (source, name, source_id) SELECT :source, name, source_id"
    " FROM unnest(CAST(:names AS text[]), CAST(:numbers AS text[])) AS given (name, source_id)"
    " ORDER BY name ON CONFLICT DO NOTHING"
)


def refuse_repeated(session: Session, import_id: UUID, found: Sequence[Candidate]) -> None:
    """Refuse every household whose registration number stood in the list before, naming where."""
    first: dict[str, Row] = {}
    for candidate in found:
        if candidate.number is not None:
            known = first.setdefault(candidate.number, candidate.own)
            if known is not candidate.own:
                _refuse(candidate, known)
    if not first:
        return
    new = session.scalars(
        _ADD_NUMBERS,
        {
            "import_id": import_id,
            "sheet": next(iter(first.values())).sheet,
            "numbers": list(first),
            "lines": [row.line.number for row in first.values()],
        },
    ).all()
    earlier = _places(session, import_id, first.keys() - set(new))
    for candidate in found:
        if candidate.number in earlier:
            _refuse(candidate, earlier[candidate.number])


def _places(session: Session, import_id: UUID, numbers: Iterable[str]) -> dict[str, Row]:
    wanted = any_(bindparam(None, list(numbers), ARRAY(Text)))
    rows = session.execute(
        select(ImportNumber.number, ImportNumber.sheet, ImportNumber.line).where(
            ImportNumber.import_id == import_id, ImportNumber.number == wanted
        )
    )
    return {number: Row(sheet, Line(line, ())) for number, sheet, line in rows}


def _refuse(candidate: Candidate, first: Row) -> None:
    for row in candidate.rows[1:]:
        row.reasons = [reason for reason in row.reasons if reason.code != "household_incomplete"]
    candidate.own.reasons = [
        Reason(
            "repeated",
            candidate.number_label,
            f"The same registration number stands in {place(first)} already.",
            "Keep one of the two rows, or give this household its own number.",
        )
    ]
    reject_whole(candidate)


def forget(session: Session, import_id: UUID) -> None:
    """Drop the numbers of a list that is read."""
    session.execute(delete(ImportNumber).where(ImportNumber.import_id == import_id))


def call_as_known(session: Session, source: str, found: Sequence[Candidate]) -> None:
    """Give each submission the registration number under which an earlier form of it was taken in."""
    named = [candidate for candidate in found if candidate.names and candidate.number]
    if not named:
        return
    known = _known_names(session, source, [name for each in named for name in each.names])
    for candidate in named:
        number = next((known[name] for name in candidate.names if name in known), None)
        if number is not None:
            candidate.is_called(number)
        assert candidate.number is not None
        for (
            name
        ) in candidate.names:  # the same submission may stand in the file before and after its edit
            known.setdefault(name, candidate.number)


def _known_names(session: Session, source: str, names: list[str]) -> dict[str, str]:
    wanted = any_(bindparam(None, names, ARRAY(Text)))
    rows = session.execute(
        select(SubmissionName.name, SubmissionName.source_id).where(
            SubmissionName.source == source, SubmissionName.name == wanted
        )
    )
    return dict(iter(rows))


def keep_names(session: Session, source: str, taken: Mapping[str, Candidate]) -> None:
    """Remember under which names the submissions came that are in the registry now, by registration number."""
    pairs = [(name, number) for number, each in taken.items() for name in each.names]
    if pairs:
        names, numbers = zip(*pairs, strict=True)
        session.execute(
            _ADD_NAMES, {"source": source, "names": list(names), "numbers": list(numbers)}
        )
