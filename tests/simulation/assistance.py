"""What happens to those who are to receive: conditions of a grant, days of work, suspension."""

import csv
import io
from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.offices import office_of
from cbi.programmes import (
    conditions,
    enrolling,
    queries,
    work_entering,
    work_queries,
    work_sheets,
    work_signing,
)
from cbi.programmes.enrolling import Act, Line
from cbi.programmes.models import Cycle, Entitlement, Programme
from cbi.programmes.work_entering import NothingDiffers
from cbi.programmes.work_models import WorkSheet
from cbi.registry.models import Household
from tests.simulation.finance import FRESH
from tests.simulation.first_day import CONDITION, GRANTS, PROGRAMMES, ROADS, number_of
from tests.simulation.life import Life
from tests.simulation.wrongs import Kind, Wrong

HALF_DAY = 20_00
"""What half a day of work on the road gives, in minor units."""
WORKERS = tuple(number_of(size) for size in (11, 12))
DAYS = range(11, 15)
MARKS = {0: "", 1: "0.5", 2: "1"}


def meet_condition(life: Life) -> None:
    """Somebody notes that a household has shown its ticket; somebody else confirms it, or not."""
    number = number_of(life.chance.randint(9, 12))
    one, second = life.who("maker"), life.who("second maker")
    assert one.actor.id is not None
    assert second.actor.id is not None
    if life.chance.random() < 0.7:
        life.kept.noted.setdefault(number, set()).add(one.actor.id)
        life.step(
            f"note that {number} has its ticket",
            lambda: life.acknowledge(
                "condition noted",
                life.transact(
                    lambda s: conditions.note(s, one.actor, GRANTS, number, CONDITION, "seen").id
                ),
            ),
        )
    if life.chance.random() < 0.7:
        if life.kept.noted.get(number, set()) - {second.actor.id}:
            life.kept.met.add(number)
        life.step(
            f"confirm that {number} has its ticket",
            lambda: life.acknowledge(
                "condition confirmed",
                life.transact(
                    lambda s: conditions.confirm(s, second.actor, GRANTS, number, CONDITION).id
                ),
            ),
        )


def work(life: Life) -> None:
    """The sheet of January comes back from the field, for the first time or corrected; or it is signed."""
    if life.chance.random() < 0.5:
        _hand_in(life)
    else:
        _sign(life)


def _sheet(session: Session, life: Life) -> tuple[int, int, int, UUID | None]:
    sheet = work_sheets.make(
        session, life.ground.people.staff["clerk"].actor, ROADS, "road", "group-a", "2027-01"
    )
    standing = work_sheets.standing(session, sheet)
    return sheet.id, standing.latest, standing.signed or 0, standing.signed_by


def _hand_in(life: Life) -> None:
    who = life.who("clerk")
    clerk = who.actor
    said = {number: [life.chance.choice((0, 1, 2, 2)) for _ in DAYS] for number in WORKERS}
    number, latest, signed, _ = life.look(lambda s: _sheet(s, life))
    # What a version says that may or may not have arrived: whichever arrives under its number.
    life.kept.sheets[latest + 1] = {each: sum(halves) for each, halves in said.items()}

    def work(session: Session) -> bool:
        sheet = session.get_one(WorkSheet, number)
        blank = io.BytesIO()
        work_sheets.export(session, clerk, sheet, blank, form="csv", language="en")
        filled = io.BytesIO(_filled(blank.getvalue(), said))
        why = "Counted again" if signed else None
        try:
            work_entering.take_in(session, clerk, filled, reason=why)
        except NothingDiffers:
            return False
        return True

    def hand_in() -> None:
        if life.transact(work):
            life.acknowledge("sheet", f"{number} {latest + 1}")
            life.did("sheet", f"{number} {latest + 1}", "entered", who)

    life.step(f"hand in the sheet, version {latest + 1}", hand_in)


def _filled(content: bytes, said: dict[str, list[int]]) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    for row in rows[1:]:
        for day, half_days in zip(DAYS, said[row[1]], strict=True):
            row[rows[0].index(f"Day {day}")] = MARKS[half_days]
    target = io.StringIO()
    csv.writer(target).writerows(rows)
    return target.getvalue().encode("utf-8-sig")


def _sign(life: Life) -> None:
    number, latest, signed, by = life.look(lambda s: _sheet(s, life))
    if latest == signed:
        return
    who = life.who("supervisor")
    if by == who.actor.id or life.chance.random() < 0.2:
        who = life.who("second supervisor")
    life.weather.now += FRESH
    if life.step(
        f"sign the sheet, version {latest}",
        lambda: life.transact(lambda s: work_signing.sign(s, who.actor, number, who.code())),
    ):
        life.acknowledge("sheet signed", f"{number} {latest}")
        life.did("sheet", f"{number} {latest}", "signed", who)


def suspend(life: Life) -> None:
    """A household gets nothing for now, or takes part again."""
    programme = life.chance.choice(sorted(set(PROGRAMMES) - {ROADS, GRANTS}))
    number = number_of(life.chance.randint(PROGRAMMES[programme][1], 12))
    maker, key = life.who("maker"), (programme, number)
    ends = key in life.kept.suspended and life.chance.random() < 0.7
    was_wrong = ends and life.chance.random() < 0.3

    def work(session: Session) -> None:
        today = clock.today(office_of(session).timezone)
        line = Line("line 1", number, today, "nobody opened the door")
        act = Act.RESUME if ends else Act.SUSPEND
        enrolling.change(session, maker.actor, programme, act, [line], was_wrong=was_wrong)

    if ends:
        life.kept.suspended[key] = False
    done = life.step(
        f"{'resume' if ends else 'suspend'} {number} in {programme}", lambda: life.transact(work)
    )
    if done and not ends:
        life.acknowledge("suspension", f"{programme} {number}")
        life.kept.suspended[key] = True


def before_opening(life: Life, programme: str, period: str) -> None:
    """Remember who takes no part for certain, when a cycle is opened that perhaps was not opened yet."""
    out = frozenset(
        number for (code, number), surely in life.kept.suspended.items() if surely and code == programme
    )  # fmt: skip
    known = life.kept.left_out.get((programme, period))
    life.kept.left_out[programme, period] = out if known is None else known & out


def wrong(life: Life, session: Session) -> Iterator[Wrong]:
    """Nobody is owed a tranche before two people confirmed its condition, or anything while suspended; work is what was
    signed."""
    owed = session.execute(
        select(Programme.code, Cycle.period, Household.source_id, Entitlement.component)
        .join(Cycle, Cycle.id == Entitlement.cycle_id)
        .join(Programme, Programme.id == Entitlement.programme_id)
        .join(Household, Household.id == Entitlement.household_id)
        .distinct()
    ).all()
    for code, period, number, component in owed:
        if code == GRANTS and component == "second" and number not in life.kept.met:
            yield (
                Kind.ALONE,
                f"{number} is owed the second tranche, and nobody confirmed its ticket",
            )
        if number in life.kept.left_out.get((code, period), ()):
            yield (
                Kind.OTHERWISE,
                f"{number} is owed something of {code} {period}, and was suspended",
            )
    yield from _of_work(life, session)


def _of_work(life: Life, session: Session) -> Iterator[Wrong]:
    programme = queries.find(session, ROADS)
    lines = work_queries.sheets(session, programme)
    true = sum(
        sum(life.kept.sheets[signed].values()) * HALF_DAY
        for line in lines
        if (signed := _signed(session, line.number))
    )
    given = session.scalars(
        select(Entitlement.amount_minor).where(Entitlement.programme_id == programme.id)
    ).all()
    waiting = sum(line.unpaid.minor for line in lines)
    if sum(given) + waiting != true:
        yield (
            Kind.OTHERWISE,
            f"{true} was earned on the road, and {sum(given)} is owed in our books and {waiting} waits",
        )


def _signed(session: Session, number: int) -> int | None:
    sheet = session.get_one(WorkSheet, number)
    return work_sheets.standing(session, sheet).signed
