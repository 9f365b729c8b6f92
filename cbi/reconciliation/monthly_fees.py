"""Fees for a month, which name no payment: where the tariff says how much and who bears it, they are booked by it.

Once for each provider, currency and month, and only the tariff's own amount. Any other stays in suspense for two people.
"""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.ledger import closed
from cbi.ledger.chart import Entry
from cbi.ledger.posting import Book, NotCovered
from cbi.payments.fees import tariffs
from cbi.payments.fees.fee_models import MonthlyFee
from cbi.payments.fees.tariff import Monthly
from cbi.payments.fees.tariffs import Accepted
from cbi.payments.outcomes import suspense
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.programmes.budget import fund_of
from cbi.programmes.models import Programme
from cbi.reconciliation.models import StatementLine
from cbi.reconciliation.scratch import unexplained


def book(session: Session, provider: str) -> int:
    """Book the monthly fees among what was just judged; returns how many. Raises TariffAltered, MonthClosed.

    What the budget does not cover stays in suspense, and is looked at again at every reconciliation.
    """
    accepted = tariffs.accepted(session, provider)
    if all(each.tariff.monthly is None for each in accepted):
        return 0
    u = unexplained.c
    lines = session.scalars(
        select(StatementLine)
        .join(unexplained, u.id == StatementLine.id)
        .join(SuspendedLine, (SuspendedLine.line_id == StatementLine.id) & suspense.OPEN)
        .where(u.line_kind == "fee", u.payment_id.is_(None))
        .order_by(StatementLine.value_date, StatementLine.line_id.collate("C"))
    ).all()
    return sum(_is_booked(session, line, _in_force(accepted, line)) for line in lines)


def _in_force(accepted: Sequence[Accepted], line: StatementLine) -> Accepted | None:
    """The version that counts on the line's day, the latest of them first."""
    theirs = (each for each in accepted if each.tariff.currency == line.currency)
    return tariffs.counting(theirs, line.value_date)


def _is_booked(session: Session, line: StatementLine, by: Accepted | None) -> bool:
    monthly = by.tariff.monthly if by else None
    if by is None or monthly is None or monthly.amount.minor != line.amount_minor:
        return False
    try:
        with session.begin_nested():
            done = _book(session, line, by.version, monthly)
    except NotCovered:
        return False
    if done:
        session.execute(delete(unexplained).where(unexplained.c.id == line.id))
    return done


def _book(session: Session, line: StatementLine, version: int, monthly: Monthly) -> bool:
    programme = session.scalars(select(Programme).where(Programme.code == monthly.programme)).one()
    fund = fund_of(session, programme, monthly.fund)
    first_of_its_month = session.scalar(
        upsert(MonthlyFee)
        .values(
            line_id=line.id, provider=line.provider, currency=line.currency, month=closed.first_day(line.value_date),
            tariff_version=version, amount_minor=line.amount_minor, programme_id=programme.id, fund_id=fund.id,
            booked_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(MonthlyFee.line_id)
    )  # fmt: skip
    if first_of_its_month is None:
        return False
    bears = Book(line.currency, provider=line.provider, programme_id=programme.id, fund_id=fund.id)
    this = SuspendedLine.line_id == line.id
    return bool(suspense.end(session, Entry.FEE_SUSPENSE, bears, (this,), suspense.LADDER))
