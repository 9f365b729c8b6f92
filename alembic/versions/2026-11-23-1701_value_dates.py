"""What moved at the bank before it was booked takes effect on the day that its paper says.

Revision ID: 0047
Revises: 0046
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0047"
down_revision: str | None = "0046"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_CHECKS = (
    ("fund_requests", "when_it_came_back", "value_date IS NULL OR kind IN ('recovery', 'bank_recovery')"),
    ("fx_deals", "dealt_before", "value_date >= dealt_on"),
)


def upgrade() -> None:
    for table in ("fund_movements", "fund_requests", "fx_deals"):
        op.add_column(table, sa.Column("value_date", sa.Date(), nullable=True))
    # Until now everything took effect on the day on which it was booked, as its transfers say.
    op.execute(
        "UPDATE fund_movements m SET value_date ="
        " coalesce((SELECT min(t.effective_on) FROM transfers t WHERE t.source_id = m.id), m.recorded_at::date)"
    )
    op.alter_column("fund_movements", "value_date", nullable=False)
    for table, name, rule in _CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def downgrade() -> None:
    # The days of papers are lost; the transfers keep those on which they took effect.
    for table, name, _ in _CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
    for table in ("fund_movements", "fund_requests", "fx_deals"):
        op.drop_column(table, "value_date")
