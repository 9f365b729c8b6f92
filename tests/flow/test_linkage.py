"""The same person twice: found however the name is written, told in words, paid by nobody until people have decided."""

import io
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, select, text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Role
from cbi.payments.models import Payment
from cbi.payments.runs import runs
from cbi.payments.sending.recipients import payee_stands
from cbi.payments.signing import recall
from cbi.programmes import applying, cycles
from cbi.programmes.models import EligibilityDecision
from cbi.proofs.households import as_recorded, by_two
from cbi.proofs.linkage import on_record_once, too_many_alike
from cbi.protection import erasing, obstacles
from cbi.refusals import refusing
from cbi.registry import standing
from cbi.registry.intake.importing import import_file
from cbi.registry.linkage import candidates, deciding, finding, queries, thresholds
from cbi.registry.linkage.deciding import (
    OneDied,
    PairSettled,
    SaidAlready,
    UnknownPair,
    UnusableFinding,
)
from cbi.registry.linkage.memory import Memory
from cbi.registry.linkage.models import LinkedPerson, LinkKey, LinkWord, Pair, PairState
from cbi.registry.linkage.opening import opened
from cbi.registry.linkage.telling import sentence
from cbi.registry.linkage.thresholds import OwnThresholds, ThresholdsDecided, UnusableThresholds
from cbi.registry.models import Gone, Household, Person
from tests import made_up
from tests.factories import EVERYTHING, START, colleague, funded_programme, locked_run, team
from tests.household_factory import ASKER, CONFIRMER, change, fresh

HEADER = "Registration number;Name;Phone;Language;Household size;Area;Sex;Date of birth;Document number;Memorable word"
MOHAMED = "{};Mohamed Benali;0550000001;ar;4;Oran;M;1990-05-04;;lemon"
AGAIN = "{};محمد بن علي;0550000002;ar;4;Oran;M;1990-04-05;;lemon"
KARIM = "{};Karim Haddad;0550000003;ar;3;Oran;M;1980-02-03;;lemon"
ANOTHER = """
programme: {{code: school, name: School, kind: stipend, languages: [ar, fr, en]}}
fund: {{code: donor-2, name: Another, amount: "100000.00", valid_from: {first}-01-01, valid_to: {last}-12-31}}
currency: DZD
stipend: {{base: "500.00", per_member: "0"}}
schedule: {{every: month, first: {first}-01, last: {last}-12}}
delivery: {{provider: post_office, mechanism: cash_over_counter}}
"""
NAMESAKE = "{};Mohamed Ben Ali;0550000004;ar;7;Algiers;M;1961-11-23;;lemon"


def register(session: Session, actor: Actor, *rows: str) -> None:
    """Take people in, each the one person of a household."""
    content = "\n".join((HEADER, *rows)).encode()
    result = import_file(session, actor, io.BytesIO(content), filename="people.csv")
    assert result.landed == len(rows), result


def compare(session: Session) -> finding.Compared:
    """What the worker does."""
    return finding.catch_up(session)


def officer(session: Session) -> Actor:
    return colleague(session, Role.REGISTRATION_OFFICER).actor


def open_pairs(session: Session) -> Sequence[Pair]:
    return session.scalars(queries.open_pairs()).all()


def numbers(session: Session, pair: Pair) -> set[str]:
    return {side.number for side in queries.sides(session, [pair]).values()}


def person_of(session: Session, number: str) -> Person:
    return session.scalars(
        select(Person).join(Household, Household.id == Person.household_id).where(Household.source_id == number)
    ).one()  # fmt: skip


def status_of(session: Session, number: str) -> str:
    return session.scalars(select(Household.status).where(Household.source_id == number)).one()


def breaches(session: Session) -> list[str]:
    return [breach for check in on_record_once for breach in check(session)]


@pytest.fixture
def pair(session: Session) -> Pair:
    """Two registrations of one person, brought by an officer whom `session.info['maker']` remembers, and somebody else."""
    session.info["maker"] = maker = officer(session)
    register(session, maker, MOHAMED.format("A1"), AGAIN.format("A2"), KARIM.format("A3"))
    compare(session)
    (found,) = open_pairs(session)
    return found


def test_a_pair_is_found_across_alphabets_and_told_in_words(session: Session, pair: Pair) -> None:
    assert numbers(session, pair) == {"A1", "A2"}
    assert pair.per_mille >= thresholds.in_force(session).certain
    assert sentence(pair.levels) == (
        "the names sound the same; day and month of birth swapped; the same sex;"
        " the same place and size of household"
    )
    assert not breaches(session)


def test_a_newcomer_is_compared_with_everybody_and_everybody_only_once(session: Session) -> None:
    maker = officer(session)
    register(session, maker, MOHAMED.format("A1"), KARIM.format("A3"))
    assert compare(session).people == 2
    assert not open_pairs(session)
    register(session, maker, AGAIN.format("A2"), NAMESAKE.format("A4"))
    assert compare(session).people == 2
    (found,) = open_pairs(session)
    assert numbers(session, found) == {"A1", "A2"}
    assert compare(session) == finding.NOTHING


def test_comparing_all_again_changes_nothing_and_opens_nothing_that_was_settled(
    session: Session, pair: Pair
) -> None:
    before = [
        (each.id, each.per_mille, each.levels)
        for each in session.scalars(select(Pair).order_by(Pair.id))
    ]
    deciding.say(session, officer(session), pair.id, "different", "Met both of them")
    with Memory() as memory:
        last, done = finding.compare_again(session, memory)
        assert done.people == 3
        assert finding.compare_again(session, memory, last)[0] is None
    session.expire_all()
    after = [
        (each.id, each.per_mille, each.levels)
        for each in session.scalars(select(Pair).order_by(Pair.id))
    ]
    assert after == before
    assert not open_pairs(session)


def test_nobody_in_an_open_pair_is_paid_whatever_the_programme_and_whoever_is_not_compared_waits(
    session: Session,
) -> None:
    maker, people = officer(session), team(session)
    with clock.frozen(START - timedelta(minutes=5)):
        register(session, maker, MOHAMED.format("A1"), AGAIN.format("A2"), KARIM.format("A3"))
    assert len(session.scalars(queries.blocked_households()).all()) == 3, "nobody was compared yet"
    with clock.frozen(START):
        funded_programme(session)
        applying.apply(session, EVERYTHING, ANOTHER.format(first=START.year, last=START.year + 1))
        for programme in ("winter", "school"):
            opened = cycles.open_cycle(session, people.maker.actor, programme, f"{START:%Y-%m}")
            decided = session.execute(
                select(Household.source_id, EligibilityDecision.reasons)
                .join(Household, Household.id == EligibilityDecision.household_id)
                .where(EligibilityDecision.cycle_id == opened.id)
            ).all()
            assert dict(decided) == {
                "A1": ["possible_duplicate"],
                "A2": ["possible_duplicate"],
                "A3": [],
            }


def test_a_pair_that_is_found_later_holds_what_was_decided_before(session: Session) -> None:
    maker, people = officer(session), team(session)
    with clock.frozen(START):
        funded_programme(session)
        register(session, maker, MOHAMED.format("A1"), KARIM.format("A3"))
        run = locked_run(session, people, "winter")
        assert run.payment_count == 2
        register(session, maker, AGAIN.format("A2"))
        compare(session)
        standing = session.scalars(
            select(Household.source_id)
            .join(Payment, Payment.household_id == Household.id)
            .where(payee_stands())
        ).all()
        assert standing == ["A3"], "at the counter"
        recall.cancel(session, people.maker.actor, run.id, "Somebody is on record twice")
        rebuilt = runs.build(session, people.maker.actor, run.cycle_id)
        assert runs.lock(session, people.maker.actor, rebuilt.id).payment_count == 1


def test_whoever_registered_one_of_them_does_not_clear_them_alone(
    session: Session, pair: Pair
) -> None:
    maker = session.info["maker"]
    assert deciding.say(session, maker, pair.id, "different", "I know them").state is PairState.OPEN
    with pytest.raises(SaidAlready):
        deciding.say(session, maker, pair.id, "different", "I said so")
    assert len(open_pairs(session)) == 1
    done = deciding.say(session, officer(session), pair.id, "different", "Met both of them")
    assert done.state is PairState.DIFFERENT
    assert not open_pairs(session)
    assert not session.scalars(queries.blocked_households()).all()
    with pytest.raises(PairSettled):
        deciding.say(session, officer(session), pair.id, "same", "Not so", kept=pair.first_id)
    assert not breaches(session)


def test_two_people_make_one_of_two_records_and_it_can_be_taken_back(
    session: Session, pair: Pair
) -> None:
    kept, other = person_of(session, "A1"), person_of(session, "A2")
    first, second = officer(session), officer(session)
    with pytest.raises(UnusableFinding):
        deciding.say(session, first, pair.id, "same", "One person")
    assert (
        deciding.say(session, first, pair.id, "same", "One person", kept=kept.id).state
        is PairState.OPEN
    )
    with pytest.raises(UnusableFinding):
        deciding.say(session, second, pair.id, "same", "One person", kept=other.id)
    done = deciding.say(session, second, pair.id, "same", "Same fingerprint on the card")
    assert done.state is PairState.SAME
    session.expire_all()
    assert (other.gone, other.same_as) == (Gone.SAME, kept.id)
    assert status_of(session, "A2") != "active"
    compare(session)
    assert not session.scalars(queries.blocked_households()).all(), "the one that stays is paid"
    assert not breaches(session)
    asked = deciding.take_back(session, first, pair.id, "They are cousins after all")
    assert asked.state is PairState.SAME, "it takes somebody else"
    with pytest.raises(SaidAlready):
        deciding.take_back(session, first, pair.id, "I said so")
    deciding.uphold(session, second, pair.id, "One card, I have seen it")
    deciding.take_back(session, second, pair.id, "They came together, they are two")
    assert not breaches(session)
    deciding.take_back(session, first, pair.id, "So I said")
    session.expire_all()
    assert (other.gone, status_of(session, "A2")) == (None, "active")
    assert len(open_pairs(session)) == 1, "and is asked about again"
    assert not breaches(session)


def test_whoever_left_is_still_asked_about_and_their_data_may_be_destroyed_once_it_is_decided(
    session: Session, pair: Pair
) -> None:
    kept, left = person_of(session, "A1"), person_of(session, "A2")
    change(session, "departed", kept.household_id)
    change(session, "left", left.household_id, person=left.id)
    assert not open_pairs(session), "it holds nobody's payment"
    waits = standing.pairs(session)
    assert waits is not None
    assert waits.count == 1, "and stands on the front page all the same"
    assert session.scalars(queries.to_decide()).one().id == pair.id
    asked = erasing.ask(session, officer(session), ["A2"], "They asked for it.")
    assert [each.why for each in erasing.obstacles(session, asked)] == [
        "they may be the same person as somebody else"
    ]
    for who in (officer(session), officer(session)):
        done = deciding.say(session, who, pair.id, "same", "One person", kept=kept.id)
    assert (done.state, done.change_id) == (PairState.SAME, None)
    assert not session.scalars(queries.to_decide()).all()
    obstacles.note(session, asked.id)
    assert erasing.obstacles(session, asked) == []
    change(session, "joined", left.household_id, person=left.id)
    assert session.scalars(queries.to_decide()).one().id == pair.id
    assert left.household_id in session.scalars(queries.blocked_households()).all()
    kept.data_key = kept.name = None
    session.flush()
    assert open_pairs(session) == [pair], "what was decided holds when their data is destroyed"
    here = select(queries.in_question(Household.id)).where(Household.id == left.household_id)
    assert session.scalar(here), "at a counter, too"
    assert not breaches(session)


def test_whoever_departs_and_is_registered_anew_is_paid_nothing_until_the_two_are_one_again(
    session: Session, pair: Pair
) -> None:
    gone, anew = person_of(session, "A1"), person_of(session, "A2")
    change(session, "departed", gone.household_id)
    assert open_pairs(session) == [pair]
    assert anew.household_id in session.scalars(queries.blocked_households()).all()
    here = select(queries.in_question(Household.id)).where(Household.id == anew.household_id)
    assert session.scalar(here), "at a counter, too"
    one, other = officer(session), officer(session)
    with pytest.raises(UnusableFinding, match="has departed"):
        deciding.say(session, one, pair.id, "same", "One person", kept=gone.id)
    deciding.say(session, one, pair.id, "same", "One person", kept=anew.id)
    done = deciding.say(session, other, pair.id, "same", "One person", kept=anew.id)
    assert (status_of(session, "A1"), status_of(session, "A2")) == ("merged", "active")
    assert (done.state, open_pairs(session)) == (PairState.SAME, [])
    for who in (one, other):
        deciding.take_back(session, who, pair.id, "Two after all")
    assert (status_of(session, "A1"), open_pairs(session)) == ("departed", [pair])
    change(session, "departed", anew.household_id)
    assert not open_pairs(session), "nobody is paid"
    assert not breaches(session)


def test_whoever_leaves_alone_and_is_registered_anew_is_paid_nothing_until_the_two_are_one_again(
    session: Session, pair: Pair
) -> None:
    gone, anew = person_of(session, "A1"), person_of(session, "A2")
    old, new = gone.household_id, anew.household_id
    change(session, "left", old, person=gone.id)
    assert open_pairs(session) == [pair]
    held = session.scalars(queries.blocked_households()).all()
    assert (new in held, old in held) == (True, False), "whom they left is not asked about"
    at_counters = select(Household.id).where(queries.in_question(Household.id))
    assert session.scalars(at_counters).all() == [new]
    one, other = officer(session), officer(session)
    with pytest.raises(UnusableFinding, match="left their household"):
        deciding.say(session, one, pair.id, "same", "One person", kept=gone.id)
    for who in (one, other):
        deciding.say(session, who, pair.id, "same", "One person", kept=anew.id)
    stays = (Gone.SAME, anew.id, new)
    assert (gone.gone, gone.same_as, gone.household_id) == stays
    assert [fresh(session, each).size for each in (old, new)] == [3, 4], "nobody is counted again"
    assert not session.scalars(at_counters).all()
    assert not breaches(session)
    for who in (one, other):
        deciding.take_back(session, who, pair.id, "Two after all")
    assert (gone.gone, gone.household_id, open_pairs(session)) == (Gone.LEFT, old, [pair])
    change(session, "returned", old, person=gone.id)
    assert set(session.scalars(at_counters)) == {old, new}
    told = [each for check in (*as_recorded, *by_two) for each in check(session)]
    assert [*breaches(session), *told] == []


def test_whoever_died_and_is_paid_under_another_record_is_one_once_that_is_put_right(
    session: Session, pair: Pair
) -> None:
    kept, dead = person_of(session, "A1"), person_of(session, "A2")
    change(session, "died", dead.household_id, person=dead.id)
    one, other = officer(session), officer(session)
    with pytest.raises(OneDied) as refused:
        deciding.say(session, one, pair.id, "same", "One person", kept=kept.id)
    assert all(way in str(refused.value.next_step) for way in ("returned", "died", "different"))
    change(session, "died", kept.household_id, person=kept.id)
    for who in (one, other):
        done = deciding.say(session, who, pair.id, "same", "One person", kept=kept.id)
    assert (done.state, done.change_id) == (PairState.SAME, None)
    assert not breaches(session)


def test_nobody_can_tell_yet_and_what_was_said_before_counts_no_more(
    session: Session, pair: Pair
) -> None:
    kept = pair.first_id
    deciding.say(session, officer(session), pair.id, "same", "One person", kept=kept)
    deciding.say(session, officer(session), pair.id, "ask_again", "Their papers are missing")
    assert (
        deciding.say(session, officer(session), pair.id, "same", "I think so", kept=kept).state
        is PairState.OPEN
    )
    with pytest.raises(UnknownPair):
        deciding.say(session, officer(session), UUID(int=1), "same", "Nobody")
    with pytest.raises(UnusableFinding):
        deciding.say(session, officer(session), pair.id, "taken_back", "Not like this")


def test_an_office_asks_from_the_score_that_two_people_agreed_on(
    session: Session, pair: Pair
) -> None:
    first, second = officer(session), officer(session)
    pair.per_mille = 940
    session.flush()
    with pytest.raises(UnusableThresholds):
        thresholds.propose(session, first, ask=20, certain=900, reason="Ask about everybody")
    made = thresholds.propose(session, first, ask=950, certain=990, reason="Too many namesakes")
    assert open_pairs(session), "a proposal changes nothing"
    with pytest.raises(OwnThresholds):
        thresholds.decide(session, first, made.version, accept=True)
    wrong = thresholds.propose(session, first, ask=300, certain=990, reason="A slip of the pen")
    mine = refusing.refuse(session, first, "link-thresholds", str(wrong.version), "I meant another")
    assert mine.refused_by == mine.proposed_by == first.id, "one's own is taken back"
    thresholds.decide(session, second, made.version, accept=True)
    assert thresholds.in_force(session).ask == 950
    assert not open_pairs(session)
    with pytest.raises(ThresholdsDecided):
        thresholds.decide(session, second, made.version, accept=False)
    assert not breaches(session)


def test_who_shows_the_same_document_is_flagged_for_that_and_not_asked_about_twice(
    session: Session,
) -> None:
    rows = (
        row.format(f"D{at}").replace(";;lemon", ";AB12345;lemon")
        for at, row in enumerate((MOHAMED, AGAIN))
    )
    register(session, officer(session), *rows)
    compare(session)
    assert not session.scalars(select(Pair)).all()


def test_brothers_of_one_household_are_no_pair_but_the_same_name_twice_is(session: Session) -> None:
    register(
        session, officer(session), MOHAMED.format("A1"), AGAIN.format("A2"), KARIM.format("A3")
    )
    home = person_of(session, "A1").household_id
    for number in ("A2", "A3"):
        person = person_of(session, number)
        person.is_head = person.is_recipient = False
        person.household_id = home
    session.flush()
    compare(session)
    (found,) = open_pairs(session)
    assert found.levels["name"] == "name_sounds_same"
    kept, other = found.first_id, found.second_id
    if session.get_one(Person, other).is_recipient:
        kept, other = other, kept
    for _ in range(2):
        deciding.say(session, officer(session), found.id, "same", "Entered twice", kept=kept)
    session.expire_all()
    assert session.get_one(Person, other).gone is Gone.SAME
    compare(session)
    assert not session.scalars(queries.blocked_households()).all()


def test_keys_go_with_the_person_and_nothing_readable_is_kept(
    database: URL, session: Session, pair: Pair, owner: Engine
) -> None:
    person = person_of(session, "A2")
    keys = select(LinkKey).where(LinkKey.person_id == person.id)
    assert session.scalars(keys).all()
    tables = ("link_keys", "linked_persons", "link_words", "link_pairs", "link_verdicts")
    dumped = " ".join(
        str(row)
        for table in tables
        for row in session.scalars(text(f"SELECT CAST(t AS text) FROM {table} t"))
    )
    for secret in (
        "Mohamed",
        "Benali",
        "محمد",
        "mhmd",
        "1990",
        "Oran",
        "oran",
        "0550000001",
        "lemon",
    ):
        assert secret not in dumped.replace(f"{clock.now():%Y}", "")
    person.data_key = person.name = None
    session.flush()
    register(session, officer(session), NAMESAKE.format("A9"))
    compare(session)
    assert not session.scalars(keys).all()
    assert session.get(LinkedPerson, person.id) is None


def test_groups_that_are_too_large_are_split_and_what_is_still_too_large_is_counted(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "CROWDED", 2)
    namesakes = [
        f"N{at};Ali Haddad;055000010{at};ar;4;Oran;M;{1960 + at // 3}-0{1 + at}-1{at};;lemon"
        for at in range(6)
    ]
    register(session, officer(session), *namesakes)
    done = compare(session)
    assert done.crowded > 0
    (told,) = too_many_alike(session)
    assert "groups of more than 2 people who agree in two signs were not compared" in told
    monkeypatch.setattr(candidates, "CROWDED", 3)
    with Memory() as memory:
        last, again = finding.compare_again(session, memory)
    assert last is not None
    assert again.pairs > done.pairs


def test_opening_people_looks_up_their_telephones_only_though_the_table_was_filled_a_moment_ago(
    session: Session,
) -> None:
    rows = [
        f"S{at:04d};{made_up.name(f'S{at}')};05511{at:05d};ar;4;Oran;M;1990-05-04;;lemon"
        for at in range(1_500)
    ]
    register(session, officer(session), *rows)
    some = session.scalars(select(Person.id).order_by(Person.id).limit(100)).all()
    read = text(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'payment_accounts'"
    )
    before = session.scalars(read).one()
    assert len(opened(session, some)) == 100
    assert session.scalars(read).one() - before == 100


def corrected(session: Session, number: str, **told: str) -> None:
    """One asks for it, another confirms it."""
    person = person_of(session, number)
    change(session, "corrected", person.household_id, person=person.id, told=told)
    session.expire_all()


def test_an_open_pair_shows_what_was_corrected_and_goes_on_holding_payment(
    session: Session, pair: Pair
) -> None:
    before = pair.per_mille
    corrected(session, "A2", name="Karim Haddad", born_on="1961-11-23")
    assert status_of(session, "A2") == "active"
    assert len(session.scalars(queries.blocked_households()).all()) == 2, "and waits itself"
    assert compare(session).people == 1
    assert (pair.per_mille, pair.levels["name"]) == (before, "name_differs")
    assert pair.now_per_mille is not None
    assert pair.now_per_mille < 100
    assert pair in open_pairs(session), "correcting somebody decides nothing"
    corrected(session, "A2", name="Mohamed Benali", born_on="1990-05-04")
    compare(session)
    session.expire_all()
    assert pair.levels["name"] == "name_same"
    assert session.scalar(select(Pair.now_per_mille).where(Pair.id == pair.id)) is None
    assert not breaches(session)


def test_two_people_are_asked_about_again_once_what_was_corrected_makes_them_alike(
    session: Session, pair: Pair
) -> None:
    deciding.say(session, officer(session), pair.id, "different", "Met both of them")
    pair.per_mille, pair.levels = 410, {**pair.levels, "name": "name_one_close"}
    session.flush()
    corrected(session, "A1", sex="male")
    compare(session)
    session.expire_all()
    assert pair.state is PairState.OPEN
    assert pair.per_mille > 410
    last = queries.verdicts(session, [pair])[pair.id][-1]
    assert (last.finding, last.said_by) == ("taken_back", None)
    assert not breaches(session)
    deciding.say(session, officer(session), pair.id, "different", "Met both of them again")
    corrected(session, "A1", sex="male")
    compare(session)
    session.expire_all()
    assert session.scalars(select(Pair.state)).one() == "different", (
        "nothing is more alike than when that was said"
    )


def test_whoever_is_corrected_or_erased_while_a_long_comparison_goes_on_is_compared_as_they_are_then(
    session: Session,
) -> None:
    maker = officer(session)
    register(session, maker, KARIM.format("A3"), KARIM.format("A4"))
    with Memory() as memory:
        finding.compare_next(session, memory)
        for number in ("A3", "A4"):
            corrected(session, number, name="Mohamed Benali", born_on="1990-05-04")
        compare(session)
        erased = person_of(session, "A4")
        erased.data_key = erased.name = None
        session.flush()
        register(session, maker, MOHAMED.format("A1"))
        finding.compare_next(session, memory)
    found = [numbers(session, each) for each in open_pairs(session)]
    assert [each for each in found if "A1" in each] == [{"A1", "A3"}]


def test_whoever_lives_elsewhere_or_with_others_is_compared_anew_and_stays_payable(
    session: Session, pair: Pair
) -> None:
    home = person_of(session, "A3").household_id
    change(session, "moved", home, area="Bechar")
    due = session.scalars(queries.members_due(select(Household.id))).all()
    assert due == [person_of(session, "A3").id]
    stands = select(Household.id).where(queries.is_uncompared(Household.id))
    assert not session.scalars(stands).all(), "at a counter"
    assert session.scalars(queries.uncompared_households()).all() == [home], "in a cycle"
    done = finding.compare_members(session, select(Household.id).where(Household.id == home))
    assert done.people == 1
    assert finding.compare_members(session, select(Household.id)) == finding.NOTHING


def test_whoever_changes_before_they_were_ever_compared_waits_and_their_name_is_counted(
    session: Session,
) -> None:
    register(session, officer(session), MOHAMED.format("A1"), KARIM.format("A3"))
    home = person_of(session, "A1").household_id
    change(session, "moved", home, area="Bechar")
    stands = select(Household.id).where(queries.is_uncompared(Household.id))
    assert home in session.scalars(stands).all(), "at a counter"
    compare(session)
    assert not session.scalars(stands).all()
    assert set(session.scalars(select(LinkWord.people))) == {1}
    assert len(session.scalars(select(LinkWord)).all()) == 4


def test_nobody_clears_alone_whom_they_added_to_a_household_that_another_had_brought(
    session: Session,
) -> None:
    maker = officer(session)
    register(session, maker, MOHAMED.format("A1"), KARIM.format("A3"))
    home = person_of(session, "A3").household_id
    with clock.frozen(clock.now() + timedelta(hours=1)):
        told = {"name": "Mohamed Benali", "born_on": "1990-05-04", "sex": "male"}
        change(session, "joined", home, told=told)
        compare(session)
    (pair,) = open_pairs(session)
    sides = queries.sides(session, [pair])
    brought = {each.number: set(each.brought_by) for each in sides.values()}
    assert maker.id is not None
    assert brought == {"A1": {maker.id}, "A3": {ASKER.id, CONFIRMER.id}}
    own = deciding.say(session, ASKER, pair.id, "different", "I brought the one myself")
    assert own.state is PairState.OPEN
    done = deciding.say(session, officer(session), pair.id, "different", "seen with both papers")
    assert done.settled_at is not None
    assert not breaches(session)
