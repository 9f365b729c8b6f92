"""Cycles that open on the first Sunday or the last working day, and a programme that is paid once."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.payments.runs import scheduled
from cbi.programmes import applying, cycles, days_off, queries, replaying, working_week
from cbi.programmes.cycles import PeriodNotScheduled
from cbi.programmes.kept import RestsOnIt
from cbi.programmes.models import Cycle
from tests.kinds_factory import kind_file, owed
from tests.programme_factory import OFFICER, household

STIPEND = '{base: "100", prorate: days}'


def monthly(session: Session, opens_by: str) -> None:
    text = kind_file(STIPEND).replace("last: 2026-12}", f'last: 2026-12, opens_by: "{opens_by}"}}')
    applying.apply(session, OFFICER, text)


def test_a_cycle_opens_on_the_office_s_last_working_day(session: Session) -> None:
    with clock.frozen(datetime(2026, 1, 2, tzinfo=UTC)):
        monthly(session, "last working day")
        (planned,) = scheduled.planned(session)
        assert planned.at == datetime(
            2026, 1, 29, 5, tzinfo=UTC
        )  # a Thursday: Algiers rests on Friday
        working_week.change(
            session, OFFICER, ["Monday", "tuesday", "wednesday", "thursday", "friday"]
        )
        (planned,) = scheduled.planned(session)
        assert planned.at == datetime(2026, 1, 30, 5, tzinfo=UTC)
    with clock.frozen(datetime(2026, 1, 30, 6, tzinfo=UTC)):
        (due,) = scheduled.due(session)
        assert (due.programme, due.period) == ("winter-2026", "2026-01")
        scheduled.open_cycle(session, due)
        assert scheduled.due(session) == []


def test_a_holiday_is_no_working_day_until_somebody_says_so_of_it(session: Session) -> None:
    def said(day: int, *, off: bool) -> datetime:
        days_off.say(session, OFFICER, date(2026, 1, day), "As the ministry wrote", off=off)
        return scheduled.planned(session)[0].at

    with clock.frozen(datetime(2025, 12, 20, tzinfo=UTC)):
        monthly(session, "first working day")
        (planned,) = scheduled.planned(session)
        assert planned.at == datetime(2026, 1, 4, 5, tzinfo=UTC)  # New Year's Day is a Thursday
        assert said(4, off=True) == datetime(2026, 1, 5, 5, tzinfo=UTC)
        with pytest.raises(days_off.UnusableDay):
            said(5, off=False)
        assert said(1, off=False) == datetime(2026, 1, 1, 5, tzinfo=UTC)
        assert said(4, off=False) == said(5, off=True) == datetime(2026, 1, 1, 5, tzinfo=UTC)
        assert said(1, off=True) == datetime(2026, 1, 4, 5, tzinfo=UTC)
    found = days_off.of_year(session, 2026)
    assert (found.country, found.known) == ("DZ", True)
    assert [(each.day.day, each.off, each.holiday, each.reason) for each in found.days[:4]] == [
        (1, True, "New Year's Day", "As the ministry wrote"),
        (4, False, None, "As the ministry wrote"), (5, True, None, "As the ministry wrote"),
        (12, True, "Amazigh New Year", None),
    ]  # fmt: skip


def test_the_week_is_said_in_words_and_the_latest_word_counts(session: Session) -> None:
    assert working_week.named(working_week.days(session)) == [
        "monday", "tuesday", "wednesday", "thursday", "sunday",
    ]  # fmt: skip
    assert working_week.change(session, OFFICER, ["sunday", "SUNDAY", " monday "]) == {1, 7}
    assert working_week.days(session) == {1, 7}
    for words in (["moonday"], [], [" "]):
        with pytest.raises(working_week.UnusableWeek):
            working_week.change(session, OFFICER, words)


def test_what_is_paid_once_is_opened_once_for_its_own_days(session: Session) -> None:
    text = kind_file(STIPEND, every="once", first="2026-03-15", last="2026-05-31")
    assert applying.apply(session, OFFICER, text).changed
    assert not applying.apply(session, OFFICER, text).changed
    this = household(session)
    opened = cycles.open_cycle(session, OFFICER, "winter-2026", "once")
    assert cycles.open_cycle(session, OFFICER, "winter-2026", "2026-03-15--2026-05-31").already_open
    cycle = session.scalars(select(Cycle)).one()
    assert (cycle.period, cycle.starts_on, cycle.ends_on) == (
        "2026-03-15--2026-05-31", date(2026, 3, 15), date(2026, 5, 31),
    )  # fmt: skip
    assert owed(session, opened.id) == {(this, "base"): ("100.00", "100.00 DZD")}
    again = replaying.replay(session, OFFICER, "winter-2026", "once")
    assert (again.decisions, again.differing) == (1, 0)
    for other in (text.replace("2026-05-31", "2026-06-30"), text.replace("03-15", "03-16")):
        with pytest.raises(RestsOnIt, match="has been opened"):
            applying.apply(session, OFFICER, other)
    for period in ("2026-03", "2026-03-16--2026-05-31"):
        with pytest.raises(PeriodNotScheduled):
            cycles.open_cycle(session, OFFICER, "winter-2026", period)
    assert queries.cycles(session)[0].period == cycle.period


def test_what_is_paid_once_can_open_by_itself(session: Session) -> None:
    text = kind_file(STIPEND, every="once", first="2026-03-15", last="2026-05-31")
    with clock.frozen(datetime(2026, 3, 1, tzinfo=UTC)):
        applying.apply(
            session, OFFICER, text.replace("05-31}", '05-31, opens_by: "second sunday"}')
        )
    with clock.frozen(datetime(2026, 3, 22, 6, tzinfo=UTC)):
        (due,) = scheduled.due(session)
        assert (due.period, due.at) == (
            "2026-03-15--2026-05-31",
            datetime(2026, 3, 22, 5, tzinfo=UTC),
        )
        scheduled.open_cycle(session, due)
        assert scheduled.planned(session) == []
