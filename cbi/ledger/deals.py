"""Changing a fund's money at the bank: one person writes down what the ticket says, another confirms it for the books."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons, refusing
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.ledger import funds, reference_rates, value_dates
from cbi.ledger.exchange import Exchange, Rate
from cbi.ledger.fx_models import Deal, ReferenceRate
from cbi.ledger.posting import Book
from cbi.ledger.value_dates import post_on
from cbi.money import Money

SUBJECT, PROPOSAL = "fx_deal", "deal"
"""What it is called in the audit log, and among the refusals."""
PROPOSED, CONFIRMED = "fx_deal.proposed", "fx_deal.confirmed"


class UnusableDeal(Invalid):
    """The deal is incomplete."""

    code = "fx.unusable_deal"


class TicketUsed(Conflict):
    """The bank's reference stands for another deal already."""

    code = "fx.ticket_used"


class UnknownDeal(NotFound):
    """No such deal waits for a second person."""

    code = "fx.unknown_deal"


class OwnDeal(Forbidden):
    """Nobody confirms their own deal."""

    code = "fx.own_deal"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the bank's paper says. Without a rate it is worked out from the amounts; without a day it is of today.

    `value_date`: when the bank moves the money; without it the deal takes effect on the day on which it is confirmed.
    """

    reference: str
    sold: Money
    bought: Money
    rate: str | None = None
    dealt_on: date | None = None
    value_date: date | None = None


def propose(session: Session, actor: Actor, fund: str, ticket: Ticket) -> Deal:
    """Write down a deal with a fund's money. Nothing is booked until somebody else confirms it; the same twice is one.

    Raises UnknownFund, UnusableDeal, UnusableRate, UnusableDay, NoRate, StaleRate, TicketUsed,
    UnusableValueDate, MonthClosed.
    """
    actor.require(Permission.FUND_MOVE)
    reference = " ".join(ticket.reference.split())
    if not 1 <= len(reference) <= 100 or min(ticket.sold.minor, ticket.bought.minor) <= 0:
        raise UnusableDeal(
            "A deal needs two amounts above zero and the reference on the bank's ticket.",
            next_step="Copy all three from the ticket.",
        )
    day = reference_rates.past_day(session, ticket.dealt_on)
    if ticket.value_date is not None and ticket.value_date < day:
        raise value_dates.UnusableValueDate(
            f"The deal is of {day}, and the money moved on {ticket.value_date}, before it was made.",
            next_step="Copy both days from the ticket.",
        )
    sold, bought = ticket.sold, ticket.bought
    rate = (
        Rate.parse(ticket.rate, sold.currency, bought.currency)
        if ticket.rate
        else Rate.between(sold, bought)
    )
    quoted = reference_rates.on(session, sold.currency, bought.currency, day)
    exchange = Exchange(sold, bought, rate, quoted.rate)
    exchange.check()
    row = {
        "fund_id": funds.find(session, fund).id,
        "sold_minor": sold.minor,
        "sold_currency": sold.currency,
        "bought_minor": bought.minor,
        "bought_currency": bought.currency,
        "numerator": rate.value.numerator,
        "denominator": rate.value.denominator,
        "dealt_on": day,
        "value_date": ticket.value_date,
    }
    made: Deal | None = session.scalar(
        insert(Deal)
        .values(
            reference=reference, reference_rate_id=quoted.id, residual_minor=exchange.residual.minor,
            spread_minor=exchange.spread.minor, proposed_by=actor.id, proposed_at=clock.now(), **row,
        )
        .on_conflict_do_nothing(index_elements=["reference"], index_where=Deal.withdrawn_at.is_(None))
        .returning(Deal)
    )  # fmt: skip
    if made is not None:
        value_dates.check(session, ticket.value_date)
        record(session, actor, PROPOSED, SUBJECT, made.id, **facts(made))
        return made
    known = by_reference(session, reference)
    if any(getattr(known, name) != value for name, value in row.items()):
        raise TicketUsed(
            f"The ticket {reference!r} stands for another deal already: {sold_of(known)} for {bought_of(known)}.",
            next_step="Check the paper. A deal that was written down wrongly is withdrawn: cbi fx withdraw-deal",
        )
    return known


def confirm(session: Session, actor: Actor, deal_id: UUID, code: str) -> Deal:
    """Confirm a colleague's deal, with a fresh one-time code: it is booked in both currencies, on both planes.

    Raises UnknownDeal, OwnDeal, WrongCode, NotCovered where the fund does not hold what is sold, MonthClosed.
    """
    actor.require(Permission.FX_CONFIRM)
    deal = _waiting(session, deal_id)
    if deal.proposed_by == actor.id:
        raise OwnDeal(
            "You wrote this deal down, so somebody else confirms it.",
            next_step="Ask a colleague who may confirm deals, with the bank's ticket in hand.",
        )
    totp.step_up(session, actor, code)
    _decide(session, deal, confirmed_by=actor.id, confirmed_at=clock.now())
    for entry, amount in exchange_of(session, deal).entries():
        book = Book(amount.currency, fund_id=deal.fund_id)
        post_on(session, entry, book, amount, deal.id, deal.value_date)
    record(session, actor, CONFIRMED, SUBJECT, deal.id, **facts(deal))
    return deal


def withdraw(session: Session, actor: Actor, deal_id: UUID, reason: str) -> Deal:
    """Drop a deal that nobody has confirmed, with a reason that whoever wrote it down reads; its reference is free again.

    Raises UnknownDeal, UnusableReason.
    """
    deal = _waiting(session, deal_id)
    if actor.id != deal.proposed_by:
        actor.require(Permission.FX_CONFIRM)
    refusing.note(
        session, actor, (PROPOSAL, deal.id), reasons.plain(reason), by=deal.proposed_by, at=deal.proposed_at,
        said=deal.reference,
    )  # fmt: skip
    return drop(session, actor, deal_id)


def drop(session: Session, actor: Actor, deal_id: UUID) -> Deal:
    """End a deal whose refusal is noted. Raises UnknownDeal."""
    deal = _waiting(session, deal_id)
    _decide(session, deal, withdrawn_by=actor.id, withdrawn_at=clock.now())
    record(session, actor, "fx_deal.withdrawn", SUBJECT, deal.id)
    return deal


def by_reference(session: Session, reference: str) -> Deal:
    """The deal of that ticket, unless it was withdrawn. Raises UnknownDeal."""
    found = session.scalar(
        select(Deal).where(Deal.reference == " ".join(reference.split()), Deal.withdrawn_at.is_(None))
    )  # fmt: skip
    if found is None:
        raise UnknownDeal(
            f"There is no deal with the reference {reference!r}.", next_step="See: cbi fx deals"
        )
    return found


def listed(session: Session, actor: Actor) -> Sequence[Deal]:
    """Every deal, the latest first."""
    actor.require(Permission.FUND_READ)
    return every(session)


def every(session: Session) -> Sequence[Deal]:
    """Every deal, the latest first."""
    return session.scalars(select(Deal).order_by(Deal.proposed_at.desc(), Deal.id)).all()


def exchange_of(session: Session, deal: Deal) -> Exchange:
    """What the deal says, with the reference rate that was used."""
    reference = session.get_one(ReferenceRate, deal.reference_rate_id)
    return Exchange(
        sold_of(deal), bought_of(deal), rate_of(deal), reference_rates.rate_of(reference)
    )


def sold_of(deal: Deal) -> Money:
    """What the bank took."""
    return Money(deal.sold_minor, deal.sold_currency)


def bought_of(deal: Deal) -> Money:
    """What the bank gave."""
    return Money(deal.bought_minor, deal.bought_currency)


def spread_of(deal: Deal) -> Money:
    """What the deal has cost beside the reference rate; below zero: a gain."""
    return Money(deal.spread_minor, deal.bought_currency)


def residual_of(deal: Deal) -> Money:
    """What the bank rounded away; below zero: in our favour."""
    return Money(deal.residual_minor, deal.bought_currency)


def rate_of(deal: Deal) -> Rate:
    """The ticket's rate."""
    value = Fraction(deal.numerator, deal.denominator)
    return Rate(deal.sold_currency, deal.bought_currency, value)


def state(deal: Deal) -> str:
    """How far it has come: proposed, confirmed or withdrawn."""
    if deal.withdrawn_at is not None:
        return "withdrawn"
    return "proposed" if deal.confirmed_at is None else "confirmed"


def facts(deal: Deal) -> dict[str, object]:
    """What it says, in plain values: what the audit log keeps, and `cbi verify` compares."""
    return {
        "reference": deal.reference,
        "fund": str(deal.fund_id),
        "sold": [deal.sold_minor, deal.sold_currency],
        "bought": [deal.bought_minor, deal.bought_currency],
        "rate": f"{deal.numerator}/{deal.denominator}",
        "dealt_on": deal.dealt_on.isoformat(),
        **({"value_date": deal.value_date.isoformat()} if deal.value_date else {}),
        "reference_rate": str(deal.reference_rate_id),
        "residual": deal.residual_minor,
        "spread": deal.spread_minor,
    }


def _waiting(session: Session, deal_id: UUID) -> Deal:
    deal = session.get(Deal, deal_id, with_for_update=True, populate_existing=True)
    if deal is None or deal.confirmed_at is not None or deal.withdrawn_at is not None:
        raise UnknownDeal("No such deal waits to be confirmed.", next_step="See: cbi fx deals")
    return deal


def _decide(session: Session, deal: Deal, **columns: object) -> None:
    session.execute(
        update(Deal)
        .where(Deal.id == deal.id, Deal.confirmed_at.is_(None), Deal.withdrawn_at.is_(None))
        .values(**columns)
    )
    session.refresh(deal)
