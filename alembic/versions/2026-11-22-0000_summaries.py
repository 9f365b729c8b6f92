"""What is kept of a run's sheet when it is locked: its facts, and the payments that approvers are pointed to.

Revision ID: 0006
Revises: 0005
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "run_summaries",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["payment_runs.id"], name=op.f("fk_run_summaries_run_id_payment_runs")
        ),
        sa.PrimaryKeyConstraint("run_id", "revision", name=op.f("pk_run_summaries")),
    )
    op.create_table(
        "run_findings",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "new",
                "gone",
                "amount",
                "account",
                "shared_account",
                "several_payments",
                "open_duplicate",
                "inactive",
                "jump",
                "outlier",
                "large_share",
                name="findingkind",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("payment_number", sa.BigInteger(), nullable=True),
        sa.Column("together", sa.BigInteger(), nullable=True),
        sa.Column("before_minor", sa.BigInteger(), nullable=True),
        sa.Column("after_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.CheckConstraint(
            "num_nonnulls(before_minor, after_minor) > 0", name=op.f("ck_run_findings_amount")
        ),
        sa.CheckConstraint(
            "(payment_number IS NULL) = (after_minor IS NULL)",
            name=op.f("ck_run_findings_in_this_run"),
        ),
        sa.PrimaryKeyConstraint(
            "run_id", "revision", "kind", "place", name=op.f("pk_run_findings")
        ),
    )


def downgrade() -> None:
    op.drop_table("run_findings")
    op.drop_table("run_summaries")
