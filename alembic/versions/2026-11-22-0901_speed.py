"""Pages of payments with room for what becomes of them; one index less for texts, and one that leaves out what has no name.

Revision ID: 0037
Revises: 0036
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0037"
down_revision: str | None = "0036"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAMED = "uq_attempts_provider_provider_reference"


def upgrade() -> None:
    # For runs from now on: what is there stays as it lies.
    op.execute("ALTER TABLE payments SET (fillfactor = 48)")
    op.drop_index("ix_messages_waiting_code", table_name="messages")
    op.drop_constraint(_NAMED, "attempts", type_="unique")
    op.create_index(
        _NAMED, "attempts", ["provider", "provider_reference"], unique=True,
        postgresql_where=sa.text("provider_reference IS NOT NULL"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index(_NAMED, table_name="attempts")
    op.create_unique_constraint(_NAMED, "attempts", ["provider", "provider_reference"])
    op.create_index(
        "ix_messages_waiting_code", "messages", ["code_issue_id"], postgresql_where=sa.text("waiting")
    )  # fmt: skip
    op.execute("ALTER TABLE payments SET (fillfactor = 60)")
