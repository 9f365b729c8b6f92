"""What two people have found that an attempt took from our account, where the provider named another amount."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cbi.audit.refusal_models import Reportable, by_two
from cbi.db import Base, CurrencyCode, Key, MinorUnits, may_update


class AmountFinding(Reportable, Base):
    """One person's report of what an attempt took, with the proof they saw; a finding once another has confirmed it.

    A report that was mistaken is refused, or taken back, and another is made. One that an attempt took something is
    confirmed at most once; that it took nothing, or as much as was found (`again`), ends what had been said of it by then.
    """

    __tablename__ = "amount_findings"
    __table_args__ = (
        Index("ix_amount_findings_payment_id_attempt", "payment_id", "attempt"),
        Index(
            "uq_amount_findings_confirmed", "payment_id", "attempt", unique=True,
            postgresql_where=text("confirmed_by IS NOT NULL AND paid_minor > 0 AND NOT again"),
        ),
        CheckConstraint("paid_minor >= 0", name="amount_possible"),
        *by_two("confirmed", "reported"),
        {"info": may_update("confirmed_by", "confirmed_at", "refusal_id")},
    )  # fmt: skip

    id: Mapped[Key]
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"))
    attempt: Mapped[int]
    paid_minor: Mapped[MinorUnits]
    """What left our account with the provider, in the payment's currency; zero: nothing did."""
    currency: Mapped[CurrencyCode]
    again: Mapped[bool] = mapped_column(default=False)
    """Whether it only says once more, after later news, what two people had found before: nothing is booked for it."""
    proof: Mapped[str]
    """Where the provider's word can be found: a letter, a message, a ticket."""
