"""What providers charge: their tariffs, what is set aside of each run for its fees, and every fee that was taken."""

from datetime import date
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

from cbi.audit.refusal_models import Acceptable, by_two
from cbi.db import Base, CurrencyCode, Instant, Key, MinorUnits, may_update

_OF_A_TARIFF = ("tariffs.provider", "tariffs.currency", "tariffs.version")


class TariffVersion(Acceptable, Base):
    """One version of what a provider charges in one currency. It counts from `valid_from`, once a second person accepts
    it, until the first day of a later version.
    """

    __tablename__ = "tariffs"
    __table_args__ = (
        CheckConstraint("version > 0", name="version"),
        *by_two("accepted"),
        {"info": may_update("accepted_by", "accepted_at", "refusal_id")},
    )

    provider: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[CurrencyCode] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    valid_from: Mapped[date]
    rules: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """In canonical form, as `cbi.payments.fees.tariff` writes them."""
    digest: Mapped[bytes] = mapped_column(LargeBinary)


class RunFees(Base):
    """What a provider will charge for its part of one revision of a run, worked out when that was locked. Append-only.

    The last signature sets exactly this aside.
    """

    __tablename__ = "run_fees"
    __table_args__ = (
        UniqueConstraint("run_id", "revision", "provider"),
        ForeignKeyConstraint(["provider", "currency", "tariff_version"], _OF_A_TARIFF),
        CheckConstraint("payment_count > 0 AND fees_minor >= 0", name="amounts"),
        CheckConstraint("billed_within_days >= 0", name="days"),
    )

    id: Mapped[Key]
    run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"))
    revision: Mapped[int]
    provider: Mapped[str]
    currency: Mapped[CurrencyCode]
    tariff_version: Mapped[int]
    payment_count: Mapped[int]
    fees_minor: Mapped[MinorUnits]
    billed_within_days: Mapped[int]
    """For how many days after the run is closed the provider may still send the bill."""
    made_at: Mapped[Instant]


class ReserveRelease(Base):
    """What was set aside for a run's fees and is not needed any more, given back to the programme's budget. Append-only."""

    __tablename__ = "reserve_releases"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("because IN ('called_off', 'closed', 'overdue')", name="because"),
        Index(None, "run_id"),
    )

    id: Mapped[Key]
    run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"))
    provider: Mapped[str]
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    because: Mapped[str]
    released_at: Mapped[Instant]


class FeeCharge(Base):
    """A fee that a line of a statement says the provider took for an attempt, as it was booked. Append-only.

    `expected_minor` is what the tariff still allowed for the attempt, `reserved_minor` what the run had set aside for it;
    the rest came out of the programme's budget.
    """

    __tablename__ = "fee_charges"
    __table_args__ = (
        ForeignKeyConstraint(["provider", "currency", "tariff_version"], _OF_A_TARIFF),
        CheckConstraint("charged_minor > 0 AND expected_minor >= 0", name="amounts"),
        CheckConstraint(
            "reserved_minor BETWEEN 0 AND least(charged_minor, expected_minor)", name="reserved"
        ),
        Index(None, "payment_id"),
        Index(None, "provider", "value_date"),
    )

    line_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    provider: Mapped[str]
    payment_id: Mapped[UUID] = mapped_column(Uuid)
    attempt: Mapped[int]
    run_id: Mapped[UUID] = mapped_column(Uuid)
    programme_id: Mapped[UUID] = mapped_column(Uuid)
    fund_id: Mapped[UUID] = mapped_column(Uuid)
    currency: Mapped[CurrencyCode]
    tariff_version: Mapped[int]
    charged_minor: Mapped[MinorUnits]
    expected_minor: Mapped[MinorUnits]
    reserved_minor: Mapped[MinorUnits]
    value_date: Mapped[date]
    booked_at: Mapped[Instant]


class MonthlyFee(Base):
    """A fee for a month, as a line lists it and the tariff says: once for each provider, currency and month. Append-only.

    It names no payment; the programme that the tariff names bears it.
    """

    __tablename__ = "monthly_fees"
    __table_args__ = (
        ForeignKeyConstraint(["provider", "currency", "tariff_version"], _OF_A_TARIFF),
        UniqueConstraint("provider", "currency", "month"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("extract(day FROM month) = 1", name="first_day"),
    )

    line_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    provider: Mapped[str]
    currency: Mapped[CurrencyCode]
    month: Mapped[date]
    """The first day of the month that the line is of."""
    tariff_version: Mapped[int]
    amount_minor: Mapped[MinorUnits]
    programme_id: Mapped[UUID] = mapped_column(Uuid)
    fund_id: Mapped[UUID] = mapped_column(Uuid)
    booked_at: Mapped[Instant]
