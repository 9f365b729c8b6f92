"""Payment runs, the people who signed them, their payments, every attempt and every change of state."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from cbi.audit.refusal_models import Reportable, by_two
from cbi.db import Base, CurrencyCode, Instant, Key, MinorUnits, Ordinal, may_update
from cbi.payments.states import PaymentState, RunState
from cbi.programmes.models import CODE_PATTERN


class PaymentRun(Base):
    """Payments approved and released together. `digest` fixes their content from locking on.

    `revision` grows each time the run goes back to draft, so that no approval outlives the content it was given for.
    """

    __tablename__ = "payment_runs"
    __table_args__ = {
        "info": may_update(
            "state", "revision", "providers", "payment_count", "total_minor", "digest", "locked_at", "release_after",
            "released_at", "closed_at",
        )
    }  # fmt: skip

    id: Mapped[Key]
    number: Mapped[int] = mapped_column(Identity(), unique=True)
    cycle_id: Mapped[UUID] = mapped_column(ForeignKey("cycles.id"), index=True)
    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programmes.id"))
    fund_id: Mapped[UUID] = mapped_column(ForeignKey("funds.id"))
    top_up_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The top-up that it pays, and nothing else; None: what the cycle decided."""
    period: Mapped[str]
    providers: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Everybody who delivers a part of it, in the order of its routes."""
    debits_early: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """Those of them that took a payment's money when they accepted it, by their terms when the run was made."""
    currency: Mapped[CurrencyCode]
    state: Mapped[RunState]
    revision: Mapped[int] = mapped_column(default=1)
    payment_count: Mapped[int] = mapped_column(default=0)
    total_minor: Mapped[MinorUnits] = mapped_column(default=0)
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    built_at: Mapped[Instant]
    locked_at: Mapped[datetime | None]
    release_after: Mapped[datetime | None]
    """When the recall window after authorisation ends."""
    released_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class RunRoute(Base):
    """The part of a run that goes out by one provider: the payments numbered `first_number` to `last_number`."""

    __tablename__ = "run_routes"
    __table_args__ = (
        CheckConstraint("first_number BETWEEN 1 AND last_number", name="has_payments"),
        {
            "info": may_update(
                "payment_count", "total_minor", "released_through", "refusals", "not_before"
            )
        },
    )

    run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"), primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    mechanism: Mapped[str]
    first_number: Mapped[int]
    last_number: Mapped[int]
    payment_count: Mapped[int]
    """Its live payments."""
    total_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    released_through: Mapped[int] = mapped_column(default=0)
    """The number of the last payment that was handed over, so that a restarted release goes on from there."""
    refusals: Mapped[int] = mapped_column(default=0)
    """How often in a row the provider took nothing of what it was offered."""
    not_before: Mapped[datetime | None]
    """When the provider may next be offered something."""


MAKER = "maker"
"""The part of whoever built, edited or locked a run. Every other part is the name of a signature's step."""


class RunPart(Base):
    """Who had which part in a run, for ever. The primary key is what keeps its makers and signers different people."""

    __tablename__ = "run_parts"
    __table_args__ = (
        UniqueConstraint("run_id", "user_id", "part"),
        CheckConstraint(f"part ~ '{CODE_PATTERN}'", name="part"),
    )

    run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    part: Mapped[str]
    since: Mapped[Instant]


class Approval(Base):
    """One signature over one digest, `place` counting them from 1. Append-only.

    With a delegation, the signer stood in for somebody, who has the same part in the run from then on.
    """

    __tablename__ = "approvals"
    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "user_id", "part"],
            ["run_parts.run_id", "run_parts.user_id", "run_parts.part"],
        ),
        CheckConstraint(f"part <> '{MAKER}'", name="approving_part"),
        CheckConstraint("place > 0", name="place"),
        UniqueConstraint("run_id", "revision", "user_id"),
        UniqueConstraint("run_id", "revision", "place"),
    )

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int]
    user_id: Mapped[UUID] = mapped_column(Uuid)
    delegation_id: Mapped[UUID | None] = mapped_column(ForeignKey("delegations.id"))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    approved_at: Mapped[Instant]


class RunEvent(Base):
    """One move of a run, with who and why. Append-only."""

    __tablename__ = "run_events"

    id: Mapped[Ordinal]
    run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"), index=True)
    before: Mapped[str | None]
    after: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(Uuid)
    reason: Mapped[str | None]
    at: Mapped[Instant]


class Payment(Base):
    """What we owe one household, by one route. Its content is fixed when it is made; only its progress changes.

    `live` is false only for a cancelled payment; the partial unique index on it says that an entitlement is paid by one
    payment. It stands apart from `state` so that progress touches no index.
    """

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("run_id", "number"),
        Index("uq_payments_live", "entitlement_id", unique=True, postgresql_where=text("live")),
        Index(None, "household_id"),
        Index("ix_payments_in_parts", "entitlement_id", postgresql_where=text("parts_minor > 0")),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("live = (state <> 'cancelled')", name="live_until_cancelled"),
        CheckConstraint(
            "parts_minor >= 0 AND parts_minor < amount_minor", name="parts_leave_a_rest"
        ),
        CheckConstraint("provider ~ '^[a-z0-9_]+$' AND mechanism ~ '^[a-z0-9_]+$'", name="route"),
        {
            "info": may_update("state", "live", "attempts", "heard_of", "parts_minor"),
            # Room in the page for a second version of each row: a chunk writes all of them anew at once.
            "postgresql_with": {"fillfactor": 48},
        },
    )

    id: Mapped[Key]
    run_id: Mapped[UUID] = mapped_column(Uuid)
    number: Mapped[int]
    """Its place in the run, from 1: the order of the digest, and what chunks are cut by."""
    entitlement_id: Mapped[UUID] = mapped_column(Uuid)
    programme_id: Mapped[UUID] = mapped_column(Uuid)
    fund_id: Mapped[UUID] = mapped_column(Uuid)
    period: Mapped[str]
    component: Mapped[str]
    household_id: Mapped[UUID] = mapped_column(Uuid)
    person_id: Mapped[UUID] = mapped_column(Uuid)
    account_id: Mapped[UUID] = mapped_column(Uuid)
    account_index: Mapped[bytes] = mapped_column(LargeBinary)
    """The keyed hash of the number it goes to, as approved: another number is another payment."""
    provider: Mapped[str]
    mechanism: Mapped[str]
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of this payment's content when it was made: names the row when a run's content has been altered."""
    state: Mapped[PaymentState]
    live: Mapped[bool] = mapped_column(default=True)
    attempts: Mapped[int] = mapped_column(default=0)
    heard_of: Mapped[int] = mapped_column(default=0)
    """The latest attempt that a provider which is sent payments may have heard of; any later one certainly never left."""
    parts_minor: Mapped[MinorUnits] = mapped_column(server_default=text("0"))
    """What was handed over of it in parts (`payment_parts`) while the rest stayed payable."""

    @hybrid_property
    def rest_minor(self) -> int:
        """What its present attempt is for: the whole payment, without the parts handed over before."""
        return self.amount_minor - self.parts_minor


class UnpaidFinding(Reportable, Base):
    """Two people's finding that an attempt nobody can tell anything about did not pay, with the proof they saw.

    One reports what the provider wrote, another confirms it; until then nothing has changed. What was refused can be
    reported anew.
    """

    __tablename__ = "unpaid_findings"
    __table_args__ = (
        Index(
            "uq_unpaid_findings_standing", "payment_id", "attempt", unique=True,
            postgresql_where=text("refusal_id IS NULL"),
        ),
        *by_two("confirmed", "reported"),
        {"info": may_update("confirmed_by", "confirmed_at", "refusal_id")},
    )  # fmt: skip

    id: Mapped[Key]
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"))
    attempt: Mapped[int]
    proof: Mapped[str]
    """Where the provider's word can be found: a letter, a message, a ticket."""


class Attempt(Base):
    """One try at paying, written before the provider hears of it. `idempotency_key` is what the provider knows it by."""

    __tablename__ = "attempts"
    __table_args__ = (
        Index(  # not of those without one: each attempt of a run would be written into it for nothing
            "uq_attempts_provider_provider_reference", "provider", "provider_reference", unique=True,
            postgresql_where=text("provider_reference IS NOT NULL"),
        ),
        {
            "info": may_update("provider_reference", "ticket", "asked_at"),
            "postgresql_with": {"fillfactor": 70},
        },
    )  # fmt: skip

    payment_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str]
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    provider_reference: Mapped[str | None]
    """The provider's own name for it; for cash over the counter, the receipt number."""
    ticket: Mapped[str | None]
    """What the provider gave us to ask by, where that is not our key; for no person's eyes."""
    started_at: Mapped[Instant]
    asked_at: Mapped[datetime | None]


class PaymentEvent(Base):
    """One move of a payment. Append-only; the latest is the payment's state."""

    __tablename__ = "payment_events"
    __table_args__ = (Index(None, "payment_id"),)

    id: Mapped[Ordinal]
    payment_id: Mapped[UUID] = mapped_column(Uuid)
    attempt: Mapped[int]
    before: Mapped[str | None]
    after: Mapped[str]
    source: Mapped[str]
    provider_code: Mapped[str | None]
    failure: Mapped[str | None]
    at: Mapped[Instant]


class InboundCallback(Base):
    """What a provider sent us, raw and once, sealed; read afterwards, so that a parse error loses nothing."""

    __tablename__ = "inbound_callbacks"
    __table_args__ = (
        UniqueConstraint("provider", "digest"),
        Index(
            "ix_inbound_callbacks_waiting", "provider", "received_at", postgresql_where=text("handled_at IS NULL")
        ),
        {"info": may_update("handled_at", "outcome")},
    )  # fmt: skip

    id: Mapped[Key]
    provider: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[Instant]
    handled_at: Mapped[datetime | None]
    outcome: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class Discrepancy(Base):
    """What we believe and what somebody else says do not agree: kept open, with an age and an owner, until explained."""

    __tablename__ = "discrepancies"
    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        Index(None, "payment_id"),
        Index(None, "line_id", postgresql_where=text("line_id IS NOT NULL")),
        Index(
            "ix_discrepancies_open", "provider", "kind", postgresql_where=text("settled_at IS NULL")
        ),
        CheckConstraint(
            "(settled_at IS NULL) = (resolution IS NULL)", name="settled_with_a_reason"
        ),
        {"info": may_update("owner_id", "settled_at", "settled_by", "resolution")},
    )

    id: Mapped[Key]
    kind: Mapped[str]
    subject: Mapped[str]
    """What it is about, in one text (`payment:<id>`, `line:<id>`): the same discrepancy is opened once."""
    provider: Mapped[str]
    payment_id: Mapped[UUID | None] = mapped_column(Uuid)
    line_id: Mapped[UUID | None] = mapped_column(Uuid)
    amount_minor: Mapped[MinorUnits | None]
    currency: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    since: Mapped[Instant]
    """What it ages from: when the payment was sent, the line's own date; else when it was opened."""
    opened_at: Mapped[Instant]
    owner_id: Mapped[UUID | None] = mapped_column(Uuid)
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[UUID | None] = mapped_column(Uuid)
    resolution: Mapped[str | None]
