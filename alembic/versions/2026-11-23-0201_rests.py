"""What a payment had taken less and took after all: found without reading all transfers.

Revision ID: 0043
Revises: 0042
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0043"
down_revision: str | None = "0042"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(
        "ix_transfers_rests",
        "transfers",
        ["payment_id", "attempt"],
        postgresql_where=sa.text("entry IN ('rest_delivered', 'rest_mistaken')"),
    )


def downgrade() -> None:
    op.drop_index("ix_transfers_rests", table_name="transfers")
