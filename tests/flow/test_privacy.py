"""How much texts may tell somebody is noted by those who may, and holds for texts that wait already."""

from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor, NotPermitted, grants_of
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.messaging import outbox
from cbi.messaging.choices import Level
from cbi.messaging.models import Message
from cbi.messaging.states import MessageState, Reason
from cbi.offices import transaction
from cbi.registry import personal, privacy
from cbi.registry.models import PaymentAccount, Person
from tests.factories import EVERYTHING, households
from tests.flow.texting import Gateway, give


def recipient(session: Session) -> tuple[Person, PaymentAccount]:
    """Somebody with a telephone."""
    households(session, [3])
    person = session.scalars(select(Person).where(Person.is_recipient)).one()
    account = session.scalars(
        select(PaymentAccount).where(PaymentAccount.person_id == person.id)
    ).one()
    return person, account


def test_nobody_has_a_level_before_they_were_asked(session: Session) -> None:
    _, account = recipient(session)
    assert privacy.levels(session, [account.id, uuid4()]) == {}


def test_the_last_choice_counts_and_each_is_on_record(session: Session) -> None:
    person, account = recipient(session)
    for level in (Level.NORMAL, Level.NO_SMS, Level.DISCREET):
        privacy.choose(session, EVERYTHING, person.id, level)
    assert privacy.levels(session, [account.id]) == {account.id: Level.DISCREET}
    acts = session.scalars(
        select(AuditEntry.details).where(AuditEntry.act == "privacy.chosen").order_by(AuditEntry.id)
    )
    assert [each["level"] for each in acts] == ["normal", "no_sms", "discreet"]


@pytest.mark.parametrize("role", [Role.TELLER_SUPERVISOR, Role.TREASURER, Role.AUDITOR])
def test_whoever_may_not_choose_for_people_learns_not_even_who_there_is(
    session: Session, role: Role
) -> None:
    person, _ = recipient(session)
    stranger = Actor("user", uuid4(), "a stranger", grants_of([(role, None)]))
    for someone in (person.id, uuid4()):
        with pytest.raises(NotPermitted):
            privacy.choose(session, stranger, someone, Level.NO_SMS)
    officer = Actor("user", uuid4(), "an officer", grants_of([(Role.REGISTRATION_OFFICER, None)]))
    with pytest.raises(personal.UnknownPerson):
        privacy.choose(session, officer, uuid4(), Level.NO_SMS)


@pytest.mark.parametrize(
    ("level", "begins", "reason"),
    [
        (Level.NORMAL, "4500 DZD is ready", None),
        (None, "Your money is ready", None),
        (Level.DISCREET, "Your money is ready", None),
        (Level.NO_SMS, None, Reason.NOT_BY_TEXT),
    ],
)
def test_a_choice_holds_for_a_text_that_waits(
    database: object, level: Level | None, begins: str | None, reason: Reason | None
) -> None:
    with transaction("dz") as session:
        person, account = recipient(session)
        outbox.queue(
            session, "CODE_READY_AMT", account_id=account.id, language="en", dedupe="a",
            values={"amount": "4500 DZD", "date": "05/12"}, code_issue_id=uuid4(),
        )  # fmt: skip
        if level:
            privacy.choose(session, EVERYTHING, person.id, level)
    gateway = Gateway()
    give(gateway, numbers=personal.numbers, levels=privacy.levels)
    assert [text.startswith(str(begins)) for _, text, _ in gateway.given] == [True] * bool(begins)
    with transaction("dz") as session:
        message = session.scalars(select(Message)).one()
    assert (message.state is MessageState.WITHDRAWN, message.reason) == (reason is not None, reason)
