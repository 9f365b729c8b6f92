"""What identifies a member, sealed when the person arrives or is corrected; and the telephone that money is told to."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from cbi import clock, ids
from cbi.access.actor import Actor
from cbi.keys import seal, unseal
from cbi.messaging.outbox import queue
from cbi.offices import office_of
from cbi.registry.consent import recording
from cbi.registry.households.asked import Personal, UnusableChange, factor_of
from cbi.registry.households.composition import born_year
from cbi.registry.intake.facts import PersonFacts
from cbi.registry.models import (
    FactorKind,
    Household,
    PaymentAccount,
    Person,
    Sex,
)
from cbi.registry.personal import PHONE, Sealer, normal_factor

CONSENT_NOTICE = "as told when the collector changed"


def arriving(
    session: Session, person_id: UUID, household_id: UUID, personal: Personal
) -> Mapping[str, Any]:
    """The columns of somebody who is recorded now. Raises UnusableChange."""
    if personal.name is None:
        raise UnusableChange(
            "A member is recorded with a name.",
            next_step="Give the name; or only the household's size, if nobody is to be named.",
            field="name",
        )
    now = clock.now()
    facts = PersonFacts(
        personal.name, personal.sex or Sex.UNKNOWN, personal.born_on, personal.age, personal.document_kind,
        personal.document,
    )  # fmt: skip
    _, sealed = Sealer(office_of(session).keys).person(person_id, facts)
    return {
        **sealed, "sex": facts.sex, "registered_at": now, "registered_in": household_id,
        "born_year": born_year(personal.born_on, personal.age, now),
    }  # fmt: skip


def key_of(session: Session, person_id: UUID) -> bytes:
    """A person's own key. Raises UnusableChange for somebody whose data was erased."""
    wrapped = session.scalar(select(Person.data_key).where(Person.id == person_id))
    if wrapped is None:
        raise UnusableChange(
            "This person's data was erased, or nobody is on record so.",
            next_step="Record the person anew.",
        )
    return Sealer(office_of(session).keys).key_of(person_id, wrapped)


def correct(session: Session, person_id: UUID, personal: Personal) -> bytes:
    """Write a member's facts anew; returns what they were, sealed under the person's key. Raises UnusableChange."""
    office, key = office_of(session), key_of(session, person_id)
    person = session.get_one(Person, person_id, populate_existing=True)

    def place(what: str) -> str:
        return f"person/{person_id}/{what}"

    def read(what: str) -> str | None:
        sealed = getattr(person, what)
        return unseal(key, sealed, place(what)).decode() if sealed else None

    before: dict[str, str | None] = {}
    values: dict[str, Any] = {}
    if personal.name is not None:
        before["name"], values["name"] = read("name"), seal(key, personal.name, place("name"))
    if personal.sex is not None:
        before["sex"], values["sex"] = str(person.sex), personal.sex
    if personal.born_on is not None or personal.age is not None:
        now = clock.now()
        said = personal.born_on.isoformat() if personal.born_on else f"age {personal.age}"
        before["born_on"], values["born_on"] = read("born_on"), seal(key, said, place("born_on"))
        values["born_year"] = born_year(personal.born_on, personal.age, now)
    if personal.document is not None:
        was = read("document")
        kind = personal.document_kind or (was or "").partition("\n")[0]
        before["document"] = was
        values["document"] = seal(key, f"{kind}\n{personal.document}", place("document"))
        values["document_index"] = office.keys.fingerprint("document", personal.document)
    # Whoever collects and was registered without papers had nothing to show at a counter until now.
    lacks = person.factor_kind is None and (person.is_recipient or person.is_alternate)
    if (factor := factor_of(personal)) and (
        personal.word or lacks or person.factor_kind == factor[0]
    ):
        values |= _factor(session, person_id, *factor)
    if not values:
        raise UnusableChange(
            "Nothing of the person is to be corrected.", next_step="Say what is wrong."
        )
    session.execute(
        update(Person)
        .where(Person.id == person_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return seal(key, json.dumps(before), place("before"))


def _factor(session: Session, person_id: UUID, kind: FactorKind, said: str) -> dict[str, Any]:
    sealer = Sealer(office_of(session).keys)
    return {
        "factor_kind": kind,
        "factor": sealer.factor(person_id, kind, normal_factor(kind, said)),
    }


def collects(
    session: Session, actor: Actor, person_id: UUID, personal: Personal, consent_on: date | None
) -> None:
    """What somebody needs who collects from now on: something to show at the counter, a telephone, a consent.

    Raises SaidLater where they have said no to being assisted on the day of the consent, or since.
    """
    person = session.get_one(Person, person_id, populate_existing=True)
    factor = factor_of(personal)
    if factor is None and person.factor_kind is None and person.document is not None:
        key = key_of(session, person_id)
        document = unseal(key, person.document, f"person/{person_id}/document").decode()
        factor = FactorKind.DOCUMENT, document.partition("\n")[2]
    if factor is not None:
        session.execute(
            update(Person)
            .where(Person.id == person_id)
            .values(**_factor(session, person_id, *factor))
            .execution_options(synchronize_session=False)
        )
    if personal.phone is not None:
        new_phone(session, person_id, personal.phone)
    if consent_on is not None:
        recording.agreed(session, actor, person_id, consent_on, CONSENT_NOTICE)


def new_phone(session: Session, person_id: UUID, number: str, *, vouched: bool = False) -> None:
    """The person's telephone from now on; the one before stays on record, and nothing goes to it any more."""
    now, office = clock.now(), office_of(session)
    session.execute(
        update(PaymentAccount)
        .where(
            PaymentAccount.person_id == person_id, PaymentAccount.kind == PHONE,
            PaymentAccount.replaced_at.is_(None),
        )
        .values(replaced_at=now)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    account_id = ids.fresh()
    value, index = Sealer(office.keys).account(
        key_of(session, person_id), account_id, PHONE, number
    )
    session.execute(
        insert(PaymentAccount).values(
            id=account_id, person_id=person_id, kind=PHONE, value=value, value_index=index, created_at=now,
            vouched_at=now if vouched else None,
        )
    )  # fmt: skip


def warn(session: Session, person_id: UUID, household_id: UUID, request_id: int) -> None:
    """Tell whoever holds the telephone on record that a change was asked for: if it was not they, they answer."""
    account = session.scalar(
        select(PaymentAccount.id).where(
            PaymentAccount.person_id == person_id, PaymentAccount.kind == PHONE,
            PaymentAccount.replaced_at.is_(None),
        )
    )  # fmt: skip
    if account is not None:
        language = session.scalars(
            select(Household.language).where(Household.id == household_id)
        ).one()
        queue(
            session, "PHONE_CHANGE", account_id=account, language=language, values={},
            dedupe=f"phone_change:{request_id}",
        )  # fmt: skip
