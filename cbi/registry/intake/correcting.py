"""Corrects a rejected row: what was wrong is given anew, the household is read again, and lands if it is right now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid
from cbi.offices import office_of
from cbi.registry import duplicates
from cbi.registry.import_models import Import, ImportKind, ImportState, RejectedRow
from cbi.registry.intake import heading, numbering, rejected
from cbi.registry.intake.facts import Row
from cbi.registry.intake.mapping import (
    ColumnMapping,
    FieldRule,
    SheetRule,
    find_column,
    find_path,
)
from cbi.registry.intake.models import Ending
from cbi.registry.intake.parts import Entry, Part
from cbi.registry.intake.results import RowNote
from cbi.registry.intake.submissions import names_of
from cbi.registry.intake.tables import Line, Sheet
from cbi.registry.intake.taking import seal_cells, take


class StillWrong(Invalid):
    """With these values the household cannot be taken either; `notes` says why, row by row. Nothing was kept."""

    code = "registry.still_wrong"

    def __init__(self, notes: Sequence[RowNote]) -> None:
        told = [reason for note in notes for reason in note.reasons]
        own = [reason for reason in told if reason.code != "household_incomplete"] or told
        super().__init__(
            " ".join(
                f"{reason.column}: {reason.message}" if reason.column else reason.message
                for reason in own
            ),
            next_step=own[0].next_step,
            reasons=[reason.as_json() for reason in own],
        )
        self.notes = notes


class UnknownField(Invalid):
    """There is no such field or column in the row."""

    code = "registry.unknown_field"


class CannotBeCorrected(Conflict):
    """The row cannot be corrected by itself."""

    code = "registry.cannot_be_corrected"


@dataclass(frozen=True, slots=True)
class Corrected:
    """What became of a corrected household: it landed with so many people, or was there already."""

    ending: Ending
    source_id: str
    people: int
    rows: int


def correct(session: Session, actor: Actor, row_id: int, values: Mapping[str, str]) -> Corrected:
    """Read a household again with other values in one of its rows, by our field names or the columns' own.

    It lands as from the list that brought it, on the same line. The rejected row stays as it was; its end keeps what was
    put in its place, sealed. Raises StillWrong, UnknownField, CannotBeCorrected, UnknownRow, RowEnded, RowDestroyed,
    NotPermitted.
    """
    actor.require(Permission.REGISTRY_IMPORT)
    rows = rejected.rows_of_household(session, row_id)
    brought = session.get_one(Import, rows[0].import_id)
    _refuse_uncorrectable(rows[0], brought)
    mapping = heading.mapping_of(session, brought)
    keys = office_of(session).keys
    cells = {row.id: rejected.cells_of(keys, row) for row in rows}
    is_own = rows[0].id == row_id
    rule = mapping.households if is_own or mapping.people is None else mapping.people
    # A name that is typed whole takes the place of all its columns; one of them may be given beside it.
    for name in rule.fields.keys() & values.keys():
        cells[row_id].update(dict.fromkeys(rule.fields[name].after, ""))
    for name, text in values.items():
        cells[row_id][_column(rule, name, cells[row_id], by_path=_by_path(brought))] = text
    part = _part(mapping, brought, rows, cells)
    attempt = session.begin_nested()
    took = take(session, brought.id, part, mapping, actor.id)
    numbering.forget(session, brought.id)
    if took.counts.rejected:
        attempt.rollback()
        raise StillWrong(took.notes)
    attempt.commit()
    heading.alone_until_commit(session)
    duplicates.flag_households(session, took.landed)
    ending = Ending.LANDED if took.landed else Ending.UNCHANGED
    (number,) = took.numbers
    this = next(row for row in rows if row.id == row_id)
    sealed = seal_cells(keys, brought.id, Row(this.sheet, Line(this.line, ())), cells[row_id])
    rejected.end(session, actor, rows, ending, source_id=number, cells={row_id: sealed})
    record(
        session, actor, "registry.row_corrected", "rejected_row", row_id, fields=sorted(values), ending=str(ending),
        **{"import": str(brought.id)},
    )  # fmt: skip
    return Corrected(ending, number, took.counts.people, len(rows))


def _refuse_uncorrectable(row: RejectedRow, brought: Import) -> None:
    if brought.state in {ImportState.ARRIVING, ImportState.WAITING}:
        raise CannotBeCorrected(
            "The list that this row stands in is still being read.",
            next_step="Try again when it is done.",
        )
    if row.household_line is None:
        raise CannotBeCorrected(
            "The household of this person is not in the list, or the row was kept by an older version.",
            next_step="Correct the list, and import it again: what has landed stays as it is.",
        )


def _by_path(brought: Import) -> bool:
    return brought.kind == ImportKind.SUBMISSIONS


def _column(rule: SheetRule, name: str, cells: Mapping[str, str], *, by_path: bool) -> str:
    """The column that a field or column name means in a row."""
    columns = tuple(cells)
    field = rule.fields.get(name)
    if field is not None and field.names:
        return _place(field, columns, by_path=by_path)
    known = {
        **dict.fromkeys(columns),
        **{n: None for f in rule.fields.values() for n in (*f.names, *f.after)},
    }
    if name in known:
        return name
    fields = ", ".join(sorted(key for key, each in rule.fields.items() if each.names))
    raise UnknownField(
        f"There is no field or column {name!r} in this row.", next_step=f"The fields are: {fields}."
    )


def _place(field: FieldRule, columns: tuple[str, ...], *, by_path: bool) -> str:
    find = find_path if by_path else find_column
    places = (find(each, columns) for each in field.names)
    index = next((place for place in places if place is not None), None)
    return field.names[0] if index is None else columns[index]


def _part(
    mapping: ColumnMapping,
    brought: Import,
    rows: Sequence[RejectedRow],
    cells: Mapping[int, Mapping[str, str]],
) -> Part:
    """The household as a list of its own, on the lines where it stood."""
    by_path = _by_path(brought)
    own, *people = rows
    own_sheet = _sheet(own.sheet, mapping.households, [cells[own.id]], by_path=by_path)
    their_sheet = None
    if mapping.people is not None:
        name = people[0].sheet if people else mapping.people.sheet
        their_sheet = _sheet(
            name, mapping.people, [cells[row.id] for row in people], by_path=by_path
        )
    names, edited = names_of(cells[own.id]) if by_path else ((), False)
    entry = Entry(
        _line(own, cells[own.id], own_sheet),
        tuple(_line(row, cells[row.id], their_sheet) for row in people if their_sheet),
        names,
        edited,
    )
    return Part(own_sheet, their_sheet, (entry,), by_path=by_path)


def _sheet(
    name: str | None, rule: SheetRule, rows: Sequence[Mapping[str, str]], *, by_path: bool
) -> Sheet:
    """Every column that is filled in some row, and those that the mapping wants: empty cells are not kept."""
    columns = tuple(dict.fromkeys(column for cells in rows for column in cells))
    wanted = [*rule.fields.values()]
    missing = [
        found
        for field in wanted
        if field.names and (found := _place(field, columns, by_path=by_path)) not in columns
    ]
    find = find_path if by_path else find_column
    missing += [each for field in wanted for each in field.after if find(each, columns) is None]
    picks = [getattr(rule, part, None) for part in ("head", "collector")]
    missing += [pick.column for pick in picks if pick and find_column(pick.column, columns) is None]
    return Sheet(name, tuple(dict.fromkeys((*columns, *missing))))


def _line(row: RejectedRow, cells: Mapping[str, str], sheet: Sheet) -> Line:
    return Line(row.line, tuple(cells.get(column, "") for column in sheet.columns))
