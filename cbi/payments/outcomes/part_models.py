"""Parts of a payment that were handed over while the rest stayed payable."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, CurrencyCode, Instant, MinorUnits


class PaymentPart(Base):
    """What one attempt took of a payment whose rest went on under the next attempt. Append-only.

    Each part begins where the one before it ended (`before_minor`), and only one part can begin there: so however many
    are handed over at once, all together are less than the payment.
    """

    __tablename__ = "payment_parts"
    __table_args__ = (
        UniqueConstraint("payment_id", "before_minor"),
        CheckConstraint("amount_minor > 0 AND before_minor >= 0", name="amount_positive"),
        CheckConstraint("before_minor + amount_minor < owed_minor", name="leaves_a_rest"),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    amount_minor: Mapped[MinorUnits]
    before_minor: Mapped[MinorUnits]
    """What the parts before it add up to."""
    owed_minor: Mapped[MinorUnits]
    """The whole payment."""
    currency: Mapped[CurrencyCode]
    source: Mapped[str]
    handed_over_at: Mapped[Instant]
