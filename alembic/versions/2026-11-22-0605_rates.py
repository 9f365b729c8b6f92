"""A transfer value rests on a basket and its market prices, and two people accept a new one; households have bands.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0020"
down_revision: str | None = "0019"

_CODE = "^[a-z0-9][a-z0-9_-]{1,39}$"
_FORMER_PERIODS = "^[0-9]{4}-([0-9]{2}|Q[1-4]|W[0-9]{2})$"
_OWN_DAYS = "|[0-9]{2}-[0-9]{2}--[0-9]{4}-[0-9]{2}-[0-9]{2})$"
_VALUE_CHECKS = {
    "amounts": "base_minor >= 0 AND per_member_minor >= 0 AND base_minor + per_member_minor > 0",
    "decision": "decision IN ('accepted', 'refused')",
    "decided_whole": "num_nulls(decision, decided_by, decided_at) IN (0, 3)",
    "accepted_by_another": "decision = 'refused' OR decided_by <> proposed_by",
    "accepted_is_a_version": "(decision IS NOT DISTINCT FROM 'accepted') = (made_version IS NOT NULL)",
    "refused_with_reason": "(decision IS NOT DISTINCT FROM 'refused') = (reason IS NOT NULL)",
}


def upgrade() -> None:
    op.create_table(
        "basket_versions",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("applied_by", sa.Uuid(), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"code ~ '{_CODE}'", name=op.f("ck_basket_versions_code")),
        sa.CheckConstraint("version > 0", name=op.f("ck_basket_versions_version")),
        sa.PrimaryKeyConstraint("code", "version", name=op.f("pk_basket_versions")),
    )
    op.create_table(
        "price_rounds",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("basket", sa.Text(), nullable=False),
        sa.Column("basket_version", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("latest", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["basket", "basket_version"],
            ["basket_versions.code", "basket_versions.version"],
            name=op.f("fk_price_rounds_basket_basket_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_rounds")),
        sa.UniqueConstraint("basket", "name", name=op.f("uq_price_rounds_basket_name")),
    )
    op.create_table(
        "price_versions",
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("file_digest", sa.LargeBinary(), nullable=False),
        sa.Column("entered_by", sa.Uuid(), nullable=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_price_versions_version")),
        sa.ForeignKeyConstraint(
            ["round_id"], ["price_rounds.id"], name=op.f("fk_price_versions_round_id")
        ),
        sa.PrimaryKeyConstraint("round_id", "version", name=op.f("pk_price_versions")),
    )
    op.create_table(
        "prices",
        sa.Column("round_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("priced_on", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("quotes", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_prices_amount_positive")),
        sa.CheckConstraint("quotes BETWEEN 1 AND 99", name=op.f("ck_prices_quotes")),
        sa.ForeignKeyConstraint(
            ["round_id", "version"],
            ["price_versions.round_id", "price_versions.version"],
            name=op.f("fk_prices_round_id_version"),
        ),
        sa.PrimaryKeyConstraint("round_id", "version", "item", "market", name=op.f("pk_prices")),
    )
    op.create_table(
        "transfer_values",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("programme_version", sa.BigInteger(), nullable=False),
        sa.Column("basket", sa.Text(), nullable=False),
        sa.Column("basket_version", sa.BigInteger(), nullable=False),
        sa.Column("round_id", sa.BigInteger(), nullable=False),
        sa.Column("round_version", sa.BigInteger(), nullable=False),
        sa.Column("base_minor", sa.BigInteger(), nullable=False),
        sa.Column("per_member_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("workings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("made_version", sa.BigInteger(), nullable=True),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_transfer_values_{name}"))
            for name, rule in _VALUE_CHECKS.items()
        ),
        sa.ForeignKeyConstraint(
            ["basket", "basket_version"],
            ["basket_versions.code", "basket_versions.version"],
            name=op.f("fk_transfer_values_basket_basket_version"),
        ),
        sa.ForeignKeyConstraint(
            ["round_id", "round_version"],
            ["price_versions.round_id", "price_versions.version"],
            name=op.f("fk_transfer_values_round_id_round_version"),
        ),
        sa.ForeignKeyConstraint(
            ["programme_id", "programme_version"],
            ["programme_versions.programme_id", "programme_versions.version"],
            name=op.f("fk_transfer_values_programme_id_programme_version"),
        ),
        *(
            sa.ForeignKeyConstraint([who], ["users.id"], name=op.f(f"fk_transfer_values_{who}"))
            for who in ("proposed_by", "decided_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer_values")),
    )
    op.create_index(
        "uq_transfer_values_open",
        "transfer_values",
        ["programme_id"],
        unique=True,
        postgresql_where=sa.text("decision IS NULL"),
    )
    op.create_index(
        "uq_transfer_values_made", "transfer_values", ["programme_id", "made_version"], unique=True
    )
    op.create_table(
        "household_bands",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("scorecard", sa.Text(), nullable=False),
        sa.Column("scorecard_version", sa.BigInteger(), nullable=False),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("assessed_on", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("noted_by", sa.Uuid(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("scorecard <> '' AND band <> ''", name=op.f("ck_household_bands_words")),
        sa.CheckConstraint(
            "scorecard_version > 0", name=op.f("ck_household_bands_scorecard_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_bands")),
    )
    op.create_index(op.f("ix_household_bands_household_id"), "household_bands", ["household_id"])
    op.create_table(
        "working_weeks",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("days", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "cardinality(days) > 0 AND days <@ ARRAY[1, 2, 3, 4, 5, 6, 7]::smallint[]",
            name=op.f("ck_working_weeks_days"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_working_weeks")),
    )
    _allow_periods(_FORMER_PERIODS[:-2] + _OWN_DAYS)


def _allow_periods(pattern: str) -> None:
    op.drop_constraint(op.f("ck_cycles_period"), "cycles", type_="check")
    op.create_check_constraint(op.f("ck_cycles_period"), "cycles", f"period ~ '{pattern}'")


def downgrade() -> None:
    # A cycle of days of its own cannot be kept: nothing before knows how to read its period.
    op.execute("DELETE FROM cycles WHERE period LIKE '%--%'")
    _allow_periods(_FORMER_PERIODS)
    for table in (
        "working_weeks",
        "household_bands",
        "transfer_values",
        "prices",
        "price_versions",
        "price_rounds",
        "basket_versions",
    ):
        op.drop_table(table)
