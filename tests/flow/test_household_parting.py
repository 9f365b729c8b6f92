"""When a household parts or two become one, what holds against them, what they need and how they were assessed follow."""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.payments.models import Payment
from cbi.payments.runs import runs
from cbi.payments.runs.runs import NothingToPay
from cbi.payments.sending.recipients import payee_collects
from cbi.programmes import following
from cbi.programmes.applying import apply
from cbi.programmes.enrolling import Act
from cbi.programmes.household_models import Suspension
from cbi.proofs import households as proofs
from cbi.registry import bands, carried, needs, queries
from cbi.registry.households.asked import UnusableChange
from cbi.registry.linkage.models import Pair, PairState
from cbi.registry.models import DuplicateFlag, Person
from tests.factories import EVERYTHING
from tests.flow.parting import Telling
from tests.household_factory import CONFIRMER, family, fresh
from tests.kinds_factory import kind_file, number_of, reasons
from tests.programme_factory import OFFICER

PER_MEMBER = '{per_member: "1000", arrears: 3}'
CARE = """{per_member: "1000", top_ups: [
  {name: care, amount: "500", per: member, for: {needs: [disability]}},
  {name: shelter, amount: "300", for: {needs: [no shelter]}},
  {name: severe, amount: "200", for: {bands: [severe]}}]}"""


@pytest.fixture(autouse=True)
def ticking() -> Iterator[None]:
    """The stories are told in April 2026, an hour for each step."""
    with clock.frozen(datetime(2026, 4, 1, 9, tzinfo=UTC)):
        yield


@pytest.fixture
def telling(session: Session) -> Telling:
    return Telling(session)


def test_a_suspended_household_does_not_escape_by_parting(
    session: Session, telling: Telling
) -> None:
    home, people = family(session, "Omar", "Lina 7")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    telling.enrol(Act.SUSPEND, home, date(2026, 1, 1))
    new = telling.split(home, people["Omar"], people["Lina"])
    third = telling.split(new, people["Lina"])
    assert reasons(session, telling.opened("2026-01")) == {
        each: ["suspended"] for each in (home, new, third)
    }
    telling.enrol(Act.RESUME, new, date(2026, 2, 1))
    assert telling.amounts("2026-02") == {new: "1000"}, "each is looked at by itself"
    telling.enrol(Act.RESUME, home, date(2026, 3, 1), was_wrong=True)
    telling.enrol(Act.RESUME, third, date(2026, 3, 1), was_wrong=True)
    assert telling.amounts("2026-03") == {new: "1000", home: "3000", third: "3000"}, (
        "what they missed since"
    )


def test_what_was_decided_before_the_split_is_made_up_for_once(
    session: Session, telling: Telling
) -> None:
    home, people = family(session, "Omar", "Lina 7")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    telling.enrol(Act.SUSPEND, home, date(2026, 1, 1))
    assert telling.amounts("2026-01") == {}
    new = telling.split(home, people["Omar"])
    telling.enrol(Act.RESUME, new, date(2026, 2, 1), was_wrong=True)
    telling.enrol(Act.RESUME, home, date(2026, 2, 1), was_wrong=True)
    second = telling.amounts("2026-02")
    assert second[new] == "1000", "January was decided for the old household"
    assert int(second[home]) <= 2000 + 3000


def test_a_suspension_comes_along_in_a_merge_and_is_wrong_when_that_is_undone(
    session: Session, telling: Telling
) -> None:
    home, _ = family(session, "Omar")
    other, _ = family(session, "Sami 3")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    telling.enrol(Act.SUSPEND, other, date(2026, 1, 1))
    merge = telling.change("merged", home, other=other, size=4)
    assert telling.amounts("2026-04") == {}
    telling.change("unmerged", home, other=merge)
    assert telling.amounts("2026-05") == {home: "4000"}, "with what it had missed"
    assert following.catch_up(session) == 0
    (carried_over,) = session.scalars(select(Suspension).where(Suspension.household_id == home))
    assert carried_over.was_wrong is True


def test_a_suspended_household_does_not_escape_by_joining_another_one_by_one(
    session: Session, telling: Telling
) -> None:
    home, people = family(session, "Omar", "Lina 7", "Nour 5")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    large, _ = family(session, "Sami", "Rim 9", "Ali 8")
    small, _ = family(session, "Warda")
    third, _ = family(session, "Zaki", "Hind 4", "Idir 2")
    telling.enrol(Act.SUSPEND, home, date(2026, 1, 1))
    telling.change("joined", large, person=people["Lina"])
    assert reasons(session, telling.opened("2026-01"))[home] == ["suspended"]
    assert telling.amounts("2026-02") == {large: "5000", small: "2000", third: "4000"}, (
        "one relative stops nobody"
    )
    telling.change("left", home, person=people["Nour"])
    telling.change("joined", large, person=people["Nour"])  # half of the family by now
    assert telling.amounts("2026-04") == {small: "2000", third: "4000"}
    telling.enrol(Act.RESUME, large, date(2026, 5, 1), was_wrong=True)
    telling.change("joined", third, person=people["head"])
    assert telling.amounts("2026-05") == {large: "12000", small: "2000"}
    assert following.catch_up(session) == 0
    checks = itertools.chain.from_iterable(check(session) for check in proofs.followed_people)
    assert list(checks) == []


@pytest.mark.parametrize("who", ["head", "Omar"])
def test_who_leaves_a_suspended_household_alone_does_not_escape_by_registering_anew(
    session: Session, telling: Telling, who: str
) -> None:
    home, people = family(session, "Omar", "Lina 7")
    before, was = family(session, "Sami")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    telling.change("left", before, person=was["Sami"])
    for each in (home, before):
        telling.enrol(Act.SUSPEND, each, date(2026, 1, 1))
    paper = {"document_kind": "passport", "document": "AB1234567"}
    telling.change("corrected", home, person=people[who], told=paper)
    telling.change("left", home, person=people[who])
    (anew, here), (another, _) = family(session), family(session)
    telling.change("corrected", anew, person=here["head"], told=paper)
    assert reasons(session, telling.opened("2026-01"))[anew] == ["possible_duplicate"]
    telling.change("joined", anew, person=people[who])
    known = session.get_one(Person, people[who])
    assert (known.same_as, fresh(session, anew).size) == (here["head"], 1)
    telling.change("joined", another, person=was["Sami"])
    assert telling.amounts("2026-05") == {another: "2000"}, "of whoever had left before"
    telling.enrol(Act.RESUME, anew, date(2026, 6, 1))
    assert telling.amounts("2026-06") == {another: "2000", anew: "1000"}
    checks = (*proofs.followed_people, *proofs.as_recorded, *proofs.by_two)
    assert [each for check in checks for each in check(session)] == []


def test_a_suspension_follows_through_a_household_on_the_way_and_not_who_was_looked_at_there(
    session: Session, telling: Telling
) -> None:
    home, people = family(session, "Omar", "Lina 7", "Nour 5")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    on_the_way, theirs = family(session, "Sami", "Rim 9", "Ali 8")
    last, _ = family(session, "Zaki", "Hind 4", "Idir 2")
    other, _ = family(session, "Warda", "Dalia 3", "Amir 6")
    telling.enrol(Act.SUSPEND, home, date(2026, 1, 1))
    telling.change("joined", other, person=theirs["Sami"])
    telling.change("joined", on_the_way, person=people["Omar"])
    telling.change("joined", last, person=people["Omar"])
    assert set(telling.amounts("2026-04")) == {on_the_way, last, other}
    telling.change("joined", on_the_way, person=people["Lina"])
    telling.change("joined", last, person=people["Lina"])  # half of the family by now
    assert set(telling.amounts("2026-05")) == {on_the_way, other}
    telling.change("joined", on_the_way, person=people["head"])
    assert set(telling.amounts("2026-06")) == {other}
    telling.enrol(Act.RESUME, on_the_way, date(2026, 7, 1))
    telling.change("joined", other, person=people["head"])
    assert set(telling.amounts("2026-07")) == {on_the_way, other}, "looked at on the way"


def test_a_suspension_that_followed_to_two_households_one_after_the_other_is_ended_once_in_the_last(
    session: Session, telling: Telling
) -> None:
    home, people = family(session, "Omar", "Lina 7", "Nour 5")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    (first, _), (last, _), (after, _) = (family(session) for _ in range(3))
    telling.enrol(Act.SUSPEND, home, date(2026, 1, 1))
    for each in (first, last):
        telling.change("joined", each, person=people["head"])
    assert telling.amounts("2026-04") == {after: "1000"}
    assert telling.enrol(Act.RESUME, last, date(2026, 5, 1)).suspended == 0, "once looked at"
    telling.change("joined", after, person=people["head"])
    assert telling.amounts("2026-05") == {last: "1000", after: "2000"}
    checks = itertools.chain.from_iterable(check(session) for check in proofs.followed_people)
    assert list(checks) == []


def test_a_suspended_household_that_takes_in_who_led_another_is_resumed_for_both(
    session: Session, telling: Telling
) -> None:
    home, people = family(session, "Omar", "Lina 7", "Nour 5")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    other, _ = family(session, "Zaki", "Hind 4", "Idir 2")
    merged, _ = family(session, "Warda")
    telling.enrol(Act.SUSPEND, home, date(2026, 1, 1))
    telling.enrol(Act.SUSPEND, other, date(2026, 1, 1))
    telling.enrol(Act.SUSPEND, merged, date(2026, 1, 1))
    telling.change("joined", other, person=people["head"])
    telling.change("merged", other, other=merged, size=7)
    assert telling.amounts("2026-04") == {}
    for month, left in ((5, 2), (6, 1), (7, 0)):
        assert telling.enrol(Act.RESUME, other, date(2026, month, 1)).suspended == (left > 0)
        held = select(Suspension).where(
            Suspension.household_id == other, Suspension.resumes_on.is_(None)
        )
        assert len(session.scalars(held).all()) == (left > 0)
        assert telling.amounts(f"2026-0{month}") == ({} if left else {other: "7000"})
    checks = itertools.chain.from_iterable(check(session) for check in proofs.followed_people)
    assert list(checks) == []


def test_a_suspension_and_a_last_day_follow_though_the_clock_was_set_back(
    session: Session, telling: Telling
) -> None:
    home, people = family(session, "Omar", "Lina 7", "Nour 5")
    ended, gone = family(session, "Sami", "Rim 9")
    other, _ = family(session, "Zaki", "Hind 4", "Idir 2")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    telling.enrol(Act.SUSPEND, home, date(2026, 1, 1))
    telling.enrol(Act.END, ended, date(2026, 2, 1))
    telling.at -= timedelta(hours=1)
    telling.change("joined", other, person=people["head"])
    parted = telling.split(ended, gone["Sami"])
    telling.at += timedelta(hours=2)
    made = reasons(session, telling.opened("2026-04"))
    assert made[other] == ["suspended"]
    assert made[parted] == made[ended] != []


def test_whose_part_has_ended_does_not_begin_anew_by_parting(
    session: Session, telling: Telling
) -> None:
    home, people = family(session, "Omar")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    telling.enrol(Act.START, home, date(2026, 2, 1))
    telling.enrol(Act.END, home, date(2026, 2, 28))
    new = telling.split(home, people["Omar"])
    told = reasons(session, telling.opened("2026-01"))
    assert told == {home: ["not_started"], new: ["not_started"]}
    assert telling.amounts("2026-02") == {home: "1000", new: "1000"}
    assert reasons(session, telling.opened("2026-03")) == {home: ["ended"], new: ["ended"]}


def test_parting_after_the_cycle_was_opened_owes_nothing_twice(
    session: Session, telling: Telling
) -> None:
    home, people = family(session, "Omar", "Lina 7")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    assert telling.amounts("2026-01") == {home: "3000"}
    new = telling.split(home, people["Omar"], people["Lina"])
    assert telling.amounts("2026-01") == {home: "3000"}, "opening it again changes nothing"
    assert telling.amounts("2026-02") == {home: "1000", new: "2000"}
    telling.change("merged", home, other=new, size=3)
    assert telling.amounts("2026-03") == {home: "3000"}


def test_a_need_goes_with_its_person_and_what_concerns_all_holds_for_both(
    session: Session, telling: Telling
) -> None:
    home, people = family(session, "Omar", "Lina 7", size=5)
    for word, members in (("Disability", 2), ("no shelter", 5)):
        needs.note(session, OFFICER, fresh(session, home), word, members=members)
    bands.note(session, OFFICER, fresh(session, home), "severe", on=date(2026, 1, 5))
    apply(session, OFFICER, kind_file(CARE))
    assert telling.amounts("2026-01") == {home: "6500"}
    leaving = {"people": (people["Omar"],), "head": people["Omar"], "collector": people["Omar"]}
    for told in (
        {},
        {"disability": "1"},
        {"disability": "1", "no shelter": "both", "other": "1"},
        {"disability": "2", "no shelter": "both"},  # one leaves
        {"disability": "1", "no shelter": "0"},  # four stay
        {"disability": "-1", "no shelter": "both"},
    ):
        with pytest.raises(UnusableChange) as refused:
            telling.change("split", home, needs=told, **leaving)
        assert refused.value.details["field"] == "needs"
        assert "isability" not in refused.value.message
    new = telling.split(home, people["Omar"], needs={"DISABILITY": "1", "no shelter": "both"})
    assert telling.amounts("2026-02") == {home: "5000", new: "2000"}
    found = session.execute(carried.to_reassess(CONFIRMER)).all()
    assert [(row.household_id, row.reassess_by, row.rows) for row in found] == [
        (each, date(2026, 6, 30), 2)
        for each in sorted((home, new), key=lambda each: number_of(session, each))
    ]
    needs.note(session, OFFICER, fresh(session, new), "no shelter", members=0)
    bands.note(session, OFFICER, fresh(session, new), "low")
    assert [row.household_id for row in session.execute(carried.to_reassess(CONFIRMER))] == [home]
    assert telling.amounts("2026-03") == {home: "5000", new: "1500"}


def test_what_came_along_in_a_merge_goes_again_when_it_is_undone(
    session: Session, telling: Telling
) -> None:
    home, ours = family(session, "Omar")
    other, theirs = family(session, "Sami 3")
    for each in (home, other):
        needs.note(session, OFFICER, fresh(session, each), "disability")
    bands.note(session, OFFICER, fresh(session, other), "severe")
    apply(session, OFFICER, kind_file(CARE))
    merge = telling.change("merged", home, other=other, size=4)
    assert telling.amounts("2026-01") == {home: "5200"}
    telling.change("unmerged", home, other=merge)
    assert telling.amounts("2026-02") == {home: "2500", other: "2700"}
    same = dict(zip(theirs.values(), ours.values(), strict=True))  # one family, registered twice
    telling.change("merged", home, other=other, same=same)
    assert telling.amounts("2026-03") == {home: "2700"}


def test_an_open_question_holds_both_halves_until_it_is_answered(
    session: Session, telling: Telling
) -> None:
    home, people = family(session, "Lina 7")
    other, _ = family(session, "Nour")
    third, _ = family(session, "Rana")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    for each in (home, other):
        woman = {"name": "Fatima Zohra Benyoucef", "born_on": "1990-03-03", "sex": "female"}
        telling.change("joined", each, told=woman)
    assert set(telling.amounts("2026-01")) == {third}
    assert session.scalars(select(Pair)).one().state is PairState.OPEN
    fatima = session.scalars(
        select(Person.id).where(
            Person.household_id == home, Person.id.not_in(people.values()), Person.born_year == 1990
        )
    ).one()
    new = telling.split(home, fatima)
    assert set(telling.amounts("2026-02")) == {third}
    newer = telling.split(home, people["Lina"])
    assert reasons(session, telling.opened("2026-03"))[newer] == ["possible_duplicate"]
    session.execute(update(Pair).values(state=PairState.DIFFERENT, settled_at=telling.at))
    assert set(telling.amounts("2026-04")) == {home, new, newer, other, third}


def test_an_open_flag_holds_both_halves_too(session: Session, telling: Telling) -> None:
    home, people = family(session, "Omar")
    other, theirs = family(session)
    telling.change("corrected", home, person=people["Omar"], told={"document": "SAME 1234"})
    telling.change("corrected", other, person=theirs["head"], told={"document": "same-1234"})
    new = telling.split(home, people["Omar"])
    assert set(session.scalars(queries.blocked_households())) == {home, other, new}
    session.execute(
        update(DuplicateFlag).values(
            decision="different", decided_at=telling.at, reason="seen with both papers"
        )
    )
    assert not session.scalars(queries.blocked_households()).all()


def test_who_splits_off_after_a_run_was_built_takes_no_payment_along_and_is_paid_by_no_other(
    session: Session, telling: Telling
) -> None:
    home, people = family(session, "Omar", "Lina 7")
    apply(session, OFFICER, kind_file(PER_MEMBER))
    cycle = telling.opened("2026-01")
    run = runs.build(session, EVERYTHING, cycle)
    of_run = select(Payment.household_id).where(Payment.run_id == run.id)
    new = telling.split(home, people["head"], people["Lina"])
    assert session.scalars(of_run).all() == [home]
    assert not session.scalars(of_run.where(payee_collects())).all(), "it is for who collected then"
    telling.change(
        "collector", home, person=people["Omar"], told={"phone": "0550999115", "word": "plum"}
    )
    assert not session.scalars(of_run.where(payee_collects())).all(), "nor for who collects now"
    with pytest.raises(NothingToPay):
        runs.build(session, EVERYTHING, cycle)
    assert telling.amounts("2026-02") == {home: "1000", new: "2000"}, (
        "each its own, and January to nobody again"
    )
