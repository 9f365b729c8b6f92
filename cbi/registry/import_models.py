"""Lists that were taken in, and the rows of them that could not land."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, Ordinal, may_update


class ImportKind(StrEnum):
    """How households came in: a list in a file, submissions of a form, or a program's request."""

    LIST = "list"
    SUBMISSIONS = "submissions"
    REQUEST = "request"


class ImportState(StrEnum):
    """How far a list is: its parts are coming, wait for the worker, are all read; or none of it could be used."""

    ARRIVING = "arriving"
    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


class Import(Base):
    """One file that was taken in: which, by whom, and what came of its rows."""

    __tablename__ = "imports"
    __table_args__ = (
        Index(None, "source", "file_digest"),
        {
            "info": may_update(
                "rows_total",
                "rows_landed",
                "rows_rejected",
                "rows_unchanged",
                "rows_warned",
                "people_landed",
                "state",
                "parts",
                "parts_done",
                "entries",
                "finished_at",
                "file_digest",
            )
        },
    )

    id: Mapped[Key]
    file_digest: Mapped[bytes] = mapped_column(LargeBinary)
    filename: Mapped[str]
    source: Mapped[str]
    imported_by: Mapped[UUID | None] = mapped_column(Uuid)
    imported_at: Mapped[Instant]
    rows_total: Mapped[int]
    rows_landed: Mapped[int]
    rows_rejected: Mapped[int]
    rows_unchanged: Mapped[int]
    rows_warned: Mapped[int]
    people_landed: Mapped[int]
    kind: Mapped[ImportKind] = mapped_column(default=ImportKind.LIST, server_default="list")
    state: Mapped[ImportState] = mapped_column(default=ImportState.DONE, server_default="done")
    parts: Mapped[int] = mapped_column(default=0, server_default="0")
    """Parts that wait or waited for the worker, `parts_done` of which are read."""
    parts_done: Mapped[int] = mapped_column(default=0, server_default="0")
    entries: Mapped[int] = mapped_column(default=0, server_default="0")
    """Households in those parts, before anybody looked at them."""
    mapping: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The mapping file that it was read with, sealed; None: the office's template."""
    finished_at: Mapped[datetime | None]


class RejectedRow(Base):
    """A row that could not land, with the reasons. What stood in it is sealed under the office's key."""

    __tablename__ = "rejected_rows"
    __table_args__ = {
        "info": may_update("cells")
    }  # emptied once they were kept as long as they may be

    id: Mapped[Ordinal]
    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), index=True)
    sheet: Mapped[str | None]
    line: Mapped[int]
    reasons: Mapped[list[Any]] = mapped_column(JSONB)
    cells: Mapped[bytes] = mapped_column(LargeBinary)
    source_id: Mapped[str | None] = mapped_column(index=True)
    """Its household's registration number as it would be kept, where it can be told."""
    household_line: Mapped[int | None]
    """The line of its household's own row; None: it belongs to no household of the list."""
