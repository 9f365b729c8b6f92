"""Notices for tests, and people who say yes or no to them."""

from datetime import date
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi.access.permissions import Role
from cbi.registry.consent import notices, recording
from cbi.registry.consent.models import Answer, How, Scope
from cbi.registry.consent.recording import Word
from cbi.registry.models import Person
from tests.factories import EVERYTHING, colleague


def notice_file(
    code: str = "registration", until: str = "2099-12-31", *scopes: Scope, says: str = "We ask you"
) -> str:
    """A notice in four languages; for every purpose, unless told otherwise."""
    asked = scopes or tuple(Scope)
    lines = [
        f"notice: {code}",
        f"valid_until: {until}",
        f"asks_for: [{', '.join(asked)}]",
        "texts:",
    ]
    for language in ("en", "fr", "ar", "es"):
        lines.append(f"  {language}:")
        lines += [f'    {scope}: "{says} ({language}) whether we may: {scope}"' for scope in asked]
    return "\n".join(lines) + "\n"


def accepted(session: Session, written: str) -> str:
    """Propose and accept a notice; returns what it is called with its version."""
    one, other = (colleague(session, Role.PROTECTION_OFFICER).actor for _ in "12")
    made = notices.propose(session, one, written)
    notices.accept(session, other, made.code, made.version)
    return f"{made.code}/{made.version}"


def collector_of(session: Session, household_id: UUID) -> UUID:
    """Who receives for a household."""
    wanted = select(Person.id).where(Person.household_id == household_id, Person.is_recipient)
    return session.scalars(wanted).one()


def alive(session: Session, person_id: UUID) -> UUID:
    """A made-up person who has a key, as registered people have."""
    session.execute(text("UPDATE persons SET data_key = 'k' WHERE id = :id"), {"id": person_id})
    session.expire_all()
    return person_id


def says(
    session: Session, person_id: UUID, answer: Answer, *scopes: Scope, on: date | None = None,
    notice: str = "registration",
) -> None:  # fmt: skip
    """A person says it to a colleague, face to face."""
    told = "" if answer is Answer.WITHDRAWN else notice
    word = Word(scopes or (Scope.ASSISTANCE,), answer, How.IN_PERSON, notice=told, on=on)
    recording.say(session, EVERYTHING, person_id, word)
