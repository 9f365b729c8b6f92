"""Opens people for a comparison: what is sealed is readable in memory for as long as the comparison takes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarSelect, any_, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased
from sqlalchemy.types import Uuid

from cbi.db import planned_for_few
from cbi.keys import Unreadable, unseal
from cbi.offices import office_of
from cbi.registry.linkage.likeness import Likeness, likeness
from cbi.registry.linkage.queries import comparable
from cbi.registry.models import Household, PaymentAccount, Person
from cbi.registry.personal import PHONE, Sealer
from cbi.registry.text import folded


def opened(session: Session, person_ids: Sequence[UUID]) -> dict[UUID, Likeness]:
    """People as they are compared; left out are those whose data was erased or cannot be opened."""
    office = office_of(session)
    sealer = Sealer(office.keys)
    asked = (
        select(
            Person.id, Person.household_id, Person.data_key, Person.name, Person.born_on, Person.document,
            Person.sex, Person.registered_at, Household.area, Household.size, _phones(),
        )
        .join(Household, Household.id == Person.household_id)
        .where(
            Person.id == any_(bindparam(None, list(person_ids), ARRAY(Uuid))),
            *comparable(),
        )
    )  # fmt: skip
    with planned_for_few(session):
        found = session.execute(asked).all()
    people: dict[UUID, Likeness] = {}
    for person, home, data_key, name, born, document, sex, at, area, size, phones in found:
        assert data_key is not None
        assert name is not None
        try:
            key = sealer.key_of(person, data_key)
            named = unseal(key, name, f"person/{person}/name").decode()
            told = unseal(key, born, f"person/{person}/born_on").decode() if born else None
            shown = unseal(key, document, f"person/{person}/document").decode() if document else ""
        except Unreadable:
            continue
        kind, _, number = shown.partition("\n")
        people[person] = likeness(
            person, home, named, told, at.astimezone(office.timezone).date(), sex=str(sex),
            place=folded(area or "") or None, size=size, phones=tuple(each.hex() for each in phones or ()),
            document=f"{folded(kind)}/{number}" if number else None,
        )  # fmt: skip
    return people


def _phones() -> ScalarSelect[Any]:
    """The keyed hashes of a household's telephones.

    OFFSET 0 keeps the two steps apart, so that each goes by an index. Right after an import the tables have no statistics
    yet, and joined freely they would be read from end to end for each person.
    """
    member = aliased(Person)
    members = (
        select(member.id)
        .where(member.household_id == Person.household_id)
        .offset(0)
        .correlate(Person)
        .subquery()
    )
    current = (
        select(PaymentAccount.value_index)
        .where(
            PaymentAccount.person_id == members.c.id, PaymentAccount.kind == PHONE,
            PaymentAccount.replaced_at.is_(None),
        )
        .offset(0)
        .lateral()
    )  # fmt: skip
    return (
        select(func.array_agg(current.c.value_index.distinct()))
        .select_from(members.join(current, true()))
        .correlate(Person)
        .scalar_subquery()
    )
