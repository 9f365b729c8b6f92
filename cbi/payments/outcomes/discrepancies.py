"""Discrepancies: what we believe and what somebody else says do not agree, kept until somebody explains it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cbi import clock, ids
from cbi.money import Money
from cbi.payments.models import Discrepancy

PAID_TWICE = "paid_twice"
"""Two attempts were paid for one entitlement: one of them is owed back."""

WITHOUT_COVER = "delivered_without_cover"
"""A payment that was called off turned out to be paid, and its money had been spent meanwhile."""

PAID_LESS = "paid_less"
"""Two people found that less was paid than was sent: the household is still owed the rest."""

PAID_MORE = "paid_more"
"""Two people found that more was paid than was sent: the excess is owed back."""

ANOTHER_AMOUNT = "paid_another_amount"
"""News of another amount than was sent."""

OF_AMOUNT = (ANOTHER_AMOUNT, "amount_differs", "currency_differs")
"""Somebody says that money moved, and how much is not what was sent. The last two are about lines of statements."""

UNKNOWN_PAYMENT = "unknown_payment"
"""News of a payment that is none of ours, or that this provider was not given."""

LINE_CHANGED = "line_changed"
"""A later file tells another story of a line: the first stands, and its own discrepancy says what becomes of it."""

PAID_NOT_LISTED = "paid_not_settled"
"""Our books say that it was paid, and no statement lists it."""

CREDIT_NOT_LISTED = "credit_not_listed"
"""A provider took the money when it accepted a payment; nobody was paid with it, and no statement lists it as given back."""

UNKNOWN_FOR_DAYS = "unknown_for_days"
"""Nobody has known for days whether a payment was paid: somebody asks the provider in writing."""

CLOSING_DIFFERS = "closing_differs"
"""A statement says that another amount is left with the provider than our books do."""


def open_discrepancy(
    session: Session,
    kind: str,
    subject: str,
    *,
    provider: str,
    payment_id: UUID | None = None,
    line_id: UUID | None = None,
    amount: Money | None = None,
    since: datetime | None = None,
    owner_id: UUID | None = None,
    **details: object,
) -> None:
    """Open one discrepancy; nothing happens when this kind was opened about this subject before.

    `since` is what it ages from (now, when not given). `details` are plain JSON and never a person's data.
    """
    now = clock.now()
    session.execute(
        upsert(Discrepancy)
        .values(
            kind=kind, subject=subject, provider=provider, payment_id=payment_id, line_id=line_id,
            amount_minor=amount.minor if amount else None, currency=amount.currency if amount else None,
            details=details, since=since or now, opened_at=now, owner_id=owner_id,
        )
        .on_conflict_do_nothing(index_elements=["kind", "subject"])
    )  # fmt: skip


OPENED = (
    "kind", "subject", "provider", "payment_id", "line_id", "amount_minor", "currency", "details", "since", "owner_id",
)  # fmt: skip
"""The columns that a set of new discrepancies has, in this order."""


def open_set(session: Session, rows: Select[*tuple[Any, ...]]) -> int:
    """Open a discrepancy for every row of the query (columns as in `OPENED`); returns how many are new."""
    new = rows.subquery()
    opened = (
        upsert(Discrepancy)
        .from_select(
            ["id", *OPENED, "opened_at"],
            select(ids.fresh_in_sql(), *(new.c[name] for name in OPENED), literal(clock.now())),
            include_defaults=False,
        )
        .on_conflict_do_nothing(index_elements=["kind", "subject"])
        .returning(Discrepancy.kind)
        .cte("opened")
    )
    return int(session.scalar(select(func.count()).select_from(opened)) or 0)


def settle_set(session: Session, rows: Select[UUID, str]) -> int:
    """Settle every discrepancy of the query (id, resolution) that is open; returns how many.

    For the engine, when later news explains them: nobody's name stands beside the resolution.
    """
    explained = rows.subquery()
    number, resolution = explained.columns
    settled = (
        update(Discrepancy)
        .where(Discrepancy.id == number, Discrepancy.settled_at.is_(None))
        .values(settled_at=clock.now(), resolution=resolution)
        .returning(Discrepancy.id)
        .cte("settled")
    )
    return int(session.scalar(select(func.count()).select_from(settled)) or 0)
