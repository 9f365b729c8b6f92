"""Whoever joined another household before suspensions followed was seen to by hand.

Revision ID: 0039
Revises: 0038
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0039"
down_revision: str | None = "0038"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


_ARRIVALS = "('joined', 'returned')"


def upgrade() -> None:
    # Whoever resumed a household since, or let it take somebody in, must not find it stopped.
    op.execute(
        "INSERT INTO followed_changes SELECT id, to_timestamp(0) FROM household_changes"
        f" WHERE kind IN {_ARRIVALS}"
    )


def downgrade() -> None:
    op.execute(
        "DELETE FROM followed_changes WHERE change_id IN"
        f" (SELECT id FROM household_changes WHERE kind IN {_ARRIVALS})"
    )
