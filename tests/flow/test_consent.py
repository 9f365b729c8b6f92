"""What people were told and what they said to it: kept by purpose, never written over, and the last word counts."""

import io
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.fsp.messages import DeliveryMechanism
from cbi.messaging.choices import Level
from cbi.payments.runs import filling
from cbi.programmes import cycles
from cbi.programmes.routing import by_route
from cbi.registry import privacy
from cbi.registry.consent import notices, recording, standing
from cbi.registry.consent.models import Answer, Consent, How, Notice, Scope
from cbi.registry.consent.notice_files import UnusableNotice
from cbi.registry.consent.recording import Word
from cbi.registry.intake import importing
from cbi.registry.intake.mapping import TEMPLATE
from cbi.registry.linkage import exchange
from cbi.registry.models import PaymentAccount, Person
from tests import consenting, made_up
from tests.disclosing import agreed
from tests.factories import (
    EVERYTHING,
    PERIOD,
    colleague,
    funded_programme,
    households,
    office_day,
    team,
)
from tests.programme_factory import household

WEEK = timedelta(days=7)


@pytest.fixture
def person(session: Session) -> UUID:
    """A collector, and an office with a notice that asks for everything."""
    consenting.accepted(session, consenting.notice_file())
    return consenting.alive(session, consenting.collector_of(session, household(session)))


def _word(session: Session, person_id: UUID, scope: Scope) -> Answer | None:
    said = standing.latest(session, [person_id])[person_id].get(scope)
    return said.answer if said else None


def test_a_notice_is_used_once_somebody_else_has_accepted_it(session: Session) -> None:
    one, other = (colleague(session, Role.PROTECTION_OFFICER).actor for _ in "12")
    made = notices.propose(session, one, consenting.notice_file())
    with pytest.raises(notices.UnknownNotice):
        notices.to_ask(session, "registration", Scope.TEXTS, office_day())
    with pytest.raises(notices.OwnNotice):
        notices.accept(session, one, "registration", made.version)
    notices.accept(session, other, "registration", made.version)
    found = notices.to_ask(session, "registration", Scope.TEXTS, office_day(), "ar")
    assert (found.version, found.texts["ar"]["texts"]) == (
        1,
        "We ask you (ar) whether we may: texts",
    )
    with pytest.raises(notices.NoticeDecided):
        notices.accept(session, other, "registration", made.version)


def test_a_new_version_leaves_the_old_one_as_it_was(session: Session) -> None:
    consenting.accepted(session, consenting.notice_file())
    before = notices.shown(session, EVERYTHING, "registration", 1)
    kept = dict(before.texts), before.digest
    with pytest.raises(notices.NothingNew):
        notices.propose(session, EVERYTHING, consenting.notice_file())
    assert consenting.accepted(session, consenting.notice_file(says="May we now")).endswith("/2")
    session.expire_all()
    assert (dict(before.texts), before.digest) == kept
    with pytest.raises(ProgrammingError), session.begin_nested():
        session.execute(text("UPDATE notices SET texts = '{}'"))


def test_a_refused_notice_asks_nobody_and_can_be_proposed_anew(session: Session) -> None:
    one, other = (colleague(session, Role.PROTECTION_OFFICER).actor for _ in "12")
    notices.propose(session, one, consenting.notice_file())
    with pytest.raises(notices.NoticeWaits):
        notices.propose(session, other, consenting.notice_file(says="Another wording"))
    notices.refuse(session, other, "registration", 1, "the Arabic is not plain enough")
    assert notices.propose(session, one, consenting.notice_file()).version == 2
    with pytest.raises(NotPermitted):
        notices.propose(session, colleague(session, Role.TREASURER).actor, "")


@pytest.mark.parametrize(
    ("text_", "says"),
    [
        ("notice: x\n  y: [", "no YAML"),
        ("notice: N o", "notice: give it a short name"),
        (consenting.notice_file().replace("asks_for: [", "asks_for: [fun, "), "no purpose fun"),
        (consenting.notice_file().replace("  ar:\n", "  de:\n"), "texts.ar.assistance"),
        (consenting.notice_file(until="soon"), "valid_until"),
        (consenting.notice_file(until="2020-01-01"), "is over"),
    ],
)
def test_a_notice_that_cannot_be_told_says_where(session: Session, text_: str, says: str) -> None:
    with pytest.raises(UnusableNotice, match=says):
        notices.propose(session, EVERYTHING, text_)


def test_the_last_word_on_each_purpose_counts(session: Session, person: UUID) -> None:
    consenting.says(session, person, Answer.GIVEN, Scope.TEXTS, Scope.PROVIDER)
    consenting.says(session, person, Answer.WITHDRAWN, Scope.TEXTS)
    assert _word(session, person, Scope.TEXTS) is Answer.WITHDRAWN
    assert _word(session, person, Scope.PROVIDER) is Answer.GIVEN
    assert _word(session, person, Scope.RESEARCH) is None
    for condition in (standing.agreed, standing.said_no):
        asked = {s: condition(Person.id, s) for s in (Scope.TEXTS, Scope.PROVIDER, Scope.RESEARCH)}
        says = session.execute(select(*asked.values()).where(Person.id == person)).one()
        assert tuple(says) == (
            (False, True, False) if condition is standing.agreed else (True, False, False)
        )
    consenting.says(session, person, Answer.GIVEN, Scope.TEXTS)
    assert _word(session, person, Scope.TEXTS) is Answer.GIVEN
    assert len(standing.story(session, [person])) == 4


def test_what_was_said_later_is_not_undone_by_an_older_paper(
    session: Session, person: UUID
) -> None:
    consenting.says(session, person, Answer.REFUSED, Scope.TEXTS)
    with pytest.raises(recording.SaidLater):
        consenting.says(session, person, Answer.GIVEN, Scope.TEXTS, on=office_day() - WEEK)
    with pytest.raises(recording.AlreadySaid):
        consenting.says(session, person, Answer.REFUSED, Scope.TEXTS)
    with pytest.raises(recording.UnusableWord):
        consenting.says(session, person, Answer.GIVEN, Scope.TEXTS, on=office_day() + WEEK)


def test_a_word_is_given_to_a_notice_that_asks_for_it(session: Session, person: UUID) -> None:
    short = (office_day() + WEEK).isoformat()
    consenting.accepted(session, consenting.notice_file("contact", short, Scope.TEXTS))
    with pytest.raises(notices.CannotAskSo, match="does not ask for"):
        consenting.says(session, person, Answer.GIVEN, Scope.RESEARCH, notice="contact")
    with pytest.raises(notices.UnknownNotice):
        consenting.says(session, person, Answer.GIVEN, Scope.TEXTS, notice="contact/7")
    with pytest.raises(recording.UnusableWord, match="which notice"):
        consenting.says(session, person, Answer.GIVEN, Scope.TEXTS, notice="")
    with pytest.raises(notices.CannotAskSo, match="valid until"):
        notices.to_ask(session, "contact/1", Scope.TEXTS, office_day() + 2 * WEEK)
    consenting.says(session, person, Answer.GIVEN, Scope.TEXTS, notice="contact/1")
    said = standing.latest(session, [person])[person][Scope.TEXTS]
    assert (said.notice_code, said.notice_version, said.how) == ("contact", 1, How.IN_PERSON)


def test_who_answers_for_somebody_is_of_their_household(session: Session, person: UUID) -> None:
    stranger = consenting.alive(session, consenting.collector_of(session, household(session)))
    for guardian in (stranger, None):
        word = Word([Scope.TEXTS], Answer.GIVEN, How.GUARDIAN, "registration", guardian_id=guardian)
        with pytest.raises(recording.UnusableWord):
            recording.say(session, EVERYTHING, person, word)


def test_a_word_is_never_written_over_and_is_in_the_audit_log(
    session: Session, person: UUID
) -> None:
    consenting.says(session, person, Answer.GIVEN)
    for change in ("UPDATE consents SET answer = 'refused'", "DELETE FROM consents"):
        with pytest.raises(ProgrammingError), session.begin_nested():
            session.execute(text(change))
    made_up_word = insert(Consent).values(
        person_id=person, scope=Scope.TEXTS, answer=Answer.GIVEN, how=How.GUARDIAN,
        said_on=office_day(), recorded_at=clock.now(),
    )  # fmt: skip
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(made_up_word)
    entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "consent.given")).one()
    assert (entry.subject_id, entry.details["scopes"]) == (str(person), ["assistance"])


def test_who_said_no_to_texts_is_told_nothing_by_text(session: Session, person: UUID) -> None:
    account = session.scalars(
        select(PaymentAccount.id).where(PaymentAccount.person_id == person)
    ).one()
    privacy.choose(session, EVERYTHING, person, Level.NORMAL)
    assert privacy.levels(session, [account]) == {account: Level.NORMAL}
    consenting.says(session, person, Answer.REFUSED, Scope.TEXTS)
    assert privacy.levels(session, [account]) == {account: Level.NO_SMS}
    assert recording.say_by_text(session, EVERYTHING, person, Answer.GIVEN)
    assert not recording.say_by_text(session, EVERYTHING, person, Answer.GIVEN)
    assert privacy.levels(session, [account]) == {account: Level.NORMAL}


def test_who_said_no_to_checks_is_in_no_file_for_another_agency(session: Session) -> None:
    consenting.accepted(session, consenting.notice_file())
    households(session, [1, 1])
    ours, silent = session.scalars(select(Person.id).where(Person.is_recipient)).all()
    consenting.says(session, silent, Answer.REFUSED, Scope.DUPLICATES)
    key, salt = b"k" * 32, b"s" * 16
    lines = list(exchange.export(session, EVERYTHING, key, agreed(session), salt=salt))
    consenting.says(session, silent, Answer.GIVEN, Scope.DUPLICATES)
    assert (
        len(list(exchange.export(session, EVERYTHING, key, agreed(session), salt=salt)))
        > len(lines)
        > 1
    )
    consenting.says(session, ours, Answer.WITHDRAWN, Scope.DUPLICATES)
    others = exchange.check(session, EVERYTHING, lines, key, agreed(session))
    assert ours not in {each[0] for each in others.people}


def test_what_was_recorded_before_notices_were_kept_is_a_yes_to_assistance(
    session: Session,
) -> None:
    collector = consenting.collector_of(session, household(session, consent=True))
    said = standing.latest(session, [collector])[collector]
    assert {scope: row.answer for scope, row in said.items()} == {Scope.ASSISTANCE: Answer.GIVEN}
    assert said[Scope.ASSISTANCE].notice_code is None


def test_no_notice_is_in_force_that_was_only_proposed(session: Session) -> None:
    notices.propose(
        session, colleague(session, Role.PROTECTION_OFFICER).actor, consenting.notice_file()
    )
    assert session.scalars(select(Notice)).one().decision is None
    assert not notices.all_in_force(session, office_day())


def test_whoever_wants_no_text_is_paid_by_hand_where_the_programme_does_that(
    session: Session,
) -> None:
    people = team(session)
    by_hand = "cash_over_counter, also: [{provider: sandbox, mechanism: direct_delivery}]"
    code = funded_programme(session, mechanism=by_hand)
    households(session, [2, 3, 4])
    one, two, three = session.scalars(select(Person.id).where(Person.is_recipient)).all()
    consenting.says(session, one, Answer.WITHDRAWN, Scope.TEXTS)
    consenting.says(session, two, Answer.WITHDRAWN, Scope.PROVIDER)
    opened = cycles.open_cycle(session, people.maker.actor, code, PERIOD)
    routes = {
        DeliveryMechanism.CASH_OVER_COUNTER: "post_office",
        DeliveryMechanism.DIRECT_DELIVERY: "sandbox",
    }
    ways = session.execute(filling.unpaid(opened.id, routes, Person.id, by_route(routes))).all()
    assert dict(iter(ways)) == {
        one: "sandbox", two: "sandbox", three: "post_office",
    }  # fmt: skip


def test_a_list_that_names_a_kept_notice_is_a_yes_to_its_words(session: Session) -> None:
    consenting.accepted(session, consenting.notice_file())
    head = "Registration number,Name,Phone,Language,Household size,Consent,Consent date"
    for at, notice in enumerate(("registration/1", "the paper of the partner")):
        row = f"L-{at},{made_up.name(notice)},+21355512000{at},ar,2,yes,{office_day()}"
        content = io.BytesIO(f"{head}\n{row}\n".encode())
        mapping = replace(TEMPLATE, consent_notice=notice)
        importing.import_file(session, EVERYTHING, content, mapping=mapping, filename=f"{at}.csv")
    said = session.scalars(select(Consent).order_by(Consent.number)).all()
    assert [(each.notice_code, each.notice_version, each.notice) for each in said] == [
        ("registration", 1, None), (None, None, "the paper of the partner"),
    ]  # fmt: skip
    assert {each.how for each in said} == {How.LIST}
