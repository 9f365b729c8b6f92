"""Money that is lost with a provider is given up by two people, and taken back into the books if it returns.

Revision ID: 0046
Revises: 0045
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0046"
down_revision: str | None = "0045"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NEW = ("write_off", "recovery", "bank_recovery")
_REQUESTS = ("return", "reallocation", "refund")
_MOVEMENTS = ("receipt", "allocation", "prefunding", *_REQUESTS)
_FROM_AND_TO = (
    "CASE kind WHEN 'return' THEN from_programme_id IS NOT NULL AND to_programme_id IS NULL"
    " WHEN 'reallocation' THEN from_programme_id IS NOT NULL AND to_programme_id IS NOT NULL"
    " AND from_programme_id <> to_programme_id"
    " WHEN 'refund' THEN num_nonnulls(from_programme_id, to_programme_id) = 0{more} ELSE false END"
)
_MORE = (
    " WHEN 'write_off' THEN from_programme_id IS NOT NULL AND to_programme_id IS NULL"
    " WHEN 'recovery' THEN from_programme_id IS NULL AND to_programme_id IS NOT NULL"
    " WHEN 'bank_recovery' THEN from_programme_id IS NULL AND to_programme_id IS NOT NULL"
)


def _checks(new: tuple[str, ...], more: str) -> None:
    for table, name, rule in (
        ("fund_requests", "requestkind", _one_of((*_REQUESTS, *new))),
        ("fund_requests", "from_and_to", _FROM_AND_TO.format(more=more)),
        ("fund_movements", "kind", _one_of((*_MOVEMENTS, *new))),
    ):
        check = op.f(f"ck_{table}_{name}")
        op.drop_constraint(check, table, type_="check")
        op.create_check_constraint(check, table, rule)


def _one_of(kinds: tuple[str, ...]) -> str:
    return f"kind IN ({', '.join(repr(kind) for kind in kinds)})"


def upgrade() -> None:
    op.add_column("fund_requests", sa.Column("provider", sa.Text(), nullable=True))
    _checks(_NEW, _MORE)
    op.create_check_constraint(
        op.f("ck_fund_requests_with_whom"), "fund_requests",
        "(kind IN ('write_off', 'recovery', 'bank_recovery')) = (provider IS NOT NULL)",
    )  # fmt: skip


def downgrade() -> None:
    # Fails where money was given up as lost with a provider: the older books have no word for it.
    op.drop_constraint(op.f("ck_fund_requests_with_whom"), "fund_requests", type_="check")
    _checks((), "")
    op.drop_column("fund_requests", "provider")
