"""Cash for work as it is kept: activities, who works where, sheets with every version of them, signatures, and pay."""

from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, CurrencyCode, Instant, Key, MinorUnits, Ordinal, may_update
from cbi.programmes.models import CODE_PATTERN


class Basis(StrEnum):
    """What the work of an activity is counted in."""

    DAYS = "days"
    PIECES = "pieces"


class WorkActivity(Base):
    """Work at one place for some time. Its code is the component of what its workers are owed."""

    __tablename__ = "work_activities"
    __table_args__ = (
        UniqueConstraint("programme_id", "code"),
        CheckConstraint(f"code ~ '{CODE_PATTERN}'", name="code"),
        CheckConstraint("ends_on >= starts_on", name="dates"),
        {"info": may_update("supervisor_id")},
    )

    id: Mapped[Key]
    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programmes.id"))
    code: Mapped[str]
    name: Mapped[str]
    area: Mapped[str]
    basis: Mapped[Basis]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    supervisor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    """Whose signature is expected; whoever else holds the role may sign in their place."""
    added_by: Mapped[UUID | None] = mapped_column(Uuid)
    added_at: Mapped[Instant]


class WorkGroup(Base):
    """People who work together in an activity and stand on one sheet."""

    __tablename__ = "work_groups"
    __table_args__ = (
        UniqueConstraint("activity_id", "code"),
        CheckConstraint(f"code ~ '{CODE_PATTERN}'", name="code"),
    )

    id: Mapped[Key]
    activity_id: Mapped[UUID] = mapped_column(ForeignKey("work_activities.id"))
    code: Mapped[str]
    name: Mapped[str]
    added_by: Mapped[UUID | None] = mapped_column(Uuid)
    added_at: Mapped[Instant]


class WorkMember(Base):
    """A registered person who works in a group, from `joined_on` to `left_on` (both included).

    `number` names the person on the group's sheets: traces and errors need no name.
    """

    __tablename__ = "work_members"
    __table_args__ = (
        UniqueConstraint("group_id", "number"),
        Index(
            "uq_work_members_current",
            "activity_id",
            "person_id",
            unique=True,
            postgresql_where="left_on IS NULL",
        ),
        Index(None, "person_id"),
        CheckConstraint("left_on >= joined_on", name="dates"),
        {"info": may_update("left_on")},
    )

    id: Mapped[Key]
    activity_id: Mapped[UUID] = mapped_column(ForeignKey("work_activities.id"))
    group_id: Mapped[UUID] = mapped_column(ForeignKey("work_groups.id"))
    number: Mapped[int]
    person_id: Mapped[UUID] = mapped_column(Uuid)
    household_id: Mapped[UUID] = mapped_column(Uuid)
    joined_on: Mapped[date]
    left_on: Mapped[date | None]
    added_by: Mapped[UUID | None] = mapped_column(Uuid)
    added_at: Mapped[Instant]


class WorkSheet(Base):
    """The sheet of one group for one period. The rates are those of `programme_version`, which stand on it."""

    __tablename__ = "work_sheets"
    __table_args__ = (
        UniqueConstraint("group_id", "period"),
        CheckConstraint("refused <= latest", name="refused"),
        {"info": may_update("latest", "refused")},
    )

    id: Mapped[Ordinal]
    """The number that people call it by."""
    programme_id: Mapped[UUID] = mapped_column(Uuid, index=True)
    programme_version: Mapped[int]
    activity_id: Mapped[UUID] = mapped_column(ForeignKey("work_activities.id"))
    group_id: Mapped[UUID] = mapped_column(ForeignKey("work_groups.id"))
    period: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    latest: Mapped[int]
    """The version that came back last; 0 while none has."""
    refused: Mapped[int] = mapped_column(default=0)
    """The last version that a supervisor refused, or that was taken back; 0 while none was. It is never signed."""
    made_by: Mapped[UUID | None] = mapped_column(Uuid)
    made_at: Mapped[Instant]


class WorkVersion(Base):
    """A sheet as it was once handed in, whole. Append-only: what is wrong in it is put right by a later version.

    `corrects` is the signed version that this one changes; its rows are then only those that differ.
    """

    __tablename__ = "work_versions"
    __table_args__ = (
        CheckConstraint("version > 0 AND corrects < version", name="version"),
        CheckConstraint("(corrects IS NULL) = (reason IS NULL)", name="correction_with_reason"),
        UniqueConstraint("sheet_id", "version", "entered_by"),
    )

    sheet_id: Mapped[int] = mapped_column(ForeignKey("work_sheets.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    corrects: Mapped[int | None]
    reason: Mapped[str | None]
    file_digest: Mapped[bytes] = mapped_column(LargeBinary)
    entered_by: Mapped[UUID] = mapped_column(Uuid)
    entered_at: Mapped[Instant]


class WorkRow(Base):
    """What one person did on one sheet, and what that earns. Append-only.

    `attendance` has a digit for each day of the sheet's period: 0, 1 half day, 2 whole day; it is empty where pieces are
    counted. `corrects_id` names the signed row that this one replaces.
    """

    __tablename__ = "work_rows"
    __table_args__ = (
        ForeignKeyConstraint(
            ["sheet_id", "version"], ["work_versions.sheet_id", "work_versions.version"]
        ),
        UniqueConstraint("sheet_id", "version", "person_id"),
        Index(None, "person_id"),
        Index(None, "corrects_id"),
        CheckConstraint(
            "attendance ~ '^[012]*$' AND (attendance = '' OR half_days ="
            " length(translate(attendance, '02', '')) + 2 * length(translate(attendance, '01', '')))",
            name="attendance",
        ),
        CheckConstraint("half_days >= 0 AND earned_minor >= 0", name="not_below_zero"),
    )

    id: Mapped[Key]
    sheet_id: Mapped[int]
    version: Mapped[int]
    number: Mapped[int]
    person_id: Mapped[UUID] = mapped_column(Uuid)
    household_id: Mapped[UUID] = mapped_column(Uuid)
    attendance: Mapped[str]
    half_days: Mapped[int]
    pieces: Mapped[dict[str, Any]] = mapped_column(JSONB)
    earned_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    trace: Mapped[str]
    corrects_id: Mapped[UUID | None] = mapped_column(Uuid)


class WorkSignature(Base):
    """A supervisor's word for one version of a sheet, given with a one-time code. Append-only.

    `digest` is SHA-256 of the sheet and the version's rows. The signer is not who entered the version, and not who
    signed what it corrects (`signed_before`).
    """

    __tablename__ = "work_signatures"
    __table_args__ = (
        ForeignKeyConstraint(
            ["sheet_id", "version", "entered_by"],
            ["work_versions.sheet_id", "work_versions.version", "work_versions.entered_by"],
        ),
        CheckConstraint(
            "user_id <> entered_by AND user_id IS DISTINCT FROM signed_before", name="other_people"
        ),
    )

    sheet_id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    entered_by: Mapped[UUID] = mapped_column(Uuid)
    signed_before: Mapped[UUID | None] = mapped_column(Uuid)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    signed_at: Mapped[Instant]


class WorkPay(Base):
    """Which entitlement pays a row, with how much: its earnings, less those of the row it corrects. Append-only.

    The primary key is the promise that a row is paid by at most one entitlement, for ever.
    """

    __tablename__ = "work_pay"

    row_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    entitlement_id: Mapped[UUID] = mapped_column(Uuid, index=True)
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]


class WorkTie(Base):
    """Somebody's word that a member of staff is, or is not, a registered person. Append-only: the last one counts.

    Nobody says of themselves that they are not.
    """

    __tablename__ = "work_ties"
    __table_args__ = (
        Index(None, "user_id"),
        CheckConstraint("is_same OR declared_by <> user_id", name="not_of_oneself"),
    )

    id: Mapped[Ordinal]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    person_id: Mapped[UUID] = mapped_column(Uuid)
    is_same: Mapped[bool]
    reason: Mapped[str]
    declared_by: Mapped[UUID] = mapped_column(Uuid)
    declared_at: Mapped[Instant]
