"""What the books said on an earlier day: the trial balance as of then, added up from the transfers themselves."""

from datetime import date, datetime

from sqlalchemy import BigInteger, func, literal, select, union_all
from sqlalchemy.orm import Session

from cbi.ledger.models import Account, Transfer
from cbi.ledger.queries import Balance, balance_line


def trial_balance(
    session: Session, *, through: date | None = None, as_known: datetime | None = None
) -> list[Balance]:
    """Debits and credits of every kind of account, by currency, in the chart's order.

    `through` is the last day whose movements count (the day they took effect in the office's calendar); `as_known`
    leaves out what was written down after that moment. Both are read from the transfers, which nobody can change, and
    not from the running totals. Without either it is what `queries.trial_balance` says of now.
    """
    sides = [
        select(account.label("account_id"), debit.label("debit"), credit.label("credit"))
        for account, debit, credit in (
            (Transfer.debit_account_id, Transfer.amount_minor, literal(0, BigInteger)),
            (Transfer.credit_account_id, literal(0, BigInteger), Transfer.amount_minor),
        )
    ]
    if through is not None:
        sides = [side.where(Transfer.effective_on <= through) for side in sides]
    if as_known is not None:
        sides = [side.where(Transfer.recorded_at <= as_known) for side in sides]
    legs = union_all(*sides).subquery("legs")
    # Added up for each account first: there are few of them, and very many transfers.
    totals = (
        select(legs.c.account_id, func.sum(legs.c.debit).label("debits"), func.sum(legs.c.credit).label("credits"))
        .group_by(legs.c.account_id)
        .subquery("totals")
    )  # fmt: skip
    rows = session.execute(
        select(
            Account.code, Account.currency, func.sum(totals.c.debits), func.sum(totals.c.credits)
        )
        .join(totals, totals.c.account_id == Account.id)
        .group_by(Account.code, Account.currency)
        .order_by(Account.currency, Account.code)
    )
    return [balance_line(*row) for row in rows]
