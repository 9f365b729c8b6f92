"""What happens to money before it is committed: donors give more, budgets are filled, floats too, and two people move it."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi.ledger import funds
from cbi.money import Money
from cbi.programmes import budget, fund_requests
from tests.simulation.finance import FRESH
from tests.simulation.first_day import (
    BOUGHT,
    FUNDS,
    MODEL,
    PREFUNDED,
    PROGRAMMES,
    SOLD,
    drawn_on,
)
from tests.simulation.kept import Arrived
from tests.simulation.life import Life
from tests.simulation.truth import Moves
from tests.simulation.wrongs import Kind, Wrong


def arrive(life: Life) -> None:
    """A donor gives more, or we place more with the provider; the treasurer books it, then or later."""
    amount = life.chance.choice((50_000, 200_000))
    if life.chance.random() >= 0.5:
        place(life, amount)
        return
    reference, fund = f"paper {life.provider.moment()}", life.chance.choice(sorted(FUNDS))
    money = Money(amount, FUNDS[fund][1].currency)
    life.kept.arrived[reference] = Arrived(money, fund=fund)
    book_arrived(life)


def place(life: Life, amount: int) -> None:
    """We place more with the provider; the treasurer books it, then or later."""
    reference = f"paper {life.provider.moment()}"
    life.provider.movement(Moves.TOP_UP, amount, transaction=reference)
    life.kept.arrived[reference] = Arrived(Money(amount, "DZD"), provider=MODEL)
    book_arrived(life)


def book_arrived(life: Life) -> None:
    """The treasurer books whatever arrived, until somebody says that it is booked."""
    treasurer = life.who("treasurer").actor
    for reference, paper in life.kept.arrived.items():
        if paper.booked:
            continue

        def work(session: Session, reference: str = reference, paper: Arrived = paper) -> bool:
            if paper.fund:
                return funds.receive(session, treasurer, paper.fund, paper.amount, reference)
            return funds.prefund(session, treasurer, paper.provider, paper.amount, reference)

        paper.booked = life.step(
            f"book {paper.amount}, {reference}",
            lambda w=work: life.transact(w),  # type: ignore[misc]
        )
        if paper.booked:
            life.acknowledge("arrived", reference)


def fill(life: Life) -> None:
    """A programme is given more from one of its funds."""
    programme = life.chance.choice(sorted(PROGRAMMES))
    fund = life.chance.choice(drawn_on(programme))
    amount, reference = (
        life.chance.choice(("50.00", "500.00", "20000.00")),
        f"memo {life.provider.moment()}",
    )
    treasurer = life.who("treasurer").actor
    if life.step(
        f"give {programme} {amount} of {fund}",
        lambda: life.transact(
            lambda s: budget.allocate(s, treasurer, programme, amount, reference, fund=fund)
        ),
    ):
        life.acknowledge("allocated", reference)


def move(life: Life) -> None:
    """One person asks to give budget back, to move it, or to refund a donor; another confirms it, or refuses."""
    asks, reference = life.who("treasurer"), f"letter {life.provider.moment()}"
    amount = str(Decimal(life.chance.choice((10, 300, 1_000, 60_000))))
    giver, fund = life.chance.choice([(p, f) for p in sorted(PROGRAMMES) for f in drawn_on(p)])
    takers = [each for each in sorted(PROGRAMMES) if each != giver and fund in drawn_on(each)]
    to = life.chance.choice(takers) if takers and life.chance.random() < 0.4 else None
    refunds = to is None and life.chance.random() < 0.4

    def ask(session: Session) -> int:
        if refunds:
            return fund_requests.ask_refund(
                session, asks.actor, fund, amount, reference, "not needed"
            ).number
        return fund_requests.ask_return(
            session, asks.actor, giver, amount, reference, "not needed", to=to, fund=fund
        ).number  # fmt: skip

    what = f"refund {fund}" if refunds else f"give back of {giver}" + (f" for {to}" if to else "")
    made: list[int] = []
    if life.step(f"ask to {what}", lambda: made.append(life.transact(ask))):
        life.acknowledge("fund request", made[-1])
        life.did("fund request", made[-1], "asked", asks)
        _decide(life, made[-1], what)


def _decide(life: Life, number: int, what: str) -> None:
    second = life.who("head_of_finance")
    life.weather.now += FRESH
    if life.chance.random() < 0.2:
        life.step(
            f"refuse to {what}",
            lambda: life.transact(lambda s: fund_requests.refuse(s, second.actor, number, "still needed")),
        )  # fmt: skip
    elif life.step(
        f"confirm to {what}",
        lambda: life.transact(lambda s: fund_requests.confirm(s, second.actor, number, second.code())),
    ):  # fmt: skip
        life.acknowledge("fund request confirmed", number)
        life.did("fund request", number, "confirmed", second)


def wrong(life: Life, session: Session) -> Iterator[Wrong]:
    """What our bank holds of each currency is what came, less what went, by the papers of both."""
    true: Counter[str] = Counter()
    for _, given in FUNDS.values():
        true[given.currency] += given.minor
    true.update({"DZD": BOUGHT.minor - 2 * PREFUNDED + life.kept.banked, "EUR": -SOLD.minor})
    for reference, paper in life.kept.arrived.items():
        true[paper.amount.currency] += paper.amount.minor if paper.fund else -paper.amount.minor
        if not paper.booked:
            yield Kind.UNRESOLVED, f"{reference} was never booked"
    for currency, minor in session.execute(_PAPERS):
        true[currency] += int(minor)
    held: dict[str, int] = dict(session.execute(_BANK).all())
    for currency in true:
        if held.get(currency, 0) != true[currency]:
            yield (
                Kind.OTHERWISE,
                f"our bank holds {true[currency]} {currency}, and {held.get(currency, 0)} in our books",
            )
    for (number,) in session.execute(_ALONE):
        yield Kind.ALONE, f"one person moved a fund's money, request {number}"


_PAPERS = text(
    """
    SELECT currency, -amount_minor FROM fund_requests WHERE kind = 'refund' AND decision = 'confirmed'
    UNION ALL SELECT sold_currency, -sold_minor FROM fx_deals WHERE confirmed_at IS NOT NULL AND reference <> 'FX-1'
    UNION ALL SELECT bought_currency, bought_minor FROM fx_deals WHERE confirmed_at IS NOT NULL AND reference <> 'FX-1'
    UNION ALL SELECT l.currency, -min(s.effect_minor) FROM line_findings f JOIN statement_lines l ON l.id = f.line_id
        JOIN suspended_lines s ON s.line_id = l.id
        WHERE f.verdict = 'refunded' AND f.confirmed_at IS NOT NULL AND f.taken_back_by IS NULL GROUP BY l.id, l.currency
    """
)
"""Of each paper that two people stand behind, what it did to our bank."""
_BANK = text(
    "SELECT currency, sum(debits_minor - credits_minor)::bigint FROM accounts WHERE code = '1000' GROUP BY currency"
)
_ALONE = text(
    "SELECT number FROM fund_requests WHERE decision = 'confirmed' AND asked_by = decided_by"
    " UNION ALL SELECT 0 FROM fx_deals WHERE confirmed_by = proposed_by"
)
