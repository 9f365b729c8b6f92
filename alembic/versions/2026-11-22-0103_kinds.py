"""Grants, top-ups and what a household's payments depend on.

Revision ID: 0010
Revises: 0009
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_CODE = "~ '^[a-z0-9][a-z0-9_-]{1,39}$'"


def upgrade() -> None:
    op.create_table(
        "decided_facts",
        sa.Column("cycle_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("cycle_id", "number", name=op.f("pk_decided_facts")),
    )
    op.add_column("eligibility_decisions", sa.Column("facts_number", sa.BigInteger()))
    op.add_column(
        "entitlements",
        sa.Column("once", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_index(
        "uq_entitlements_once",
        "entitlements",
        ["programme_id", "household_id", "component"],
        unique=True,
        postgresql_where=sa.text("once"),
    )
    op.create_table(
        "household_needs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("members", sa.BigInteger(), nullable=False),
        sa.Column("noted_on", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("noted_by", sa.Uuid(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("members BETWEEN 0 AND 60", name=op.f("ck_household_needs_members")),
        sa.CheckConstraint("key <> ''", name=op.f("ck_household_needs_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_needs")),
    )
    op.create_index(op.f("ix_household_needs_household_id"), "household_needs", ["household_id"])
    op.create_table(
        "enrolments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("noted_by", sa.Uuid(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_enrolments_days")),
        _of_programme("enrolments"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
    )
    _by_household("enrolments")
    op.create_table(
        "suspensions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("suspended_by", sa.Uuid(), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resumes_on", sa.Date(), nullable=True),
        sa.Column("was_wrong", sa.Boolean(), nullable=True),
        sa.Column("resumed_because", sa.Text(), nullable=True),
        sa.Column("resumed_by", sa.Uuid(), nullable=True),
        sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("resumes_on >= begins_on", name=op.f("ck_suspensions_days")),
        sa.CheckConstraint(
            "num_nulls(resumes_on, was_wrong, resumed_because, resumed_at) IN (0, 4)",
            name=op.f("ck_suspensions_resumed_whole"),
        ),
        _of_programme("suspensions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suspensions")),
    )
    _by_household("suspensions")
    op.create_index(
        "uq_suspensions_open",
        "suspensions",
        ["programme_id", "household_id"],
        unique=True,
        postgresql_where=sa.text("resumes_on IS NULL"),
    )
    op.create_table(
        "arrears_paid",
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("cycle_id", sa.Uuid(), nullable=False),
        _of_programme("arrears_paid"),
        sa.PrimaryKeyConstraint(
            "programme_id", "household_id", "period", name=op.f("pk_arrears_paid")
        ),
    )
    op.create_index(op.f("ix_arrears_paid_cycle_id"), "arrears_paid", ["cycle_id"])
    op.create_table(
        "conditions_met",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("noted_by", sa.Uuid(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.CheckConstraint(f"condition {_CODE}", name=op.f("ck_conditions_met_condition")),
        sa.CheckConstraint(
            "decision IN ('confirmed', 'refused')", name=op.f("ck_conditions_met_decision")
        ),
        sa.CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)",
            name=op.f("ck_conditions_met_decided_whole"),
        ),
        sa.CheckConstraint("decided_by <> noted_by", name=op.f("ck_conditions_met_two_people")),
        _of_programme("conditions_met"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conditions_met")),
    )
    op.create_index(
        "uq_conditions_met_once",
        "conditions_met",
        ["programme_id", "household_id", "condition"],
        unique=True,
        postgresql_where=sa.text("decision IS DISTINCT FROM 'refused'"),
    )
    op.drop_constraint(op.f("ck_cycles_period"), "cycles", type_="check")
    op.create_check_constraint(op.f("ck_cycles_period"), "cycles", f"period ~ '{_PERIOD}'")


_PERIOD = "^[0-9]{4}-([0-9]{2}|Q[1-4]|W[0-9]{2})$"


def _of_programme(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["programme_id"], ["programmes.id"], name=op.f(f"fk_{table}_programme_id_programmes")
    )


def _by_household(table: str) -> None:
    name = op.f(f"ix_{table}_programme_id_household_id")
    op.create_index(name, table, ["programme_id", "household_id"])


def downgrade() -> None:
    op.drop_constraint(op.f("ck_cycles_period"), "cycles", type_="check")
    op.create_check_constraint(op.f("ck_cycles_period"), "cycles", "period ~ '^[0-9]{4}-[0-9]{2}$'")
    for table in (
        "conditions_met",
        "arrears_paid",
        "suspensions",
        "enrolments",
        "household_needs",
        "decided_facts",
    ):
        op.drop_table(table)
    op.drop_index("uq_entitlements_once", table_name="entitlements")
    op.drop_column("entitlements", "once")
    op.drop_column("eligibility_decisions", "facts_number")
