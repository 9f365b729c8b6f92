"""Nobody is owed twice by a split, a merge or a move, and a lifetime's ceiling goes where people go."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.payments.models import Payment
from cbi.payments.runs import runs
from cbi.programmes import resuming
from cbi.programmes.applying import apply
from cbi.programmes.cycles import OpenedCycle, open_cycle
from cbi.programmes.enrolling import Act, Line
from cbi.programmes.enrolling import change as enrol
from cbi.programmes.replaying import replay
from cbi.registry import duplicates
from cbi.registry.households import merging
from cbi.registry.households.models import ChangedHousehold
from cbi.registry.linkage import deciding, scoring
from cbi.registry.linkage.models import Pair
from cbi.registry.models import DuplicateFlag
from tests.factories import EVERYTHING
from tests.household_factory import ASKER, CONFIRMER, change, family, fresh
from tests.kinds_factory import kind_file, number_of, owed, reasons
from tests.programme_factory import OFFICER

PER_MEMBER = '{per_member: "1000"}'


@pytest.fixture(autouse=True)
def ticking() -> Iterator[None]:
    """The stories are told in April 2026, an hour for each step."""
    with clock.frozen(datetime(2026, 4, 1, 9, tzinfo=UTC)):
        yield


def ceiling(amount: str, *counting: str) -> str:
    listed = f", counting: [{', '.join(counting)}]" if counting else ""
    return f'ceilings: {{lifetime: "{amount}"{listed}}}\n'


def opened(session: Session, period: str, code: str = "winter-2026") -> OpenedCycle:
    """A cycle, an hour after what was before it, which comes out the same when it is worked out again."""
    with clock.frozen(clock.now() + timedelta(hours=int(period[-2:]))):
        found = open_cycle(session, OFFICER, code, period)
    again = replay(session, OFFICER, code, period)
    assert (again.differing, again.not_kept) == (0, 0), again.examples
    return found


def later(session: Session, hours: float, kind: str, home: UUID, **more: object) -> UUID:
    """A change that is made so many hours after the story began."""
    with clock.frozen(clock.now() + timedelta(hours=hours)):
        return change(session, kind, home, **more)


def split_off(session: Session, hours: float, home: UUID, *people: UUID, **more: object) -> UUID:
    """The household that these people make of their own."""
    made = later(
        session, hours, "split", home, people=people, head=people[0], collector=people[0],
        told={"phone": "0550999113", "word": "orange"}, **more,
    )  # fmt: skip
    return session.scalars(
        select(ChangedHousehold.household_id).where(
            ChangedHousehold.change_id == made, ChangedHousehold.version_before == 0
        )
    ).one()


def amounts(session: Session, cycle: OpenedCycle) -> dict[UUID, str]:
    return {home: amount for (home, _), (amount, _) in owed(session, cycle.id).items()}


def trace(session: Session, cycle: OpenedCycle, home: UUID) -> str:
    return next(told for (whose, _), (_, told) in owed(session, cycle.id).items() if whose == home)


def test_after_a_split_each_is_owed_for_its_own_members_and_nothing_for_before(
    session: Session,
) -> None:
    home, people = family(session, "Omar", "Lina 7", size=5)
    apply(session, OFFICER, kind_file('{per_member: "1000", arrears: 3}'))
    assert amounts(session, opened(session, "2026-01")) == {home: "5000.00"}
    new = split_off(session, 1.5, home, people["Omar"], people["Lina"])
    line = Line("line 1", number_of(session, new), date(2026, 1, 1), "was there all the time")
    assert enrol(session, OFFICER, "winter-2026", Act.START, [line]).households == 1
    second = opened(session, "2026-02")
    assert amounts(session, second) == {home: "3000.00", new: "2000.00"}


def test_two_that_became_one_are_owed_once_and_the_other_is_told_to_be_gone(
    session: Session,
) -> None:
    home, _ = family(session, "Omar")
    other, _ = family(session, "Sami 3")
    apply(session, OFFICER, kind_file('{per_member: "1000", arrears: 3}'))
    opened(session, "2026-01")
    later(session, 1.5, "merged", home, other=other, size=4)
    second = opened(session, "2026-02")
    assert amounts(session, second) == {home: "4000.00"}
    assert reasons(session, second.id)[other] == ["not_active", "no_recipient"]


def test_what_is_not_active_any_more_is_not_in_a_run_that_is_built_now(session: Session) -> None:
    home, _ = family(session, "Omar")
    other, _ = family(session, "Sami 3")
    alone, only = family(session)
    apply(session, OFFICER, kind_file(PER_MEMBER))
    cycle = opened(session, "2026-01")
    assert set(amounts(session, cycle)) == {home, other, alone}
    later(session, 1.5, "merged", home, other=other)
    later(session, 1.6, "died", alone, person=only["head"])
    run = runs.build(session, EVERYTHING, cycle.id)
    paid = select(Payment.household_id).where(Payment.run_id == run.id)
    assert session.scalars(paid).all() == [home]


def test_a_household_whose_collector_died_waits_until_another_was_confirmed(
    session: Session,
) -> None:
    home, people = family(session, "Omar", size=3)
    apply(session, OFFICER, kind_file(PER_MEMBER))
    later(session, 0.1, "died", home, person=people["head"])
    first = opened(session, "2026-01")
    assert reasons(session, first.id)[home] == ["no_recipient"]
    later(
        session,
        1.5,
        "collector",
        home,
        person=people["Omar"],
        told={"phone": "0550999114", "word": "kite"},
    )
    assert amounts(session, opened(session, "2026-02")) == {home: "2000.00"}


def test_a_split_does_not_begin_a_new_ceiling_nor_does_a_birth_in_it(session: Session) -> None:
    home, people = family(session, "Omar", "Lina 7", "Sami 3")
    apply(session, OFFICER, kind_file('{base: "4000"}', extra=ceiling("5000")))
    assert amounts(session, opened(session, "2026-01")) == {home: "4000.00"}
    new = split_off(session, 1.5, home, people["Omar"], people["Lina"])
    second = opened(session, "2026-02")
    assert amounts(session, second) == {home: "1000.00", new: "1000.00"}
    assert trace(session, second, new) == (
        "4000.00 DZD, cut to 1000.00 DZD: the ceiling of 5000.00 DZD leaves no more,"
        " for its people were owed 4000.00 DZD in other households"
    )
    assert "other households" not in trace(session, second, home)
    third = opened(session, "2026-03")
    assert reasons(session, third.id) == {home: ["ceiling_reached"], new: ["ceiling_reached"]}
    with clock.frozen(clock.now() + timedelta(hours=3.5)):
        change(session, "born", new, told={"name": "Nour", "age": "0"})
    fourth = opened(session, "2026-04")  # (5000 + 5000 + 0) / 3 counts for the three of them
    assert amounts(session, fourth) == {new: "1666.66"}


def test_one_who_had_much_brings_a_share_of_it_into_a_household_that_had_nothing(
    session: Session,
) -> None:
    home, people = family(session, "Omar")
    apply(session, OFFICER, kind_file('{base: "4000"}', extra=ceiling("5000")))
    opened(session, "2026-01")
    other, _ = family(session, "Sami 3", "Lina 7")
    with clock.frozen(clock.now() + timedelta(hours=1.5)):
        change(session, "joined", other, person=people["Omar"])
    second = opened(session, "2026-02")  # 4000 for one of four
    assert amounts(session, second) == {home: "1000.00", other: "4000.00"}
    third = opened(
        session, "2026-03"
    )  # now each of the four had 4000 there, and one of them as much before
    assert reasons(session, third.id) == {home: ["ceiling_reached"], other: ["ceiling_reached"]}


def test_households_registered_twice_count_together(session: Session) -> None:
    home, ours = family(session)
    other, theirs = family(session)
    apply(session, OFFICER, kind_file('{base: "2000"}', extra=ceiling("5000")))
    opened(session, "2026-01")
    with clock.frozen(clock.now() + timedelta(hours=1.5)):
        merging.merge(
            session, CONFIRMER, home, other, reason="the same man", same={theirs["head"]: ours["head"]}
        )  # fmt: skip
    second = opened(session, "2026-02")
    assert amounts(session, second) == {home: "1000.00"}
    assert "2000.00 DZD in other households" in trace(session, second, home)


def test_who_left_and_was_registered_anew_does_not_begin_anew(session: Session) -> None:
    home, people = family(session, "Omar")
    change(session, "corrected", home, person=people["Omar"], told={"document": "SAME 1234"})
    apply(session, OFFICER, kind_file('{base: "4000"}', extra=ceiling("5000")))
    opened(session, "2026-01")
    other, theirs = family(session)
    with clock.frozen(clock.now() + timedelta(hours=1.5)):
        change(session, "left", home, person=people["Omar"])
        change(session, "corrected", other, person=theirs["head"], told={"document": "same-1234"})
    flag = session.scalars(select(DuplicateFlag).where(DuplicateFlag.kind == "same_document")).one()
    second = opened(session, "2026-02")
    assert amounts(session, second) == {home: "1000.00"}
    assert reasons(session, second.id)[other] == ["possible_duplicate"]
    with session.begin_nested() as undoing:
        with clock.frozen(clock.now() + timedelta(hours=2.5)):
            change(session, "joined", other, person=people["Omar"])
        assert amounts(session, opened(session, "2026-03")) == {other: "1000.00"}, "one record"
        undoing.rollback()
    for officer in (ASKER, CONFIRMER):
        duplicates.decide(session, officer, flag.id, "different", "two people, both papers seen")
    third = opened(session, "2026-03")  # somebody else, who had nothing before
    assert amounts(session, third) == {other: "4000.00"}


def test_who_left_and_is_found_registered_anew_under_another_name_does_not_begin_anew(
    session: Session,
) -> None:
    home, people = family(session, "Omar")
    apply(session, OFFICER, kind_file('{base: "4000"}', extra=ceiling("5000")))
    opened(session, "2026-01")
    other, theirs = family(session)
    later(session, 1.5, "left", home, person=people["Omar"])
    first, second = sorted((people["Omar"], theirs["head"]))
    pair = Pair(
        first_id=first,
        second_id=second,
        per_mille=990,
        levels={},
        model=scoring.model_version(),
        found_at=clock.now(),
    )
    session.add(pair)
    session.flush()
    held = opened(session, "2026-02")
    assert amounts(session, held) == {home: "1000.00"}
    assert reasons(session, held.id)[other] == ["possible_duplicate"]
    with clock.frozen(clock.now() + timedelta(hours=2.5)):
        for officer in (ASKER, CONFIRMER):
            deciding.say(session, officer, pair.id, "same", "as seen", kept=theirs["head"])
    assert amounts(session, opened(session, "2026-03")) == {other: "1000.00"}


def test_what_a_grant_gives_once_is_not_given_again_to_who_had_it(session: Session) -> None:
    home, people = family(session, "Omar", "Lina 7")
    apply(session, OFFICER, kind_file('{amount: "9000"}', kind="grant"))
    assert amounts(session, opened(session, "2026-01")) == {home: "9000.00"}
    new = split_off(session, 1.5, home, people["Omar"])
    stranger, _ = family(session, "Sami 3", "Nour 20")
    with clock.frozen(clock.now() + timedelta(hours=1.6)):
        change(session, "joined", stranger, person=people["Lina"])
    second = opened(session, "2026-02")
    assert amounts(session, second) == {stranger: "9000.00"}
    assert reasons(session, second.id)[new] == ["all_given"]


def test_other_programmes_count_for_who_has_moved_too(session: Session) -> None:
    home, people = family(session, "Omar")
    apply(session, OFFICER, kind_file('{base: "3000"}', code="summer-2026"))
    apply(session, OFFICER, kind_file('{base: "4000"}', extra=ceiling("5000", "summer-2026")))
    opened(session, "2026-01", "summer-2026")
    new = split_off(session, 1.5, home, people["Omar"])
    assert amounts(session, opened(session, "2026-02")) == {home: "2000.00", new: "2000.00"}


def test_households_that_nothing_happened_to_count_as_before(session: Session) -> None:
    home, _ = family(session, "Omar")
    apply(session, OFFICER, kind_file('{base: "4000"}', extra=ceiling("5000")))
    opened(session, "2026-01")
    assert amounts(session, opened(session, "2026-02")) == {home: "1000.00"}
    assert fresh(session, home).version == 1


def test_what_was_made_up_for_before_a_split_is_not_owed_again_after_it(session: Session) -> None:
    home, people = family(session, "Omar", "Lina 7", size=5)
    apply(session, OFFICER, kind_file('{per_member: "1000", arrears: 3}'))

    def said(act: Act, whose: UUID, day: date, **more: bool) -> None:
        line = Line("line 1", number_of(session, whose), day, "said by the committee")
        assert enrol(session, OFFICER, "winter-2026", act, [line], **more).households == 1

    said(Act.SUSPEND, home, date(2026, 1, 1))
    assert amounts(session, opened(session, "2026-01")) == {}
    said(Act.RESUME, home, date(2026, 2, 1), was_wrong=True)
    (waits,) = resuming.listed(session, CONFIRMER, "winter-2026")
    resuming.confirm(session, CONFIRMER, waits.suspension.id)
    second = opened(session, "2026-02")
    assert owed(session, second.id)[home, "arrears"][0] == "5000.00"
    new = split_off(session, 2.5, home, people["Omar"], people["Lina"])
    said(Act.START, new, date(2026, 1, 1))
    third = opened(session, "2026-03")
    assert owed(session, third.id).keys() == {(home, "base"), (new, "base")}
