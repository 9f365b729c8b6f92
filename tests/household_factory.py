"""Households with their people listed by name, and changes that two people make of them, for tests."""

import hashlib
import io
import itertools
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cbi import ids
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.registry.households import own_facts, requests
from cbi.registry.households.asked import Asked, read_personal
from cbi.registry.households.models import ChangeKind, HouseholdRequest
from cbi.registry.intake import importing
from cbi.registry.models import Household, Person
from tests.factories import EVERYTHING

_ALL = frozenset((permission, None) for permission in Permission)
ASKER = Actor("user", UUID("00000000-0000-4000-8000-0000000000a1"), "asker", _ALL)
CONFIRMER = Actor("user", UUID("00000000-0000-4000-8000-0000000000a2"), "confirmer", _ALL)


def family(session: Session, *others: str, size: int | None = None) -> tuple[UUID, dict[str, UUID]]:
    """A household whose head collects, with these others listed by name; its id and everybody's.

    The head is called `head`. A name may have an age behind it: `Lina 7`.
    """
    number = next(_families)
    line = f"F-{number},{_unlike(number)},+2136{number:08d},ar,{size or 1 + len(others)},passport,ID{number}"
    file = io.BytesIO(f"{_HEADING}\n{line}".encode())
    assert importing.import_file(session, EVERYTHING, file, filename="family.csv").landed == 1
    home = household(session, f"F-{number}").id
    head = session.scalars(select(Person.id).where(Person.household_id == home)).one()
    people = {"head": head}
    for name, _, age in (other.partition(" ") for other in others):
        person = ids.fresh()
        told = read_personal(
            session, {"name": f"{name} {_unlike(next(_families))}", "age": age or "30"}
        )
        columns = own_facts.arriving(session, person, home, told)
        session.execute(
            insert(Person).values(
                id=person, household_id=home, is_head=False, is_recipient=False, **columns
            )
        )
        people[name] = person
    return home, people


_families = itertools.count(100_001)
_HEADING = "Registration number,Name,Phone,Language,Household size,Document type,Document number"


def _unlike(number: int) -> str:
    """A name that is not like any other's."""
    sounds = hashlib.sha256(str(number).encode()).digest()
    return " ".join(
        "".join(f"{'bdfgklmnrstvz'[one % 13]}{'aeiou'[one % 5]}" for one in sounds[at : at + 4])
        for at in (0, 4)
    ).title()


def household(session: Session, number: str) -> Household:
    """The household of that number."""
    return session.scalars(select(Household).where(Household.source_id == number)).one()


def fresh(session: Session, home: UUID) -> Household:
    """The household as it is in the database."""
    return session.get_one(Household, home, populate_existing=True)


def person(session: Session, person_id: UUID) -> Person:
    """The person as they are in the database."""
    return session.get_one(Person, person_id, populate_existing=True)


def asked(
    session: Session, kind: str, home: UUID, *, told: Mapping[str, str] | None = None, **more: Any
) -> Asked:
    """A change as somebody asks for it; `told` is what they typed of a person."""
    personal = read_personal(session, told or {})
    return Asked(ChangeKind(kind), home, "as seen on a visit", personal=personal, **more)


def change(session: Session, kind: str, home: UUID, **more: Any) -> UUID:
    """A change that one asks for and, where it takes two, another confirms; its id."""
    said = requests.ask(session, ASKER, asked(session, kind, home, **more))
    if said.request is None:
        assert said.change_id is not None
        return said.change_id
    return confirmed(session, said.request)


def confirmed(session: Session, request: int, *, face_to_face: bool = False) -> UUID:
    """Another confirms it, with the paper in hand: what is sealed stands on it."""
    found = session.get_one(HouseholdRequest, request)
    which = requests.typed_again(found)
    paper = getattr(requests._opened(session, found).personal, which) if which else ""
    return requests.confirm(session, CONFIRMER, request, again=paper, face_to_face=face_to_face)
