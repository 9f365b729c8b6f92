"""A programme draws on several funds, each with its purpose, its eligibility and its place in the order.

Revision ID: 0016
Revises: 0015
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KINDS = "kind IN ('receipt', 'allocation', 'prefunding', 'return', 'reallocation', 'refund')"
_FORMER_KINDS = "kind IN ('receipt', 'allocation', 'prefunding')"
_KIND = "ck_fund_movements_kind"
_CHECKS = {
    "amount_positive": "amount_minor > 0",
    "from_and_to": (
        "CASE kind WHEN 'return' THEN from_programme_id IS NOT NULL AND to_programme_id IS NULL"
        " WHEN 'reallocation' THEN from_programme_id IS NOT NULL AND to_programme_id IS NOT NULL"
        " AND from_programme_id <> to_programme_id"
        " WHEN 'refund' THEN num_nonnulls(from_programme_id, to_programme_id) = 0 ELSE false END"
    ),
    "decided_whole": "num_nulls(decision, decided_by, decided_at) IN (0, 3)",
    "two_people": "decision <> 'confirmed' OR decided_by <> asked_by",
    "refused_with_reason": "decision <> 'refused' OR remark IS NOT NULL",
}


def _one_of(*words: str, name: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=30)


def upgrade() -> None:
    op.create_table(
        "programme_funds",
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("fund_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programmes.id"], name=op.f("fk_programme_funds_programme_id_programmes")
        ),
        sa.ForeignKeyConstraint(["fund_id"], ["funds.id"], name=op.f("fk_programme_funds_fund_id_funds")),
        sa.PrimaryKeyConstraint("programme_id", "fund_id", name=op.f("pk_programme_funds")),
    )  # fmt: skip
    op.execute(
        "INSERT INTO programme_funds (programme_id, fund_id, since) SELECT id, fund_id, created_at FROM programmes"
    )
    op.create_table(
        "run_fundings",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["payment_runs.id"], name=op.f("fk_run_fundings_run_id_payment_runs")
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_fundings")),
    )
    op.create_table(
        "fund_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("kind", _one_of("return", "reallocation", "refund", name="requestkind"), nullable=False),
        sa.Column("fund_id", sa.Uuid(), nullable=False),
        sa.Column("from_programme_id", sa.Uuid(), nullable=True),
        sa.Column("to_programme_id", sa.Uuid(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", _one_of("confirmed", "refused", name="decision"), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_fund_requests_{name}")) for name, rule in _CHECKS.items()),
        sa.ForeignKeyConstraint(["fund_id"], ["funds.id"], name=op.f("fk_fund_requests_fund_id_funds")),
        *(
            sa.ForeignKeyConstraint([who], ["users.id"], name=op.f(f"fk_fund_requests_{who}_users"))
            for who in ("asked_by", "decided_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fund_requests")),
        sa.UniqueConstraint("number", name=op.f("uq_fund_requests_number")),
    )  # fmt: skip
    op.create_index(
        "uq_fund_requests_reference", "fund_requests", ["kind", "reference"], unique=True,
        postgresql_where=sa.text("decision IS DISTINCT FROM 'refused'"),
    )  # fmt: skip
    op.drop_constraint(op.f(_KIND), "fund_movements", type_="check")
    op.create_check_constraint(op.f(_KIND), "fund_movements", _KINDS)


def downgrade() -> None:
    # Fails where money was moved back or refunded: the older books have no word for it.
    op.drop_constraint(op.f(_KIND), "fund_movements", type_="check")
    op.create_check_constraint(op.f(_KIND), "fund_movements", _FORMER_KINDS)
    op.drop_table("fund_requests")
    op.drop_table("run_fundings")
    op.drop_table("programme_funds")
