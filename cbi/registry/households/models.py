"""What is kept of every change of a household: who was where before and after, why, and who said so."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, Ordinal, may_update


class ChangeKind(StrEnum):
    """What happened to a household. The words are stored, and programs may rely on them."""

    BORN = "born"
    JOINED = "joined"
    LEFT = "left"
    DIED = "died"
    DEPARTED = "departed"
    RETURNED = "returned"
    MOVED = "moved"
    SPLIT = "split"
    MERGED = "merged"
    UNMERGED = "unmerged"
    CORRECTED = "corrected"
    HEAD = "head"
    COLLECTOR = "collector"
    ALTERNATE = "alternate"
    GUARDIAN = "guardian"
    PHONE = "phone"


class MemberRole(StrEnum):
    """What a member does for the household. A guardian answers for one child, and is kept in `guardianships`."""

    HEAD = "head"
    COLLECTOR = "collector"
    ALTERNATE = "alternate"


class HouseholdStatus(StrEnum):
    """Whether a household can receive, and if not, why. Only `active` ones do."""

    ACTIVE = "active"
    EMPTY = "empty"
    DEPARTED = "departed"
    MERGED = "merged"


class Decision(StrEnum):
    """What became of a change that waited for a second person."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    LAPSED = "lapsed"


class HouseholdChange(Base):
    """One thing that happened to one or two households. Append-only, but for the words: they go with whom they are about.

    `details` say in words that give nobody away what changed. Who recorded it and who confirmed it are two people.
    """

    __tablename__ = "household_changes"
    __table_args__ = (
        CheckConstraint("confirmed_by <> recorded_by", name="two_people"),
        CheckConstraint("(kind = 'unmerged') = (undoes_id IS NOT NULL)", name="undoes"),
        UniqueConstraint("undoes_id"),
        UniqueConstraint("request_id"),
        {"info": may_update("reason", "evidence")},
    )

    id: Mapped[Key]
    kind: Mapped[ChangeKind]
    happened_on: Mapped[date]
    reason: Mapped[str]
    """Empty once it was erased."""
    evidence: Mapped[str | None]
    """Where the proof is to be found: the paper's number, the visit's date."""
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    undoes_id: Mapped[UUID | None] = mapped_column(ForeignKey("household_changes.id"))
    request_id: Mapped[int | None]
    """The request that waited for a second person, if it was one."""
    recorded_by: Mapped[UUID | None] = mapped_column(Uuid)
    confirmed_by: Mapped[UUID | None] = mapped_column(Uuid)
    recorded_at: Mapped[Instant]


class ChangedHousehold(Base):
    """What a change made of a household: its facts before and after. Version 0 is before it was there. Append-only."""

    __tablename__ = "changed_households"
    __table_args__ = (
        CheckConstraint("version_after = version_before + 1", name="version_counts_on"),
        UniqueConstraint("household_id", "version_after"),
    )

    change_id: Mapped[UUID] = mapped_column(ForeignKey("household_changes.id"), primary_key=True)
    household_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    version_before: Mapped[int]
    version_after: Mapped[int]
    status_before: Mapped[str | None]
    status_after: Mapped[str]
    size_before: Mapped[int | None]
    size_after: Mapped[int]
    area_before: Mapped[str | None]
    area_after: Mapped[str | None]
    language_before: Mapped[str | None]
    language_after: Mapped[str]


class ChangedPerson(Base):
    """What a change made of a person: where they were and what they did there, before and after. Append-only.

    `sealed` is what was corrected of a person's own facts, as it was before, under the person's key.
    """

    __tablename__ = "changed_persons"
    __table_args__ = (
        UniqueConstraint("change_id", "person_id"),
        Index(None, "person_id"),
        Index(None, "household_before"),
        Index(None, "household_after"),
    )

    id: Mapped[Ordinal]
    change_id: Mapped[UUID] = mapped_column(ForeignKey("household_changes.id"))
    person_id: Mapped[UUID] = mapped_column(Uuid)
    household_before: Mapped[UUID | None] = mapped_column(Uuid)
    """None: the person was recorded with this change."""
    household_after: Mapped[UUID] = mapped_column(Uuid)
    roles_before: Mapped[list[str]] = mapped_column(ARRAY(Text))
    roles_after: Mapped[list[str]] = mapped_column(ARRAY(Text))
    gone_before: Mapped[str | None]
    gone_after: Mapped[str | None]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class Guardianship(Base):
    """Who answers for an unaccompanied child, and by which decision. One guardian at a time."""

    __tablename__ = "guardianships"
    __table_args__ = (
        CheckConstraint("child_id <> guardian_id", name="two_people"),
        CheckConstraint("(ended_on IS NULL) = (ended_by IS NULL)", name="ended_whole"),
        Index(
            "uq_guardianships_child",
            "child_id",
            unique=True,
            postgresql_where="ended_on IS NULL",
        ),
        Index(None, "guardian_id"),
        {"info": may_update("ended_on", "ended_by", "reference")},
    )

    id: Mapped[Key]
    child_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    guardian_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    reference: Mapped[str]
    """The number of the decision that appointed the guardian; empty once one of the two was erased."""
    decided_on: Mapped[date]
    decided_by: Mapped[str]
    """Which court or authority."""
    begun_by: Mapped[UUID] = mapped_column(ForeignKey("household_changes.id"))
    ended_on: Mapped[date | None]
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("household_changes.id"))


class HouseholdRequest(Base):
    """A change that waits for a second person, or waited. What it says of a person is sealed, and erased once decided."""

    __tablename__ = "household_requests"
    __table_args__ = (
        CheckConstraint("decided_by <> asked_by", name="two_people"),
        CheckConstraint(
            "num_nulls(decision, decided_at) IN (0, 2) AND (decision IS NOT NULL OR decided_by IS NULL)",
            name="decided_whole",
        ),
        CheckConstraint("decision IS NULL OR sealed IS NULL", name="erased"),
        CheckConstraint("(decision = 'lapsed') = (decided_by IS NULL)", name="decided_by_somebody"),
        Index(None, "household_id"),
        Index(
            "uq_household_requests_open",
            "person_id",
            "kind",
            unique=True,
            postgresql_where="decision IS NULL AND kind IN ('phone', 'collector')",
        ),
        {
            "info": may_update(
                "decision",
                "decided_by",
                "decided_at",
                "remark",
                "face_to_face",
                "sealed",
                "reason",
                "evidence",
            )
        },
    )

    id: Mapped[Ordinal]
    kind: Mapped[ChangeKind]
    household_id: Mapped[UUID] = mapped_column(ForeignKey("households.id"))
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    version: Mapped[int]
    """The household's version that the asker saw."""
    happened_on: Mapped[date]
    reason: Mapped[str]
    evidence: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    asked_by: Mapped[UUID] = mapped_column(Uuid)
    asked_at: Mapped[Instant]
    lapses_at: Mapped[Instant]
    decision: Mapped[Decision | None]
    decided_by: Mapped[UUID | None] = mapped_column(Uuid)
    decided_at: Mapped[datetime | None]
    remark: Mapped[str | None]
    face_to_face: Mapped[bool | None]
    """Whether whoever confirmed it had the person before them."""
