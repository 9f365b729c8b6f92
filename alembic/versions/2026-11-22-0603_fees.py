"""What providers charge is expected by a tariff, set aside, booked and compared.

Revision ID: 0018
Revises: 0017
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_OF_A_TARIFF = ["tariffs.provider", "tariffs.currency", "tariffs.version"]


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "tariffs",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        _instant("proposed_at"),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        _instant("accepted_at", nullable=True),
        sa.CheckConstraint("version > 0", name=op.f("ck_tariffs_version")),
        sa.CheckConstraint("accepted_by <> proposed_by", name=op.f("ck_tariffs_two_people")),
        sa.CheckConstraint(
            "(accepted_by IS NULL) = (accepted_at IS NULL)", name=op.f("ck_tariffs_accepted_whole")
        ),
        *(
            sa.ForeignKeyConstraint([who], ["users.id"], name=op.f(f"fk_tariffs_{who}"))
            for who in ("proposed_by", "accepted_by")
        ),
        sa.PrimaryKeyConstraint("provider", "currency", "version", name=op.f("pk_tariffs")),
    )
    op.create_table(
        "run_fees",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("tariff_version", sa.BigInteger(), nullable=False),
        sa.Column("payment_count", sa.BigInteger(), nullable=False),
        sa.Column("fees_minor", sa.BigInteger(), nullable=False),
        sa.Column("billed_within_days", sa.BigInteger(), nullable=False),
        _instant("made_at"),
        sa.CheckConstraint(
            "payment_count > 0 AND fees_minor >= 0", name=op.f("ck_run_fees_amounts")
        ),
        sa.CheckConstraint("billed_within_days >= 0", name=op.f("ck_run_fees_days")),
        sa.ForeignKeyConstraint(["run_id"], ["payment_runs.id"], name=op.f("fk_run_fees_run_id")),
        sa.ForeignKeyConstraint(
            ["provider", "currency", "tariff_version"], _OF_A_TARIFF,
            name=op.f("fk_run_fees_provider_currency_tariff_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_fees")),
        sa.UniqueConstraint("run_id", "revision", "provider", name=op.f("uq_run_fees_run_id_revision_provider")),
    )  # fmt: skip
    op.create_table(
        "reserve_releases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        _instant("released_at"),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_reserve_releases_amount_positive")),
        sa.CheckConstraint(
            "because IN ('called_off', 'closed', 'overdue')",
            name=op.f("ck_reserve_releases_because"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["payment_runs.id"], name=op.f("fk_reserve_releases_run_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reserve_releases")),
    )
    op.create_index(op.f("ix_reserve_releases_run_id"), "reserve_releases", ["run_id"])
    op.create_table(
        "fee_charges",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("fund_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("tariff_version", sa.BigInteger(), nullable=False),
        sa.Column("charged_minor", sa.BigInteger(), nullable=False),
        sa.Column("expected_minor", sa.BigInteger(), nullable=False),
        sa.Column("reserved_minor", sa.BigInteger(), nullable=False),
        sa.Column("value_date", sa.Date(), nullable=False),
        _instant("booked_at"),
        sa.CheckConstraint(
            "charged_minor > 0 AND expected_minor >= 0", name=op.f("ck_fee_charges_amounts")
        ),
        sa.CheckConstraint(
            "reserved_minor BETWEEN 0 AND least(charged_minor, expected_minor)",
            name=op.f("ck_fee_charges_reserved"),
        ),
        sa.ForeignKeyConstraint(
            ["provider", "currency", "tariff_version"], _OF_A_TARIFF,
            name=op.f("fk_fee_charges_provider_currency_tariff_version"),
        ),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_fee_charges")),
    )  # fmt: skip
    op.create_index(op.f("ix_fee_charges_payment_id"), "fee_charges", ["payment_id"])
    op.create_index(
        op.f("ix_fee_charges_provider_value_date"), "fee_charges", ["provider", "value_date"]
    )
    op.create_index(
        "ix_statement_lines_fees",
        "statement_lines",
        ["provider", "value_date"],
        postgresql_where=sa.text("kind = 'fee'"),
    )


def downgrade() -> None:
    op.drop_index("ix_statement_lines_fees", table_name="statement_lines")
    for table in ("fee_charges", "reserve_releases", "run_fees", "tariffs"):
        op.drop_table(table)
