"""Accounts and the transfers between them: an unbalanced entry cannot be written down."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.audit.refusal_models import Confirmable, by_two
from cbi.db import Base, CurrencyCode, Instant, Key, MinorUnits, Ordinal, may_update


class Plane(StrEnum):
    """Cash: where the money sits. Restriction: whose it is and how far it has gone."""

    CASH = "cash"
    RESTRICTION = "restriction"


class Fund(Base):
    """A donor's grant: what was promised, for when, in which currency. What came in is in the ledger."""

    __tablename__ = "funds"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("valid_from <= valid_to", name="dates_in_order"),
        CheckConstraint("received_minor <= amount_minor", name="within_the_grant"),
        {"info": may_update("amount_minor", "valid_to", "name", "received_minor")},
    )

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    amount_minor: Mapped[MinorUnits]
    received_minor: Mapped[MinorUnits] = mapped_column(default=0)
    """Less what went back to the donor: below zero where exchange gains went back, too."""
    currency: Mapped[CurrencyCode]
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    created_at: Mapped[Instant]


class FundMovement(Base):
    """Money received from a donor, given to a programme, placed with a provider, lost with it, or sent back, with its
    paper.

    `programme_id`: whose budget it came to, or left.
    """

    __tablename__ = "fund_movements"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint(
            "kind IN ('receipt', 'allocation', 'prefunding', 'return', 'reallocation', 'refund', 'write_off', 'recovery',"
            " 'bank_recovery')",
            name="kind",
        ),
        UniqueConstraint("kind", "reference"),
    )

    id: Mapped[Key]
    kind: Mapped[str]
    fund_id: Mapped[UUID | None] = mapped_column(ForeignKey("funds.id"))
    programme_id: Mapped[UUID | None] = mapped_column(Uuid)
    provider: Mapped[str | None]
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    reference: Mapped[str]
    value_date: Mapped[date]
    """The day on which it took effect, and its transfers: the paper's, or the day on which it was booked."""
    recorded_by: Mapped[UUID | None] = mapped_column(Uuid)
    recorded_at: Mapped[Instant]


class Account(Base):
    """One account of the chart, with its running totals. A guarded account can never go below zero on its normal side."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("debits_minor >= 0 AND credits_minor >= 0", name="totals_positive"),
        CheckConstraint(
            "NOT guarded OR normal <> 'credit' OR credits_minor >= debits_minor",
            name="credit_guard",
        ),
        CheckConstraint(
            "NOT guarded OR normal <> 'debit' OR debits_minor >= credits_minor", name="debit_guard"
        ),
        CheckConstraint("normal IN ('debit', 'credit')", name="normal"),
        UniqueConstraint(
            "code",
            "currency",
            "fund_id",
            "programme_id",
            "run_id",
            "provider",
            postgresql_nulls_not_distinct=True,
        ),
        Index(None, "run_id"),
        {"info": may_update("debits_minor", "credits_minor")},
    )

    id: Mapped[Ordinal]
    code: Mapped[str]
    plane: Mapped[Plane]
    normal: Mapped[str]
    guarded: Mapped[bool]
    currency: Mapped[CurrencyCode]
    fund_id: Mapped[UUID | None] = mapped_column(Uuid)
    programme_id: Mapped[UUID | None] = mapped_column(Uuid)
    run_id: Mapped[UUID | None] = mapped_column(Uuid)
    provider: Mapped[str | None]
    debits_minor: Mapped[MinorUnits] = mapped_column(default=0)
    credits_minor: Mapped[MinorUnits] = mapped_column(default=0)
    opened_at: Mapped[Instant]


class Transfer(Base):
    """One movement from one account (credited) to another (debited). Append-only.

    `source_id` names what caused it (a payment, a run, a fund movement); with the entry, the attempt and the leg it is
    unique, so the same event booked twice is refused.
    """

    __tablename__ = "transfers"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
        UniqueConstraint("source_id", "entry", "attempt", "leg"),
        # Rows come in the order of their days, so that a day is found in a few blocks.
        Index("ix_transfers_days", "effective_on", postgresql_using="brin"),
        Index(
            "ix_transfers_credited_back",
            "source_id",
            "attempt",
            postgresql_where=text("entry = 'credited_back'"),
        ),
        Index(
            "ix_transfers_rests",
            "payment_id",
            "attempt",
            postgresql_where=text("entry IN ('rest_delivered', 'rest_mistaken')"),
        ),
    )

    id: Mapped[Ordinal]
    entry: Mapped[str]
    debit_account_id: Mapped[int]
    credit_account_id: Mapped[int]
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    source_id: Mapped[UUID] = mapped_column(Uuid)
    payment_id: Mapped[UUID | None] = mapped_column(Uuid)
    attempt: Mapped[int] = mapped_column(default=0)
    leg: Mapped[int] = mapped_column(default=1)
    effective_on: Mapped[date]
    recorded_at: Mapped[Instant]


class MonthClose(Confirmable, Base):
    """One closing of a calendar month: proposed by one person, confirmed by another, and perhaps reopened by two.

    From `confirmed_at` until `reopened_at` it stands, and nothing is booked into its month. `facts` say what the books
    held on the last day and what was open; `seal` is a keyed hash over them, and stands in the audit log as well.
    """

    __tablename__ = "month_closes"
    __table_args__ = (
        CheckConstraint("extract(day FROM month) = 1", name="first_day"),
        *by_two("confirmed"),
        CheckConstraint(
            "num_nulls(reopen_reason, reopen_asked_by, reopen_asked_at) IN (0, 3)", name="asked_whole"
        ),
        CheckConstraint("reopen_asked_at IS NULL OR confirmed_at IS NOT NULL", name="asked_of_closed"),
        CheckConstraint("(reopened_by IS NULL) = (reopened_at IS NULL)", name="reopened_whole"),
        CheckConstraint(
            "reopened_at IS NULL OR reopen_asked_by <> reopened_by", name="reopened_by_two"
        ),
        # What every posting looks into: a month that is open has no row in it.
        Index(
            "uq_month_closes_standing", "month", unique=True,
            postgresql_where=text("confirmed_at IS NOT NULL AND reopened_at IS NULL"),
        ),
        {
            "info": may_update(
                "confirmed_by", "confirmed_at", "reopen_reason", "reopen_asked_by", "reopen_asked_at", "reopened_by",
                "reopened_at", "refusal_id",
            )
        },
    )  # fmt: skip

    month: Mapped[date] = mapped_column(primary_key=True)
    """Its first day."""
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Counts the proposals to close this month, from 1; only the latest can be confirmed."""
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    seal: Mapped[bytes] = mapped_column(LargeBinary)
    reopen_reason: Mapped[str | None]
    reopen_asked_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    reopen_asked_at: Mapped[datetime | None]
    reopened_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    reopened_at: Mapped[datetime | None]
