"""A suspension that ends holds at once; what it makes owed for cycles that are open already takes a second person."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.programmes import confirming, resuming
from cbi.programmes.applying import apply
from cbi.programmes.cycles import open_cycle
from cbi.programmes.enrolling import Act, Line, change
from cbi.programmes.making_up import made_up
from cbi.programmes.queries import find
from cbi.programmes.replaying import replay
from cbi.proofs.programmes import owed_once
from cbi.refusals import refusing
from tests.household_factory import CONFIRMER
from tests.kinds_factory import kind_file, number_of, owed
from tests.programme_factory import OFFICER, household

CODE = "winter-2026"
APRIL = datetime(2026, 4, 1, 9, tzinfo=UTC)
ARREARS, NONE = '{base: "310", prorate: days, arrears: 3}', '{base: "310", prorate: days}'


@pytest.fixture
def hours() -> Iterator[list[datetime]]:
    """The hours of the story; every step takes the next one."""
    with clock.frozen(APRIL):
        yield [APRIL + timedelta(hours=at) for at in range(40, 0, -1)]


def said(
    session: Session, hours: list[datetime], act: Act, home: UUID, on: date, *, was_wrong: bool = False
) -> None:  # fmt: skip
    line = Line("line 1", number_of(session, home), on, "a good reason")
    with clock.frozen(hours.pop()):
        assert change(session, OFFICER, CODE, act, [line], was_wrong=was_wrong).households == 1


def opened(session: Session, hours: list[datetime], period: str) -> dict[tuple[UUID, str], str]:
    with clock.frozen(hours.pop()):
        cycle = open_cycle(session, OFFICER, CODE, period).id
        again = replay(session, OFFICER, CODE, period)
    assert (again.differing, again.not_kept) == (0, 0)
    return {whose: amount for whose, (amount, _) in owed(session, cycle).items()}


def waits(session: Session) -> list[UUID]:
    return [each.suspension.id for each in resuming.listed(session, CONFIRMER, CODE)]


def breaches(session: Session) -> list[str]:
    return [breach for check in owed_once for breach in check(session)]


@pytest.mark.parametrize(("was_wrong", "on", "back"), [(True, 16, "310.00"), (False, 1, "310.00")])
def test_one_person_alone_gives_back_nothing_of_cycles_that_were_open(
    session: Session, hours: list[datetime], on: int, back: str, *, was_wrong: bool
) -> None:
    this = household(session)
    apply(session, OFFICER, kind_file(ARREARS))
    said(session, hours, Act.SUSPEND, this, date(2026, 1, 1))
    assert opened(session, hours, "2026-01") == {}
    said(session, hours, Act.RESUME, this, date(2026, 1, on), was_wrong=was_wrong)
    assert opened(session, hours, "2026-02") == {(this, "base"): "310.00"}, "it holds at once"
    (suspension,) = waits(session)
    said_before = made_up(session, find(session, CODE), [(suspension, this)])[suspension]
    assert [str(each.decimal) for each in (said_before.before, said_before.after)] == ["0.00", back]
    with pytest.raises(resuming.OwnResumption):
        resuming.confirm(session, OFFICER, suspension)
    assert resuming.confirm(session, CONFIRMER, suspension).confirmed_by == CONFIRMER.id
    with pytest.raises(resuming.UnknownResumption):
        resuming.confirm(session, CONFIRMER, suspension)
    assert waits(session) == []
    march = opened(session, hours, "2026-03")
    assert march == {(this, "base"): "310.00", (this, "arrears"): back}
    assert breaches(session) == []
    for forgery in (
        "UPDATE suspensions SET confirmed_by = gen_random_uuid()",
        "UPDATE suspensions SET was_wrong = NOT was_wrong",
        "UPDATE suspensions SET needs_second = false",
        "UPDATE suspensions SET confirmed_by = NULL, confirmed_at = NULL",
    ):
        with session.begin_nested() as undoing:
            session.execute(text(forgery))
            assert breaches(session), forgery
            undoing.rollback()


def test_what_is_refused_gives_back_what_the_suspension_left_and_no_more(
    session: Session, hours: list[datetime]
) -> None:
    this = household(session)
    apply(session, OFFICER, kind_file(ARREARS))
    said(session, hours, Act.SUSPEND, this, date(2026, 1, 11))
    assert opened(session, hours, "2026-01") == {}
    said(session, hours, Act.RESUME, this, date(2026, 2, 1), was_wrong=True)
    (suspension,) = waits(session)
    refusing.refuse(session, CONFIRMER, "resumption", str(suspension), "They were away indeed.")
    with pytest.raises(resuming.UnknownResumption):
        resuming.confirm(session, CONFIRMER, suspension)
    february = opened(session, hours, "2026-02")
    assert february == {(this, "base"): "310.00", (this, "arrears"): "100.00"}, (
        "ten days of January"
    )
    assert breaches(session) == []


def test_days_of_two_suspensions_count_once_where_the_end_of_the_first_was_refused(
    session: Session, hours: list[datetime]
) -> None:
    this = household(session)
    apply(session, OFFICER, kind_file(ARREARS))
    said(session, hours, Act.SUSPEND, this, date(2026, 1, 11))
    assert opened(session, hours, "2026-01") == {}
    said(session, hours, Act.RESUME, this, date(2026, 1, 16), was_wrong=True)
    said(session, hours, Act.SUSPEND, this, date(2026, 1, 20))
    said(session, hours, Act.RESUME, this, date(2026, 2, 1))
    (first,) = waits(session)
    refusing.refuse(session, CONFIRMER, "resumption", str(first), "They were away indeed.")
    february = opened(session, hours, "2026-02")
    assert february[this, "arrears"] == "100.00", "ten days of January"
    assert breaches(session) == []


def test_from_a_day_to_come_one_person_resumes(session: Session, hours: list[datetime]) -> None:
    this = household(session)
    apply(session, OFFICER, kind_file(ARREARS))
    said(session, hours, Act.SUSPEND, this, date(2026, 1, 11))
    opened(session, hours, "2026-01")
    said(session, hours, Act.RESUME, this, date(2026, 2, 1))
    assert waits(session) == []
    assert opened(session, hours, "2026-02")[this, "arrears"] == "100.00", "the days before it"


def test_what_reaches_back_waits_once_a_programme_begins_to_make_up_for_it(
    session: Session, hours: list[datetime]
) -> None:
    this, late = household(session), household(session)
    apply(session, OFFICER, kind_file(NONE))
    said(session, hours, Act.SUSPEND, this, date(2026, 1, 1))
    said(session, hours, Act.START, late, date(2026, 2, 1))
    assert opened(session, hours, "2026-01") == {}
    said(session, hours, Act.RESUME, this, date(2026, 1, 1), was_wrong=True)
    said(session, hours, Act.START, late, date(2026, 1, 1))
    assert waits(session) == []
    assert confirming.listed(session, CONFIRMER, CODE) == [], "nothing hangs on it"
    apply(session, OFFICER, kind_file(ARREARS))
    (suspension,), (days,) = waits(session), confirming.listed(session, CONFIRMER, CODE)
    assert opened(session, hours, "2026-02").keys() == {(this, "base"), (late, "base")}
    resuming.confirm(session, CONFIRMER, suspension)
    confirming.confirm(session, CONFIRMER, days.enrolment.id)
    march = opened(session, hours, "2026-03")
    assert (march[this, "arrears"], march[late, "arrears"]) == ("310.00", "310.00")
    assert breaches(session) == []
