"""Referrals as they wait and are decided, and the partners who may send them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, may_update
from cbi.registry.referrals.states import ReferralKind, ReferralState, Refusal


class ReferralPartner(Base):
    """An organisation that may refer people. It shows a key, which is kept as a hash only."""

    __tablename__ = "referral_partners"
    __table_args__ = (
        CheckConstraint("code ~ '^[a-z][a-z0-9-]{1,30}$'", name="code"),
        {"info": may_update("key_hash", "disabled_at")},
    )

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_by: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[Instant]
    disabled_at: Mapped[datetime | None]


class Referral(Base):
    """Somebody who asks to be registered, whom a partner refers, or who has a question.

    What they wrote, and what an officer remarked, is sealed under a key of its own (`data_key`), which goes when the words
    have been kept as long as they may be. `follow_index` is a keyed hash of the word by which the sender looks up the
    answer.
    """

    __tablename__ = "referrals"
    __table_args__ = (
        CheckConstraint("(kind = 'partner') = (partner_id IS NOT NULL)", name="partner"),
        CheckConstraint(
            "(state = 'waiting') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)",
            name="decided_whole",
        ),
        CheckConstraint("(state = 'rejected') = (refusal IS NOT NULL)", name="refusal_given"),
        CheckConstraint(
            "(state IN ('accepted', 'merged')) = (household_id IS NOT NULL)", name="household"
        ),
        CheckConstraint("state <> 'answered' OR kind = 'question'", name="answered"),
        CheckConstraint("kind <> 'question' OR state IN ('waiting', 'answered')", name="question"),
        Index("ix_referrals_waiting", "id", postgresql_where=text("state = 'waiting'")),
        Index(None, "phone_index"),
        {
            "info": may_update(
                "state", "decided_by", "decided_at", "refusal", "remark", "household_id", "data_key", "words",
                "phone_index",
            )
        },
    )  # fmt: skip

    id: Mapped[Key]
    number: Mapped[int] = mapped_column(Identity(), unique=True)
    kind: Mapped[ReferralKind]
    partner_id: Mapped[UUID | None] = mapped_column(ForeignKey("referral_partners.id"))
    state: Mapped[ReferralState]
    language: Mapped[str]
    data_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    words: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The keyed hash that `PaymentAccount.value_index` has for the same telephone."""
    follow_index: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    received_at: Mapped[Instant]
    decided_by: Mapped[UUID | None] = mapped_column(Uuid)
    decided_at: Mapped[datetime | None]
    refusal: Mapped[Refusal | None]
    remark: Mapped[bytes | None] = mapped_column(LargeBinary)
    """For colleagues; sealed like the words (`remarks`)."""
    household_id: Mapped[UUID | None] = mapped_column(Uuid)
