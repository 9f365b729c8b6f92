"""What really happened to money after we had believed otherwise is booked as a fact.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STATES = (
    "ready", "sending", "accepted", "paid", "failed", "unknown", "disputed", "returned", "expired", "cancelled"
)  # fmt: skip
_STATE = "ck_payments_paymentstate"


def _payment_states(*states: str) -> None:
    op.drop_constraint(op.f(_STATE), "payments", type_="check")
    named = ", ".join(f"'{state}'" for state in states)
    op.create_check_constraint(op.f(_STATE), "payments", f"state IN ({named})")


def upgrade() -> None:
    _payment_states(*_STATES)
    op.create_table(
        "receivables",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("entitlement_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "recovered",
                "written_off",
                "delivered",
                name="receivablestate",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_receivables_amount_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receivables")),
        sa.UniqueConstraint(
            "payment_id", "attempt", name=op.f("uq_receivables_payment_id_attempt")
        ),
    )
    op.create_index(
        "ix_receivables_open",
        "receivables",
        ["entitlement_id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "receivable_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("receivable_id", sa.Uuid(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["receivable_id"],
            ["receivables.id"],
            name=op.f("fk_receivable_events_receivable_id_receivables"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receivable_events")),
    )
    op.create_index(
        op.f("ix_receivable_events_receivable_id"),
        "receivable_events",
        ["receivable_id"],
        unique=False,
    )
    op.create_table(
        "write_offs",
        sa.Column("receivable_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("confirmed_by <> proposed_by", name=op.f("ck_write_offs_two_people")),
        sa.CheckConstraint(
            "(confirmed_by IS NULL) = (confirmed_at IS NULL)",
            name=op.f("ck_write_offs_confirmed_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["receivable_id"],
            ["receivables.id"],
            name=op.f("fk_write_offs_receivable_id_receivables"),
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["users.id"], name=op.f("fk_write_offs_proposed_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["users.id"], name=op.f("fk_write_offs_confirmed_by_users")
        ),
        sa.PrimaryKeyConstraint("receivable_id", name=op.f("pk_write_offs")),
    )


def downgrade() -> None:
    op.drop_table("write_offs")
    op.drop_table("receivable_events")
    op.drop_table("receivables")
    # Only a state is lost that says how long nobody has known; its entry in the books stays.
    op.execute("UPDATE payments SET state = 'unknown' WHERE state = 'disputed'")
    _payment_states(*(state for state in _STATES if state != "disputed"))
