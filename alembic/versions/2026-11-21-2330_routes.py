"""A run goes out by several routes; a payment says what its provider may have heard of; two people find it unpaid.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("persons", sa.Column("prefers", sa.Text(), nullable=True))
    op.create_check_constraint("prefers", "persons", "prefers ~ '^[a-z_]+$'")
    op.add_column(
        "payments", sa.Column("heard_of", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.alter_column("payments", "heard_of", server_default=None)
    # Until now nothing said what had been handed to the provider: everything that was begun may have been.
    op.execute("UPDATE payments SET heard_of = attempts WHERE attempts > 0")
    op.create_table(
        "run_routes",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("mechanism", sa.Text(), nullable=False),
        sa.Column("first_number", sa.BigInteger(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("payment_count", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("released_through", sa.BigInteger(), nullable=False),
        sa.Column("refusals", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "first_number BETWEEN 1 AND last_number", name=op.f("ck_run_routes_has_payments")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["payment_runs.id"], name=op.f("fk_run_routes_run_id_payment_runs")
        ),
        sa.PrimaryKeyConstraint("run_id", "provider", name=op.f("pk_run_routes")),
    )
    op.execute(
        "INSERT INTO run_routes (run_id, provider, mechanism, first_number, last_number, payment_count, total_minor,"
        " currency, released_through, refusals)"
        " SELECT r.id, r.provider, min(p.mechanism), min(p.number), max(p.number), r.payment_count, r.total_minor,"
        " r.currency, r.released_through, 0 FROM payment_runs r JOIN payments p ON p.run_id = r.id GROUP BY r.id"
    )
    op.add_column("payment_runs", sa.Column("providers", postgresql.ARRAY(sa.Text())))
    op.execute("UPDATE payment_runs SET providers = ARRAY[provider]")
    op.alter_column("payment_runs", "providers", nullable=False)
    op.drop_column("payment_runs", "provider")
    op.drop_column("payment_runs", "released_through")
    op.create_table(
        "unpaid_findings",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("reported_by", sa.Uuid(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "confirmed_by <> reported_by", name=op.f("ck_unpaid_findings_two_people")
        ),
        sa.CheckConstraint(
            "(confirmed_by IS NULL) = (confirmed_at IS NULL)",
            name=op.f("ck_unpaid_findings_confirmed_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_unpaid_findings_payment_id_payments")
        ),
        sa.ForeignKeyConstraint(
            ["reported_by"], ["users.id"], name=op.f("fk_unpaid_findings_reported_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["users.id"], name=op.f("fk_unpaid_findings_confirmed_by_users")
        ),
        sa.PrimaryKeyConstraint("payment_id", "attempt", name=op.f("pk_unpaid_findings")),
    )


def downgrade() -> None:
    # Possible while every run goes out by one provider only; otherwise the NOT NULL below says no.
    op.drop_table("unpaid_findings")
    op.add_column("payment_runs", sa.Column("released_through", sa.BigInteger(), nullable=True))
    op.add_column("payment_runs", sa.Column("provider", sa.Text(), nullable=True))
    op.execute(
        "UPDATE payment_runs r SET released_through = t.released_through FROM run_routes t WHERE t.run_id = r.id"
    )
    op.execute(
        "UPDATE payment_runs SET provider = providers[1] WHERE cardinality(providers) = 1"
    )
    op.alter_column("payment_runs", "released_through", nullable=False)
    op.alter_column("payment_runs", "provider", nullable=False)
    op.drop_column("payment_runs", "providers")
    op.drop_table("run_routes")
    op.drop_column("payments", "heard_of")
    op.drop_constraint(op.f("ck_persons_prefers"), "persons")
    op.drop_column("persons", "prefers")
