"""Households live: members come and go, households split and merge, and every state of them stays on record."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock, keys
from cbi.audit.models import AuditEntry
from cbi.offices import office_of
from cbi.registry import personal
from cbi.registry.households import merging, own_facts, queries, requests, troubles
from cbi.registry.households.asked import UnusableChange, read_personal
from cbi.registry.households.composition import composition, fill_years
from cbi.registry.households.models import ChangedHousehold, ChangedPerson, HouseholdChange
from cbi.registry.households.recording import ChangedMeanwhile, NotYet
from cbi.registry.households.rules import CannotChange
from cbi.registry.models import Gone, Household, Person
from tests.household_factory import ASKER, CONFIRMER, asked, change, family, fresh, person


def trouble_of(session: Session, home: UUID) -> list[str]:
    rows = session.execute(troubles.troubles(ASKER)).all()
    return sorted(row.trouble for row in rows if row.household_id == home)


def roles(session: Session, home: UUID) -> dict[UUID, tuple[str, ...]]:
    shown = queries.show(session, ASKER, fresh(session, home))
    return {one.id: one.roles for one in shown.members if one.gone is None}


def test_a_birth_makes_one_member_more_once_a_second_person_has_confirmed_it(
    session: Session,
) -> None:
    home, _ = family(session, "Lina 7")
    said = requests.ask(
        session, ASKER, asked(session, "born", home, told={"name": "Sami", "age": "0"})
    )
    assert fresh(session, home).size == 2
    assert said.request is not None
    with pytest.raises(requests.OwnRequest):
        requests.confirm(session, ASKER, said.request)
    requests.confirm(session, CONFIRMER, said.request)
    found = fresh(session, home)
    assert (found.size, found.version) == (3, 2)
    with pytest.raises(requests.DecidedAlready):
        requests.confirm(session, CONFIRMER, said.request)
    made = session.scalars(select(HouseholdChange)).one()
    assert (made.recorded_by, made.confirmed_by) == (ASKER.id, CONFIRMER.id)
    entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "household.born")).one()
    assert "Sami" not in f"{entry.details} {made.details}"


def test_who_dies_or_leaves_counts_no_more_at_once_and_does_nothing_there(session: Session) -> None:
    home, people = family(session, "Lina 7", "Omar", size=5)
    change(session, "died", home, person=people["head"])
    change(session, "left", home, person=people["Omar"])
    change(session, "left", home)  # one of the two whose names nobody knows
    found = fresh(session, home)
    assert (found.size, found.status, found.version) == (2, "active", 4)
    gone = person(session, people["head"])
    assert (gone.gone, gone.is_head, gone.is_recipient) == (Gone.DIED, False, False)
    assert trouble_of(session, home) == ["no_collector", "no_head"]
    with pytest.raises(CannotChange, match="not a member"):
        change(session, "left", home, person=people["Omar"])
    with pytest.raises(CannotChange):
        change(session, "collector", home, person=people["head"])


def test_a_household_that_nobody_is_left_in_says_so_and_can_come_back(session: Session) -> None:
    home, people = family(session)
    change(session, "died", home, person=people["head"])
    assert (fresh(session, home).status, trouble_of(session, home)) == ("empty", ["nobody_left"])
    with pytest.raises(CannotChange):
        change(session, "born", home, told={"name": "Sami", "age": "0"})
    change(session, "returned", home, person=people["head"])
    assert (fresh(session, home).status, fresh(session, home).size) == ("active", 1)
    assert person(session, people["head"]).gone is None
    assert trouble_of(session, home) == ["no_collector", "no_head"]


def test_the_next_collector_has_a_telephone_and_something_to_show(session: Session) -> None:
    home, people = family(session, "Omar")
    change(session, "alternate", home, person=people["Omar"])
    change(session, "died", home, person=people["head"])
    assert trouble_of(session, home) == ["alternate_waits", "no_head"]
    change(
        session, "collector", home, person=people["Omar"], told={"phone": "0550999111", "word": "orange"}
    )  # fmt: skip
    change(session, "head", home, person=people["Omar"])
    assert trouble_of(session, home) == []
    assert roles(session, home) == {people["Omar"]: ("head", "collector")}
    assert personal.factor_matches(session, people["Omar"], "Orange")
    shown = personal.in_clear(session, [person(session, people["Omar"])])[people["Omar"]]
    assert shown.phone == "+213550999111"


def test_two_primary_collectors_cannot_be_written_down(session: Session) -> None:
    home, people = family(session, "Omar")
    this = update(Person).where(Person.id == people["Omar"])
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(this.values(is_recipient=True))
    assert roles(session, home)[people["Omar"]] == ()


def test_a_guardian_is_appointed_by_a_decision_and_missed_when_gone(session: Session) -> None:
    home, people = family(session, "Lina 7", "Omar")
    decision = {
        "other": people["Omar"], "reference": "TR-2026-17", "decided_on": date(2026, 1, 5),
        "decided_by": "juvenile court",
    }  # fmt: skip
    with pytest.raises(UnusableChange, match="reference"):
        change(session, "guardian", home, person=people["Lina"], other=people["Omar"])
    change(session, "guardian", home, person=people["Lina"], **decision)
    shown = queries.show(session, ASKER, fresh(session, home))
    lina = next(one for one in shown.members if one.id == people["Lina"])
    assert lina.guardian == queries.number_of(people["Omar"])
    change(session, "left", home, person=people["Omar"])
    assert trouble_of(session, home) == ["no_guardian"]


def test_a_split_makes_a_household_of_its_own_with_a_head_and_a_collector(session: Session) -> None:
    home, people = family(session, "Omar", "Lina 7", size=5)
    leaving = {"people": (people["Omar"], people["Lina"])}
    with pytest.raises(CannotChange, match="among those who leave"):
        change(session, "split", home, head=people["head"], collector=people["Omar"], **leaving)
    with pytest.raises(CannotChange, match="at least one stays"):
        change(
            session, "split", home, head=people["Omar"], collector=people["Omar"], size=5, **leaving
        )
    made = change(
        session, "split", home, head=people["Omar"], collector=people["Omar"], size=3,
        told={"phone": "0550999112"}, **leaving,
    )  # fmt: skip
    new = session.scalars(
        select(Household).join(ChangedHousehold, ChangedHousehold.household_id == Household.id)
        .where(ChangedHousehold.change_id == made, Household.id != home)
    ).one()  # fmt: skip
    assert (fresh(session, home).size, new.size, new.status, new.version) == (2, 3, "active", 1)
    assert new.source_id == f"{fresh(session, home).source_id}-S1"
    assert roles(session, new.id) == {people["Omar"]: ("head", "collector"), people["Lina"]: ()}
    assert set(roles(session, home)) == {people["head"]}


def test_a_merge_is_undone_exactly(session: Session) -> None:
    home, ours = family(session, "Lina 7", size=4)
    other, theirs = family(session, "Omar", "Sami 3")
    before = _everything(session)
    done = change(session, "merged", home, other=other, size=7)
    assert (fresh(session, home).size, fresh(session, other).status) == (7, "merged")
    assert set(roles(session, home)) == {*ours.values(), *theirs.values()}
    assert not person(session, theirs["head"]).is_recipient
    merging.undo_merge(session, CONFIRMER, done, reason="they are two families")
    assert _everything(session) == before
    with pytest.raises(merging.CannotUndo):
        merging.undo_merge(session, CONFIRMER, done, reason="they are two families")


def _everything(session: Session) -> list[tuple[object, ...]]:
    session.expire_all()
    homes = session.execute(
        select(Household.id, Household.status, Household.size, Household.area).order_by(
            Household.id
        )
    )
    people = session.execute(
        select(
            Person.id, Person.household_id, Person.is_head, Person.is_recipient, Person.is_alternate, Person.gone,
            Person.same_as, Person.name,
        ).order_by(Person.id)
    )  # fmt: skip
    return [tuple(row) for row in (*homes, *people)]


def test_households_registered_twice_do_not_grow_and_a_later_change_keeps_the_merge(
    session: Session,
) -> None:
    home, ours = family(session, "Lina 7", size=4)
    other, theirs = family(session, size=4)
    done = merging.merge(
        session, CONFIRMER, home, other, reason="the same family", same={theirs["head"]: ours["head"]}
    )  # fmt: skip
    assert fresh(session, home).size == 4
    retired = person(session, theirs["head"])
    assert (retired.gone, retired.same_as) == (Gone.SAME, ours["head"])
    change(session, "left", home, person=ours["Lina"])
    with pytest.raises(merging.CannotUndo):
        merging.undo_merge(session, CONFIRMER, done, reason="they are two families")


def test_the_collector_of_the_other_household_collects_where_the_kept_one_has_none(
    session: Session,
) -> None:
    home, ours = family(session, "Lina 7")
    other, theirs = family(session, "Sami 3")
    change(session, "died", home, person=ours["head"])
    change(session, "merged", home, other=other)
    assert roles(session, home)[theirs["head"]] == ("head", "collector")


def test_one_person_on_record_twice_in_a_household_is_one_again(session: Session) -> None:
    home, people = family(session, "Omar")
    merging.retire(session, CONFIRMER, people["head"], people["Omar"], reason="one man", size=1)
    assert roles(session, home) == {people["Omar"]: ("head", "collector")}


def test_a_correction_is_sealed_as_it_was_and_stands_sealed_as_it_is(session: Session) -> None:
    home, people = family(session, "Omar")
    done = change(
        session, "corrected", home, person=people["head"], size=3, language="fr",
        told={"name": "Salima Right", "born_on": "1980-05-31", "document": "XY-99 17", "sex": "female"},
    )  # fmt: skip
    clear = personal.in_clear(session, [person(session, people["head"])])[people["head"]]
    assert (clear.name, clear.born_on, clear.document) == (
        "Salima Right", "1980-05-31", "passport XY9917",
    )  # fmt: skip
    now = fresh(session, home)
    assert (now.size, now.language, person(session, people["head"]).born_year) == (3, "fr", 1980)
    assert personal.factor_matches(session, people["head"], "9917")
    row = session.scalars(select(ChangedPerson).where(ChangedPerson.change_id == done)).one()
    assert row.sealed is not None
    key = own_facts.key_of(session, people["head"])
    was = keys.unseal(key, row.sealed, f"person/{people['head']}/before").decode()
    assert "passport\\nID" in was
    assert session.get_one(HouseholdChange, done).details["facts"] == [
        "name", "sex", "born_on", "document",
    ]  # fmt: skip


def test_a_document_that_comes_later_is_what_its_collector_shows_at_a_counter(
    session: Session,
) -> None:
    home, people = family(session, "Omar")
    session.execute(update(Person).values(factor_kind=None, factor=None))
    for who, document in (("head", "XY-99 17"), ("Omar", "XY-99 18")):
        change(session, "corrected", home, person=people[who], told={"document": document})
    assert personal.factor_matches(session, people["head"], "9917")
    assert person(session, people["Omar"]).factor_kind is None  # collects nothing


@pytest.mark.parametrize("kind", ["born", "joined", "corrected"])
def test_a_telephone_that_would_be_lost_is_refused(session: Session, kind: str) -> None:
    home, people = family(session)
    told = {"name": "Sami", "phone": "0661000009"}
    with pytest.raises(UnusableChange, match="would be lost"):
        requests.ask(session, ASKER, asked(session, kind, home, person=people["head"], told=told))


def test_two_people_read_one_telephone_from_the_paper(session: Session) -> None:
    home, people = family(session, "Omar")
    paper = {"phone": "+213 661 00 00 09"}
    said = requests.ask(
        session, ASKER, asked(session, "phone", home, person=people["head"], told=paper)
    )
    assert said.request is not None
    for other in ("", "not a number", "+213 661 00 00 08"):
        with pytest.raises(requests.TypedOtherwise) as refusal:
            requests.confirm(session, CONFIRMER, said.request, again=other)
        assert "661" not in refusal.value.message + (refusal.value.next_step or "")
    requests.confirm(session, CONFIRMER, said.request, again="0661-00-00-09")
    told = {"document": "NEW-77 12"}
    said = requests.ask(
        session, ASKER, asked(session, "corrected", home, person=people["head"], told=told)
    )
    assert said.request is not None
    with pytest.raises(requests.TypedOtherwise, match="not the document"):
        requests.confirm(session, CONFIRMER, said.request, again="NEW-77 21")
    requests.confirm(session, CONFIRMER, said.request, again="new 7712")


def test_two_officers_do_not_overwrite_each_other(session: Session) -> None:
    home, people = family(session, "Omar", "Lina 7")
    waits = requests.ask(session, ASKER, asked(session, "corrected", home, size=6))
    change(session, "left", home, person=people["Omar"])
    assert waits.request is not None
    with pytest.raises(ChangedMeanwhile):
        requests.confirm(session, CONFIRMER, waits.request)
    with pytest.raises(ChangedMeanwhile):
        change(session, "died", home, person=people["Lina"], version=1)
    change(session, "died", home, person=people["Lina"], version=2)


def test_a_household_is_shown_as_it_was_on_any_day(session: Session) -> None:
    home, people = family(session, "Omar", "Lina 7")
    today = clock.today(office_of(session).timezone)
    days = [today - timedelta(days=back) for back in (30, 20, 10)]
    change(session, "left", home, person=people["Omar"], happened_on=days[0])
    change(session, "moved", home, area="Oran", happened_on=days[1])
    change(
        session, "split", home, people=(people["Lina"],), head=people["Lina"], collector=people["Lina"],
        happened_on=days[2],
    )  # fmt: skip

    def on(day: date) -> tuple[int, str | None, set[str]]:
        shown = queries.show(session, ASKER, fresh(session, home), day)
        names = {each: name for name, each in people.items()}
        return shown.size, shown.area, {names[one.id] for one in shown.members}

    assert on(days[0] - timedelta(days=1)) == (3, None, {"head", "Omar", "Lina"})
    assert on(days[0]) == (2, None, {"head", "Lina"})
    assert on(days[1]) == (2, "Oran", {"head", "Lina"})
    assert on(today) == (1, "Oran", {"head"})
    shown = queries.show(session, ASKER, fresh(session, home))
    assert [one.kind for one in shown.changes] == ["left", "moved", "split"]
    assert [one.version for one in shown.changes] == [2, 3, 4]
    with pytest.raises(NotYet):
        change(session, "departed", home, happened_on=today + timedelta(days=1))


def test_somebody_moves_to_another_household_and_stays_the_same_person(session: Session) -> None:
    home, people = family(session, "Omar")
    other, _ = family(session, size=2)
    change(session, "joined", other, person=people["Omar"])
    assert (fresh(session, home).size, fresh(session, other).size) == (1, 3)
    assert person(session, people["Omar"]).household_id == other


def test_members_are_counted_by_sex_and_age_without_opening_anything(session: Session) -> None:
    home, people = family(session, "Lina 7", "Omar 70", "Sami 2")
    change(session, "died", home, person=people["Sami"])
    rows = session.execute(composition(clock.now().date())).all()
    counted = {row.age_band: row.members for row in rows if row.household_id == home}
    assert counted == {"unknown": 1, "5-17": 1, "60+": 1}


def test_years_of_birth_of_before_are_filled_from_what_is_sealed(session: Session) -> None:
    _, people = family(session, "Lina 7", "Omar")
    change(session, "corrected", person(session, people["Omar"]).household_id, person=people["Omar"],
           told={"born_on": "1990-02-28"})  # fmt: skip
    wanted = {each: person(session, each).born_year for each in people.values()}
    session.execute(update(Person).values(born_year=None))
    assert fill_years(session, CONFIRMER) == 2
    assert {each: person(session, each).born_year for each in people.values()} == wanted
    assert fill_years(session, CONFIRMER) == 0


def test_what_is_said_of_a_person_is_gone_once_somebody_decided(session: Session) -> None:
    home, _ = family(session)
    said = requests.ask(
        session, ASKER, asked(session, "born", home, told={"name": "Sami", "age": "0"})
    )
    assert said.request is not None
    row = session.scalars(queries.waiting(ASKER)).one()
    assert row.sealed is not None
    with pytest.raises(requests.UnknownRequest):
        requests.confirm(session, CONFIRMER, said.request + 999)
    requests.refuse(session, CONFIRMER, said.request, "no certificate")
    session.expire_all()
    assert row.sealed is None
    assert session.scalars(queries.waiting(ASKER)).all() == []


def test_what_nobody_decides_in_thirty_days_lapses(session: Session) -> None:
    home, _ = family(session)
    said = requests.ask(
        session, ASKER, asked(session, "born", home, told={"name": "Sami", "age": "0"})
    )
    assert said.request is not None
    with clock.frozen(clock.now() + timedelta(days=30, hours=1)):
        with pytest.raises(requests.DecidedAlready):
            requests.confirm(session, CONFIRMER, said.request)
        assert requests.lapse_due(session) == 1
        assert requests.lapse_due(session) == 0


def test_what_cannot_be_used_is_refused_with_its_field(session: Session) -> None:
    with pytest.raises(UnusableChange) as refused:
        read_personal(session, {"phone": "12"})
    assert refused.value.details["field"] == "phone"
