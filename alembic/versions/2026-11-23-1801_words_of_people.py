"""Words about people are sealed: appeals, remarks on referrals. The worker seals older ones, because that needs the keys.

Revision ID: 0050
Revises: 0047
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0050"
down_revision: str | None = "0047"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_WORDS = (("appeals", "says"), ("appeals", "answer"), ("referrals", "remark"))


def upgrade() -> None:
    # What the household was told stood a second time as the reason of the assessment that came of it.
    op.execute(
        "UPDATE assessments SET reason = source WHERE reason IS NOT NULL AND source LIKE 'appeal %'"
        " AND EXISTS (SELECT FROM appeals p WHERE p.reassessment_id = assessments.id)"
    )
    op.add_column("appeals", sa.Column("person_id", sa.Uuid(), nullable=True))
    # A remark whose referral has no words any more was kept too long.
    op.execute("UPDATE referrals SET remark = NULL WHERE data_key IS NULL")
    for table, column in _WORDS:
        op.execute(
            f"ALTER TABLE {table} ALTER {column} TYPE bytea USING convert_to({column}, 'UTF8')"
        )


def downgrade() -> None:
    # Sealed words are lost; they cannot be opened here.
    for table, column in _WORDS:
        op.execute(
            f"ALTER TABLE {table} ALTER {column} TYPE text USING CASE WHEN {column} IS NOT NULL THEN '' END"
        )
    op.drop_column("appeals", "person_id")
