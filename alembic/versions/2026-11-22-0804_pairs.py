"""Pairs that facts changed of, merges that two people undo, documents that two people clear, questions of other agencies.

Revision ID: 0034
Revises: 0033
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0034"
down_revision: str | None = "0033"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


_FINDING = "ck_link_verdicts_finding"
_BEFORE = ("different", "same", "ask_again", "taken_back")
_NOW = (*_BEFORE, "undo_asked", "upheld")
_PROPOSED = ("proposed_by", "proposed_at", "proposed_reason")


def _findings(*words: str) -> None:
    op.drop_constraint(op.f(_FINDING), "link_verdicts", type_="check")
    named = ", ".join(f"'{word}'" for word in words)
    op.create_check_constraint(op.f(_FINDING), "link_verdicts", f"finding IN ({named})")


def upgrade() -> None:
    # Who was here before people were compared at all is due to be, and their counters go on paying meanwhile.
    op.execute(
        "INSERT INTO linked_persons (person_id, rules, linked_at) SELECT id, 0, now() FROM persons"
        " WHERE data_key IS NOT NULL ON CONFLICT DO NOTHING"
    )
    _findings(*_NOW)
    op.add_column("link_pairs", sa.Column("now_per_mille", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_link_pairs_now_per_mille"), "link_pairs", "now_per_mille BETWEEN 0 AND 1000"
    )
    op.add_column("duplicate_flags", sa.Column("proposed_by", sa.Uuid(), nullable=True))
    op.add_column("duplicate_flags", sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("duplicate_flags", sa.Column("proposed_reason", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_duplicate_flags_proposed_whole"), "duplicate_flags",
        "num_nulls(proposed_by, proposed_at, proposed_reason) IN (0, 3)",
    )  # fmt: skip
    op.create_check_constraint(
        op.f("ck_duplicate_flags_two_people"), "duplicate_flags",
        "decision IS DISTINCT FROM 'different' OR proposed_by <> decided_by",
    )  # fmt: skip
    op.create_table(
        "exchange_days",
        sa.Column("key_name", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("lines BETWEEN 0 AND most", name=op.f("ck_exchange_days_bounded")),
        sa.PrimaryKeyConstraint("key_name", "day", name=op.f("pk_exchange_days")),
    )


def downgrade() -> None:
    op.drop_table("exchange_days")
    op.drop_constraint(op.f("ck_duplicate_flags_two_people"), "duplicate_flags", type_="check")
    op.drop_constraint(op.f("ck_duplicate_flags_proposed_whole"), "duplicate_flags", type_="check")
    for column in _PROPOSED:
        op.drop_column("duplicate_flags", column)
    op.drop_constraint(op.f("ck_link_pairs_now_per_mille"), "link_pairs", type_="check")
    op.drop_column("link_pairs", "now_per_mille")
    op.execute("DELETE FROM link_verdicts WHERE finding IN ('undo_asked', 'upheld')")
    _findings(*_BEFORE)
