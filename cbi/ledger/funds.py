"""A donor's money on its way to the counter: received, given to a programme, placed with a provider."""

from datetime import date
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid, NotFound
from cbi.ledger import value_dates
from cbi.ledger.chart import Entry
from cbi.ledger.models import Fund, FundMovement
from cbi.ledger.posting import Book, NotCovered
from cbi.ledger.value_dates import post_on
from cbi.money import Money
from cbi.offices import office_of
from cbi.settings import settings


class UnknownFund(NotFound):
    """No fund of that code."""

    code = "fund.unknown"


class MoreThanTheGrant(Conflict):
    """More was received than the donor's agreement says."""

    code = "fund.more_than_the_grant"


class ReferenceUsed(Conflict):
    """The paper's reference stands for another amount already."""

    code = "fund.reference_used"


class UnknownProvider(NotFound):
    """This deployment uses no provider of that name."""

    code = "fund.unknown_provider"


class NotChanged(NotCovered):
    """The fund has money in another currency, and not enough of it was changed into this one."""

    code = "fund.not_changed"


class UnusableMovement(Invalid):
    """The movement is incomplete."""

    code = "fund.unusable_movement"


def find(session: Session, code: str) -> Fund:
    """The fund of that code. Raises UnknownFund."""
    fund = session.scalar(select(Fund).where(Fund.code == code))
    if fund is None:
        raise UnknownFund(
            f"There is no fund {code!r}.", next_step="Funds are made by `cbi programme apply`."
        )
    return fund


def receive(
    session: Session,
    actor: Actor,
    code: str,
    amount: Money,
    reference: str,
    value_date: date | None = None,
) -> bool:
    """Book money that arrived from the donor, on the day that the bank says, else today. False when this reference is booked
    already.

    `reference` is the bank's: the same one twice is the same money. Raises UnknownFund, MoreThanTheGrant, ReferenceUsed,
    UnusableValueDate, MonthClosed.
    """
    actor.require(Permission.FUND_MOVE)
    fund = find(session, code)
    movement = _record(session, actor, "receipt", amount, reference, value_date, fund=fund)
    if movement is None:
        return False
    taken = session.scalar(
        update(Fund)
        .where(Fund.id == fund.id, Fund.received_minor + amount.minor <= Fund.amount_minor)
        .values(received_minor=Fund.received_minor + amount.minor)
        .returning(Fund.received_minor)
    )
    if taken is None:
        raise MoreThanTheGrant(
            f"The grant {fund.code} is {Money(fund.amount_minor, fund.currency)} in all, and"
            f" {Money(fund.received_minor, fund.currency)} is booked: {amount} more does not fit.",
            next_step="Raise the fund's amount in the programme file first, when the donor's agreement says so.",
        )
    book = Book(fund.currency, fund_id=fund.id)
    post_on(session, Entry.RECEIVE, book, amount, movement.id, movement.value_date)
    return True


def allocate(
    session: Session,
    actor: Actor,
    fund_id: UUID,
    programme_id: UUID,
    programme: str,
    amount: Money,
    reference: str,
) -> bool:
    """Give part of a fund to a programme's budget. False when this reference is booked already.

    The amount is in the programme's currency; where that is not the fund's, it comes from what deals have brought.
    Raises NotCovered, NotChanged.
    """
    actor.require(Permission.FUND_MOVE, programme)
    fund = session.get_one(Fund, fund_id)
    movement = _record(
        session, actor, "allocation", amount, reference, fund=fund, programme_id=programme_id
    )
    if movement is None:
        return False
    book = Book(amount.currency, fund_id=fund.id, programme_id=programme_id)
    try:
        post_on(session, Entry.ALLOCATE, book, amount, movement.id, movement.value_date)
    except NotCovered as refusal:
        if amount.currency == fund.currency:
            raise
        raise NotChanged(
            f"The fund {fund.code} is kept in {fund.currency}. {refusal.message}",
            next_step=f"Write down the bank's deal first: cbi fx deal {fund.code} … --into {amount.currency}",
            **refusal.details,
        ) from None
    return True


def prefund(
    session: Session,
    actor: Actor,
    provider: str,
    amount: Money,
    reference: str,
    value_date: date | None = None,
) -> bool:
    """Place money with a provider, to pay out from, on the day that the bank says, else today. False when this reference
    is booked already.

    Raises UnknownProvider, UnusableMovement, ReferenceUsed, UnusableValueDate, MonthClosed.
    """
    actor.require(Permission.FUND_MOVE)
    if provider not in settings().providers:
        raise UnknownProvider(
            f"This deployment does not use the provider {provider!r}.",
            next_step="Add it to CBI_PROVIDERS if it should.",
        )
    movement = _record(
        session, actor, "prefunding", amount, reference, value_date, provider=provider
    )
    if movement is None:
        return False
    book = Book(amount.currency, provider=provider)
    post_on(session, Entry.PREFUND, book, amount, movement.id, movement.value_date)
    return True


def _record(
    session: Session,
    actor: Actor,
    kind: str,
    amount: Money,
    reference: str,
    value_date: date | None = None,
    *,
    fund: Fund | None = None,
    programme_id: UUID | None = None,
    provider: str | None = None,
) -> FundMovement | None:
    """Record the movement under its reference; None when exactly this movement is there already."""
    reference = reference.strip()
    if amount.minor <= 0 or not reference:
        raise UnusableMovement(
            "A movement of money needs an amount above zero and the reference of the paper that proves it."
        )
    if kind == "receipt" and fund is not None and amount.currency != fund.currency:
        raise UnusableMovement(
            f"The fund {fund.code} is kept in {fund.currency}, not in {amount.currency}."
        )
    row = {
        "kind": kind, "fund_id": fund.id if fund else None, "programme_id": programme_id, "provider": provider,
        "amount_minor": amount.minor, "currency": amount.currency, "reference": reference,
        "value_date": value_date or clock.today(office_of(session).timezone),
    }  # fmt: skip
    added: FundMovement | None = session.scalar(
        insert(FundMovement)
        .values(**row, recorded_by=actor.id, recorded_at=clock.now())
        .on_conflict_do_nothing(index_elements=["kind", "reference"])
        .returning(FundMovement)
    )
    if added is not None:
        value_dates.check(session, value_date)
        record(
            session, actor, f"fund.{kind}", "fund_movement", added.id, amount=amount.decimal,
            currency=amount.currency, reference=reference, value_date=added.value_date.isoformat(),
        )  # fmt: skip
        return added
    if value_date is None:
        del row["value_date"]  # today's; the same paper may come again tomorrow
    known = session.scalars(
        select(FundMovement).where(FundMovement.kind == kind, FundMovement.reference == reference)
    ).one()
    if any(getattr(known, name) != value for name, value in row.items()):
        raise ReferenceUsed(
            f"The reference {reference!r} stands for another {kind} already:"
            f" {Money(known.amount_minor, known.currency)} of {known.value_date}.",
            next_step="Check the paper: each movement of money has a reference of its own.",
        )
    return None
