"""Whether the providers' statements tell about the whole month, and about the same money as our books."""

from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from cbi.ledger import past
from cbi.ledger.chart import FLOAT
from cbi.ledger.models import Account, Transfer
from cbi.money import Money
from cbi.month_end.findings import Finding, done, still_open
from cbi.reconciliation import balances
from cbi.reconciliation.models import StatementFile


def cover(session: Session, first: date, last: date) -> Finding:
    """Of every provider who had our money there is a statement that reaches the last day."""
    asked = _with_money(session, first, last)
    if not asked:
        return done("No provider had money of ours.")
    reach = select(StatementFile.provider).where(StatementFile.last_day >= last).distinct()
    missing = sorted(asked - set(session.scalars(reach)))
    if missing:
        return still_open(
            f"No statement of {', '.join(missing)} reaches {last}.",
            "Take it in and reconcile it: cbi statement import, cbi reconcile",
        )
    lacking = [
        f"{provider} {said}"
        for provider, currency in _balanced(session, last)
        if (said := balances.missing(session, provider, currency, last)) and said.minor
    ]
    if lacking:
        return still_open(
            f"By their own balances the statements lack lines: {', '.join(lacking)}.",
            "Ask for the statement that is missing, and take it in: cbi statement import",
        )
    return done(f"The statements of {', '.join(sorted(asked))} reach {last}.")


def _balanced(session: Session, last: date) -> list[tuple[str, str]]:
    """Whose statements name balances, and in which currency."""
    found = (
        select(StatementFile.provider, StatementFile.currency)
        .where(StatementFile.closing_minor.is_not(None), StatementFile.last_day <= last)
        .distinct()
        .order_by(StatementFile.provider, StatementFile.currency)
    )
    return [(provider, currency) for provider, currency in session.execute(found)]


def _with_money(session: Session, first: date, last: date) -> set[str]:
    """Who held money at the end of the month, or moved some in it."""
    held = past.held_with_providers(session, FLOAT, through=last)
    moved = (
        select(Account.provider)
        .where(
            Account.code == FLOAT.code,
            select(Transfer.id)
            .where(
                Transfer.effective_on.between(first, last),
                or_(Transfer.debit_account_id == Account.id, Transfer.credit_account_id == Account.id),
            )
            .exists(),
        )
    )  # fmt: skip
    with_money = {provider for (provider, _), amount in held.items() if amount.minor}
    return with_money | {name for name in session.scalars(moved) if name}


def agree(session: Session, last: date) -> Finding:
    """What statements say is left at the end is what account 1100 says of the same day."""
    found = _closing(session, last)
    held = {
        day: past.held_with_providers(session, FLOAT, through=day)
        for day in {day for *_, day in found}
    }
    wrong = []
    for provider, said, day in found:
        ours = held[day].get((provider, said.currency), Money.zero(said.currency))
        if said != ours:
            wrong.append(f"{provider} says {said} on {day}, account 1100 says {ours}")
    if wrong:
        return still_open(
            f"{'; '.join(wrong)}.",
            "Settle what the reconciliation found, or name what is on its way: cbi discrepancy list",
        )
    if not found:
        return done("No statement that reaches the last day says what is left.")
    return done("What the statements say is left is what account 1100 says.")


def _closing(session: Session, last: date) -> list[tuple[str, Money, date]]:
    """For each provider and currency the statement that ends first of those that reach the day, as it came last."""
    rows = session.execute(
        select(
            StatementFile.provider, StatementFile.closing_minor, StatementFile.currency, StatementFile.last_day
        )
        .where(StatementFile.last_day >= last, StatementFile.closing_minor.is_not(None))
        .ext(distinct_on(StatementFile.provider, StatementFile.currency))
        .order_by(
            StatementFile.provider, StatementFile.currency, StatementFile.last_day,
            StatementFile.imported_at.desc(),
        )
    )  # fmt: skip
    return [(name, Money(minor or 0, currency), day or last) for name, minor, currency, day in rows]
