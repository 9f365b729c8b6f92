"""What a transfer value rests on, as it is kept: baskets, rounds of market prices, and values that two people agreed on."""

from datetime import date, datetime
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

from cbi.db import Base, CurrencyCode, Instant, MinorUnits, Ordinal, may_update
from cbi.programmes.models import CODE_PATTERN


class BasketVersion(Base):
    """What one basket file said, in canonical form, and its digest. Append-only."""

    __tablename__ = "basket_versions"
    __table_args__ = (
        CheckConstraint(f"code ~ '{CODE_PATTERN}'", name="code"),
        CheckConstraint("version > 0", name="version"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    applied_by: Mapped[UUID | None] = mapped_column(Uuid)
    applied_at: Mapped[Instant]


class PriceRound(Base):
    """One round of market prices for one version of a basket. Its number stands on the sheets that go to the markets."""

    __tablename__ = "price_rounds"
    __table_args__ = (
        UniqueConstraint("basket", "name"),
        ForeignKeyConstraint(
            ["basket", "basket_version"], ["basket_versions.code", "basket_versions.version"]
        ),
        {"info": may_update("latest")},
    )

    id: Mapped[Ordinal]
    basket: Mapped[str]
    basket_version: Mapped[int]
    name: Mapped[str]
    latest: Mapped[int]
    """The version of its prices that came back last; 0 while none has."""
    made_by: Mapped[UUID | None] = mapped_column(Uuid)
    made_at: Mapped[Instant]


class PriceVersion(Base):
    """The prices of a round as they were once handed in, whole. Append-only: the next version puts right what is wrong."""

    __tablename__ = "price_versions"
    __table_args__ = (CheckConstraint("version > 0", name="version"),)

    round_id: Mapped[int] = mapped_column(ForeignKey("price_rounds.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    file_digest: Mapped[bytes] = mapped_column(LargeBinary)
    entered_by: Mapped[UUID | None] = mapped_column(Uuid)
    entered_at: Mapped[Instant]


class Price(Base):
    """What one unit of an item cost at one market; an item that was not to be had there has no row. Append-only."""

    __tablename__ = "prices"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("quotes BETWEEN 1 AND 99", name="quotes"),
        ForeignKeyConstraint(
            ["round_id", "version"], ["price_versions.round_id", "price_versions.version"]
        ),
    )

    round_id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    market: Mapped[str] = mapped_column(primary_key=True)
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    priced_on: Mapped[date]
    source: Mapped[str]
    quotes: Mapped[int]
    """How many sellers the enumerator asked."""


class TransferValue(Base):
    """A programme's amounts as a round of prices makes them: proposed by one person, accepted or refused by another.

    Accepted, it is the version `made_version` of the programme, and holds for cycles that are opened after that.
    """

    __tablename__ = "transfer_values"
    __table_args__ = (
        CheckConstraint(
            "base_minor >= 0 AND per_member_minor >= 0 AND base_minor + per_member_minor > 0",
            name="amounts",
        ),
        CheckConstraint("decision IN ('accepted', 'refused')", name="decision"),
        CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)", name="decided_whole"
        ),
        CheckConstraint(
            "decision = 'refused' OR decided_by <> proposed_by", name="accepted_by_another"
        ),
        CheckConstraint(
            "(decision IS NOT DISTINCT FROM 'accepted') = (made_version IS NOT NULL)",
            name="accepted_is_a_version",
        ),
        CheckConstraint(
            "(decision IS NOT DISTINCT FROM 'refused') = (reason IS NOT NULL)",
            name="refused_with_reason",
        ),
        ForeignKeyConstraint(
            ["basket", "basket_version"], ["basket_versions.code", "basket_versions.version"]
        ),
        ForeignKeyConstraint(
            ["round_id", "round_version"], ["price_versions.round_id", "price_versions.version"]
        ),
        ForeignKeyConstraint(
            ["programme_id", "programme_version"],
            ["programme_versions.programme_id", "programme_versions.version"],
        ),
        Index(
            "uq_transfer_values_open",
            "programme_id",
            unique=True,
            postgresql_where="decision IS NULL",
        ),
        Index("uq_transfer_values_made", "programme_id", "made_version", unique=True),
        {"info": may_update("decision", "decided_by", "decided_at", "reason", "made_version")},
    )

    id: Mapped[Ordinal]
    """The number that people call it by."""
    programme_id: Mapped[UUID] = mapped_column(Uuid)
    programme_version: Mapped[int]
    """The version of the programme that it would follow."""
    basket: Mapped[str]
    basket_version: Mapped[int]
    round_id: Mapped[int]
    round_version: Mapped[int]
    base_minor: Mapped[MinorUnits]
    per_member_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    workings: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """How it comes to that, line by line, and what it was seen to cost."""
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[Instant]
    decision: Mapped[str | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    made_version: Mapped[int | None]
