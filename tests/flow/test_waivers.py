"""Waivers: asked by one and granted by another, for a time, at somebody's risk; altered ones are named."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Connection, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from cbi import clock, db, offices
from cbi.access.actor import Actor, NotPermitted
from cbi.access.permissions import Permission, Role
from cbi.access.totp import WrongCode
from cbi.audit.models import AuditEntry
from cbi.errors import CbiError
from cbi.payments.models import PaymentRun
from cbi.payments.runs import runs
from cbi.payments.signing import recall, waiver_register, waiver_seals, waivers
from cbi.payments.signing.blocking import Blocked
from cbi.payments.signing.waiver_models import ControlCheck, Waiver, WaiverDecision
from cbi.payments.signing.waiver_register import State
from cbi.payments.signing.waivers import NeverWaived, OwnWaiver, UnknownWaiver, UnusableWaiver
from cbi.proofs import waivers as proofs
from tests.factories import START, Colleague
from tests.flow.proving import broken
from tests.flow.signing import colleague
from tests.flow.tampering import intruding
from tests.flow.waiving import Town, locked, sign, town


@pytest.fixture
def people(session: Session) -> Iterator[Town]:
    with clock.frozen(START):
        yield town(session)


def breaches(session: Session) -> list[str]:
    return [breach for check in proofs.waived for breach in check(session)]


def later(**more: float) -> AbstractContextManager[None]:
    return clock.frozen(clock.now() + timedelta(**more))


def ask(session: Session, people: Town, **more: Any) -> Waiver:
    terms = people.terms(session, more.pop("control", "inactive"), **more)
    return waivers.ask(session, people.asker.actor, terms, people.asker.code())


def state(session: Session, waiver: Waiver) -> State:
    return waiver_register.one(session, waiver.id).state


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"control": "separation_of_people"}, NeverWaived),
        ({"control": "unopened_lists"}, NeverWaived),
        ({"control": "budget"}, NeverWaived),
        ({"control": "made_up"}, UnusableWaiver),
        ({"programme": "summer"}, UnusableWaiver),
        ({"run": 99}, UnusableWaiver),
        ({"at_most": 0}, UnusableWaiver),
        ({"households": ("W-9999",)}, UnusableWaiver),
        ({"control": "old_discrepancies", "households": ("W-0001",)}, UnusableWaiver),
        ({"first_day": START.date() - timedelta(days=2)}, UnusableWaiver),
        ({"last_day": START.date() + timedelta(days=32)}, UnusableWaiver),
        ({"reason": "x"}, CbiError),
        ({"evidence": ""}, CbiError),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    session: Session, people: Town, more: dict[str, Any], refusal: type[CbiError]
) -> None:
    with pytest.raises(refusal):
        ask(session, people, **more)
    assert session.scalars(select(Waiver)).all() == []


def test_a_number_that_two_sources_use_is_written_with_its_source(
    session: Session, people: Town
) -> None:
    other = session.scalar(
        text(
            "INSERT INTO households SELECT (jsonb_populate_record(h, jsonb_build_object("
            "'id', gen_random_uuid(), 'source', 'elsewhere'))).* FROM households h WHERE source_id = 'W-0002' RETURNING id"
        )
    )
    with pytest.raises(UnusableWaiver, match="for several"):
        ask(session, people, households=("W-0002",))
    with later(minutes=1):
        made = ask(session, people, households=("elsewhere/W-0002", "W-0001"))
    assert waiver_seals.concern(session, other) in made.concerns
    assert len(made.concerns) == 2


def test_whoever_asks_does_not_grant_nor_does_who_may_not(session: Session, people: Town) -> None:
    made = ask(session, people)
    assert state(session, made) is State.ASKED
    for who, refusal in ((people.asker, OwnWaiver), (people.team.certifier, NotPermitted)):
        with pytest.raises(refusal):
            waivers.grant(session, who.actor, made.number, who.code())
    with pytest.raises(WrongCode), session.begin_nested():
        waivers.grant(session, people.granter.actor, made.number, "000000")
    waivers.grant(session, people.granter.actor, made.number, people.granter.code())
    assert state(session, made) is State.OPEN
    assert breaches(session) == []


def test_a_waiver_is_over_on_the_day_after_its_last(session: Session, people: Town) -> None:
    made = people.waived(session, "inactive")
    for days, then in ((6, State.OPEN), (7, State.EXPIRED)):
        with later(days=days):
            assert state(session, made) is then
            assert len(waiver_register.cover(session)) == (then is State.OPEN)


def test_an_open_waiver_stands_before_whoever_works_for_its_programme_or_for_all(
    session: Session, people: Town
) -> None:
    people.waived(session, "inactive")
    run = Permission.RUN_READ
    theirs, others, everybodys, nobodys = (
        Actor("user", None, "", grants)
        for grants in (
            frozenset({(run, "winter")}), frozenset({(run, "school")}),
            frozenset({(run, "school"), (Permission.REGISTRY_READ, None)}), frozenset[tuple[Permission, str | None]](),
        )
    )  # fmt: skip
    (sentence,) = waiver_register.cover(session)
    assert waiver_register.cover(session, theirs) == (sentence,)
    assert waiver_register.cover(session, others) == waiver_register.cover(session, nobodys) == ()
    assert waiver_register.cover(session, everybodys) == (sentence,)
    assert waiver_register.cover(session, programme="school") == ()


def test_it_is_refused_or_revoked_once_and_by_whom_it_concerns(
    session: Session, people: Town
) -> None:
    made = ask(session, people)
    waivers.refuse(session, people.granter.actor, made.number, "Visit them first")
    assert state(session, made) is State.REFUSED
    with pytest.raises(UnknownWaiver):
        waivers.grant(session, people.granter.actor, made.number, people.granter.code())
    with later(minutes=1):
        other = people.waived(session, "inactive")
    with pytest.raises(NotPermitted):
        waivers.revoke(session, people.team.authoriser.actor, other.number, "not mine")
    waivers.revoke(session, people.head.actor, other.number, "It is not true")
    assert state(session, other) is State.REVOKED
    with pytest.raises(UnknownWaiver):
        waivers.revoke(session, people.asker.actor, other.number, "again")
    assert breaches(session) == []


def test_nobody_waives_a_control_of_a_run_that_they_made(session: Session, people: Town) -> None:
    run = locked(session, people, left="W-0002")
    maker = people.team.maker
    with pytest.raises(OwnWaiver):
        waivers.ask(
            session, maker.actor, people.terms(session, "inactive", run=run.number), maker.code()
        )
    terms = people.terms(session, "inactive")  # for the whole programme they may ask
    made = waivers.ask(session, maker.actor, terms, maker.code())
    waivers.grant(session, people.granter.actor, made.number, people.granter.code())
    with pytest.raises(Blocked), later(minutes=1):  # and it does not serve their own run
        sign(session, people, run)


def test_whoever_makes_the_next_revision_may_have_waived_for_the_one_before(
    session: Session, people: Town
) -> None:
    run = locked(session, people, left="W-0002")
    people.asker = colleague(session, *ALL)
    people.waived(session, "inactive")
    with later(minutes=1):
        sign(session, people, run)
        recall.send_back(session, people.team.authoriser.actor, run.id, "look again")
    with later(minutes=2):
        runs.lock(session, people.asker.actor, run.id)
        with pytest.raises(Blocked):
            sign(session, people, run)
    assert breaches(session) == []


def test_the_database_keeps_two_people_apart_and_changes_nothing(
    session: Session, people: Town
) -> None:
    made = ask(session, people)
    row = {"id": made.id, "by": made.asked_by, "at": clock.now(), "seal": b"x"}
    insert = text(
        "INSERT INTO waiver_decisions (waiver_id, what, asked_by, by_id, at, seal)"
        " VALUES (:id, 'granted', :by, :by, :at, :seal)"
    )
    with pytest.raises(IntegrityError, match="two_people"), session.begin_nested():
        session.execute(insert, row)
    with pytest.raises(IntegrityError, match="asked_by"), session.begin_nested():
        session.execute(insert, row | {"by": people.granter.actor.id})
    for table in ("waivers", "waiver_decisions", "control_checks", "list_openings"):
        with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
            session.execute(text(f"DELETE FROM {table}"))


ALL = (
    Role.PROGRAMME_MANAGER,
    Role.CERTIFIER,
    Role.AUTHORISER,
    Role.TREASURER,
    Role.HEAD_OF_FINANCE,
)
ACTS = st.lists(
    st.tuples(st.sampled_from(("ask", "grant", "revoke", "return", "sign", "sign")), st.integers(0, 3)),
    min_size=6, max_size=14,
)  # fmt: skip


class Life:
    """One random life of a blocked run; everything that is refused leaves nothing behind."""

    def __init__(self, session: Session, home: Town, everybody: list[Colleague], run: int) -> None:
        self.session, self.home, self.everybody, self.number = session, home, everybody, run

    def live(self, acts: list[tuple[str, int]]) -> bool:
        """Do them all, two minutes apart; whether the run was signed."""
        now = START
        for act, who in acts:
            now += timedelta(minutes=2)
            with clock.frozen(now):
                try:
                    with self.session.begin_nested():
                        self.do(act, self.everybody[who])
                except CbiError:
                    self.session.expire_all()
        assert breaches(self.session) == []
        checks = self.session.scalars(select(ControlCheck)).all()
        for check in checks:
            self.was_waived_by_two_others(check)
        return bool(checks)

    def was_waived_by_two_others(self, check: ControlCheck) -> None:
        """Neither of the two made the run."""
        (waiver_id,) = check.facts["found"]["inactive"][2:]
        waiver = self.session.get_one(Waiver, waiver_id)
        granted = self.session.get_one(WaiverDecision, (waiver.id, "granted"))
        makers = waivers.makers_of(self.session, check.run_id)
        assert len({waiver.asked_by, granted.by_id}) == 2
        assert not makers & {waiver.asked_by, granted.by_id}

    def do(self, act: str, who: Colleague) -> None:
        """One act of one person."""
        session = self.session
        run = session.scalars(select(PaymentRun).where(PaymentRun.number == self.number)).one()
        latest = session.scalars(select(Waiver).order_by(Waiver.number.desc()).limit(1)).first()
        if act == "ask":
            waivers.ask(session, who.actor, self.home.terms(session, "inactive"), who.code())
        elif act == "grant" and latest:
            waivers.grant(session, who.actor, latest.number, who.code())
        elif act == "revoke" and latest:
            waivers.revoke(session, who.actor, latest.number, "changed my mind")
        elif act == "return":
            recall.send_back(session, who.actor, run.id, "once more")
            runs.lock(session, who.actor, run.id)
        elif act == "sign":
            self.home.team.certifier = self.home.team.authoriser = who
            sign(session, self.home, run)


def test_people_who_hold_all_roles_get_no_blocked_run_signed_without_two_others(
    database: URL,
) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        home = town(session)
        everybody = [colleague(session, *ALL) for _ in range(4)]
        home.team.maker = everybody[0]
        number = locked(session, home, left="W-0002").number

    @settings(
        max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(ACTS)
    def every(acts: list[tuple[str, int]]) -> None:
        with Session(db.engine("dz"), expire_on_commit=False) as session, session.begin():
            Life(session, home, everybody, number).live(acts)
            session.rollback()

    every()
    with Session(db.engine("dz"), expire_on_commit=False) as session, session.begin():
        life = Life(session, home, everybody, number)
        assert life.live([("ask", 1), ("grant", 2), ("sign", 3), ("sign", 2)])
        session.rollback()


def test_of_two_who_answer_at_once_one_is_late(database: URL) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        home = town(session)
        number = ask(session, home).number
    together = Barrier(2)

    def answer(act: str) -> str:
        with clock.frozen(START):
            together.wait()
            try:
                offices.transact("dz", lambda session: _answer(session, home, number, act))
            except UnknownWaiver:
                return "late"
        return act

    with ThreadPoolExecutor(2) as threads:
        said = list(threads.map(answer, ("grant", "refuse")))
    assert said.count("late") == 1
    with offices.transaction("dz") as session:
        assert session.scalars(select(WaiverDecision.what)).one() in {"granted", "refused"}
        assert breaches(session) == []


def test_a_waiver_ends_after_the_signature_that_is_being_given_with_it(database: URL) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        home = town(session)
        run_id = locked(session, home, left="W-0002").id
        number = home.waived(session, "inactive").number

    def revoked() -> None:
        with clock.frozen(START + timedelta(minutes=3)):
            offices.transact(
                "dz",
                lambda session: waivers.revoke(session, home.asker.actor, number, "It is not true"),
            )

    with ThreadPoolExecutor(1) as pool:
        with clock.frozen(START + timedelta(minutes=2)), offices.transaction("dz") as session:
            sign(session, home, session.get_one(PaymentRun, run_id))
            ending = pool.submit(revoked)
            while not session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                assert not ending.done()
        ending.result()
    with offices.transaction("dz") as session:
        assert breaches(session) == []


def _answer(session: Session, home: Town, number: int, act: str) -> None:
    if act == "grant":
        waivers.grant(session, home.granter.actor, number, home.granter.code())
    else:
        waivers.refuse(session, home.head.actor, number, "Visit them first")


@pytest.fixture(scope="module")
def story(own_database: URL) -> URL:
    """A run that was authorised though somebody in it had left: waived by two, in a database of its own."""
    with offices.transaction("dz") as session, clock.frozen(START):
        people = town(session)
        run = locked(session, people, left="W-0002")
        people.waived(session, "inactive", at_most=2)
        for minute in (1, 2):
            with later(minutes=minute):
                sign(session, people, run)
    return own_database


@pytest.fixture
def intruder(story: URL) -> Iterator[Connection]:
    """The owner of the database, in a transaction that is undone; foreign keys do not stop them."""
    with intruding(story) as connection:
        yield connection


def test_what_nobody_touched_is_kept(intruder: Connection) -> None:
    assert 2 not in broken(intruder)


SAME_PERSON = """ALTER TABLE waiver_decisions DROP CONSTRAINT ck_waiver_decisions_two_people;
UPDATE waiver_decisions SET by_id = asked_by"""


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("DELETE FROM waivers", "is gone"),
        ("UPDATE waivers SET last_day = first_day - 3, first_day = first_day - 3", "is not what was asked"),
        ("UPDATE waivers SET at_most = 9", "is not what was asked or decided"),
        ("DELETE FROM waiver_decisions", "nobody had granted it"),
        ("UPDATE waiver_decisions SET at = at + interval '1 hour'", "nobody had granted it"),
        (SAME_PERSON, "was granted by whoever asked"),
        ("DELETE FROM control_checks WHERE step = 'authoriser'", "other findings of its controls"),
        ("UPDATE control_checks SET facts = facts #- '{found,inactive}'", "what the controls found was altered"),
        ("UPDATE run_parts SET user_id = (SELECT asked_by FROM waivers) WHERE part = 'maker'", "a maker of the run"),
    ],
)  # fmt: skip
def test_whatever_is_altered_afterwards_is_named(
    intruder: Connection, deed: str, said: str
) -> None:
    for each in deed.split(";"):
        intruder.execute(text(each))
    assert any(said in breach for breach in broken(intruder)[2])


def test_each_act_is_in_the_audit_log_with_its_seal(session: Session, people: Town) -> None:
    made = people.waived(session, "inactive")
    waivers.revoke(session, people.granter.actor, made.number, "Nothing is left of it")
    said = session.scalars(
        select(AuditEntry).where(AuditEntry.subject_kind == "waiver").order_by(AuditEntry.id)
    ).all()
    assert [each.act for each in said] == ["waiver.asked", "waiver.granted", "waiver.revoked"]
    assert all(each.details["seal"] for each in said)
