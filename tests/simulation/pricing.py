"""What a household needs costs something else: prices come back from the market, and two people accept what they make."""

import csv
import io
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.programmes import price_rounds, revaluing
from cbi.programmes.models import Cycle, Entitlement, Programme
from cbi.programmes.revaluing import ACCEPTED
from cbi.programmes.value_models import TransferValue
from cbi.registry.models import Household
from tests.simulation.finance import FRESH
from tests.simulation.kept import Value
from tests.simulation.life import Life
from tests.simulation.wrongs import Kind, Wrong

RESTING, FIRST_BASE, PER_MEMBER = "wallets-3", 100_00, 10_00
"""The programme that rests on the basket, and what its file says, in minor units."""


def survey(life: Life) -> None:
    """A sheet of prices comes back, perhaps twice; one proposes what they make, another accepts it or refuses."""
    clerk, one, other = life.who("maker"), life.who("maker"), life.who("authoriser")
    price = life.chance.choice(("9.50", "10.00", "11.00", "12.50"))
    name = f"round {life.chance.randint(1, 3)}"

    def enter(session: Session) -> int:
        round_ = price_rounds.make(session, clerk.actor, "basket", name)
        blank = io.BytesIO()
        price_rounds.export(session, clerk.actor, round_, blank, form="csv", language="en")
        filled = _filled(blank.getvalue(), price, f"{life.weather.now:%Y-%m-%d}")
        return price_rounds.take_in(session, clerk.actor, io.BytesIO(filled)).round_id

    made: list[int] = []
    if not life.step(f"take in that rice is {price}", lambda: made.append(life.transact(enter))):
        return
    life.acknowledge("prices", made[-1])

    def propose(session: Session) -> TransferValue:
        return revaluing.propose(session, one.actor, RESTING, made[-1])

    proposed: list[TransferValue] = []
    if not life.step("propose a value", lambda: proposed.append(life.transact(propose))):
        return
    number = proposed[-1].id
    life.acknowledge("value", number)
    life.did("value", number, "proposed", one)
    life.kept.bases[number] = value = Value(proposed[-1].base_minor)
    life.weather.now += FRESH
    if life.chance.random() < 0.2:
        life.step(
            "refuse the value",
            lambda: life.transact(lambda s: revaluing.refuse(s, other.actor, number, "a slip").id),
        )
        return
    value.wanted = other.actor.id != one.actor.id
    if life.step(
        "accept the value",
        lambda: life.transact(lambda s: revaluing.accept(s, other.actor, number, other.code()).id),
    ):
        life.acknowledge("value accepted", number)
        life.did("value", number, "accepted", other)


def _filled(content: bytes, price: str, day: str) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    said = {"Price": price, "Date": day, "Source": "asked at the market", "Sellers asked": "3"}
    for row in rows[1:]:
        for heading, word in said.items():
            row[rows[0].index(heading)] = word
    target = io.StringIO()
    csv.writer(target).writerows(rows)
    return target.getvalue().encode("utf-8-sig")


def wrong(life: Life, session: Session) -> Iterator[Wrong]:
    """A cycle owes what the file said, or what two people accepted before it was opened: everybody by the same base."""
    rows = session.execute(
        select(Cycle.period, Cycle.opened_at, Household.size, Entitlement.amount_minor)
        .join(Entitlement, Entitlement.cycle_id == Cycle.id)
        .join(Programme, Programme.id == Cycle.programme_id)
        .join(Household, Household.id == Entitlement.household_id)
        .where(Programme.code == RESTING, Entitlement.component == "base")
    ).all()
    known = {value.base_minor for value in life.kept.bases.values() if value.wanted} | {FIRST_BASE}
    bases: dict[str, set[int]] = {}
    for period, _, size, minor in rows:
        bases.setdefault(period, set()).add(minor - size * PER_MEMBER)
    for period, found in bases.items():
        if len(found) > 1 or not found <= known:
            yield (
                Kind.ALONE,
                f"{RESTING} {period} owes by {sorted(found)}; two people accepted {sorted(known)}",
            )
    for number, by, decided in session.execute(
        select(TransferValue.id, TransferValue.proposed_by, TransferValue.decided_by).where(
            TransferValue.decision == ACCEPTED
        )
    ):
        if by == decided:
            yield Kind.ALONE, f"one person proposed and accepted the value {number}"
