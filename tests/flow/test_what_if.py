"""What would change before anybody saves it: who moves, by whom they are headed and where they live, and what it costs."""

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.programmes import applying, cycles, what_if
from cbi.registry.models import Band, Household
from cbi.registry.scorecards import assessing, versions
from cbi.registry.scorecards.definition import Form
from cbi.registry.scorecards.models import Assessment, ScorecardVersion
from tests.factories import Colleague, colleague
from tests.kinds_factory import kind_file
from tests.programme_factory import OFFICER
from tests.scorecard_factory import CALM, CARD, NEEDY, in_use, made, officer

STIPEND = (
    '{base: "100", top_ups: [{name: need, amount: "40", for: {bands: [High], scorecard: need}}]}'
)
STRICT = CARD.replace("band: high, from: 6", "band: high, from: 12")
ONLY_HIGH = STIPEND.replace('base: "100"', 'base: "0"')


@pytest.fixture
def people(session: Session) -> list[Household]:
    """Twelve households: five in the greatest need, one by a rule, five nearly so, and one that is not assessed."""
    in_use(session)
    found = made(session, 12)
    who = officer(session)
    for at, household in enumerate(found[:11]):
        answers: dict[str, Any] = NEEDY if at < 5 else CALM | {"hunger": 5}  # 15 points, and 9
        if at == 10:
            answers = answers | {"alone": True}
        assessing.assess(session, who.actor, household, "need", Form.LONG, answers)
    return found


def manager(session: Session) -> Colleague:
    """Somebody who weighs scorecards and sees no answers."""
    return colleague(session, Role.PROGRAMME_MANAGER)


def caseworker(session: Session) -> Colleague:
    """Somebody who may see both."""
    return colleague(session, Role.PROTECTION_OFFICER)


def test_a_threshold_moves_households_and_nothing_is_written(
    session: Session, people: list[Household]
) -> None:
    def counts() -> list[int | None]:
        return [
            session.scalar(select(func.count()).select_from(t))
            for t in (Assessment, Band, ScorecardVersion)
        ]

    before = counts()
    found = what_if.what_if(session, caseworker(session).actor, scorecard=versions.parsed(STRICT))
    assert (found.assessed, found.unknown, found.cost) == (11, 0, None)
    assert found.moves == (("high", "high", 6), ("high", "low", 5))
    (by_band,) = (table for table in found.tables if table.by == "band")
    assert [(line.name, line.households, line.moved_out) for line in by_band.lines] == [
        ("high", 6, 0),
        ("low", 5, 5),
    ]
    assert by_band.total.households == 11
    assert counts() == before


def test_a_comparison_says_what_it_costs_as_opening_a_cycle_will(
    session: Session, people: list[Household]
) -> None:
    applying.apply(session, OFFICER, kind_file(ONLY_HIGH))
    found = what_if.what_if(
        session, caseworker(session).actor, scorecard=versions.parsed(STRICT), programme="winter-2026",
        rules=kind_file(ONLY_HIGH.replace('"40"', '"50"')),
    )  # fmt: skip
    assert found.cost is not None
    assert (found.cost.now.decimal, found.cost.then.decimal) == ("440.00", "300.00")
    assert found.cost.more.decimal == "-140.00"
    (by_sex,) = (table for table in found.tables if table.by == "sex of the head")
    total = by_sex.total
    assert (total.moved_in, total.moved_out, total.before_minor, total.after_minor) == (
        0,
        5,
        440_00,
        300_00,
    )
    opened = cycles.open_cycle(session, OFFICER, "winter-2026", "2026-01")
    assert opened.total == found.cost.now


def test_nobody_is_named_and_small_numbers_stay_hidden(
    session: Session, people: list[Household]
) -> None:
    found = what_if.what_if(
        session,
        manager(session).actor,
        scorecard=versions.parsed(CARD.replace("points: 4}", "points: 40}")),
    )
    assert str(people[0].id) not in repr(found)
    assert people[0].source_id not in repr(found)
    three = what_if.what_if(
        session,
        manager(session).actor,
        scorecard=versions.parsed(CARD.replace("when: alone", "when: not alone")),
    )
    for table in three.tables:
        for line in (*table.lines, table.total):
            for number in (line.households, line.moved_in, line.moved_out):
                assert number is None or number == 0 or number >= 5, table
    with pytest.raises(NotPermitted):
        what_if.what_if(session, officer(session).actor, scorecard=versions.parsed(STRICT))


def test_what_cannot_be_scored_anew_is_counted_and_stays(
    session: Session, people: list[Household]
) -> None:
    asks_more = CARD.replace(
        "  crowd:",
        "  income: {ask: {en: Income, fr: Revenu}, kind: number, between: [0, 999]}\n  crowd:",
    )
    found = what_if.what_if(
        session, caseworker(session).actor, scorecard=versions.parsed(asks_more)
    )
    assert (found.assessed, found.unknown, found.moves) == (0, 11, ())
    optional = asks_more.replace("between: [0, 999]}", "between: [0, 999], optional: true}")
    assert (
        what_if.what_if(
            session, caseworker(session).actor, scorecard=versions.parsed(optional)
        ).assessed
        == 11
    )
    with pytest.raises(what_if.NothingToCompare):
        what_if.what_if(session, caseworker(session).actor, programme="winter-2026")
