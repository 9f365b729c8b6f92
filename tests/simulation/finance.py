"""What finance does about money that went astray: it comes back on paper, is given up, or took another amount."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.fsp.keys import idempotency_key
from cbi.money import Money
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.outcomes.discrepancies import OF_AMOUNT
from cbi.payments.recovery import amounts, recovering
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.states import ReceivableState
from tests.factories import Colleague
from tests.simulation.first_day import MODEL
from tests.simulation.kept import GivenBack
from tests.simulation.life import Life
from tests.simulation.wrongs import Kind, Wrong

FRESH = timedelta(minutes=2)
"""A one-time code is good once."""


def owed_back(life: Life) -> None:
    """Something is owed back: the provider gives it back, to the float or to our bank, or two people give it up."""
    found = life.look(
        lambda s: s.scalars(
            select(Receivable)
            .where(Receivable.provider == MODEL, Receivable.state == ReceivableState.OPEN)
            .order_by(Receivable.found_at, Receivable.id)
        ).all()
    )
    if not found:
        return
    owed = life.chance.choice(found)
    if life.chance.random() < 0.3:
        _give_up(life, owed)
        return
    to_bank = life.chance.random() < 0.5
    key = idempotency_key(owed.payment_id, owed.attempt)
    if any(each.receivable_id == owed.id for each in life.kept.given_back):
        return
    if life.provider.give_back(key, owed.amount_minor, to_bank=to_bank):
        paper = f"letter {life.provider.moment()}"
        life.kept.given_back.append(GivenBack(owed.id, owed.amount_minor, paper, to_bank))
        book_papers(life)


def book_papers(life: Life) -> None:
    """The treasurer books what the provider wrote that it gave back, until somebody says that it is booked."""
    for paper in list(life.kept.given_back):
        treasurer = life.who("treasurer").actor

        def work(paper: GivenBack = paper, treasurer: Actor = treasurer) -> None:
            life.transact(
                lambda s: recovering.recover(
                    s, treasurer, paper.receivable_id, paper.paper, to_bank=paper.to_bank
                )
            )

        refused = sum(life.refusals.values())
        if life.step(f"book that it came back, {paper.paper}", work):
            life.acknowledge("given back", f"{paper.receivable_id} {paper.paper}")
            life.kept.banked += paper.minor * paper.to_bank
            life.kept.given_back.remove(paper)
        elif sum(life.refusals.values()) > refused:
            life.kept.given_back.remove(
                paper
            )  # it came back on another way, or what had been owed is the payment


def _give_up(life: Life, owed: Receivable) -> None:
    treasurer, authoriser = life.who("treasurer"), life.who("authoriser")
    if life.step(
        "propose to give up what is owed back",
        lambda: life.transact(
            lambda s: recovering.propose_write_off(
                s, treasurer.actor, owed.id, "The holder has left", "Police report 7"
            )
        ),
    ):
        life.acknowledge("loss proposed", owed.id)
        life.kept.hands.setdefault(("loss", str(owed.id)), {"proposed": _id(treasurer)})
    life.weather.now += FRESH
    if life.step(
        "confirm that it is lost",
        lambda: life.transact(
            lambda s: recovering.confirm_write_off(s, authoriser.actor, owed.id, authoriser.code())
        ),
    ):
        life.acknowledge("loss confirmed", owed.id)
        life.did("loss", owed.id, "confirmed", authoriser)


def _id(who: Colleague) -> UUID:
    assert who.actor.id is not None
    return who.actor.id


@dataclass(frozen=True, slots=True)
class _Differs:
    """An attempt of which the provider, or its statement, named another amount."""

    payment_id: UUID
    attempt: int
    currency: str


def find_amounts(life: Life) -> None:
    """Two people find what attempts took of which another amount was named, by the provider's written word."""
    attempt = func.coalesce(cast(Discrepancy.details["attempt"].astext, Integer), Payment.attempts)
    rows = life.look(
        lambda s: s.execute(
            select(Payment.id, attempt, Payment.currency)
            .join(Discrepancy, Discrepancy.payment_id == Payment.id)
            .where(
                Payment.provider == MODEL,
                Discrepancy.kind.in_(OF_AMOUNT),
                Discrepancy.settled_at.is_(None),
            )
            .distinct()
            .order_by(Payment.id, attempt)
        ).all()
    )
    for row in rows:
        _find_amount(life, _Differs(*row))


def _find_amount(life: Life, one: _Differs) -> None:
    key = idempotency_key(one.payment_id, one.attempt)
    minor = life.provider.took(key)
    if minor is None:
        return
    treasurer = life.who("treasurer")
    authoriser = life.who("authoriser", but=treasurer)
    amount, found = Money(minor, one.currency).decimal, []

    def report(session: Session) -> UUID:
        return amounts.report(
            session, treasurer.actor, one.payment_id, amount, "letter no. 9", one.attempt
        ).id

    if not life.step(f"report that it took {amount}", lambda: found.append(life.transact(report))):
        return
    life.acknowledge("reported amount", found[-1])
    life.did("amount", found[-1], "reported", treasurer)
    life.weather.now += FRESH
    if life.step(
        f"confirm that it took {amount}",
        lambda: life.transact(
            lambda s: amounts.confirm(s, authoriser.actor, found[-1], authoriser.code())
        ),
    ):
        life.acknowledge("confirmed amount", found[-1])
        life.did("amount", found[-1], "confirmed", authoriser)
        life.provider.payouts[key].settled = True


def wrong(life: Life) -> Iterator[Wrong]:
    """Whatever came back on paper was booked."""
    for paper in life.kept.given_back:
        yield Kind.UNRESOLVED, f"{paper.paper} was never booked"
