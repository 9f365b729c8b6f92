"""Who may be the same person: keys to find pairs by, and pairs to be decided.

Revision ID: 0026
Revises: 0025
"""

from collections.abc import Sequence

revision: str = "0026"
down_revision: str | None = "0025"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
