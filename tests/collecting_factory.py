"""Who else may take the cash of a payment: an alternate, or the guardian of a child, recorded by two people."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from cbi import clock, offices
from cbi.payments.models import Payment
from cbi.programmes import following
from cbi.registry.households import requests
from cbi.registry.linkage import finding
from cbi.registry.models import Person
from tests.household_factory import ASKER, asked, change, confirmed
from tests.made_up import name
from tests.redemption_factory import OPEN

THEIRS = "tangerine"
BEFORE = timedelta(days=-400)
"""Long before anything was sent."""


def somebody_joins(payment_id: UUID, *, second: bool = False) -> tuple[UUID, UUID]:
    """A member more of the household that a payment is for: the household and the member."""
    with clock.frozen(OPEN + BEFORE), offices.transaction("dz") as session:
        home = session.get_one(Payment, payment_id).household_id
        members = select(Person.id).where(Person.household_id == home)
        before = session.scalars(members).all()
        called = name(f"{payment_id}{second}")
        change(session, "joined", home, told={"name": called, "age": "33", "sex": "female"})
        found = session.scalars(members.where(Person.id.not_in(before))).one()
        finding.catch_up(session)
        following.catch_up(session)
        return home, found


def made(
    kind: str, home: UUID, *, late: bool = False, face_to_face: bool = False, word: str = THEIRS, **more: object
) -> None:  # fmt: skip
    """A role given by two people, long before the payment was sent or after it."""
    at = OPEN if late else OPEN + BEFORE
    told = {"word": word} if word else {}
    with clock.frozen(at), offices.transaction("dz") as session:
        said = requests.ask(session, ASKER, asked(session, kind, home, told=told, **more))
        assert said.request is not None
        confirmed(session, said.request, face_to_face=face_to_face)
        finding.catch_up(session)


def an_alternate(payment_id: UUID, *, late: bool = False, face_to_face: bool = False) -> UUID:
    """An alternate of the household that a payment is for, who shows THEIRS."""
    home, person = somebody_joins(payment_id)
    made("alternate", home, person=person, late=late, face_to_face=face_to_face)
    return person


def a_ward(payment_id: UUID, *, late: bool = False) -> UUID:
    """The payment's person is an unaccompanied child from now on; returns the guardian."""
    home, person = somebody_joins(payment_id)
    with offices.transaction("dz") as session:
        child = session.get_one(Payment, payment_id).person_id
    made(
        "guardian", home, late=late, person=child, other=person, reference="TR-17",
        decided_on=(OPEN + BEFORE).date(), decided_by="juvenile court",
    )  # fmt: skip
    return person
