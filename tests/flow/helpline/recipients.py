"""Made-up recipients with telephones, a run that was released to codes, and what they text."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock, jobs, offices
from cbi.access.actor import Actor, grants_of
from cbi.access.permissions import Role
from cbi.helpline.models import Complaint
from cbi.messaging import choices, inbound, numbers
from cbi.messaging.choices import Level
from cbi.messaging.models import InboundText
from cbi.messaging.phones import phones
from cbi.payments.models import Payment
from cbi.payments.sending import dispatch
from cbi.redemption.models import CodeIssue
from cbi.registry import privacy
from cbi.registry.intake import importing
from cbi.registry.models import Household, Person
from cbi.settings import settings
from tests import made_up
from tests.factories import EVERYTHING, START, approved_run, funded_programme, team
from tests.redemption_factory import OPEN, code_of, confirm, counter, hold, teller

FACTOR = "4711"
AMOUNT = "4000 DZD"
HANDLER = Actor("user", uuid4(), "a handler", grants_of([(Role.COMPLAINT_HANDLER, None)]))
PROTECTION = Actor("user", uuid4(), "an officer", grants_of([(Role.PROTECTION_OFFICER, None)]))


def number_of(at: int) -> str:
    """A telephone number, E.164."""
    return f"+2135550010{at:02d}"


AMAL, BRUNO, CARLA, DAVE, SHARED, HIDDEN, OPENLY, DISCREET, NOTHING, NOBODY = map(
    number_of, range(10)
)
LANGUAGES = {AMAL: "ar", BRUNO: "fr", CARLA: "es", DAVE: "en"}
"""Four people with a telephone of their own who were never asked how much texts may tell. Carla chose hers by text."""

_ROWS = (
    ("A", AMAL, "ar"), ("B", BRUNO, "fr"), ("C", CARLA, "en"), ("D", DAVE, "en"), ("E1", SHARED, "fr"),
    ("E2", SHARED, "fr"), ("F", HIDDEN, "en"), ("G", OPENLY, "en"), ("H", DISCREET, "fr"),
)  # fmt: skip
LEVELS = {"F": Level.NO_SMS, "G": Level.NORMAL, "H": Level.DISCREET, "E1": Level.NORMAL}


@dataclass(frozen=True)
class Story:
    """The payments by the household's registration number."""

    run_id: UUID
    payments: dict[str, UUID] = field(default_factory=dict)


def register(session: Session, rows: Sequence[tuple[str, str, str]]) -> None:
    """Households of four, each with a recipient who shows a passport."""
    lines = [
        "Registration number,Name,Phone,Language,Household size,Area,Document type,Document number"
    ]
    lines += [
        f"{name},{made_up.name(name)},{phone},{language},4,Alger,passport,"
        + made_up.document(name, FACTOR)
        for name, phone, language in rows
    ]
    content = io.BytesIO("\n".join(lines).encode())
    result = importing.import_file(session, EVERYTHING, content, filename="people.csv")
    assert result.landed == len(rows), result


def tell_story() -> Story:
    """A run of 4,000 dinars for each household, released to codes; nobody's telephone has had its text yet."""
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        code = funded_programme(session)
        register(session, _ROWS)
        for name, level in LEVELS.items():
            privacy.choose(session, EVERYTHING, person_of(session, name), level)
        run = approved_run(session, people, code)
        register(session, [("I", NOTHING, "fr")])
    with clock.frozen(START + timedelta(hours=1)), offices.transaction("dz") as session:
        dispatch.begin_release(session, people.authoriser.actor, run.id)
    with clock.frozen(OPEN):
        assert jobs.release("dz", run.id).payments == len(_ROWS)
    with offices.transaction("dz") as session:
        found = session.execute(
            select(Household.source_id, Payment.id).join(
                Payment, Payment.household_id == Household.id
            )
        ).all()
        index = numbers.index(offices.office_of(session).keys, CARLA)
        choices.lock(session, index).language = "es"
        counter(session, "Bab El Oued").area = "alger"
        counter(session, "Somewhere else").area = "Oran"
    return Story(run.id, dict(found))


def person_of(session: Session, name: str) -> UUID:
    """The recipient of a household."""
    return session.scalars(
        select(Person.id)
        .join(Household, Household.id == Person.household_id)
        .where(Household.source_id == name, Person.is_recipient)
    ).one()


def inbox(number: str) -> list[str]:
    """What stands on a telephone."""
    return [text.body for text in phones(settings()).inbox(number)]


def receive(number: str, words: str, at: datetime, name: str | None = None) -> bool:
    """A text arrives, and nobody has dealt with it yet."""
    with clock.frozen(at), offices.transaction("dz") as session:
        return inbound.receive(session, "test", name or uuid4().hex, number, words, at)


def say(number: str, words: str, *, after: float = 0) -> list[str]:
    """Text the office so many minutes after its counters opened; returns the answers that reach the telephone."""
    at = OPEN + timedelta(minutes=after)
    before = len(inbox(number))
    receive(number, words, at)
    with clock.frozen(at):
        assert jobs.answer("dz") == 1
        jobs.hand_over("dz")
    return inbox(number)[before:]


def code_on(number: str) -> str:
    """The newest code on a telephone."""
    return [
        word.strip(".")
        for text in inbox(number)
        for word in text.split()
        if word.count(".") >= 2 and word.strip(".").replace(".", "").isdecimal()
    ][-1]


def ref_of(payment_id: UUID) -> str:
    """The public reference of a payment."""
    with offices.transaction("dz") as session:
        issue = select(CodeIssue.locator).where(
            CodeIssue.payment_id == payment_id, CodeIssue.current
        )
        return session.scalars(issue).one()


def pay(payment_id: UUID, *, after: float = 5) -> None:
    """Pay a code over the counter; the text about it reaches the telephone."""
    who = teller()
    held = hold(who, code_of(payment_id), factor=FACTOR, at=after)
    confirm(who, held.authorisation_id, at=after)
    with clock.frozen(OPEN + timedelta(minutes=after)):
        jobs.hand_over("dz")


def complaints() -> list[Complaint]:
    """Every complaint, in order."""
    with offices.transaction("dz") as session:
        return list(session.scalars(select(Complaint).order_by(Complaint.number)))


def outcomes() -> list[dict[str, object]]:
    """What came of each text, in order."""
    with offices.transaction("dz") as session:
        rows = session.scalars(
            select(InboundText).order_by(InboundText.received_at, InboundText.handled_at)
        )
        return [row.outcome or {} for row in rows]
