"""Lists of people that were asked for, whom they hold, and each time that one was fetched. The files are not kept."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, Ordinal, may_update
from cbi.registry.disclosing.models import Disclosure
from cbi.registry.purposes import Purpose


class ExportDecision(StrEnum):
    """What a second person decided about a long list, or one list too many for a day. The words are stored."""

    APPROVED = "approved"
    REFUSED = "refused"


class Export(Base):
    """One list of people, for one recipient: made anew each time it is fetched, under a passphrase that is kept nowhere.

    `recipient_id` is the colleague who fetches the file. With a disclosure they hand it to whoever that names; without
    one it stays with them. Whoever reads the passphrase out never fetches.
    """

    __tablename__ = "exports"
    __table_args__ = (
        CheckConstraint("num_nulls(decision, decided_by, decided_at) IN (0, 3)", name="decided_whole"),
        CheckConstraint("decided_by <> asked_by OR decision = 'refused'", name="two_people"),
        CheckConstraint("num_nulls(passphrase_by, passphrase_at) IN (0, 2)", name="passphrase_whole"),
        CheckConstraint(
            "passphrase_by <> asked_by AND passphrase_by <> recipient_id", name="another_channel"
        ),
        CheckConstraint(
            "num_nulls(revoked_by, revoked_at, revoked_because) IN (0, 3)", name="revoked_whole"
        ),
        CheckConstraint("fetches BETWEEN 0 AND most_fetches", name="fetches"),
        CheckConstraint(
            "fetches = 0 OR NOT needs_approval OR decision IS NOT DISTINCT FROM 'approved'",
            name="fetched_as_approved",
        ),
        CheckConstraint("cardinality(columns) > 0", name="columns"),
        CheckConstraint("people > 0", name="people"),
        Index(None, "asked_by", "asked_at"),
        {
            "info": may_update(
                "decision", "decided_by", "decided_at", "remark", "fetches", "passphrase_by", "passphrase_at",
                "revoked_by", "revoked_at", "revoked_because",
            )
        },
    )  # fmt: skip

    id: Mapped[Key]
    number: Mapped[int] = mapped_column(unique=True)
    purpose: Mapped[Purpose]
    reason: Mapped[str]
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    programme: Mapped[str | None]
    period: Mapped[str | None]
    area: Mapped[str | None]
    everybody: Mapped[bool]
    """Whether all members of the households are in it, not only those who collect."""
    people: Mapped[int]
    disclosure_id: Mapped[UUID | None] = mapped_column(ForeignKey(Disclosure.id))
    recipient_id: Mapped[UUID] = mapped_column(Uuid)
    needs_approval: Mapped[bool]
    most_fetches: Mapped[int]
    fetches: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[Instant]
    asked_by: Mapped[UUID] = mapped_column(Uuid)
    asked_at: Mapped[Instant]
    decision: Mapped[ExportDecision | None]
    decided_by: Mapped[UUID | None] = mapped_column(Uuid)
    decided_at: Mapped[datetime | None]
    remark: Mapped[str | None]
    passphrase_by: Mapped[UUID | None] = mapped_column(Uuid)
    """Who was shown the passphrase, once, to read it out."""
    passphrase_at: Mapped[datetime | None]
    revoked_by: Mapped[UUID | None] = mapped_column(Uuid)
    revoked_at: Mapped[datetime | None]
    revoked_because: Mapped[str | None]


class ExportPerson(Base):
    """One person whom a list is about, as they were chosen when it was asked for. Append-only."""

    __tablename__ = "export_persons"
    __table_args__ = (Index(None, "person_id"),)

    export_id: Mapped[UUID] = mapped_column(ForeignKey(Export.id), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)


class ExportFetch(Base):
    """One time that the file was made and handed over. Append-only."""

    __tablename__ = "export_fetches"
    __table_args__ = (CheckConstraint("people > 0", name="people"), Index(None, "export_id"))

    id: Mapped[Ordinal]
    export_id: Mapped[UUID] = mapped_column(ForeignKey(Export.id))
    fetched_by: Mapped[UUID] = mapped_column(Uuid)
    fetched_at: Mapped[Instant]
    people: Mapped[int]
    """How many rows it had: those who were erased since it was asked for are left out."""
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the file as it left, encrypted: a copy of it is known again."""
