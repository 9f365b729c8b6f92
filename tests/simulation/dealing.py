"""What happens between currencies: rates are entered and confirmed, and a fund's euros are changed into dinars."""

from datetime import timedelta
from uuid import UUID

from cbi.ledger import deals, reference_rates
from cbi.ledger.deals import Ticket
from cbi.money import Money
from tests.simulation.finance import FRESH
from tests.simulation.life import Life


def quote(life: Life) -> None:
    """Somebody enters what a euro is worth; somebody else confirms it, or it is withdrawn."""
    one, other = life.who("treasurer"), life.who("head_of_finance")
    rate = f"{life.chance.randint(1380, 1560) / 10}"
    made: list[UUID] = []
    if not life.step(
        f"enter that a euro is {rate}",
        lambda: made.append(
            life.transact(
                lambda s: reference_rates.propose(s, one.actor, "EUR", "DZD", rate, "Bank of Algeria").id
            )
        ),
    ):  # fmt: skip
        return
    life.acknowledge("rate", made[-1])
    life.did("rate", made[-1], "entered", one)
    life.weather.now += FRESH
    if life.chance.random() < 0.1:
        life.step(
            "withdraw the rate",
            lambda: life.transact(
                lambda s: reference_rates.withdraw(s, other.actor, made[-1], "Wrong.").id
            ),
        )
    elif life.step(
        "confirm the rate",
        lambda: life.transact(lambda s: reference_rates.confirm(s, other.actor, made[-1], other.code()).id),
    ):  # fmt: skip
        life.acknowledge("rate confirmed", made[-1])
        life.did("rate", made[-1], "confirmed", other)


def deal(life: Life) -> None:
    """The bank has changed euros: one writes its ticket down, perhaps twice; another confirms it, or it is withdrawn."""
    one, other = life.who("treasurer"), life.who("head_of_finance")
    sold = Money(life.chance.choice((10_01, 333_33, 1_900_000)), "EUR")
    bought = Money(sold.minor * life.chance.randint(1380, 1560) // 10, "DZD")
    ticket = Ticket(
        f"ticket {life.provider.moment()}", sold, bought,
        dealt_on=life.chance.choice((None, (life.weather.now - timedelta(days=1)).date())),
    )  # fmt: skip
    made: list[UUID] = []
    for _ in range(2 if life.weather.strikes("F45", 0.3) else 1):
        life.step(
            f"write down that {sold} became {bought}",
            lambda: made.append(life.transact(lambda s: deals.propose(s, one.actor, "euros", ticket).id)),
        )  # fmt: skip
    if not made:
        return
    life.acknowledge("deal", made[-1])
    life.did("deal", made[-1], "written down", one)
    life.weather.now += FRESH
    if life.chance.random() < 0.1:
        life.step(
            "withdraw the deal",
            lambda: life.transact(lambda s: deals.withdraw(s, other.actor, made[-1], "Wrong.").id),
        )
    elif life.step(
        "confirm the deal",
        lambda: life.transact(lambda s: deals.confirm(s, other.actor, made[-1], other.code()).id),
    ):
        life.acknowledge("deal confirmed", made[-1])
        life.did("deal", made[-1], "confirmed", other)
