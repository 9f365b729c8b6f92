"""Money is changed from one currency into another by a deal that two people stand behind.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"

_CHECKS = {
    "reference_rates": {
        "two_currencies": "base <> quote",
        "above_zero": "numerator > 0 AND denominator > 0",
    },
    "fx_deals": {
        "amounts_positive": "sold_minor > 0 AND bought_minor > 0",
        "two_currencies": "sold_currency <> bought_currency",
        "above_zero": "numerator > 0 AND denominator > 0",
    },
}
_TWO_PEOPLE = {
    "two_people": "confirmed_by <> proposed_by",
    "confirmed_whole": "(confirmed_by IS NULL) = (confirmed_at IS NULL)",
    "withdrawn_whole": "(withdrawn_by IS NULL) = (withdrawn_at IS NULL)",
    "confirmed_or_withdrawn": "confirmed_at IS NULL OR withdrawn_at IS NULL",
}
_PEOPLE = ("proposed_by", "confirmed_by", "withdrawn_by")


def upgrade() -> None:
    op.create_table(
        "reference_rates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("base", sa.CHAR(3), nullable=False),
        sa.Column("quote", sa.CHAR(3), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("numerator", sa.BigInteger(), nullable=False),
        sa.Column("denominator", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        *_by_two_people("reference_rates"),
    )
    op.create_index(
        op.f("ix_reference_rates_base_quote_day"),
        "reference_rates",
        ["base", "quote", "day"],
        unique=False,
    )
    op.create_table(
        "fx_deals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("fund_id", sa.Uuid(), nullable=False),
        sa.Column("sold_minor", sa.BigInteger(), nullable=False),
        sa.Column("sold_currency", sa.CHAR(3), nullable=False),
        sa.Column("bought_minor", sa.BigInteger(), nullable=False),
        sa.Column("bought_currency", sa.CHAR(3), nullable=False),
        sa.Column("numerator", sa.BigInteger(), nullable=False),
        sa.Column("denominator", sa.BigInteger(), nullable=False),
        sa.Column("dealt_on", sa.Date(), nullable=False),
        sa.Column("reference_rate_id", sa.Uuid(), nullable=False),
        sa.Column("residual_minor", sa.BigInteger(), nullable=False),
        sa.Column("spread_minor", sa.BigInteger(), nullable=False),
        *_by_two_people("fx_deals"),
        sa.ForeignKeyConstraint(["fund_id"], ["funds.id"], name=op.f("fk_fx_deals_fund_id")),
        sa.ForeignKeyConstraint(
            ["reference_rate_id"],
            ["reference_rates.id"],
            name=op.f("fk_fx_deals_reference_rate_id"),
        ),
    )
    op.create_index(
        "uq_fx_deals_reference",
        "fx_deals",
        ["reference"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )


def _by_two_people(table: str) -> "list[sa.schema.SchemaItem]":
    """Who proposed it, and who confirmed or withdrew it."""
    checks = _CHECKS[table] | _TWO_PEOPLE
    return [
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in checks.items()),
        *(sa.ForeignKeyConstraint([who], ["users.id"], name=op.f(f"fk_{table}_{who}")) for who in _PEOPLE),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]  # fmt: skip


def downgrade() -> None:
    op.drop_table("fx_deals")
    op.drop_table("reference_rates")
