"""What somebody asks to be changed of a household, read from what they typed; and how it waits, sealed, for another."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.errors import Invalid
from cbi.offices import office_of
from cbi.registry.areas.standing import resolve
from cbi.registry.households.models import ChangeKind
from cbi.registry.intake import checks
from cbi.registry.models import FactorKind, Sex
from cbi.registry.numbers import phone
from cbi.registry.text import clean

Read = TypeVar("Read")

AT_ONCE = frozenset({ChangeKind.LEFT, ChangeKind.DIED, ChangeKind.DEPARTED})
"""What can only stop money is done when it is said. Everything else could make more of it, or send it elsewhere: it
waits until a second person has confirmed it."""


class UnusableChange(Invalid):
    """What is said of a household cannot be used."""

    code = "household.unusable_change"


@dataclass(frozen=True, slots=True, repr=False)
class Personal:
    """What identifies somebody, as it would be kept: the telephone in E.164, the document in one spelling."""

    name: str | None = None
    sex: Sex | None = None
    born_on: date | None = None
    age: int | None = None
    document_kind: str | None = None
    document: str | None = None
    phone: str | None = None
    word: str | None = None
    """A word that the collector says at the counter, where there is no document to show."""

    @property
    def named(self) -> list[str]:
        """Which facts there are: their names, which give nobody away."""
        return [each.name for each in fields(self) if getattr(self, each.name) is not None]

    def sealable(self) -> str:
        """All of it as one text, to be sealed."""
        return json.dumps({name: str(getattr(self, name)) for name in self.named})

    @classmethod
    def of(cls, text: str) -> "Personal":
        """What `sealable` wrote."""
        told: dict[str, Any] = json.loads(text)
        for name, read in (("born_on", date.fromisoformat), ("age", int), ("sex", Sex)):
            if name in told:
                told[name] = read(told[name])
        return cls(**told)


NOTHING_PERSONAL = Personal()


@dataclass(frozen=True, slots=True)
class Asked:
    """One change as it is asked for. Which of the rest must be said depends on the kind."""

    kind: ChangeKind
    household: UUID
    reason: str
    happened_on: date | None = None
    evidence: str | None = None
    version: int | None = None
    person: UUID | None = None
    other: UUID | None = None
    """The other household of a merge; of an undoing, the merge."""
    people: tuple[UUID, ...] = ()
    """Who leaves in a split; of a merge nobody."""
    head: UUID | None = None
    collector: UUID | None = None
    same: Mapping[UUID, UUID] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    """Of a split: of each named need how many of those concerned leave, or `both`."""
    size: int | None = None
    area: str | None = None
    language: str | None = None
    reference: str | None = None
    decided_on: date | None = None
    decided_by: str | None = None
    consent_on: date | None = None
    personal: Personal = field(default=NOTHING_PERSONAL, repr=False)

    def details(self) -> dict[str, Any]:
        """All but what identifies somebody, as plain JSON."""
        told: dict[str, Any] = {}
        for name, value in ((each.name, getattr(self, each.name)) for each in fields(self)):
            if name in _ELSEWHERE or value in (None, (), {}):
                continue
            if name == "same":
                told[name] = {str(one): str(stays) for one, stays in value.items()}
            elif name == "needs":
                told[name] = dict(value)
            elif name == "people":
                told[name] = [str(each) for each in value]
            else:
                told[name] = value if isinstance(value, int) else str(value)
        if facts := self.personal.named:
            told["facts"] = facts
        return told

    @classmethod
    def from_details(
        cls, kind: ChangeKind, household: UUID, reason: str, told: Mapping[str, Any], **more: Any
    ) -> "Asked":
        """What `details` wrote, with what stands beside it."""
        read: dict[str, Callable[[Any], Any]] = {
            "person": UUID, "other": UUID, "head": UUID, "collector": UUID,
            "people": lambda listed: tuple(UUID(each) for each in listed),
            "same": lambda pairs: {UUID(one): UUID(stays) for one, stays in pairs.items()},
            "decided_on": date.fromisoformat, "consent_on": date.fromisoformat,
        }  # fmt: skip
        given = {name: read.get(name, _as_it_is)(told[name]) for name in told if name != "facts"}
        return cls(kind, household, reason, **given, **more)


_WITHOUT_PHONE = frozenset({ChangeKind.BORN, ChangeKind.JOINED, ChangeKind.CORRECTED})
_ELSEWHERE = {"kind", "household", "reason", "happened_on", "evidence", "version", "personal"}


def _as_it_is(value: Any) -> Any:
    return value


def read_personal(session: Session, told: Mapping[str, str]) -> Personal:
    """What was typed of a person, checked as a registration list is. Raises UnusableChange."""
    office = office_of(session)
    today = clock.today(office.timezone)
    rules: Mapping[str, Callable[[str], Any]] = {
        "name": checks.name,
        "sex": checks.sex,
        "born_on": lambda text: checks.past_date(text, None, today),
        "age": checks.age,
        "document_kind": partial(checks.identifier, what="document type"),
        "document": checks.document,
        "phone": lambda text: phone(text, office.region)[0],
        "word": checks.memorable_word,
    }
    found: dict[str, Any] = {}
    for name, typed in told.items():
        if text := clean(typed):
            found[name] = _read(rules[name], text, name)
    return Personal(**found)


def read_facts(session: Session, actor: Actor, asked: Asked) -> Asked:
    """The same with its household facts as they are kept, the area as one that the actor may put a household in.

    Raises UnusableChange, UnknownArea, AmbiguousArea, OutsideYourAreas.
    """
    if asked.personal.phone is not None and asked.kind in _WITHOUT_PHONE:
        raise UnusableChange(
            "A telephone is no part of this, and would be lost.",
            next_step="Ask for the new telephone by itself: cbi household phone",
            field="phone",
        )
    languages = office_of(session).languages
    area = asked.area and _read(partial(checks.identifier, what="area"), clean(asked.area), "area")
    area = area and resolve(session, actor, area)
    language = asked.language and _read(
        lambda text: checks.language(text, languages), clean(asked.language), "language"
    )
    size = asked.size and _read(checks.household_size, str(asked.size), "size")
    return replace(asked, area=area, language=language, size=size)


def _read(rule: Callable[[str], Read], text: str, field_name: str) -> Read:
    try:
        return rule(text)
    except checks.Unusable as problem:
        raise UnusableChange(
            problem.message, next_step=problem.next_step, field=field_name
        ) from None


def factor_of(personal: Personal) -> tuple[FactorKind, str] | None:
    """What a collector would show or say at the counter: the document, else the word."""
    if personal.document:
        return FactorKind.DOCUMENT, personal.document
    return (FactorKind.WORD, personal.word) if personal.word else None
