"""Start, end, suspension and arrears: what a cycle gives households that did not take part on every day of it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.actor import Actor
from cbi.money import Money
from cbi.programmes import confirming, enrolling, making_up, resuming
from cbi.programmes.applying import apply
from cbi.programmes.cycles import OpenedCycle, open_cycle
from cbi.programmes.enrolling import Act, CannotChange, Line, change
from cbi.programmes.household_models import ArrearsPaid, Enrolment, Suspension
from cbi.programmes.replaying import replay
from cbi.programmes.transfer_value import share
from cbi.proofs.own_records import no_hand_on_their_own
from cbi.proofs.programmes import owed_once
from cbi.refusals import refusing
from cbi.registry.linkage.models import StaffMatch
from cbi.registry.linkage.staff import OwnRecord
from cbi.registry.models import Person
from tests.factories import EVERYTHING
from tests.flow.test_programmes import at_once
from tests.household_factory import CONFIRMER
from tests.kinds_factory import kind_file, number_of, owed, reasons
from tests.programme_factory import OFFICER, household

FEBRUARY = [date(2026, 2, number) for number in range(1, 29)]
BY_DAY = '{per_member: "1000", prorate: days, arrears: 3}'


@pytest.fixture(autouse=True)
def april() -> Iterator[None]:
    """The stories are told in April 2026."""
    with clock.frozen(datetime(2026, 4, 1, 9, tzinfo=UTC)):
        yield


def say(
    session: Session,
    act: Act,
    this: UUID,
    on: date,
    *,
    was_wrong: bool = False,
    alone: bool = False,
    code: str = "winter-2026",
) -> None:
    line = Line("line 1", number_of(session, this), on, "a good reason")
    assert change(session, OFFICER, code, act, [line], was_wrong=was_wrong).households == 1
    if alone:
        return
    for each in resuming.listed(session, CONFIRMER, code):
        resuming.confirm(session, CONFIRMER, each.suspension.id)


def confirmed(session: Session, who: Actor = CONFIRMER) -> None:
    """Somebody else confirms the days that wait."""
    (days,) = confirming.listed(session, who, "winter-2026")
    confirming.confirm(session, who, days.enrolment.id)


def opened(session: Session, period: str) -> OpenedCycle:
    """A cycle, which comes out the same when it is worked out again."""
    found = open_cycle(session, OFFICER, "winter-2026", period)
    again = replay(session, OFFICER, "winter-2026", period)
    assert (again.differing, again.not_kept) == (0, 0), again.examples
    return found


def test_who_starts_or_ends_within_a_month_gets_the_part_that_falls_to_it(session: Session) -> None:
    whole, starts, ends, early, late = (household(session) for _ in range(5))
    apply(session, OFFICER, kind_file(BY_DAY))
    say(session, Act.START, starts, date(2026, 2, 15))
    say(session, Act.END, ends, date(2026, 2, 7))
    say(session, Act.START, early, date(2026, 3, 1))
    say(session, Act.END, late, date(2026, 1, 31))
    cycle = opened(session, "2026-02")
    assert owed(session, cycle.id) == {
        (whole, "base"): ("4000.00", "1000.00 × 4 members = 4000.00 DZD"),
        (starts, "base"): (
            "2000.00",
            "1000.00 × 4 members = 4000.00 DZD, 14 of 28 days = 2000.00 DZD",
        ),
        (ends, "base"): (
            "1000.00",
            "1000.00 × 4 members = 4000.00 DZD, 7 of 28 days = 1000.00 DZD",
        ),
    }
    assert reasons(session, cycle.id) == {
        whole: [], starts: [], ends: [], early: ["not_started"], late: ["ended"],
    }  # fmt: skip


def test_of_a_fortnight_days_are_shares_and_arrears_count_fortnights(session: Session) -> None:
    this = household(session)
    file = kind_file(
        BY_DAY.replace("3}", "1}"), every="fortnight", first="2026-W02", last="2026-W51"
    )
    apply(session, OFFICER, file)
    say(session, Act.SUSPEND, this, date(2026, 1, 5))
    assert not owed(session, opened(session, "2026-W02").id)
    assert not owed(session, opened(session, "2026-W04").id)
    say(session, Act.RESUME, this, date(2026, 1, 31), was_wrong=True)
    say(session, Act.END, this, date(2026, 2, 8))
    four = "1000.00 × 4 members = 4000.00 DZD"
    assert owed(session, opened(session, "2026-W06").id) == {
        (this, "base"): ("2000.00", f"{four}, 7 of 14 days = 2000.00 DZD"),
        (this, "arrears"): ("4000.00", f"2026-W04--2026-W05: {four}"),
    }


def test_without_prorate_a_part_of_the_month_is_paid_like_the_whole(session: Session) -> None:
    starts = household(session)
    apply(session, OFFICER, kind_file('{per_member: "1000"}'))
    say(session, Act.START, starts, date(2026, 2, 28))
    assert owed(session, opened(session, "2026-02").id)[starts, "base"][0] == "4000.00"


def test_the_suspended_get_nothing_and_later_the_days_on_which_they_were_not(
    session: Session,
) -> None:
    this, wronged = household(session), household(session)
    apply(session, OFFICER, kind_file(BY_DAY))
    for each in (this, wronged):
        say(session, Act.SUSPEND, each, date(2026, 1, 11))
    january = opened(session, "2026-01")
    assert reasons(session, january.id) == {this: ["suspended"], wronged: ["suspended"]}
    say(session, Act.RESUME, this, date(2026, 2, 15))
    say(session, Act.RESUME, wronged, date(2026, 2, 15), was_wrong=True)
    february = owed(session, opened(session, "2026-02").id)
    assert {key: amount for key, (amount, _) in february.items()} == {
        (this, "base"): "2000.00",
        (this, "arrears"): "1290.32",  # the ten days before
        (wronged, "base"): "4000.00",
        (wronged, "arrears"): "4000.00",
    }
    assert february[this, "arrears"][1] == (
        "2026-01: 1000.00 × 4 members = 4000.00 DZD, 10 of 31 days = 1290.32 DZD"
    )
    march = owed(session, opened(session, "2026-03").id)
    assert set(march) == {(this, "base"), (wronged, "base")}


def test_who_is_to_be_suspended_later_can_be_suspended_earlier_and_then_only_that_counts(
    session: Session,
) -> None:
    this = household(session)
    apply(session, OFFICER, kind_file(BY_DAY))
    say(session, Act.SUSPEND, this, date(2026, 3, 1))
    with pytest.raises(CannotChange, match="suspended already, since 2026-03-01"):
        say(session, Act.SUSPEND, this, date(2026, 3, 2))
    say(session, Act.SUSPEND, this, date(2026, 1, 11))
    with pytest.raises(CannotChange, match="suspended already, since 2026-01-11"):
        say(session, Act.SUSPEND, this, date(2026, 1, 11))
    assert reasons(session, opened(session, "2026-01").id) == {this: ["suspended"]}
    say(session, Act.RESUME, this, date(2026, 2, 1))
    assert (this, "base") in owed(session, opened(session, "2026-02").id)
    assert (this, "base") in owed(session, opened(session, "2026-03").id), "the later one is gone"
    with pytest.raises(CannotChange, match="resumed on 2026-02-01"):
        say(session, Act.SUSPEND, this, date(2026, 1, 20))


def test_what_was_given_for_a_month_and_its_arrears_add_up_to_the_month(session: Session) -> None:
    this = household(session, 1)
    apply(session, OFFICER, kind_file('{base: "100.01", prorate: days, arrears: 3}'))
    say(session, Act.START, this, date(2026, 1, 12))
    january = owed(session, opened(session, "2026-01").id)[this, "base"]
    say(session, Act.START, this, date(2026, 1, 1))
    confirmed(session)
    found = owed(session, opened(session, "2026-02").id)
    assert (january[0], found[this, "arrears"][0]) == ("64.52", "35.49")
    assert found[this, "arrears"][1].endswith("less 20 days given before = 35.49 DZD")


def test_who_was_registered_late_is_owed_from_the_first_day_that_was_noted(
    session: Session,
) -> None:
    apply(session, OFFICER, kind_file('{per_member: "1000", arrears: 2}'))
    for period in ("2025-12", "2026-01", "2026-02")[1:]:
        opened(session, period)
    with clock.frozen(datetime(2026, 4, 2, tzinfo=UTC)):
        late, without = household(session), household(session)
        say(session, Act.START, late, date(2026, 1, 20))
        confirmed(session)
        march = opened(session, "2026-03")
    assert owed(session, march.id)[late, "arrears"] == (
        "8000.00",
        (
            "2026-01: 1000.00 × 4 members = 4000.00 DZD; 2026-02: 1000.00 × 4 members = 4000.00 DZD;"
            " together 8000.00 DZD"
        ),
    )
    assert (without, "arrears") not in owed(session, march.id)
    paid = session.scalars(select(ArrearsPaid.period).order_by(ArrearsPaid.period)).all()
    assert paid == ["2026-01", "2026-02"]


def test_arrears_reach_back_as_far_as_the_file_says_and_only_over_open_cycles(
    session: Session,
) -> None:
    apply(session, OFFICER, kind_file('{base: "100", arrears: 1}'))
    opened(session, "2026-01")
    opened(session, "2026-02")
    with clock.frozen(datetime(2026, 4, 2, tzinfo=UTC)):
        late = household(session)
        say(session, Act.START, late, date(2026, 1, 1))
        confirmed(session)
        cycle = opened(session, "2026-03")
    assert owed(session, cycle.id)[late, "arrears"] == ("100.00", "2026-02: 100.00 DZD")


def test_days_noted_while_the_clock_was_set_back_wait_for_a_second_person_all_the_same(
    session: Session,
) -> None:
    apply(session, OFFICER, kind_file('{base: "100", arrears: 2}'))
    opened(session, "2026-01")
    with clock.frozen(datetime(2026, 4, 1, 8, tzinfo=UTC)):
        late = household(session)
        say(session, Act.START, late, date(2026, 1, 1))
    with clock.frozen(datetime(2026, 4, 1, 10, tzinfo=UTC)):
        assert set(owed(session, opened(session, "2026-02").id)) == {(late, "base")}
        confirmed(session)
        assert (late, "arrears") in owed(session, opened(session, "2026-03").id)


def test_nobody_notes_or_confirms_days_of_their_own_household(session: Session) -> None:
    apply(session, OFFICER, kind_file('{base: "100", arrears: 2}'))
    opened(session, "2026-01")
    this = household(session)
    person = session.scalars(select(Person.id).where(Person.household_id == this)).one()

    def is_theirs(who: Actor) -> None:
        found = StaffMatch(staff_kind="user", staff_id=who.id, person_id=person)
        found.found_at = clock.now() - timedelta(hours=1)
        session.add(found)
        session.flush()

    say(session, Act.START, this, date(2026, 1, 1))
    is_theirs(OFFICER)
    with pytest.raises(CannotChange, match="your own"):
        say(session, Act.START, this, date(2026, 1, 2))
    is_theirs(CONFIRMER)
    with pytest.raises(OwnRecord):
        confirmed(session)
    (days,) = confirming.listed(session, EVERYTHING, "winter-2026")
    days.enrolment.confirmed_by, days.enrolment.confirmed_at = CONFIRMER.id, clock.now()
    session.flush()
    told = [breach for check in no_hand_on_their_own for breach in check(session)]
    assert [breach.partition(": ")[2] for breach in told] == [
        "days that reach back were confirmed by somebody who may belong to it"
    ]


def test_a_month_that_another_reason_kept_a_household_out_of_is_not_missed(
    session: Session,
) -> None:
    this = household(session, status="left")
    apply(session, OFFICER, kind_file(BY_DAY))
    say(session, Act.SUSPEND, this, date(2026, 1, 1))
    assert reasons(session, opened(session, "2026-01").id) == {this: ["not_active", "suspended"]}
    say(session, Act.RESUME, this, date(2026, 2, 1), was_wrong=True)
    session.execute(text("UPDATE households SET status = 'active'"))
    assert set(owed(session, opened(session, "2026-02").id)) == {(this, "base")}


def test_a_missed_month_is_made_up_for_once_whatever_writes_it(session: Session) -> None:
    this = household(session)
    apply(session, OFFICER, kind_file(BY_DAY))
    say(session, Act.SUSPEND, this, date(2026, 1, 1))
    opened(session, "2026-01")
    say(session, Act.RESUME, this, date(2026, 2, 1), was_wrong=True)
    february = opened(session, "2026-02")
    whose = session.scalars(select(ArrearsPaid.programme_id)).one()
    session.add(
        ArrearsPaid(programme_id=whose, household_id=this, period="2026-01", cycle_id=february.id)
    )
    with pytest.raises(IntegrityError, match="pk_arrears_paid"):
        session.flush()


def test_two_cycles_at_once_make_up_for_a_missed_month_once(database: URL) -> None:
    with offices.transaction("dz") as session:
        this = household(session)
        apply(session, OFFICER, kind_file(BY_DAY))
        say(session, Act.SUSPEND, this, date(2026, 1, 1))
        open_cycle(session, OFFICER, "winter-2026", "2026-01")
        say(session, Act.RESUME, this, date(2026, 2, 1), was_wrong=True)
    with clock.frozen(datetime(2026, 4, 1, 9, tzinfo=UTC)):
        found = at_once(
            2, lambda session, n: open_cycle(session, OFFICER, "winter-2026", f"2026-0{n + 2}")
        )
    with offices.transaction("dz") as session:
        both = owed(session, found[0].id) | owed(session, found[1].id)
        assert both[this, "arrears"][0] == "4000.00"
        periods = [set(owed(session, each.id)) for each in found]
        assert sorted(map(len, periods)) == [1, 2]


@pytest.mark.parametrize(
    ("before", "act", "on", "why"),
    [
        ([], Act.RESUME, date(2026, 1, 1), "is not suspended"),
        ([(Act.SUSPEND, 5)], Act.SUSPEND, date(2026, 1, 9), "suspended already, since 2026-01-05"),
        ([(Act.SUSPEND, 5)], Act.RESUME, date(2026, 1, 4), "suspended since 2026-01-05"),
        (
            [(Act.SUSPEND, 5), (Act.RESUME, 8)],
            Act.SUSPEND,
            date(2026, 1, 7),
            "resumed on 2026-01-08",
        ),
        ([(Act.START, 5)], Act.END, date(2026, 1, 4), "first day is 2026-01-05"),
        ([(Act.END, 5)], Act.START, date(2026, 1, 6), "last day is 2026-01-05"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    session: Session, before: list[tuple[Act, int]], act: Act, on: date, why: str
) -> None:
    this = household(session)
    apply(session, OFFICER, kind_file(BY_DAY))
    for earlier, day in before:
        say(session, earlier, this, date(2026, 1, day))
    with pytest.raises(CannotChange, match=why):
        say(session, act, this, on)


def test_a_list_is_taken_whole_or_not_at_all(session: Session) -> None:
    one, two = household(session), household(session)
    apply(session, OFFICER, kind_file(BY_DAY))
    good = Line("line 2", number_of(session, one), date(2026, 1, 1), "moved")
    nobody = Line("line 3", "nobody", date(2026, 1, 1), "moved")
    twice = Line("line 4", good.number, date(2026, 1, 1), "moved")
    with pytest.raises(CannotChange) as caught:
        change(session, OFFICER, "winter-2026", Act.SUSPEND, [good, nobody, twice])
    assert str(caught.value).startswith(
        "line 3: No household has the number 'nobody'.\nline 4: It stands in the list twice."
    )
    assert session.scalars(select(Suspension)).all() == []
    both = [good, Line("line 3", f"test/{number_of(session, two)}", date(2026, 1, 2), "moved")]
    assert change(session, OFFICER, "winter-2026", Act.SUSPEND, both).households == 2
    resumed = [Line(line.place, line.number, date(2026, 2, line.on.day), "back") for line in both]
    assert change(session, OFFICER, "winter-2026", Act.RESUME, resumed).households == 2
    days = [
        (each.begins_on, each.resumes_on)
        for each in session.scalars(select(Suspension).order_by(Suspension.begins_on))
    ]
    assert days == [
        (date(2026, 1, 1), date(2026, 2, 1)),
        (date(2026, 1, 2), date(2026, 2, 2)),
    ]


def test_what_was_noted_of_a_household_is_kept_word_for_word(session: Session) -> None:
    this = household(session)
    apply(session, OFFICER, kind_file(BY_DAY))
    say(session, Act.START, this, date(2026, 1, 5))
    say(session, Act.END, this, date(2026, 6, 5))
    say(session, Act.START, this, date(2026, 1, 2))
    rows = session.scalars(select(Enrolment).order_by(Enrolment.id)).all()
    assert [(row.starts_on, row.ends_on) for row in rows] == [
        (date(2026, 1, 5), None),
        (date(2026, 1, 5), date(2026, 6, 5)),
        (date(2026, 1, 2), date(2026, 6, 5)),
    ]
    assert {(row.reason, row.noted_by) for row in rows} == {("a good reason", OFFICER.id)}


def test_twenty_who_suspend_one_household_suspend_it_once(database: URL) -> None:
    with offices.transaction("dz") as session:
        this = household(session)
        apply(session, OFFICER, kind_file(BY_DAY))

    def work(session: Session, _: int) -> bool:
        try:
            say(session, Act.SUSPEND, this, date(2026, 1, 1))
        except CannotChange:
            return False
        return True

    assert sum(at_once(20, work)) == 1


day = st.integers(0, 45).map(lambda n: date(2026, 1, 20) + timedelta(days=n))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    first=st.none() | day,
    last=st.none() | day,
    turns=st.lists(day, unique=True, max_size=5).map(sorted),
    wrong=st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_the_days_are_those_that_one_counts_on_the_calendar(
    session: Session, first: date | None, last: date | None, turns: list[date], wrong: list[bool]
) -> None:
    if first is not None and last is not None and last < first:
        first, last = last, first
    step = session.begin_nested()
    this = household(session)
    apply(session, OFFICER, kind_file(BY_DAY))
    if first is not None:
        say(session, Act.START, this, first)
    if last is not None:
        say(session, Act.END, this, last)
    off: set[date] = set()
    for place, turn in enumerate(turns):
        if place % 2 == 0:
            say(session, Act.SUSPEND, this, turn)
        else:
            say(session, Act.RESUME, this, turn, was_wrong=wrong[place // 2])
            if not wrong[place // 2]:
                off |= {each for each in FEBRUARY if turns[place - 1] <= each < turn}
    is_open = len(turns) % 2 == 1 and turns[-1] <= FEBRUARY[-1]
    cycle = opened(session, "2026-02")
    on = [
        each for each in FEBRUARY
        if (first is None or first <= each) and (last is None or each <= last) and each not in off
    ]  # fmt: skip
    found = owed(session, cycle.id).get((this, "base"), ("0.00", ""))[0]
    assert Money.parse(found, "DZD") == (
        Money.zero("DZD") if is_open else share(Money(400_000, "DZD"), len(on), 28)
    )
    assert bool(reasons(session, cycle.id)[this]) == (is_open or not on)
    step.rollback()


def test_one_person_alone_makes_up_for_no_cycle_that_was_open_before(session: Session) -> None:
    apply(session, OFFICER, kind_file('{base: "100", arrears: 3}'))
    opened(session, "2026-01")
    with clock.frozen(datetime(2026, 4, 2, tzinfo=UTC)):
        late, other = household(session), household(session)
        say(session, Act.START, late, date(2026, 1, 1))
        say(session, Act.END, late, date(2026, 12, 31))
        assert {home for home, _ in owed(session, opened(session, "2026-02").id)} == {late, other}
    with clock.frozen(datetime(2026, 4, 3, tzinfo=UTC)):
        (days,) = confirming.listed(session, OFFICER, "winter-2026")
        assert (days.enrolment.starts_on, days.enrolment.ends_on) == (
            date(2026, 1, 1),
            date(2026, 12, 31),
        )
        with pytest.raises(confirming.OwnDays):
            confirming.confirm(session, OFFICER, days.enrolment.id)
        march = owed(session, opened(session, "2026-03").id)
        assert march.keys() == {(late, "base"), (other, "base")}, "nothing of January yet"
        (costs,) = making_up.of_listed(session, "winter-2026", [days]).values()
        confirmed(session)
        assert confirming.listed(session, OFFICER, "winter-2026") == []
        april = owed(session, opened(session, "2026-04").id)
        assert april[late, "arrears"] == ("100.00", "2026-01: 100.00 DZD")
        assert (str(costs.after.decimal), costs.trace) == april[late, "arrears"], (
            "as was shown before"
        )
        assert (str(costs.period), costs.before.minor, costs.is_in) == ("2026-04", 0, True)
    assert not [breach for check in owed_once for breach in check(session)]
    for forgery in (
        "UPDATE enrolments SET confirmed_by = gen_random_uuid() WHERE confirmed_by IS NOT NULL",
        (
            "INSERT INTO enrolments (programme_id, household_id, starts_on, reason, noted_by, noted_at, needs_second,"
            " confirmed_by, confirmed_at, carried_by) SELECT programme_id, household_id, starts_on, reason, noted_by,"
            " noted_at, true, gen_random_uuid(), noted_at, gen_random_uuid() FROM enrolments LIMIT 1"
        ),
    ):
        with session.begin_nested() as undoing:
            session.execute(text(forgery))
            assert [breach for check in owed_once for breach in check(session)]
            undoing.rollback()


def test_days_that_were_refused_count_for_nothing(session: Session) -> None:
    apply(session, OFFICER, kind_file('{base: "100", arrears: 3}'))
    opened(session, "2026-01")
    with clock.frozen(datetime(2026, 4, 2, tzinfo=UTC)):
        late = household(session)
        say(session, Act.START, late, date(2026, 2, 10))
        say(session, Act.START, late, date(2026, 1, 1))
        (days,) = confirming.listed(session, CONFIRMER, "winter-2026")
        made = refusing.refuse(
            session, CONFIRMER, "days", str(days.enrolment.id), "They came in February."
        )
        assert made.proposed_by == OFFICER.id
        assert confirming.listed(session, CONFIRMER, "winter-2026") == []
        with pytest.raises(confirming.UnknownDays):
            confirming.confirm(session, CONFIRMER, days.enrolment.id)
        assert enrolling.on_record(session, days.enrolment.programme_id, [late])[
            late
        ].starts_on == date(2026, 2, 10)
        assert owed(session, opened(session, "2026-02").id).keys() == {(late, "base")}
