"""What the books say: every account's balance, and where each fund's money is."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from cbi.ledger.chart import AWAITING, BUDGET, CHART, COMMITTED, DELIVERED, FUND, IN_TRANSIT
from cbi.ledger.models import Account, Fund
from cbi.money import Money


@dataclass(frozen=True, slots=True)
class Balance:
    """One line of the trial balance: all accounts of one kind in one currency, on their normal side."""

    code: str
    name: str
    plane: str
    debits: Money
    credits: Money
    balance: Money


@dataclass(frozen=True, slots=True)
class FundPosition:
    """Where one fund's money is. `received` equals the sum of all that follow it."""

    code: str
    name: str
    granted: Money
    received: Money
    unallocated: Money
    available: Money
    committed: Money
    in_transit: Money
    awaiting: Money
    delivered: Money


def trial_balance(session: Session) -> list[Balance]:
    """Debits and credits of every kind of account, by currency, in the chart's order."""
    names = {kind.code: kind for kind in CHART}
    rows = session.execute(
        select(
            Account.code,
            Account.currency,
            func.sum(Account.debits_minor),
            func.sum(Account.credits_minor),
        )
        .group_by(Account.code, Account.currency)
        .order_by(Account.currency, Account.code)
    )
    found = []
    for code, currency, debits, credits in rows:
        kind = names[code]
        balance = debits - credits if kind.normal == "debit" else credits - debits
        found.append(
            Balance(
                code, kind.name, kind.plane, Money(int(debits), currency), Money(int(credits), currency),
                Money(int(balance), currency),
            )
        )  # fmt: skip
    return found


def fund_positions(session: Session) -> list[FundPosition]:
    """Every fund with what was granted, what came in, and how far it has gone."""
    stages = (FUND, BUDGET, COMMITTED, IN_TRANSIT, AWAITING, DELIVERED)
    held = [
        func.coalesce(
            func.sum(
                case(
                    (Account.code == kind.code, Account.credits_minor - Account.debits_minor),
                    else_=0,
                )
            ),
            0,
        )
        for kind in stages
    ]
    rows = session.execute(
        select(Fund, *held)
        .outerjoin(Account, Account.fund_id == Fund.id)
        .group_by(Fund.id)
        .order_by(Fund.code)
    )
    return [
        FundPosition(
            fund.code, fund.name, Money(fund.amount_minor, fund.currency), Money(fund.received_minor, fund.currency),
            *(Money(int(amount), fund.currency) for amount in amounts),
        )
        for fund, *amounts in rows
    ]  # fmt: skip


def available(session: Session, programme_id: UUID, fund_id: UUID, currency: str) -> Money:
    """What a programme's budget still has for new runs."""
    found = session.scalar(
        select(func.sum(Account.credits_minor - Account.debits_minor)).where(
            Account.code == BUDGET.code, Account.programme_id == programme_id, Account.fund_id == fund_id,
            Account.currency == currency,
        )
    )  # fmt: skip
    return Money(int(found or 0), currency)
