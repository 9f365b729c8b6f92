"""A calendar month is closed by two people, with what the books held on its last day; nothing is booked into it then.

Revision ID: 0015
Revises: 0014
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0015"
down_revision = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_PEOPLE = ("proposed_by", "confirmed_by", "reopen_asked_by", "reopened_by")
_CHECKS = {
    "first_day": "extract(day FROM month) = 1",
    "two_people": "confirmed_by <> proposed_by",
    "confirmed_whole": "(confirmed_by IS NULL) = (confirmed_at IS NULL)",
    "asked_whole": "num_nulls(reopen_reason, reopen_asked_by, reopen_asked_at) IN (0, 3)",
    "asked_of_closed": "reopen_asked_at IS NULL OR confirmed_at IS NOT NULL",
    "reopened_whole": "(reopened_by IS NULL) = (reopened_at IS NULL)",
    "reopened_by_two": "reopened_at IS NULL OR reopen_asked_by <> reopened_by",
}


def upgrade() -> None:
    op.create_table(
        "month_closes",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopen_reason", sa.Text(), nullable=True),
        sa.Column("reopen_asked_by", sa.Uuid(), nullable=True),
        sa.Column("reopen_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopened_by", sa.Uuid(), nullable=True),
        sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_month_closes_{name}"))
            for name, rule in _CHECKS.items()
        ),
        *(
            sa.ForeignKeyConstraint([who], ["users.id"], name=op.f(f"fk_month_closes_{who}"))
            for who in _PEOPLE
        ),
        sa.PrimaryKeyConstraint("month", "number", name=op.f("pk_month_closes")),
    )
    op.create_index(
        "uq_month_closes_standing",
        "month_closes",
        ["month"],
        unique=True,
        postgresql_where=sa.text("confirmed_at IS NOT NULL AND reopened_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("month_closes")
