"""What a provider gave us to ask by is kept with the attempt, so that a restart forgets no question.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("ticket", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("attempts", "ticket")
