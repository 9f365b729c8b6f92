"""The token of the first administrator; what the front page looks up by day and by what still waits.

Revision ID: 0003
Revises: 0002
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "set_up_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_set_up_tokens")),
    )
    op.create_index("ix_transfers_days", "transfers", ["effective_on"], postgresql_using="brin")
    op.create_index(
        "ix_inbound_callbacks_waiting",
        "inbound_callbacks",
        ["provider", "received_at"],
        postgresql_where=sa.text("handled_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_inbound_callbacks_waiting", table_name="inbound_callbacks")
    op.drop_index("ix_transfers_days", table_name="transfers")
    op.drop_table("set_up_tokens")
