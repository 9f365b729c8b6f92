"""Codes that were issued (never the codes themselves), post offices and tellers, and cash handed over."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, CurrencyCode, Instant, Key, MinorUnits, Ordinal, may_update
from cbi.redemption.states import CodeState, CollectedAs, HoldState, TryResult


class CodeIssue(Base):
    """One code for one attempt: its public locator and the counter its secret is computed from. Neither is secret.

    `live` frees the locator for reuse long after the code is dead; `held_until` reserves the code for one teller.
    """

    __tablename__ = "code_issues"
    __table_args__ = (
        Index("uq_code_issues_locator", "locator", unique=True, postgresql_where=text("live")),
        Index(
            "uq_code_issues_current", "payment_id", unique=True, postgresql_where=text("current")
        ),
        CheckConstraint("locator ~ '^[0-9]{5,7}$'", name="locator"),
        CheckConstraint(
            "wrong_secrets >= 0 AND wrong_factors >= 0 AND reissues >= 0", name="tries"
        ),
        CheckConstraint("(hold_id IS NULL) = (held_until IS NULL)", name="hold_whole"),
        CheckConstraint("(vouched_by IS NULL) = (vouched_until IS NULL)", name="vouched_whole"),
        CheckConstraint("(state IN ('issued', 'locked')) = (closed_at IS NULL)", name="closed"),
        {
            "info": may_update(
                "state",
                "live",
                "current",
                "wrong_secrets",
                "wrong_factors",
                "hold_id",
                "held_until",
                "vouched_by",
                "vouched_until",
                "closed_at",
            ),
            "postgresql_with": {"fillfactor": 60},
        },
    )

    id: Mapped[Key]
    payment_id: Mapped[UUID] = mapped_column(Uuid)
    attempt: Mapped[int]
    locator: Mapped[str]
    counter: Mapped[int] = mapped_column(Identity(), unique=True)
    state: Mapped[CodeState]
    live: Mapped[bool] = mapped_column(default=True)
    current: Mapped[bool] = mapped_column(default=True)
    """False once another code replaced it: a payment has one current code."""
    wrong_secrets: Mapped[int] = mapped_column(default=0)
    wrong_factors: Mapped[int] = mapped_column(default=0)
    reissues: Mapped[int] = mapped_column(default=0)
    """How many codes of this payment it comes after."""
    hold_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The authorisation that reserves it. A hold that is over counts for nothing, whether or not it was cleared."""
    held_until: Mapped[datetime | None]
    vouched_by: Mapped[UUID | None] = mapped_column(Uuid)
    vouched_until: Mapped[datetime | None]
    """Until when a supervisor, having seen who it is, lets it be paid without a second factor."""
    issued_at: Mapped[Instant]
    expires_on: Mapped[date]
    """The last day it can be cashed, in the office's calendar."""
    closed_at: Mapped[datetime | None]


class CounterOffice(Base):
    """A post office (or any place with a counter) of a provider."""

    __tablename__ = "counter_offices"
    __table_args__ = (
        UniqueConstraint("provider", "code"),
        {"info": may_update("closed_at", "name", "area")},
    )

    id: Mapped[Key]
    provider: Mapped[str]
    code: Mapped[str]
    name: Mapped[str]
    area: Mapped[str | None]
    created_at: Mapped[Instant]
    closed_at: Mapped[datetime | None]


class Teller(Base):
    """A person at a counter, who belongs to the provider and signs in apart from staff."""

    __tablename__ = "tellers"
    __table_args__ = {
        "info": may_update(
            "password_hash", "disabled_at", "failed_tries", "locked_until", "office_id"
        )
    }

    id: Mapped[Key]
    office_id: Mapped[UUID] = mapped_column(ForeignKey("counter_offices.id"))
    username: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str]
    password_hash: Mapped[str]
    failed_tries: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    created_at: Mapped[Instant]
    disabled_at: Mapped[datetime | None]


class CounterTry(Base):
    """One try at a counter that led to no hold, without what was typed; or a supervisor's unlocking. Append-only.

    A wrong code without a `code_issue_id` had a locator that nothing is known by.
    """

    __tablename__ = "counter_tries"
    __table_args__ = (Index(None, "teller_id", "at"),)

    id: Mapped[Ordinal]
    teller_id: Mapped[UUID] = mapped_column(Uuid)
    office_id: Mapped[UUID] = mapped_column(Uuid)
    code_issue_id: Mapped[UUID | None] = mapped_column(Uuid)
    result: Mapped[TryResult]
    at: Mapped[Instant]


class Authorisation(Base):
    """A teller's hold on one code, with the receipt number it will have: made when code and person were right."""

    __tablename__ = "authorisations"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("open = (state = 'held')", name="open_while_held"),
        CheckConstraint("open = (ended_at IS NULL)", name="ended"),
        CheckConstraint(
            "collected_as = 'primary' OR collector_id IS NOT NULL", name="collector_named"
        ),
        Index(
            "uq_authorisations_held", "code_issue_id", unique=True, postgresql_where=text("open")
        ),
        Index(None, "teller_id", "held_at"),
        {"info": may_update("state", "open", "ended_at")},
    )

    id: Mapped[Key]
    code_issue_id: Mapped[UUID] = mapped_column(ForeignKey("code_issues.id"))
    payment_id: Mapped[UUID] = mapped_column(Uuid)
    teller_id: Mapped[UUID] = mapped_column(Uuid)
    office_id: Mapped[UUID] = mapped_column(Uuid)
    receipt: Mapped[str] = mapped_column(unique=True)
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    factor_checked: Mapped[bool]
    """False where a supervisor answered for the person instead."""
    collected_as: Mapped[CollectedAs] = mapped_column(
        default=CollectedAs.PRIMARY, server_default="primary"
    )
    collector_id: Mapped[UUID | None] = mapped_column(Uuid)
    """Who stands before the counter; NULL: the payment's person, whose factor was checked before this was kept."""
    state: Mapped[HoldState]
    open: Mapped[bool] = mapped_column(default=True)
    """True while held: a code has one open hold at most."""
    held_at: Mapped[Instant]
    held_until: Mapped[Instant]
    ended_at: Mapped[datetime | None]


class Payout(Base):
    """Cash that was handed over. Append-only; the unique constraints are "a code is paid out once, for its amount"."""

    __tablename__ = "payouts"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        UniqueConstraint("payment_id", "attempt"),
        Index(None, "teller_id", "paid_at"),
        Index(None, "office_id", "paid_at"),
    )

    id: Mapped[Key]
    authorisation_id: Mapped[UUID] = mapped_column(ForeignKey("authorisations.id"), unique=True)
    code_issue_id: Mapped[UUID] = mapped_column(ForeignKey("code_issues.id"), unique=True)
    payment_id: Mapped[UUID] = mapped_column(Uuid)
    attempt: Mapped[int]
    teller_id: Mapped[UUID] = mapped_column(Uuid)
    office_id: Mapped[UUID] = mapped_column(Uuid)
    receipt: Mapped[str] = mapped_column(unique=True)
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    paid_at: Mapped[Instant]


class CashShortage(Base):
    """One time that an office had not enough cash: said by a teller, or by a supervisor (`user_id`). Append-only.

    `amount_minor` is what was asked for, where that is known; after a hold it is the hold's, and a hold counts once.
    """

    __tablename__ = "cash_shortages"
    __table_args__ = (
        CheckConstraint("num_nonnulls(teller_id, user_id) = 1", name="one_said_so"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("(amount_minor IS NULL) = (currency IS NULL)", name="amount_whole"),
        CheckConstraint(
            "authorisation_id IS NULL OR num_nulls(teller_id, amount_minor) = 0", name="hold_whole"
        ),
        Index(None, "office_id", "at"),
    )

    id: Mapped[Ordinal]
    office_id: Mapped[UUID] = mapped_column(ForeignKey("counter_offices.id"))
    teller_id: Mapped[UUID | None] = mapped_column(Uuid)
    user_id: Mapped[UUID | None] = mapped_column(Uuid)
    authorisation_id: Mapped[UUID | None] = mapped_column(Uuid, unique=True)
    amount_minor: Mapped[MinorUnits | None]
    currency: Mapped[CurrencyCode | None]
    at: Mapped[Instant]
