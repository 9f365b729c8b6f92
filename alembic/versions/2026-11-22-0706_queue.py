"""People who register themselves, and whom partners refer.

Revision ID: 0028
Revises: 0027
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0028"
down_revision: str | None = "0027"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _words(*words: str, name: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=30)


def upgrade() -> None:
    op.create_table(
        "referral_partners",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("code ~ '^[a-z][a-z0-9-]{1,30}$'", name=op.f("ck_referral_partners_code")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referral_partners")),
        sa.UniqueConstraint("code", name=op.f("uq_referral_partners_code")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_referral_partners_key_hash")),
    )
    op.create_table(
        "referrals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", _words("self", "partner", "question", name="referralkind"), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            _words("waiting", "accepted", "merged", "rejected", "answered", name="referralstate"),
            nullable=False,
        ),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=True),
        sa.Column("words", sa.LargeBinary(), nullable=True),
        sa.Column("phone_index", sa.LargeBinary(), nullable=True),
        sa.Column("follow_index", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "refusal",
            _words(
                "not_reached", "outside_area", "incomplete", "asked_twice", "other_service", "withdrawn",
                name="refusal",
            ),
            nullable=True,
        ),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("household_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'partner') = (partner_id IS NOT NULL)", name=op.f("ck_referrals_partner")
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)",
            name=op.f("ck_referrals_decided_whole"),
        ),
        sa.CheckConstraint(
            "(state = 'rejected') = (refusal IS NOT NULL)", name=op.f("ck_referrals_refusal_given")
        ),
        sa.CheckConstraint(
            "(state IN ('accepted', 'merged')) = (household_id IS NOT NULL)",
            name=op.f("ck_referrals_household"),
        ),
        sa.CheckConstraint(
            "state <> 'answered' OR kind = 'question'", name=op.f("ck_referrals_answered")
        ),
        sa.CheckConstraint(
            "kind <> 'question' OR state IN ('waiting', 'answered')",
            name=op.f("ck_referrals_question"),
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["referral_partners.id"],
            name=op.f("fk_referrals_partner_id_referral_partners"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referrals")),
        sa.UniqueConstraint("follow_index", name=op.f("uq_referrals_follow_index")),
        sa.UniqueConstraint("number", name=op.f("uq_referrals_number")),
    )
    op.create_index(
        "ix_referrals_waiting", "referrals", ["id"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_index(op.f("ix_referrals_phone_index"), "referrals", ["phone_index"])


def downgrade() -> None:
    for table in ("referrals", "referral_partners"):
        op.drop_table(table)
