"""What taking in a list leaves behind beside households: parts that wait, numbers seen, and what became of bad rows."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Ordinal, may_delete, may_update
from cbi.registry.purposes import Purpose


class ImportPart(Base):
    """Some thousand rows of a list that waits for the worker, sealed under the office's key; gone once they are read."""

    __tablename__ = "import_parts"
    __table_args__ = {"info": may_delete()}

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class ImportNumber(Base):
    """A registration number of a list under way, and where it stood first; gone once the list is read."""

    __tablename__ = "import_numbers"
    __table_args__ = {"info": may_delete()}

    import_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    number: Mapped[str] = mapped_column(primary_key=True)
    sheet: Mapped[str | None]
    line: Mapped[int]


class SubmissionName(Base):
    """A name that a submission of a form has had. An edit gives it another; the household stays the same. Append-only."""

    __tablename__ = "submission_names"

    source: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    source_id: Mapped[str]


class Ending(StrEnum):
    """What became of a rejected row: its household landed, was there already, was refused again, or is given up."""

    LANDED = "landed"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    DROPPED = "dropped"


class RowEnd(Base):
    """The end of a rejected row, once: by a correction (`cells` has it, sealed), by a later list, or by giving it up."""

    __tablename__ = "rejected_row_ends"
    __table_args__ = (
        CheckConstraint("(ending = 'dropped') = (reason IS NOT NULL)", name="dropped_with_reason"),
        Index(None, "import_id"),
        Index(None, "source_id"),
        {"info": may_update("cells")},
    )

    rejected_row_id: Mapped[int] = mapped_column(
        ForeignKey("rejected_rows.id"), primary_key=True, autoincrement=False
    )
    ending: Mapped[Ending]
    import_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The later list that ended it; None: somebody did, on this row itself."""
    source_id: Mapped[str | None]
    cells: Mapped[bytes | None] = mapped_column(LargeBinary)
    reason: Mapped[str | None]
    ended_by: Mapped[UUID | None] = mapped_column(Uuid)
    ended_at: Mapped[Instant]


class RowWorkbook(Base):
    """Rejected rows that somebody took back to the field, encrypted. The file is not kept. Append-only."""

    __tablename__ = "row_workbooks"
    __table_args__ = (Index(None, "taken_by", "taken_at"),)

    number: Mapped[Ordinal]
    rows: Mapped[int]
    taken_by: Mapped[UUID | None] = mapped_column(Uuid)
    taken_at: Mapped[Instant]

    @property
    def filename(self) -> str:
        """What the encrypted file was called."""
        return f"rows-{self.number}.zip"


class RowView(Base):
    """That somebody looked at what stands in a rejected row, and for what. Append-only; it holds none of it."""

    __tablename__ = "rejected_row_views"

    id: Mapped[Ordinal]
    rejected_row_id: Mapped[int] = mapped_column(ForeignKey("rejected_rows.id"), index=True)
    purpose: Mapped[Purpose]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(Uuid)
    seen_at: Mapped[Instant]
    workbook: Mapped[int | None] = mapped_column(ForeignKey("row_workbooks.number"), index=True)
    """In which workbook it left the house; NULL: it was looked at here."""


class Pull(Base):
    """What was fetched from a source of submissions in one go, and how far it is read (`mark`). Append-only."""

    __tablename__ = "pulls"
    __table_args__ = (Index(None, "source"),)

    id: Mapped[Ordinal]
    source: Mapped[str]
    mark: Mapped[str]
    import_id: Mapped[UUID | None] = mapped_column(ForeignKey("imports.id"))
    submissions: Mapped[int]
    pulled_by: Mapped[UUID | None] = mapped_column(Uuid)
    pulled_at: Mapped[datetime]
