"""Whether the fees that providers took in a month are those of their tariffs."""

from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi.month_end.findings import Finding, counted, done, still_open
from cbi.payments.models import Discrepancy
from cbi.reconciliation.fee_queries import ABOUT_FEES, Compared, compared


def agree(session: Session, first: date, last: date, over: datetime) -> Finding:
    """Every fee of the month is its tariff's, or somebody has explained the difference."""
    found = compared(session, first, last)
    says = "; ".join(_told(each) for each in found)
    number = session.scalar(
        select(func.count())
        .select_from(Discrepancy)
        .where(
            Discrepancy.settled_at.is_(None), Discrepancy.since < over, Discrepancy.kind.in_(ABOUT_FEES)
        )
    )  # fmt: skip
    if number:
        return still_open(
            f"{says or 'Fees'}: {counted(number, 'difference is', 'differences are')} not explained.",
            f"Compare them: cbi tariff compare {first:%Y-%m}, then settle them: cbi discrepancy list",
        )
    return done(f"{says}." if says else "No provider charged a fee.")


def _told(each: Compared) -> str:
    """What one provider took, in words."""
    words = f"{each.provider} took {each.charged} in fees, {each.by_tariff} by its tariff"
    more = [
        f"{amount} {what}"
        for amount, what in ((each.above, "above it"), (each.below, "below it"))
        if amount.minor
    ]
    if each.unexplained.minor:
        more.append(f"{each.unexplained} without any")
    return f"{words} ({', '.join(more)})" if more else words
