"""What a payment took more or less than was sent is found by two people and booked.

Revision ID: 0014
Revises: 0013
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ONCE = "uq_receivables_payment_id_attempt"


def upgrade() -> None:
    op.create_table(
        "amount_findings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("reported_by", sa.Uuid(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("paid_minor >= 0", name=op.f("ck_amount_findings_amount_possible")),
        sa.CheckConstraint(
            "confirmed_by <> reported_by", name=op.f("ck_amount_findings_two_people")
        ),
        sa.CheckConstraint(
            "(confirmed_by IS NULL) = (confirmed_at IS NULL)",
            name=op.f("ck_amount_findings_confirmed_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_amount_findings_payment_id_payments")
        ),
        sa.ForeignKeyConstraint(
            ["reported_by"], ["users.id"], name=op.f("fk_amount_findings_reported_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["users.id"], name=op.f("fk_amount_findings_confirmed_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_amount_findings")),
    )
    op.create_index(
        "ix_amount_findings_payment_id_attempt", "amount_findings", ["payment_id", "attempt"]
    )
    op.create_index(
        "uq_amount_findings_confirmed",
        "amount_findings",
        ["payment_id", "attempt"],
        unique=True,
        postgresql_where=sa.text("confirmed_by IS NOT NULL AND paid_minor > 0"),
    )
    op.add_column(
        "receivables",
        sa.Column("excess", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.alter_column("receivables", "excess", server_default=None)
    op.drop_constraint(op.f(_ONCE), "receivables", type_="unique")
    op.create_unique_constraint(
        op.f(f"{_ONCE}_excess"), "receivables", ["payment_id", "attempt", "excess"]
    )


def downgrade() -> None:
    # Fails where an attempt is owed back both whole and in excess: the older books have no place for that.
    op.drop_constraint(op.f(f"{_ONCE}_excess"), "receivables", type_="unique")
    op.create_unique_constraint(op.f(_ONCE), "receivables", ["payment_id", "attempt"])
    op.drop_column("receivables", "excess")
    op.drop_table("amount_findings")
