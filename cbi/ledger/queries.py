"""What the books say: every account's balance, and where each fund's money is."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, literal, select
from sqlalchemy.orm import Session, aliased

from cbi.ledger.chart import (
    AWAITING,
    BUDGET,
    CHART,
    CLEARING,
    COMMITTED,
    CONVERTED,
    DELIVERED,
    DELIVERING,
    DISPUTED,
    FEE_RESERVE,
    FEES_TAKEN,
    FLOAT,
    FUND,
    FX_BORNE,
    IN_TRANSIT,
    RECEIVABLE,
    UNCOVERED,
    WRITTEN_OFF,
    AccountKind,
    Entry,
)
from cbi.ledger.models import Account, Fund, Transfer
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
    """Where one fund's money is in one currency. `received` equals the sum of all that follow it.

    A fund has a line for the currency of its grant, and one for every other that its money was changed into: `converted`
    is what left the line by deals, and below zero what came to it. `in_transit` holds what has been unknown for days,
    too. `uncovered` is below zero: delivered, though its budget was spent already.
    """

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
    written_off: Money
    uncovered: Money
    converted: Money
    fx_borne: Money
    fees: Money


@dataclass(frozen=True, slots=True)
class PaidOnDay:
    """What one provider paid out on one day of the office's calendar."""

    day: date
    provider: str
    payments: int
    total: Money


def trial_balance(session: Session) -> list[Balance]:
    """Debits and credits of every kind of account, by currency, in the chart's order."""
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
    return [balance_line(*row) for row in rows]


def balance_line(code: str, currency: str, debits: int, credits: int) -> Balance:
    """One line of a trial balance: all accounts with this code in this currency."""
    kind = _KINDS[code]
    balance = debits - credits if kind.normal == "debit" else credits - debits
    return Balance(
        code, kind.name, kind.plane, Money(int(debits), currency), Money(int(credits), currency),
        Money(int(balance), currency),
    )  # fmt: skip


_KINDS = {kind.code: kind for kind in CHART}


def fund_positions(session: Session) -> list[FundPosition]:
    """Every fund with what was granted, what came in, and how far it has gone."""
    currency = func.coalesce(Account.currency, Fund.currency)
    rows = session.execute(
        select(Fund, currency, *how_far(Account.credits_minor - Account.debits_minor))
        .outerjoin(Account, Account.fund_id == Fund.id)
        .group_by(Fund.id, currency)
        .order_by(Fund.code, currency != Fund.currency, currency)
    )
    return [
        fund_line(fund, currency, fund.received_minor if currency == fund.currency else 0, amounts)
        for fund, currency, *amounts in rows
    ]


def fund_line(fund: Fund, currency: str, received: int, amounts: Iterable[int]) -> FundPosition:
    """A fund's line in one currency, with what its accounts hold stage by stage; the grant is in one currency only."""
    granted = fund.amount_minor if currency == fund.currency else 0
    return FundPosition(
        fund.code, fund.name,
        *(Money(int(minor), currency) for minor in (granted, received, *amounts)),
    )  # fmt: skip


def how_far(held: ColumnElement[int]) -> list[ColumnElement[int]]:
    """For each stage that a fund's money goes through, in the order of `FundPosition`, the sum of what accounts hold."""
    return [
        func.coalesce(
            func.sum(case((Account.code.in_([kind.code for kind in kinds]), held), else_=0)), 0
        )
        for kinds in _STAGES
    ]


_STAGES = (
    (FUND,), (BUDGET,), (COMMITTED, FEE_RESERVE), (IN_TRANSIT, DISPUTED), (AWAITING,), (DELIVERED,), (WRITTEN_OFF,),
    (UNCOVERED,), (CONVERTED,), (FX_BORNE,), (FEES_TAKEN,),
)  # fmt: skip


def together(positions: Iterable[FundPosition]) -> list[FundPosition]:
    """The sum of the positions, one for each currency; it adds up as each of them does."""
    sums: dict[str, FundPosition] = {}
    amounts = [field.name for field in fields(FundPosition) if field.name not in {"code", "name"}]
    for one in positions:
        so_far = sums.get(one.received.currency)
        added = [
            getattr(one, name) + getattr(so_far, name) if so_far else getattr(one, name)
            for name in amounts
        ]
        sums[one.received.currency] = FundPosition("", "", *added)
    return [sums[currency] for currency in sorted(sums)]


def paid_by_day(
    session: Session, since: date, programmes: Collection[UUID] | None = None
) -> list[PaidOnDay]:
    """What the books say was paid out on each day from `since` on, by provider; for these programmes, or for all.

    Where two people found that less was paid than was sent, it is what they found. What came back later is not taken off
    the day it was paid on.
    """
    paid_from, delivered = aliased(Account), aliased(Account)
    found = (
        select(
            Transfer.effective_on, func.coalesce(paid_from.provider, ""), Transfer.currency, func.count(),
            func.sum(Transfer.amount_minor),
        )
        .join(paid_from, paid_from.id == Transfer.credit_account_id)
        .where(
            Transfer.entry.in_([entry.value for entry in DELIVERING]), paid_from.code == FLOAT.code,
            Transfer.effective_on >= since,
        )
        .group_by(Transfer.effective_on, paid_from.provider, Transfer.currency)
    )  # fmt: skip
    if programmes is not None:
        found = found.join(delivered, delivered.id == Transfer.debit_account_id).where(
            delivered.programme_id.in_(programmes)
        )
    added: dict[tuple[date, str, str], tuple[int, int]] = {}
    for day, provider, currency, count, minor in session.execute(
        found.union_all(_paid_less_by_day(since, programmes))
    ):
        if day >= since:
            payments, total = added.get((day, provider, currency), (0, 0))
            added[day, provider, currency] = (payments + count, total + int(minor))
    return [
        PaidOnDay(day, provider, payments, Money(total, currency))
        for (day, provider, currency), (payments, total) in sorted(added.items())
    ]


def _paid_less_by_day(
    since: date, programmes: Collection[UUID] | None
) -> Select[date, str, str, int, int]:
    """What was sent and never taken, below zero, and what of that was taken after all, by the day on which its payment was
    booked as paid.
    """
    paid_from, delivered, whole = aliased(Account), aliased(Account), aliased(Transfer)
    day = (
        select(whole.effective_on)
        .where(
            whole.source_id == Transfer.payment_id, whole.attempt == Transfer.attempt, whole.leg == 1,
            whole.entry.in_([entry.value for entry in DELIVERING]),
        )
        .scalar_subquery()
    )  # fmt: skip
    after_all = Transfer.entry == Entry.REST_DELIVERED.value
    sides = (Transfer.debit_account_id, Transfer.credit_account_id)
    less = [entry.value for entry in (Entry.PAID_LESS, Entry.REST_DELIVERED, Entry.REST_MISTAKEN)]
    found = (
        select(
            day, func.coalesce(paid_from.provider, ""), Transfer.currency, literal(0),
            func.sum(case((after_all, Transfer.amount_minor), else_=-Transfer.amount_minor)),
        )
        .join(paid_from, paid_from.id == case((after_all, sides[1]), else_=sides[0]))
        .join(delivered, delivered.id == case((after_all, sides[0]), else_=sides[1]))
        .where(Transfer.entry.in_(less), paid_from.code == FLOAT.code, Transfer.effective_on >= since)
        .group_by(day, paid_from.provider, Transfer.currency)
    )  # fmt: skip
    if programmes is not None:
        found = found.where(delivered.programme_id.in_(programmes))
    return found


@dataclass(frozen=True, slots=True)
class Float:
    """What lies with one provider, how much was sent out and may still leave it, what is owed back, and what is set
    aside for its fees. What it took when it accepted a payment has left.
    """

    held: Money
    in_transit: Money
    owed_back: Money
    reserved: Money


def floats(session: Session, providers: Collection[str], currency: str) -> dict[str, Float]:
    """The floats of these providers in one currency; a provider that was never given anything has nothing."""
    rows = session.execute(
        select(
            Account.provider,
            Account.code,
            func.sum(Account.debits_minor),
            func.sum(Account.credits_minor),
        )
        .where(
            Account.code.in_(
                [
                    kind.code
                    for kind in (FLOAT, CLEARING, IN_TRANSIT, DISPUTED, RECEIVABLE, FEE_RESERVE)
                ]
            ),
            Account.currency == currency,
            Account.provider.in_(providers),
        )
        .group_by(Account.provider, Account.code)
    )
    held = {(provider, code): int(debits - credits) for provider, code, debits, credits in rows}

    def amount(provider: str, *kinds: AccountKind) -> Money:
        """On the normal side of the first of them."""
        minor = sum(held.get((provider, kind.code), 0) for kind in kinds)
        return Money(minor if kinds[0].normal == "debit" else -minor, currency)

    return {
        provider: Float(
            amount(provider, FLOAT), amount(provider, IN_TRANSIT, DISPUTED, CLEARING),
            amount(provider, RECEIVABLE), amount(provider, FEE_RESERVE),
        )
        for provider in providers
    }  # fmt: skip


def available(session: Session, programme_id: UUID, fund_id: UUID, currency: str) -> Money:
    """What a programme's budget still has for new runs."""
    found = session.scalar(
        select(func.sum(Account.credits_minor - Account.debits_minor)).where(
            Account.code == BUDGET.code, Account.programme_id == programme_id, Account.fund_id == fund_id,
            Account.currency == currency,
        )
    )  # fmt: skip
    return Money(int(found or 0), currency)
