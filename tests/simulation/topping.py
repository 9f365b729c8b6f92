"""What is owed on top of a cycle: one person lists it, another accepts it, and a run of its own pays it."""

from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.money import Money
from cbi.payments.runs import runs
from cbi.programmes import top_ups
from cbi.programmes.models import Cycle, Entitlement, Programme
from cbi.programmes.top_up_lists import Line
from cbi.registry.models import Household
from tests.simulation.finance import FRESH
from tests.simulation.first_day import ROADS
from tests.simulation.kept import Topped
from tests.simulation.life import Life
from tests.simulation.wrongs import Kind, Wrong


def top_up(life: Life) -> None:
    """One or two households of a cycle are to get more, each once; a list may be proposed twice."""
    cycles = life.look(
        lambda s: s.scalars(
            select(Cycle.id)
            .join(Programme, Programme.id == Cycle.programme_id)
            .where(Programme.code != ROADS)
            .order_by(Cycle.opened_at, Cycle.id)
        ).all()
    )
    if not cycles:
        return
    cycle_id = life.chance.choice(cycles)
    owed = life.look(
        lambda s: s.scalars(
            select(Household.source_id)
            .join(Entitlement, Entitlement.household_id == Household.id)
            .where(Entitlement.cycle_id == cycle_id)
            .distinct()
            .order_by(Household.source_id)
        ).all()
    )
    if not owed:
        return
    chosen = life.chance.sample(list(owed), min(len(owed), life.chance.randint(1, 2)))
    on_top = {number: life.chance.choice((10_00, 25_00, 50_00)) for number in chosen}
    lines = [
        Line(f"row {place}", number, Money(minor, "DZD"), "a cold winter")
        for place, (number, minor) in enumerate(on_top.items(), 2)
    ]
    one, other = life.who("maker"), life.who("authoriser")
    reference = f"decision {life.provider.moment()}"
    made: list[UUID] = []
    for _ in range(2 if life.weather.strikes("F45", 0.3) else 1):
        life.step(
            f"propose {sum(on_top.values())} on top",
            lambda: made.append(
                life.transact(
                    lambda s: (
                        top_ups.propose(
                            s,
                            one.actor,
                            cycle_id,
                            lines,
                            reason="Prices of fuel",
                            reference=reference,
                        ).id
                    )
                )
            ),
        )
    if not made:
        return
    which = made[-1]
    life.acknowledge("top-up", which)
    life.did("top-up", which, "proposed", one)
    life.kept.topped[which] = topped = Topped(on_top)
    life.weather.now += FRESH
    topped.wanted = other.actor.id != one.actor.id
    if life.step(
        "accept what is owed on top",
        lambda: life.transact(lambda s: top_ups.accept(s, other.actor, which, other.code()).id),
    ):
        topped.accepted = True
        life.acknowledge("top-up accepted", which)
        life.did("top-up", which, "accepted", other)
        _build(life, cycle_id, which)


def _build(life: Life, cycle_id: UUID, which: UUID) -> None:
    maker = life.who("maker")

    def work() -> None:
        for run_id in life.transact(
            lambda s: [run.id for run in runs.build_all(s, maker.actor, cycle_id, which)]
        ):
            life.kept.runs.append(run_id)
            assert maker.actor.id is not None
            life.kept.makers.setdefault(run_id, set()).add(maker.actor.id)

    life.step("build a run of what is owed on top", work)


def wrong(life: Life, session: Session) -> Iterator[Wrong]:
    """On top is owed what somebody listed and somebody else accepted, to those alone."""
    rows = session.execute(
        select(Entitlement.top_up_id, Household.source_id, Entitlement.amount_minor)
        .join(Household, Household.id == Entitlement.household_id)
        .where(Entitlement.top_up_id.is_not(None))
    ).all()
    owed: dict[UUID, Counter[str]] = {}
    for which, number, minor in rows:
        assert which is not None
        owed.setdefault(which, Counter())[number] += minor
    for which, found in owed.items():
        topped = life.kept.topped.get(which)
        if topped is None or not topped.wanted:
            yield Kind.ALONE, f"top-up {which} is owed, and no second person accepted it"
        elif dict(found) != topped.on_top:
            yield (
                Kind.OTHERWISE,
                f"top-up {which}: {topped.on_top} was listed, {dict(found)} is owed",
            )
    for which, topped in life.kept.topped.items():
        if topped.accepted and which not in owed:
            yield Kind.LOST, f"top-up {which} was accepted, and nothing is owed"
