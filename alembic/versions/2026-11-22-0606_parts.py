"""A payment can be handed over in parts, and a cycle can owe a top-up.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0021"
down_revision: str | None = "0020"


_BEFORE = (
    "ready", "sending", "accepted", "paid", "failed", "unknown", "disputed", "returned", "expired", "cancelled",
)  # fmt: skip


def _states(states: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_payments_paymentstate"), "payments", type_="check")
    known = ", ".join(f"'{state}'" for state in states)
    op.create_check_constraint(op.f("ck_payments_paymentstate"), "payments", f"state IN ({known})")


def upgrade() -> None:
    _states((*_BEFORE, "partly_paid"))
    op.add_column(
        "payments",
        sa.Column("parts_minor", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
    )
    op.create_check_constraint(
        op.f("ck_payments_parts_leave_a_rest"),
        "payments",
        "parts_minor >= 0 AND parts_minor < amount_minor",
    )
    op.create_index(
        "ix_payments_in_parts",
        "payments",
        ["entitlement_id"],
        postgresql_where=sa.text("parts_minor > 0"),
    )
    op.create_table(
        "payment_parts",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("before_minor", sa.BigInteger(), nullable=False),
        sa.Column("owed_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "amount_minor > 0 AND before_minor >= 0", name=op.f("ck_payment_parts_amount_positive")
        ),
        sa.CheckConstraint(
            "before_minor + amount_minor < owed_minor", name=op.f("ck_payment_parts_leaves_a_rest")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_payment_parts_payment_id_payments")
        ),
        sa.PrimaryKeyConstraint("payment_id", "attempt", name=op.f("pk_payment_parts")),
        sa.UniqueConstraint(
            "payment_id", "before_minor", name=op.f("uq_payment_parts_payment_id_before_minor")
        ),
    )
    _top_ups()


def _top_ups() -> None:
    op.add_column("entitlements", sa.Column("top_up_id", sa.Uuid(), nullable=True))
    op.add_column("payment_runs", sa.Column("top_up_id", sa.Uuid(), nullable=True))
    op.create_table(
        "top_ups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("cycle_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("households", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.CheckConstraint("number > 0", name=op.f("ck_top_ups_number")),
        sa.CheckConstraint("basis IN ('list', 'rules')", name=op.f("ck_top_ups_basis")),
        sa.CheckConstraint(
            "households > 0 AND total_minor > 0", name=op.f("ck_top_ups_pays_somebody")
        ),
        sa.CheckConstraint("decision IN ('accepted', 'refused')", name=op.f("ck_top_ups_decision")),
        sa.CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)",
            name=op.f("ck_top_ups_decided_whole"),
        ),
        sa.CheckConstraint(
            "(decision = 'refused') = (remark IS NOT NULL)",
            name=op.f("ck_top_ups_refused_with_a_reason"),
        ),
        sa.CheckConstraint(
            "decision <> 'accepted' OR decided_by <> proposed_by",
            name=op.f("ck_top_ups_two_people"),
        ),
        sa.ForeignKeyConstraint(
            ["cycle_id"], ["cycles.id"], name=op.f("fk_top_ups_cycle_id_cycles")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["users.id"], name=op.f("fk_top_ups_proposed_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["users.id"], name=op.f("fk_top_ups_decided_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_top_ups")),
        sa.UniqueConstraint("cycle_id", "number", name=op.f("uq_top_ups_cycle_id_number")),
    )
    for name, column in (("uq_top_ups_rows", "digest"), ("uq_top_ups_reference", "reference")):
        op.create_index(
            name,
            "top_ups",
            ["cycle_id", column],
            unique=True,
            postgresql_where=sa.text("decision IS DISTINCT FROM 'refused'"),
        )
    op.create_table(
        "top_up_rows",
        sa.Column("top_up_id", sa.Uuid(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("before_minor", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "amount_minor > 0 AND before_minor > 0", name=op.f("ck_top_up_rows_amount_positive")
        ),
        sa.PrimaryKeyConstraint("top_up_id", "household_id", name=op.f("pk_top_up_rows")),
    )


def downgrade() -> None:
    # Without the parts every payment would be payable whole once more, what was handed over of it included.
    if op.get_bind().scalar(sa.text("SELECT EXISTS (SELECT FROM payment_parts)")):
        raise RuntimeError(
            "Payments were handed over in parts here, and before revision 0021 they would be paid whole again."
            " Restore a backup of before instead."
        )
    op.drop_table("top_up_rows")
    op.drop_table("top_ups")
    op.drop_column("payment_runs", "top_up_id")
    op.drop_column("entitlements", "top_up_id")
    op.drop_table("payment_parts")
    op.drop_index("ix_payments_in_parts", table_name="payments")
    op.drop_constraint(op.f("ck_payments_parts_leave_a_rest"), "payments", type_="check")
    op.drop_column("payments", "parts_minor")
    _states(_BEFORE)
