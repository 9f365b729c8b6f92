"""What providers gave back of money that they had taken early: found without reading all transfers.

Revision ID: 0041
Revises: 0040
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0041"
down_revision: str | None = "0040"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(
        "ix_transfers_credited_back",
        "transfers",
        ["source_id", "attempt"],
        postgresql_where=sa.text("entry = 'credited_back'"),
    )


def downgrade() -> None:
    op.drop_index("ix_transfers_credited_back", table_name="transfers")
