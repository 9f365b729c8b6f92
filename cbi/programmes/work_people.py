"""Which registered person is meant, by registration number and name, and whether a member of staff is one of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.access.roles import UnknownUser
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Forbidden, Invalid, NotFound
from cbi.programmes.work_models import WorkTie
from cbi.registry import personal
from cbi.registry.models import Household, Person
from cbi.registry.text import folded


class UnknownWorker(NotFound):
    """Nobody registered is meant by this number and name."""

    code = "work.unknown_worker"


class AmbiguousWorker(Invalid):
    """Several registered people could be meant."""

    code = "work.ambiguous_worker"


class NotOfOneself(Forbidden):
    """Somebody says of themself that they are not a registered person."""

    code = "work.not_of_oneself"


@dataclass(frozen=True, slots=True, repr=False)
class Named:
    """How somebody is named in a list: the household's registration number and, unless it is the recipient, a name."""

    registration: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A registered person."""

    person_id: UUID
    household_id: UUID


@dataclass(frozen=True, slots=True, repr=False)
class _Candidate:
    person_id: UUID
    household_id: UUID
    is_recipient: bool
    name: str


def find(session: Session, named: Named) -> Found:
    """The registered person who is meant. Raises UnknownWorker, AmbiguousWorker."""
    return pick(named, candidates(session, [named.registration]))


def candidates(session: Session, registrations: Iterable[str]) -> dict[str, list[_Candidate]]:
    """The people of these households, by registration number, in a few queries however many there are."""
    wanted = any_(bindparam(None, sorted(set(registrations)), ARRAY(Household.source_id.type)))
    rows = session.execute(
        select(Household.source_id, Household.id, Person.id, Person.is_recipient)
        .join(Person, Person.household_id == Household.id)
        .where(Household.source_id == wanted, Person.gone.is_(None))
    ).all()
    names = personal.names(session, [person_id for _, _, person_id, _ in rows])
    found: dict[str, list[_Candidate]] = {}
    for number, household_id, person_id, is_recipient in rows:
        one = _Candidate(person_id, household_id, is_recipient, names.get(person_id, ""))
        found.setdefault(number, []).append(one)
    return found


def pick(named: Named, known: Mapping[str, Sequence[_Candidate]]) -> Found:
    """The one among them who is meant: of that name or, where no name is given, the household's recipient.

    Raises UnknownWorker, AmbiguousWorker. Neither repeats a name.
    """
    people = known.get(named.registration, ())
    if not people:
        raise UnknownWorker(
            "No household of this registration number has people on record.",
            next_step="Check the number, or register the household first.",
        )
    if named.name:
        meant = [one for one in people if folded(one.name) == folded(named.name)]
    else:
        meant = [one for one in people if one.is_recipient or len(people) == 1]
    if not meant:
        raise UnknownWorker(
            "Nobody of that name is registered in the household of this number."
            if named.name
            else "The household of this number has no recipient, so a name is needed.",
            next_step="Write the name as it was registered.",
        )
    if len(meant) > 1:
        raise AmbiguousWorker(
            "Several registered people have this number and name.",
            next_step="Two lists may have given the same number: correct it in the registry first.",
        )
    return Found(meant[0].person_id, meant[0].household_id)


def tie(
    session: Session, actor: Actor, username: str, named: Named, *, is_same: bool, reason: str
) -> None:
    """Say that a member of staff is this registered person, or that they only share a name.

    Whoever is a registered person signs no sheet that the household stands on. Nobody clears themself. Raises
    UnknownUser, UnknownWorker, AmbiguousWorker, NotOfOneself, UnusableReason.
    """
    actor.require(Permission.WORK_ARRANGE)
    user_id = session.scalar(select(User.id).where(User.username == username.strip().lower()))
    if user_id is None:
        raise UnknownUser(f"There is no user {username[:40]!r}.", next_step="See: cbi user list")
    if actor.id is None or (not is_same and actor.id == user_id):
        raise NotOfOneself(
            "Nobody says of themself that they are not a registered person.",
            next_step="Ask a colleague who knows.",
        )
    person = find(session, named)
    said = reasons.plain(reason)
    session.add(
        WorkTie(
            user_id=user_id, person_id=person.person_id, is_same=is_same, reason=said,
            declared_by=actor.id, declared_at=clock.now(),
        )
    )  # fmt: skip
    session.flush()
    record(
        session, actor, "work.tied", "user", user_id, person=str(person.person_id), is_same=is_same,
        reason=said,
    )  # fmt: skip


def is_among(session: Session, user_id: UUID, people: Sequence[Found]) -> bool:
    """Whether a member of staff is one of these people, or of the household of one of them.

    Staff have no telephone or document on record here, so two things tell: what was declared, and the same full name
    (whatever the order of its words, capitals and accents) unless a colleague has declared that it is somebody else.
    """
    ties = dict(
        session.execute(
            select(WorkTie.person_id, WorkTie.is_same)
            .where(WorkTie.user_id == user_id)
            .order_by(WorkTie.id)  # the last one counts
        ).all()
    )
    same = [person_id for person_id, is_same in ties.items() if is_same]
    own = set(
        session.scalars(
            select(Person.household_id).where(Person.id == any_(bindparam(None, same, ARRAY(Uuid))))
        )
    )
    if any(one.household_id in own for one in people):
        return True
    wanted = _words(session.scalars(select(User.full_name).where(User.id == user_id)).one())
    names = personal.names(session, [one.person_id for one in people])
    return any(
        _words(name) == wanted and ties.get(person_id) is not False
        for person_id, name in names.items()
    )


def _words(name: str) -> list[str]:
    return sorted(folded(word) for word in name.split())
