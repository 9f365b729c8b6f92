"""Proposals can be refused with a reason, or taken back, and what was refused can be proposed anew.

Revision ID: 0036
Revises: 0035
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0036"
down_revision: str | None = "0035"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ACCEPTED = {
    "month_closes": "confirmed_by",
    "tariffs": "accepted_by",
    "approval_policies": "accepted_by",
    "amount_findings": "confirmed_by",
    "unpaid_findings": "confirmed_by",
    "line_findings": "confirmed_by",
    "write_offs": "confirmed_by",
    "withdrawals": "confirmed_by",
}
ONCE = {"unpaid_findings": ["payment_id", "attempt"], "write_offs": ["receivable_id"]}


def upgrade() -> None:
    op.create_table(
        "refusals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused_by", sa.Uuid(), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refusals")),
    )
    op.create_index(
        op.f("ix_refusals_proposed_by_refused_at"), "refusals", ["proposed_by", "refused_at"]
    )
    op.create_index(op.f("ix_refusals_kind_key"), "refusals", ["kind", "key"])
    for table, accepted in ACCEPTED.items():
        op.add_column(table, sa.Column("refusal_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(
            op.f(f"fk_{table}_refusal_id_refusals"), table, "refusals", ["refusal_id"], ["id"]
        )
        op.create_check_constraint(
            op.f(f"ck_{table}_refused_or_accepted"),
            table,
            f"refusal_id IS NULL OR {accepted} IS NULL",
        )
    for table, columns in ONCE.items():
        op.drop_constraint(op.f(f"pk_{table}"), table, type_="primary")
        op.add_column(
            table,
            sa.Column(
                "id", sa.Uuid(), nullable=False, server_default=sa.text("gen_random_uuid()")
            ),
        )
        op.alter_column(table, "id", server_default=None)
        op.create_primary_key(op.f(f"pk_{table}"), table, ["id"])
        op.create_index(
            f"uq_{table}_standing",
            table,
            columns,
            unique=True,
            postgresql_where=sa.text("refusal_id IS NULL"),
        )
    op.add_column(
        "work_sheets", sa.Column("refused", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.alter_column("work_sheets", "refused", server_default=None)
    op.create_check_constraint(op.f("ck_work_sheets_refused"), "work_sheets", "refused <= latest")


def downgrade() -> None:
    # What was refused had no effect, and the tables as they were have no place for it.
    for table, columns in ONCE.items():
        op.execute(f"DELETE FROM {table} WHERE refusal_id IS NOT NULL")  # noqa: S608 - our names
        op.drop_index(f"uq_{table}_standing", table_name=table)
        op.drop_constraint(op.f(f"pk_{table}"), table, type_="primary")
        op.drop_column(table, "id")
        op.create_primary_key(op.f(f"pk_{table}"), table, columns)
    op.drop_constraint(op.f("ck_work_sheets_refused"), "work_sheets", type_="check")
    op.drop_column("work_sheets", "refused")
    for table in ACCEPTED:
        op.drop_constraint(op.f(f"ck_{table}_refused_or_accepted"), table, type_="check")
        op.drop_constraint(op.f(f"fk_{table}_refusal_id_refusals"), table, type_="foreignkey")
        op.drop_column(table, "refusal_id")
    op.drop_table("refusals")
