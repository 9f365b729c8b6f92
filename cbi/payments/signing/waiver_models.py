"""What is kept of controls: what each signature found, which lists its signer had opened, and who waived what until when."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key

LONGEST_DAYS = 30


class Waiver(Base):
    """Somebody asks that a control lets something pass: what, why, at whose risk, and from which day to which.

    `concerns` are keyed hashes of the households it is for; none: whatever the control finds. Append-only: what became
    of it is a `WaiverDecision`. `seal` is a keyed hash over all of it.
    """

    __tablename__ = "waivers"
    __table_args__ = (
        CheckConstraint("first_day <= last_day", name="days"),
        CheckConstraint(f"last_day - first_day < {LONGEST_DAYS}", name="not_for_long"),
        CheckConstraint("at_most >= 0", name="possible_limit"),
        UniqueConstraint("id", "asked_by"),
    )

    id: Mapped[Key]
    number: Mapped[int] = mapped_column(Identity(), unique=True)
    control: Mapped[str]
    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programmes.id"))
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("payment_runs.id"))
    period: Mapped[str | None]
    concerns: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary))
    at_most: Mapped[int | None]
    """Up to how much passes, in the control's own measure; None: any."""
    reason: Mapped[str]
    evidence: Mapped[str]
    risk_owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    first_day: Mapped[date]
    last_day: Mapped[date]
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[Instant]
    seal: Mapped[bytes] = mapped_column(LargeBinary)


class WaiverDecision(Base):
    """What became of a waiver: granted or refused by a second person, or revoked. Append-only; each happens once."""

    __tablename__ = "waiver_decisions"
    __table_args__ = (
        CheckConstraint("what IN ('granted', 'refused', 'revoked')", name="what"),
        CheckConstraint("what <> 'granted' OR by_id <> asked_by", name="two_people"),
        ForeignKeyConstraint(["waiver_id", "asked_by"], ["waivers.id", "waivers.asked_by"]),
        Index(
            "uq_waiver_decisions_answer", "waiver_id", unique=True,
            postgresql_where=text("what IN ('granted', 'refused')"),
        ),
    )  # fmt: skip

    waiver_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    what: Mapped[str] = mapped_column(primary_key=True)
    asked_by: Mapped[UUID] = mapped_column(Uuid)
    by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str | None]
    at: Mapped[Instant]
    seal: Mapped[bytes] = mapped_column(LargeBinary)


class ControlCheck(Base):
    """What the controls found at one signature of a run, or at its release, and which waivers let it pass. Append-only.

    `seal` is a keyed hash over all of it, and stands in the audit log with the signature.
    """

    __tablename__ = "control_checks"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    seal: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[Instant]


class ListOpening(Base):
    """Somebody opened a run's sheet, or one of the lists behind it. Append-only; the first time counts.

    `shown` is the seal of the facts that were shown: another revision, or altered facts, must be opened anew.
    """

    __tablename__ = "list_openings"

    run_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    list: Mapped[str] = mapped_column(primary_key=True)
    shown: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    opened_at: Mapped[datetime]
