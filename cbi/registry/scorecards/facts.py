"""What a scorecard takes from the registry by itself: how many live there, of which age and sex, and who the head is."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from cbi.keys import Unreadable, unseal
from cbi.offices import office_of
from cbi.registry.models import Household, Person, Sex
from cbi.registry.personal import Sealer
from cbi.registry.scorecards.expressions import Name, Type

AGES: Mapping[str, tuple[int, int]] = {
    "aged_0_1": (0, 1), "aged_0_4": (0, 4), "aged_5_14": (5, 14), "aged_0_14": (0, 14), "aged_0_17": (0, 17),
    "aged_15_64": (15, 64), "aged_18_59": (18, 59), "aged_60_up": (60, 999), "aged_65_up": (65, 999),
}  # fmt: skip
"""Members of an age in completed years, both ends included, on the day of the assessment."""

NAMES: Mapping[str, Name] = {
    "size": Name(Type.NUMBER),
    "listed": Name(Type.NUMBER),
    "females": Name(Type.NUMBER),
    "males": Name(Type.NUMBER),
    **{name: Name(Type.NUMBER) for name in AGES},
    "age_unknown": Name(Type.NUMBER),
    "female_head": Name(Type.TRUTH),
    "child_head": Name(Type.TRUTH),
    "older_head": Name(Type.TRUTH),
}
"""`listed` are the members that the registry knows by name; ages and sexes can be told of those only, `size` of all."""

SAMPLE: Mapping[str, Any] = {
    name: 1 if name == "size" else 0 if kind.type is Type.NUMBER else False
    for name, kind in NAMES.items()
}
"""A household to try a scorecard out on."""

HEAD_SEX, HEAD_AGE = "head_sex", "head_age"
"""Kept beside the facts, for tables by sex and age of the head; no scorecard can ask for them."""
_CHILD, _OLDER = 18, 60
_CHUNK = 2_000

Facts = dict[str, Any]


def of_households(session: Session, households: Sequence[UUID], on: date) -> dict[UUID, Facts]:
    """The facts of these households on a day. Birth dates are opened for this and not kept."""
    found: dict[UUID, Facts] = {}
    for start in range(0, len(households), _CHUNK):
        found |= _some(session, households[start : start + _CHUNK], on)
    return found


def _some(session: Session, households: Sequence[UUID], on: date) -> dict[UUID, Facts]:
    wanted = any_(bindparam(None, list(households), ARRAY(Uuid)))
    sizes = session.execute(select(Household.id, Household.size).where(Household.id == wanted))
    sizes_by_id = dict(iter(sizes))
    sealer = Sealer(office_of(session).keys)
    people: dict[UUID, list[tuple[Sex, int | None, bool]]] = {each: [] for each in sizes_by_id}
    rows = session.execute(
        select(
            Person.household_id, Person.id, Person.sex, Person.is_head, Person.data_key, Person.born_on,
            Person.registered_at, Person.born_year,
        ).where(Person.household_id == wanted, Person.gone.is_(None))
    )  # fmt: skip
    for household_id, person_id, sex, is_head, data_key, born_on, registered_at, year in rows:
        said = _born(sealer, person_id, data_key, born_on)
        age = _age(said, registered_at.date(), on)
        if age is None and year is not None:  # erased: the year is all that is left
            age = max(on.year - year, 0)
        people[household_id].append((sex, age, is_head))
    return {each: _told(size, people[each]) for each, size in sizes_by_id.items()}


def _born(sealer: Sealer, person_id: UUID, data_key: bytes | None, born_on: bytes | None) -> str:
    if data_key is None or born_on is None:
        return ""
    try:
        return unseal(
            sealer.key_of(person_id, data_key), born_on, f"person/{person_id}/born_on"
        ).decode()
    except Unreadable:
        return ""


def _age(said: str, registered_on: date, on: date) -> int | None:
    """Completed years: from a birth date, or from the age at registration and the whole years since."""
    if said.startswith("age "):
        return int(said.removeprefix("age ")) + _years(registered_on, on)
    return _years(date.fromisoformat(said), on) if said else None


def _years(since: date, on: date) -> int:
    return max(on.year - since.year - ((on.month, on.day) < (since.month, since.day)), 0)


def _told(size: int, people: Iterable[tuple[Sex, int | None, bool]]) -> Facts:
    listed = list(people)
    ages = [age for _, age, _ in listed if age is not None]
    head = next((each for each in listed if each[2]), listed[0] if len(listed) == 1 else None)
    head_age = head[1] if head else None
    facts: Facts = {
        "size": size,
        "listed": len(listed),
        "females": sum(sex == Sex.FEMALE for sex, _, _ in listed),
        "males": sum(sex == Sex.MALE for sex, _, _ in listed),
        "age_unknown": sum(age is None for _, age, _ in listed),
        "female_head": head is not None and head[0] == Sex.FEMALE,
        "child_head": head_age is not None and head_age < _CHILD,
        "older_head": head_age is not None and head_age >= _OLDER,
        HEAD_SEX: str(head[0]) if head else str(Sex.UNKNOWN),
        HEAD_AGE: head_age,
    }
    for name, (least, most) in AGES.items():
        facts[name] = sum(least <= age <= most for age in ages)
    return facts
