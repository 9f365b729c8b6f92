"""A control is waived by two people, for a time, and every report says so.

Revision ID: 0022
Revises: 0021
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _references(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name)


def upgrade() -> None:
    op.add_column(
        "approval_policies",
        sa.Column("controls", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    )
    op.create_table(
        "waivers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("control", sa.Text(), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("period", sa.Text(), nullable=True),
        sa.Column("concerns", postgresql.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("at_most", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("risk_owner_id", sa.Uuid(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_waivers_days")),
        sa.CheckConstraint("last_day - first_day < 30", name=op.f("ck_waivers_not_for_long")),
        sa.CheckConstraint("at_most >= 0", name=op.f("ck_waivers_possible_limit")),
        _references("waivers", "programme_id", "programmes"),
        _references("waivers", "run_id", "payment_runs"),
        _references("waivers", "risk_owner_id", "users"),
        _references("waivers", "asked_by", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waivers")),
        sa.UniqueConstraint("number", name=op.f("uq_waivers_number")),
        sa.UniqueConstraint("id", "asked_by", name=op.f("uq_waivers_id_asked_by")),
    )
    op.create_table(
        "waiver_decisions",
        sa.Column("waiver_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "what IN ('granted', 'refused', 'revoked')", name=op.f("ck_waiver_decisions_what")
        ),
        sa.CheckConstraint(
            "what <> 'granted' OR by_id <> asked_by", name=op.f("ck_waiver_decisions_two_people")
        ),
        sa.ForeignKeyConstraint(
            ["waiver_id", "asked_by"],
            ["waivers.id", "waivers.asked_by"],
            name=op.f("fk_waiver_decisions_waiver_id_asked_by_waivers"),
        ),
        _references("waiver_decisions", "by_id", "users"),
        sa.PrimaryKeyConstraint("waiver_id", "what", name=op.f("pk_waiver_decisions")),
    )
    op.create_index(
        "uq_waiver_decisions_answer",
        "waiver_decisions",
        ["waiver_id"],
        unique=True,
        postgresql_where=sa.text("what IN ('granted', 'refused')"),
    )
    op.create_table(
        "control_checks",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        _references("control_checks", "run_id", "payment_runs"),
        sa.PrimaryKeyConstraint("run_id", "revision", "step", name=op.f("pk_control_checks")),
    )
    op.create_table(
        "list_openings",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("list", sa.Text(), nullable=False),
        sa.Column("shown", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        _references("list_openings", "user_id", "users"),
        sa.PrimaryKeyConstraint("run_id", "user_id", "list", "shown", name=op.f("pk_list_openings")),
    )


def downgrade() -> None:
    # Whatever was waived is forgotten: the older books have no place for it.
    for table in ("list_openings", "control_checks", "waiver_decisions", "waivers"):
        op.drop_table(table)
    op.drop_column("approval_policies", "controls")
