"""Payments that failed, came back or expired are tried anew or given up.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payment_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column(
            "remedy",
            sa.Enum(
                "try_again", "give_up", name="remedy", native_enum=False, create_constraint=True, length=30
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payment_count", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("payment_count > 0", name=op.f("ck_payment_decisions_has_payments")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["payment_runs.id"], name=op.f("fk_payment_decisions_run_id_payment_runs")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["users.id"], name=op.f("fk_payment_decisions_decided_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_decisions")),
    )
    op.create_index(op.f("ix_payment_decisions_run_id"), "payment_decisions", ["run_id"])
    op.create_table(
        "follow_ups",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("earlier_run_id", sa.Uuid(), nullable=False),
        sa.Column("payment_count", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.CheckConstraint("payment_count > 0", name=op.f("ck_follow_ups_has_payments")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["payment_runs.id"], name=op.f("fk_follow_ups_run_id_payment_runs")
        ),
        sa.ForeignKeyConstraint(
            ["earlier_run_id"], ["payment_runs.id"], name=op.f("fk_follow_ups_earlier_run_id_payment_runs")
        ),
        sa.PrimaryKeyConstraint("run_id", "revision", "earlier_run_id", name=op.f("pk_follow_ups")),
    )


def downgrade() -> None:
    op.drop_table("follow_ups")
    op.drop_table("payment_decisions")
