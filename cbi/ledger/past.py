"""What the books said on an earlier day: the trial balance as of then, added up from the transfers themselves."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Subquery, case, func, literal, select, union_all
from sqlalchemy.orm import Session

from cbi.ledger.chart import AccountKind, Entry
from cbi.ledger.models import Account, Fund, Transfer
from cbi.ledger.queries import Balance, FundPosition, balance_line, fund_line, how_far
from cbi.money import Money


def trial_balance(
    session: Session, *, through: date | None = None, as_known: datetime | None = None
) -> list[Balance]:
    """Debits and credits of every kind of account, by currency, in the chart's order.

    `through` is the last day whose movements count (the day they took effect in the office's calendar); `as_known`
    leaves out what was written down after that moment. Both are read from the transfers, which nobody can change, and
    not from the running totals. Without either it is what `queries.trial_balance` says of now.
    """
    totals = _totals(through, as_known)
    rows = session.execute(
        select(
            Account.code, Account.currency, func.sum(totals.c.debits), func.sum(totals.c.credits)
        )
        .join(totals, totals.c.account_id == Account.id)
        .group_by(Account.code, Account.currency)
        .order_by(Account.currency, Account.code)
    )
    return [balance_line(*row) for row in rows]


def fund_positions(session: Session, *, through: date) -> list[FundPosition]:
    """Every fund that had received anything by that day, and how far its money had gone. `granted` is of now."""
    totals = _totals(through, None)
    rows = session.execute(
        select(
            Fund, Account.currency, func.sum(totals.c.received), *how_far(totals.c.credits - totals.c.debits)
        )
        .join(Account, Account.fund_id == Fund.id)
        .join(totals, totals.c.account_id == Account.id)
        .group_by(Fund.id, Account.currency)
        .order_by(Fund.code, Account.currency != Fund.currency, Account.currency)
    )  # fmt: skip
    return [
        fund_line(fund, currency, received, amounts) for fund, currency, received, *amounts in rows
    ]


def held_with_providers(
    session: Session, kind: AccountKind, *, through: date
) -> dict[tuple[str, str], Money]:
    """What accounts of a debit kind held at the end of that day, by provider and currency; none where nothing moved."""
    totals = _totals(through, None)
    rows = session.execute(
        select(Account.provider, Account.currency, func.sum(totals.c.debits - totals.c.credits))
        .join(totals, totals.c.account_id == Account.id)
        .where(Account.code == kind.code)
        .group_by(Account.provider, Account.currency)
        .order_by(Account.provider, Account.currency)
    )
    return {(name or "", currency): Money(int(held), currency) for name, currency, held in rows}


def _totals(through: date | None, as_known: datetime | None) -> Subquery:
    """Debits and credits of each account, and what donors gave less what went back to them, from that time's transfers."""
    none = literal(0, BigInteger)
    from_a_donor = case((Transfer.entry == Entry.RECEIVE.value, Transfer.amount_minor), else_=none)
    to_a_donor = case((Transfer.entry == Entry.REFUND.value, -Transfer.amount_minor), else_=none)
    sides = [
        select(
            account.label("account_id"),
            debit.label("debit"),
            credit.label("credit"),
            received.label("received"),
        )
        for account, debit, credit, received in (
            (Transfer.debit_account_id, Transfer.amount_minor, none, to_a_donor),
            (Transfer.credit_account_id, none, Transfer.amount_minor, from_a_donor),
        )
    ]
    if through is not None:
        sides = [side.where(Transfer.effective_on <= through) for side in sides]
    if as_known is not None:
        sides = [side.where(Transfer.recorded_at <= as_known) for side in sides]
    legs = union_all(*sides).subquery("legs")
    # Added up for each account first: there are few of them, and very many transfers.
    return (
        select(
            legs.c.account_id, func.sum(legs.c.debit).label("debits"), func.sum(legs.c.credit).label("credits"),
            func.sum(legs.c.received).label("received"),
        )
        .group_by(legs.c.account_id)
        .subquery("totals")
    )  # fmt: skip
