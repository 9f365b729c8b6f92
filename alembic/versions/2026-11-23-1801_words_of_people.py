"""Words about people are sealed: appeals, remarks on referrals. The worker seals older ones, because that needs the keys.

Revision ID: 0048
Revises: 0047
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0048"
down_revision: str | None = "0047"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_WORDS = (("appeals", "says"), ("appeals", "answer"), ("referrals", "remark"))

_GONE = "(SELECT person_id FROM erasure_persons WHERE erased_at IS NOT NULL)"
_HOMES = (
    f"(SELECT e.household_id FROM persons e WHERE e.id IN {_GONE} AND NOT EXISTS"
    " (SELECT FROM persons o WHERE o.household_id = e.household_id AND o.data_key IS NOT NULL))"
)
_CHANGES = (
    f"(SELECT change_id FROM changed_persons WHERE person_id IN {_GONE}"
    f" UNION SELECT change_id FROM changed_households WHERE household_id IN {_HOMES})"
)
_ASKED = f"decision IS NOT NULL AND (person_id IN {_GONE} OR household_id IN {_HOMES})"
_STAYED = (
    f"UPDATE household_changes SET reason = '', evidence = NULL WHERE id IN {_CHANGES}",
    "UPDATE refusals SET said = '', reason = '' WHERE kind = 'household' AND key IN"
    f" (SELECT id::text FROM household_requests WHERE {_ASKED})",
    "UPDATE household_requests SET reason = '', evidence = NULL, remark = CASE WHEN remark IS NOT NULL THEN '' END"
    f" WHERE {_ASKED}",
    f"UPDATE guardianships SET reference = '' WHERE child_id IN {_GONE} OR guardian_id IN {_GONE}",
)
"""What stayed so far of people who were erased before."""


def upgrade() -> None:
    for statement in _STAYED:
        op.execute(statement)
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
