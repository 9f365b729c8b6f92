"""What the people of a household said, for whoever works in the registry."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.registry import naming
from cbi.registry.consent import standing
from cbi.registry.consent.models import Consent, Scope
from cbi.registry.consent.recording import UnusableWord
from cbi.registry.households.recording import UnknownHome
from cbi.registry.models import Household, Person


@dataclass(frozen=True, slots=True)
class Member:
    """One member, without a name: what they do in the household, and their latest word on each purpose."""

    person_id: UUID
    collects: bool
    is_head: bool
    born_year: int | None
    said: dict[Scope, Consent]


def of_household(
    session: Session, actor: Actor, household_id: UUID
) -> Sequence[tuple[Consent, bool]]:
    """Everything its members ever said, the latest first, and whether it counts. Raises UnknownHome."""
    actor.require(Permission.REGISTRY_READ)
    if session.get(Household, household_id) is None:
        raise UnknownHome(
            "There is no such household.", next_step="See the list: GET /api/v1/households"
        )
    people = standing.people_of(session, household_id)
    latest = {row.id for said in standing.latest(session, people).values() for row in said.values()}
    return [(row, row.id in latest) for row in standing.story(session, people)]


def members(session: Session, actor: Actor, number: str) -> tuple[Household, list[Member]]:
    """The household of that registration number and its members, the collector first. Raises UnknownHousehold."""
    actor.require(Permission.REGISTRY_READ)
    household = naming.named(session, number)
    ids = standing.people_of(session, household.id)
    said = standing.latest(session, ids)
    found = []
    for each in ids:
        person = session.get_one(Person, each)
        found.append(
            Member(each, person.is_recipient, person.is_head, person.born_year, said[each])
        )
    return household, found


def member(session: Session, number: str, person_id: UUID | None) -> UUID:
    """Whom of a household a word is recorded for: its collector, unless another member is named.

    Raises UnknownHousehold, UnusableWord.
    """
    household = naming.named(session, number)
    people = standing.people_of(session, household.id)
    if person_id is None and people and session.get_one(Person, people[0]).is_recipient:
        return people[0]
    if person_id is None or person_id not in people:
        raise UnusableWord(
            "Say which member of the household said it." if person_id is None
            else "That person is no member of this household.",
            next_step=f"See: cbi consent list {number[:60]}",
        )  # fmt: skip
    return person_id
