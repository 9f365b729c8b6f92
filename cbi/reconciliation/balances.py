"""Whether a provider's statements follow each other: the lines that we have must lead from the first balance to the last."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi.money import Money
from cbi.reconciliation.models import StatementFile, StatementLine
from cbi.reconciliation.suspending import effect


def gaps(session: Session, provider: str) -> list[Money]:
    """What lines are missing of the provider's statements by their own balances: an amount for each currency with any."""
    currencies = session.scalars(
        select(StatementFile.currency)
        .where(StatementFile.provider == provider)
        .distinct()
        .order_by(StatementFile.currency)
    ).all()
    found = [missing(session, provider, each) for each in currencies]
    return [gap for gap in found if gap is not None and gap.minor]


def missing(
    session: Session, provider: str, currency: str, through: date | None = None
) -> Money | None:
    """What our float moved, by the provider's own balances, beyond all lines that we have: nothing, or lines are missing.

    From the opening of the earliest statement to the closing of the latest (that ends by `through`). Of several that end
    on one day any may be the one that ends last. None where the statements name no balances.
    """
    files = select(StatementFile).where(
        StatementFile.provider == provider, StatementFile.currency == currency,
        StatementFile.closing_minor.is_not(None), StatementFile.last_day.is_not(None),
    )  # fmt: skip
    if through is not None:
        files = files.where(StatementFile.last_day <= through)
    first = session.scalars(
        files.order_by(StatementFile.first_day, StatementFile.imported_at).limit(1)
    ).first()
    last_day = session.scalar(files.with_only_columns(func.max(StatementFile.last_day)))
    if first is None or first.opening_minor is None or last_day is None:
        return None
    moved = session.scalar(
        select(func.coalesce(func.sum(effect()), 0)).where(
            StatementLine.provider == provider, StatementLine.currency == currency,
            StatementLine.value_date.between(first.first_day, last_day),
        )
    )  # fmt: skip
    expected = first.opening_minor + int(moved or 0)
    said = session.scalars(
        files.with_only_columns(StatementFile.closing_minor)
        .where(StatementFile.last_day == last_day)
        .order_by(StatementFile.imported_at.desc())
    ).all()
    differences = [(closing or 0) - expected for closing in said]
    return Money(0 if 0 in differences else differences[0], currency)
