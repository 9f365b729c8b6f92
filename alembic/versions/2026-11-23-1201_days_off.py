"""Days on which an office does not work, as its people say; periods of several months or weeks.

Revision ID: 0045
Revises: 0044
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0045"
down_revision: str | None = "0044"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_FORMER_PERIODS = "^[0-9]{4}-([0-9]{2}|Q[1-4]|W[0-9]{2}|[0-9]{2}-[0-9]{2}--[0-9]{4}-[0-9]{2}-[0-9]{2})$"
_SEVERAL = (
    "^[0-9]{4}-([0-9]{2}(--[0-9]{4}-[0-9]{2})?|Q[1-4]|W[0-9]{2}(--[0-9]{4}-W[0-9]{2})?"
    "|[0-9]{2}-[0-9]{2}--[0-9]{4}-[0-9]{2}-[0-9]{2})$"
)


def upgrade() -> None:
    op.create_table(
        "days_off",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("off", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("said_by", sa.Uuid(), nullable=True),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_days_off")),
    )
    _allow_periods(_SEVERAL)


def _allow_periods(pattern: str) -> None:
    op.drop_constraint(op.f("ck_cycles_period"), "cycles", type_="check")
    op.create_check_constraint(op.f("ck_cycles_period"), "cycles", f"period ~ '{pattern}'")


def downgrade() -> None:
    # A cycle of several months or weeks cannot be kept: nothing before knows how to read its period.
    op.execute(f"DELETE FROM cycles WHERE period !~ '{_FORMER_PERIODS}'")
    _allow_periods(_FORMER_PERIODS)
    op.drop_table("days_off")
