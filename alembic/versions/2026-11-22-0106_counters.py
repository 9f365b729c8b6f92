"""An office that had not enough cash is noted, so that whoever places money there hears of it.

Revision ID: 0013
Revises: 0012
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "cash_shortages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("teller_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("authorisation_id", sa.Uuid(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.CHAR(length=3), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(teller_id, user_id) = 1", name=op.f("ck_cash_shortages_one_said_so")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_cash_shortages_amount_positive")),
        sa.CheckConstraint(
            "(amount_minor IS NULL) = (currency IS NULL)",
            name=op.f("ck_cash_shortages_amount_whole"),
        ),
        sa.CheckConstraint(
            "authorisation_id IS NULL OR num_nulls(teller_id, amount_minor) = 0",
            name=op.f("ck_cash_shortages_hold_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["office_id"],
            ["counter_offices.id"],
            name=op.f("fk_cash_shortages_office_id_counter_offices"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cash_shortages")),
        sa.UniqueConstraint("authorisation_id", name=op.f("uq_cash_shortages_authorisation_id")),
    )
    op.create_index(op.f("ix_cash_shortages_office_id_at"), "cash_shortages", ["office_id", "at"])
    op.create_index(op.f("ix_payouts_office_id_paid_at"), "payouts", ["office_id", "paid_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_payouts_office_id_paid_at"), table_name="payouts")
    op.drop_table("cash_shortages")
