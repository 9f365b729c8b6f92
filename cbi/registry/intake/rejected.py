"""Rejected rows that wait: listed without what stands in them, opened for a purpose, and given up with a reason."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Select,
    Uuid,
    any_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as insert_unless_there
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, NotFound
from cbi.keys import Keyring, unseal
from cbi.offices import office_of
from cbi.registry.import_models import Import, ImportState, RejectedRow
from cbi.registry.intake.models import Ending, RowEnd, RowView
from cbi.registry.intake.taking import REJECTED_KEY, cells_place
from cbi.registry.purposes import Purpose
from cbi.registry.text import clean

DESTROYED = b""
"""What stands in a row whose time was over."""


class UnknownRow(NotFound):
    """There is no such rejected row."""

    code = "registry.unknown_rejected_row"


class RowEnded(Conflict):
    """The row was corrected, given up, or is in a later list."""

    code = "registry.rejected_row_ended"


class RowDestroyed(Conflict):
    """What stood in the row was kept as long as it may be, and destroyed."""

    code = "registry.rejected_row_destroyed"


@dataclass(frozen=True, slots=True)
class OpenedRow:
    """A rejected row in clear: its filled cells by their columns' names. Never kept, never logged."""

    row: RejectedRow
    cells: Mapping[str, str] = field(repr=False)


def waiting_rows(actor: Actor, import_id: UUID | None = None) -> Select[RejectedRow]:
    """Rejected rows that can still be put right: of one list, or of all that were not refused as a whole."""
    actor.require(Permission.REGISTRY_READ)
    return _not_ended(import_id).where(RejectedRow.cells != DESTROYED)


def rows_to_mend(actor: Actor, import_id: UUID | None = None) -> Select[RejectedRow]:
    """The same rows, for whoever brings lists in and may so open each of them."""
    actor.require(Permission.REGISTRY_IMPORT)
    return _not_ended(import_id).where(RejectedRow.cells != DESTROYED)


def destroyed_rows(session: Session, actor: Actor, import_id: UUID | None = None) -> int:
    """How many nobody put right before what stood in them was destroyed: they wait no more."""
    actor.require(Permission.REGISTRY_READ)
    gone = _not_ended(import_id).where(RejectedRow.cells == DESTROYED)
    return session.scalar(select(func.count()).select_from(gone.subquery())) or 0


def _not_ended(import_id: UUID | None) -> Select[RejectedRow]:
    found = select(RejectedRow).where(~exists().where(RowEnd.rejected_row_id == RejectedRow.id))
    if import_id is not None:
        return found.where(RejectedRow.import_id == import_id)
    refused = select(Import.id).where(Import.state == ImportState.REFUSED)
    return found.where(RejectedRow.import_id.not_in(refused))


def rows_of_household(session: Session, row_id: int) -> list[RejectedRow]:
    """The row and the others of its household, its own first. Raises UnknownRow, RowEnded, RowDestroyed."""
    row = session.get(RejectedRow, row_id)
    if row is None:
        raise UnknownRow(
            "There is no such rejected row.", next_step="See the list: cbi registry rejected"
        )
    if session.get(RowEnd, row_id) is not None:
        raise ended()
    _refuse_destroyed([row])
    if row.household_line is None:
        return [row]
    same = (
        select(RejectedRow)
        .where(RejectedRow.import_id == row.import_id)
        .where(RejectedRow.household_line == row.household_line)
        .order_by(RejectedRow.id)
    )
    return list(session.scalars(same))


def _refuse_destroyed(rows: Iterable[RejectedRow]) -> None:
    if any(row.cells == DESTROYED for row in rows):
        raise RowDestroyed(
            "What stood in this row was kept as long as it may be, and is destroyed.",
            next_step="Take the household in with a new list.",
        )


def ended() -> RowEnded:
    """The refusal of a row that has ended."""
    return RowEnded(
        "This row has ended already: it was corrected, given up, or is in a later list.",
        next_step="See the list: cbi registry rejected",
    )


def cells_of(keys: Keyring, row: RejectedRow) -> dict[str, str]:
    """What stands in a row, by the names of its columns (by their place, in rows of long ago). Raises Unreadable."""
    place = cells_place(row.import_id, row.sheet, row.line)
    told = json.loads(unseal(keys.derive(REJECTED_KEY), row.cells, place))
    if isinstance(told, list):
        return {f"column {index + 1}": text for index, text in enumerate(told) if text}
    return {str(name): str(text) for name, text in told.items()}


def opened(
    session: Session, actor: Actor, row_ids: Sequence[int], purpose: Purpose, *, workbook: int | None = None
) -> list[OpenedRow]:  # fmt: skip
    """Rows in clear, for a purpose; of each it is written down that somebody looked, or took it in that workbook.

    Raises UnknownRow, RowDestroyed, NotPermitted, Unreadable.
    """
    actor.require(Permission.REGISTRY_IMPORT)
    keys = office_of(session).keys
    wanted = any_(bindparam(None, list(row_ids), ARRAY(BigInteger)))
    found = session.scalars(
        select(RejectedRow).where(RejectedRow.id == wanted).order_by(RejectedRow.id)
    ).all()
    if len(found) < len(set(row_ids)):
        raise UnknownRow(
            "There is no such rejected row.", next_step="See the list: cbi registry rejected"
        )
    _refuse_destroyed(found)
    if found:
        session.execute(
            insert(RowView).from_select(
                ["rejected_row_id", "purpose", "actor_kind", "actor_id", "seen_at", "workbook"],
                select(
                    RejectedRow.id, literal(str(purpose)), literal(actor.kind), literal(actor.id, Uuid),
                    literal(clock.now()), literal(workbook, BigInteger),
                ).where(RejectedRow.id == wanted),
            )
        )  # fmt: skip
    for import_id in {row.import_id for row in found}:
        lines = [row.line for row in found if row.import_id == import_id]
        record(
            session, actor, "registry.rejected_rows_opened", "import", import_id, purpose=str(purpose),
            rows=len(lines),
        )  # fmt: skip
    return [OpenedRow(row, cells_of(keys, row)) for row in found]


def drop(session: Session, actor: Actor, row_id: int, reason: str) -> int:
    """Give up a row and the others of its household; returns how many. Raises UnknownRow, RowEnded, RowDestroyed,
    UnusableReason.
    """
    actor.require(Permission.REGISTRY_IMPORT)
    why = reasons.plain(clean(reason))
    rows = rows_of_household(session, row_id)
    end(session, actor, rows, Ending.DROPPED, reason=why)
    record(
        session, actor, "registry.row_given_up", "rejected_row", row_id, reason=why, rows=len(rows),
        **{"import": str(rows[0].import_id)},
    )  # fmt: skip
    return len(rows)


def end(
    session: Session,
    actor: Actor,
    rows: Iterable[RejectedRow],
    ending: Ending,
    *,
    reason: str | None = None,
    source_id: str | None = None,
    cells: Mapping[int, bytes] | None = None,
) -> None:
    """Note how rows ended, once; `cells` are the corrected ones, sealed, by row. Raises RowEnded."""
    wanted = [
        {
            "rejected_row_id": row.id,
            "ending": ending,
            "source_id": source_id,
            "cells": (cells or {}).get(row.id),
            "reason": reason,
            "ended_by": actor.id,
            "ended_at": clock.now(),
        }
        for row in rows
    ]
    new = session.scalars(
        insert_unless_there(RowEnd)
        .values(wanted)
        .on_conflict_do_nothing()
        .returning(RowEnd.rejected_row_id)
    ).all()
    if len(new) < len(wanted):
        raise ended()
