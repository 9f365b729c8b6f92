"""Programmes as they were applied, the cycles opened in them, and what each household is owed."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    Uuid,
    false,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, CurrencyCode, Instant, Key, MinorUnits, Ordinal, may_update

# Codes stand in the content that approvers sign: none of these characters is a separator there.
CODE_PATTERN = "^[a-z0-9][a-z0-9_-]{1,39}$"


PERIOD_PATTERN = (
    "^[0-9]{4}-([0-9]{2}(--[0-9]{4}-[0-9]{2})?|Q[1-4]|W[0-9]{2}(--[0-9]{4}-W[0-9]{2})?"
    "|[0-9]{2}-[0-9]{2}--[0-9]{4}-[0-9]{2}-[0-9]{2})$"
)
"""Months, a quarter, weeks or the days from one to another (ISO 8601), as `Period` writes them."""


class Programme(Base):
    """A funded plan to assist people. Its rules are in its latest version."""

    __tablename__ = "programmes"
    __table_args__ = (
        CheckConstraint(f"code ~ '{CODE_PATTERN}'", name="code"),
        {"info": may_update("version", "name")},
    )

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    kind: Mapped[str]
    currency: Mapped[CurrencyCode]
    fund_id: Mapped[UUID] = mapped_column(ForeignKey("funds.id"))
    """The first fund that it was made with; all of them are its `ProgrammeFund`s, their order is in its file."""
    version: Mapped[int]
    created_at: Mapped[Instant]


class ProgrammeFund(Base):
    """A fund that a programme draws on, from then on. Append-only."""

    __tablename__ = "programme_funds"

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programmes.id"), primary_key=True)
    fund_id: Mapped[UUID] = mapped_column(ForeignKey("funds.id"), primary_key=True)
    since: Mapped[Instant]


class ProgrammeVersion(Base):
    """What one `programme apply` said, in canonical form, and its digest. Append-only."""

    __tablename__ = "programme_versions"

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programmes.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    definition: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    applied_by: Mapped[UUID | None] = mapped_column(Uuid)
    applied_at: Mapped[Instant]


class WorkingWeek(Base):
    """The days of the week that the office works, 1 for Monday to 7 for Sunday. The latest row counts. Append-only."""

    __tablename__ = "working_weeks"
    __table_args__ = (
        CheckConstraint(
            "cardinality(days) > 0 AND days <@ ARRAY[1, 2, 3, 4, 5, 6, 7]::smallint[]", name="days"
        ),
    )

    id: Mapped[Ordinal]
    days: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    set_by: Mapped[UUID | None] = mapped_column(Uuid)
    set_at: Mapped[Instant]


class SaidDayOff(Base):
    """A day on which the office does not work (`off`), or works after all. The latest row of a day counts. Append-only."""

    __tablename__ = "days_off"

    id: Mapped[Ordinal]
    day: Mapped[date]
    off: Mapped[bool]
    reason: Mapped[str]
    said_by: Mapped[UUID | None] = mapped_column(Uuid)
    said_at: Mapped[Instant]


class Cycle(Base):
    """One payment cycle: a programme and a period, decided under one version of the rules."""

    __tablename__ = "cycles"
    __table_args__ = (
        UniqueConstraint("programme_id", "period"),
        CheckConstraint(f"period ~ '{PERIOD_PATTERN}'", name="period"),
    )

    id: Mapped[Key]
    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programmes.id"))
    version: Mapped[int]
    period: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    opened_by: Mapped[UUID | None] = mapped_column(Uuid)
    opened_at: Mapped[Instant]


class DecidedFacts(Base):
    """What decisions of a cycle rest on: each combination of facts once, so that they can be made anew. Append-only."""

    __tablename__ = "decided_facts"

    cycle_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)


class EligibilityDecision(Base):
    """Whether a household is in for this cycle, and every reason why not. Append-only."""

    __tablename__ = "eligibility_decisions"
    __table_args__ = (
        CheckConstraint("eligible = (jsonb_array_length(reasons) = 0)", name="refused_with_reason"),
    )

    cycle_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    household_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    eligible: Mapped[bool]
    reasons: Mapped[list[str]] = mapped_column(JSONB)
    decided_at: Mapped[Instant]
    facts_number: Mapped[int | None]
    """Which combination of the cycle's `decided_facts` it rests on; those decided before facts were kept have none."""


class Entitlement(Base):
    """What one household is owed in one cycle, with the calculation in words. Append-only.

    The unique constraint is the first half of "nobody is paid twice": one entitlement for a
    programme, period, household and component. The other half is one live payment for each.
    What is owed `once` (a tranche of a grant) is owed once in a household's life in the programme.
    """

    __tablename__ = "entitlements"
    __table_args__ = (
        UniqueConstraint("programme_id", "period", "household_id", "component"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint(f"component ~ '{CODE_PATTERN}'", name="component"),
        Index(
            "uq_entitlements_once",
            "programme_id",
            "household_id",
            "component",
            unique=True,
            postgresql_where="once",
        ),
    )

    id: Mapped[Key]
    cycle_id: Mapped[UUID] = mapped_column(Uuid, index=True)
    programme_id: Mapped[UUID] = mapped_column(Uuid)
    period: Mapped[str]
    household_id: Mapped[UUID] = mapped_column(Uuid)
    component: Mapped[str]
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    trace: Mapped[str]
    """The calculation as a person reads it: `1000.00 × 4 members = 4000.00 KES`."""
    once: Mapped[bool] = mapped_column(server_default=false())
    top_up_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The top-up that it is owed by; None: by what the cycle decided."""
