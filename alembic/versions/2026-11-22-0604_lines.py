"""What a statement moved and nobody can explain yet stands in suspense.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0019"
down_revision: str | None = "0018"

_WHEN = sa.DateTime(timezone=True)
_ONCE = "uq_matches_payment_id_attempt_kind"


def upgrade() -> None:
    op.create_table(
        "suspended_lines",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("effect_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("since", _WHEN, nullable=False),
        sa.Column("ended_at", _WHEN, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint("effect_minor <> 0", name=op.f("ck_suspended_lines_moves_something")),
        sa.CheckConstraint("number > 0", name=op.f("ck_suspended_lines_number")),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("ck_suspended_lines_ended_whole")
        ),
        sa.PrimaryKeyConstraint("line_id", "number", name=op.f("pk_suspended_lines")),
    )
    still_open = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_suspended_lines_open", "suspended_lines", ["line_id"], unique=True, postgresql_where=still_open
    )  # fmt: skip
    op.create_index(
        "ix_suspended_lines_open", "suspended_lines", ["provider"], postgresql_where=still_open
    )
    _withdrawals()
    _line_findings()
    _undone_matches()


def _undone_matches() -> None:
    for name in ("undone", "again"):
        op.add_column(
            "matches", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        )
        op.alter_column("matches", name, server_default=None)
    op.drop_constraint(op.f("pk_matches"), "matches", type_="primary")
    op.create_primary_key(op.f("pk_matches"), "matches", ["line_id", "undone"])
    op.drop_constraint(op.f(_ONCE), "matches", type_="unique")
    op.create_unique_constraint(
        op.f(f"{_ONCE}_again"), "matches", ["payment_id", "attempt", "kind", "again"]
    )
    op.create_table(
        "undone_matches",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("undone", sa.BigInteger(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("undone_at", _WHEN, nullable=False),
        sa.UniqueConstraint("finding_id", name=op.f("uq_undone_matches_finding_id")),
        sa.PrimaryKeyConstraint("line_id", "undone", name=op.f("pk_undone_matches")),
    )
    # Each file with a line that nothing explains is compared anew, so that the line comes to suspense.
    op.execute(
        "UPDATE statement_files SET reconciled_at = NULL WHERE id IN (SELECT l.statement_id FROM statement_lines l"
        " WHERE NOT EXISTS (SELECT 1 FROM matches m WHERE m.line_id = l.id))"
    )


def _two_people(table: str) -> list[sa.Constraint]:
    return [
        sa.CheckConstraint(
            "(confirmed_by IS NULL) = (confirmed_at IS NULL)",
            name=op.f(f"ck_{table}_confirmed_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["confirmed_by"], ["users.id"], name=op.f(f"fk_{table}_confirmed_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _withdrawals() -> None:
    op.create_table(
        "withdrawals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payment_count", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", _WHEN, nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", _WHEN, nullable=True),
        sa.CheckConstraint("payment_count > 0", name=op.f("ck_withdrawals_has_payments")),
        sa.CheckConstraint("confirmed_by <> proposed_by", name=op.f("ck_withdrawals_two_people")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["payment_runs.id"], name=op.f("fk_withdrawals_run_id_payment_runs")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["users.id"], name=op.f("fk_withdrawals_proposed_by_users")
        ),
        *_two_people("withdrawals"),
    )
    op.create_index(op.f("ix_withdrawals_run_id"), "withdrawals", ["run_id"])


def _line_findings() -> None:
    op.create_table(
        "line_findings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("attempt", sa.BigInteger(), nullable=True),
        sa.Column("other_line_id", sa.Uuid(), nullable=True),
        sa.Column("transfer_id", sa.BigInteger(), nullable=True),
        sa.Column("programme_id", sa.Uuid(), nullable=True),
        sa.Column("fund_id", sa.Uuid(), nullable=True),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("reported_by", sa.Uuid(), nullable=False),
        sa.Column("reported_at", _WHEN, nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", _WHEN, nullable=True),
        sa.CheckConstraint("confirmed_by <> reported_by", name=op.f("ck_line_findings_two_people")),
        sa.CheckConstraint(
            "(verdict IN ('attempt', 'unmatched')) = (payment_id IS NOT NULL AND attempt IS NOT NULL)"
            " AND (verdict = 'booked') = (transfer_id IS NOT NULL)"
            " AND (verdict = 'opposite') = (other_line_id IS NOT NULL)"
            " AND (verdict = 'lost') = (programme_id IS NOT NULL AND fund_id IS NOT NULL)",
            name=op.f("ck_line_findings_says_which"),
        ),
        sa.CheckConstraint(
            "verdict IN ('attempt', 'booked', 'opposite', 'not_ours', 'refunded', 'lost', 'unmatched')",
            name=op.f("ck_line_findings_verdict"),
        ),
        sa.ForeignKeyConstraint(
            ["line_id"], ["statement_lines.id"], name=op.f("fk_line_findings_line_id_statement_lines")
        ),
        sa.ForeignKeyConstraint(
            ["reported_by"], ["users.id"], name=op.f("fk_line_findings_reported_by_users")
        ),
        *_two_people("line_findings"),
    )  # fmt: skip
    confirmed = "confirmed_by IS NOT NULL AND"
    op.create_index(
        "uq_line_findings_confirmed", "line_findings", ["line_id"], unique=True,
        postgresql_where=sa.text(f"{confirmed} verdict NOT IN ('attempt', 'not_ours', 'unmatched')"),
    )  # fmt: skip
    op.create_index("ix_line_findings_line_id", "line_findings", ["line_id"])
    op.create_index(
        "uq_line_findings_booked", "line_findings", ["transfer_id"], unique=True,
        postgresql_where=sa.text(f"{confirmed} transfer_id IS NOT NULL"),
    )  # fmt: skip


def downgrade() -> None:
    # Fails where a line or an attempt was matched anew: the older books have no place for that.
    op.drop_table("undone_matches")
    op.drop_constraint(op.f(f"{_ONCE}_again"), "matches", type_="unique")
    op.create_unique_constraint(op.f(_ONCE), "matches", ["payment_id", "attempt", "kind"])
    op.drop_constraint(op.f("pk_matches"), "matches", type_="primary")
    op.create_primary_key(op.f("pk_matches"), "matches", ["line_id"])
    op.drop_column("matches", "again")
    op.drop_column("matches", "undone")
    op.drop_table("line_findings")
    op.drop_table("withdrawals")
    op.drop_table("suspended_lines")
