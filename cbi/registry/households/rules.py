"""What each change makes of households and their people: pure rules, which know nothing of the database."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from cbi.errors import Conflict
from cbi.registry.households.models import HouseholdStatus, MemberRole
from cbi.registry.models import Gone

LARGEST = 60
ACTIVE = HouseholdStatus.ACTIVE.value


class CannotChange(Conflict):
    """The change does not fit what the household is."""

    code = "household.cannot_change"


@dataclass(frozen=True, slots=True)
class Home:
    """A household as far as changes concern it. `size` counts its members, listed by name or not."""

    id: UUID
    status: str
    size: int
    area: str | None
    language: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A person on record: in which household, what they do there; `gone` says why they are not in it any more."""

    id: UUID
    home: UUID
    roles: frozenset[MemberRole] = frozenset()
    gone: Gone | None = None
    same_as: UUID | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """Some households with everybody on record in them."""

    homes: Mapping[UUID, Home]
    people: Mapping[UUID, Member]

    def present(self, home: UUID) -> list[Member]:
        """Who is in the household now."""
        return [one for one in self.people.values() if one.home == home and one.gone is None]

    def holder(self, home: UUID, role: MemberRole) -> Member | None:
        """Who has the role in the household."""
        return next((one for one in self.present(home) if role in one.roles), None)

    def with_(self, *changed: Home | Member) -> "Picture":
        """The same with these in the place of what they were."""
        homes = {each.id: each for each in changed if isinstance(each, Home)}
        people = {each.id: each for each in changed if isinstance(each, Member)}
        return Picture({**self.homes, **homes}, {**self.people, **people})


Rule = Callable[[Picture], Picture]


def active(picture: Picture, home: UUID) -> Home:
    """The household, if it can change. Raises CannotChange."""
    found = picture.homes[home]
    if found.status != ACTIVE:
        raise CannotChange(
            f"The household is not active any more: {found.status}.",
            next_step="See what became of it: cbi household show",
        )
    return found


def member(picture: Picture, person: UUID, home: UUID) -> Member:
    """The person, if they are in the household. Raises CannotChange."""
    found = picture.people.get(person)
    if found is None or found.home != home or found.gone is not None:
        raise CannotChange(
            "This person is not a member of the household.",
            next_step="See who is: cbi household show",
        )
    return found


def arrived(picture: Picture, home: UUID, person: UUID) -> Picture:
    """Somebody was born or has joined: one member more."""
    found = active(picture, home)
    return checked(
        picture.with_(replace(found, size=found.size + 1), Member(person, home)), (home,)
    )


def unlisted_arrived(picture: Picture, home: UUID, size: int) -> Picture:
    """The household has so many members by now, whether or not they are listed by name."""
    return checked(picture.with_(replace(active(picture, home), size=size)), (home,))


def went(picture: Picture, home: UUID, person: UUID, how: Gone) -> Picture:
    """Somebody died or left for good: one member less, and nothing to do there any more.

    When nobody is left, the household is empty. Who collects next is for two people to say, not for this rule.
    """
    found, who = active(picture, home), member(picture, person, home)
    after = picture.with_(replace(who, roles=frozenset(), gone=how))
    if found.size > 1:
        return checked(after.with_(replace(found, size=found.size - 1)), (home,))
    return after.with_(replace(found, status=HouseholdStatus.EMPTY.value))


def one_fewer(picture: Picture, home: UUID) -> Picture:
    """A member who was never listed by name died or left."""
    found = active(picture, home)
    return checked(picture.with_(replace(found, size=found.size - 1)), (home,))


def came(picture: Picture, home: UUID, person: UUID) -> Picture:
    """Somebody on record is a member of this household from now on: from another one, or back again."""
    found, who = picture.homes[home], picture.people.get(person)
    if who is None or who.gone is Gone.SAME or (who.gone is None and who.home == home):
        raise CannotChange(
            "This person is a member of the household already, or not on record.",
            next_step="See who is: cbi household show",
        )
    # Somebody comes back to a household that nobody was left in: then it has that one member.
    back = found.status == HouseholdStatus.EMPTY.value and who.home == home
    if not back:
        active(picture, home)
    after = picture
    if who.gone is None:
        after = went(picture, who.home, person, Gone.LEFT)
    size = found.size if back else found.size + 1
    return checked(
        after.with_(
            replace(found, status=ACTIVE, size=size),
            replace(who, home=home, roles=frozenset(), gone=None),
        ),
        (home,),
    )


def returned(picture: Picture, home: UUID) -> Picture:
    """A household that had departed is back."""
    found = picture.homes[home]
    if found.status != HouseholdStatus.DEPARTED.value:
        raise CannotChange("The household has not departed.")
    return picture.with_(replace(found, status=ACTIVE))


def departed(picture: Picture, home: UUID) -> Picture:
    """The whole household has gone where the office does not reach it."""
    return picture.with_(replace(active(picture, home), status=HouseholdStatus.DEPARTED.value))


def moved(picture: Picture, home: UUID, area: str | None) -> Picture:
    """The household lives in another area."""
    return picture.with_(replace(active(picture, home), area=area))


def corrected(picture: Picture, home: UUID, *, size: int | None, language: str | None) -> Picture:
    """What was written down of the household was wrong."""
    found = active(picture, home)
    return checked(
        picture.with_(replace(found, size=size or found.size, language=language or found.language)),
        (home,),
    )


def role_given(picture: Picture, home: UUID, person: UUID, role: MemberRole) -> Picture:
    """Somebody takes a role over from whoever had it; nobody collects in two ways."""
    active(picture, home)
    who = member(picture, person, home)
    if role in who.roles:
        raise CannotChange(f"This person is the household's {role} already.")
    before = picture.holder(home, role)
    drop = {MemberRole.COLLECTOR, MemberRole.ALTERNATE} if role is not MemberRole.HEAD else set()
    after = picture.with_(replace(who, roles=(who.roles - drop) | {role}))
    if before is not None:
        after = after.with_(replace(before, roles=before.roles - {role}))
    return checked(after, (home,))


def role_laid_down(picture: Picture, home: UUID, role: MemberRole) -> Picture:
    """Nobody has the role any more."""
    active(picture, home)
    before = picture.holder(home, role)
    if before is None:
        raise CannotChange("Nobody has this role.", next_step="See who has: cbi household show")
    return picture.with_(replace(before, roles=before.roles - {role}))


def split(
    picture: Picture, home: UUID, new: Home, leaving: Iterable[UUID], *, head: UUID, collector: UUID
) -> Picture:
    """Some members become a household of their own, with a head and a collector. `new.size` of the members leave."""
    found = active(picture, home)
    goers = {person: member(picture, person, home) for person in leaving}
    if not {head, collector} <= set(goers):
        raise CannotChange(
            "The head and the collector of the new household must be among those who leave.",
            next_step="Name them among the people who leave.",
        )
    if not len(goers) <= new.size < found.size:
        raise CannotChange(
            f"The household has {found.size} members: {new.size} cannot leave it with {len(goers)} of them by name.",
            next_step="At least those who are named leave, and at least one stays.",
        )
    after = picture.with_(replace(found, size=found.size - new.size), new)
    for person, was in goers.items():
        roles = {MemberRole.HEAD: head, MemberRole.COLLECTOR: collector}
        does = frozenset(role for role, who in roles.items() if who == person)
        after = after.with_(replace(was, home=new.id, roles=does))
    return checked(after, (home, new.id))


def merged(
    picture: Picture, kept: UUID, other: UUID, same: Mapping[UUID, UUID], size: int | None
) -> Picture:
    """Two households become one: the other's people join the one that is kept, whose head and collector stay.

    `same`: people of the other who are on record in the kept one too; they are not counted again. Without a `size` it
    is the larger of the two, or as many as are listed then: households that were registered twice do not grow by it.
    The other may have departed: its people are here, under the record that is kept.
    """
    if kept == other:
        raise CannotChange("A household is not merged with itself.")
    home, gone = active(picture, kept), picture.homes[other]
    if gone.status != HouseholdStatus.DEPARTED.value:
        gone = active(picture, other)
    for one, stays in same.items():
        member(picture, one, other)
        member(picture, stays, kept)
    after = picture
    for each in picture.present(other):
        if each.id in same:
            retired = replace(each, roles=frozenset(), gone=Gone.SAME, same_as=same[each.id])
            after = after.with_(retired)
        else:
            after = after.with_(replace(each, home=kept, roles=frozenset()))
    vacant = [
        role for role in MemberRole
        if role is not MemberRole.ALTERNATE and picture.holder(kept, role) is None
    ]  # fmt: skip
    for role in vacant:  # a household whose collector has died is not left without one for it
        heir = picture.holder(other, role)
        if heir is not None and heir.id not in same:
            now = after.people[heir.id]
            after = after.with_(replace(now, roles=now.roles | {role}))
    together = size or max(home.size, gone.size, len(after.present(kept)))
    after = after.with_(
        replace(home, size=together), replace(gone, status=HouseholdStatus.MERGED.value)
    )
    return checked(after, (kept,))


def retired(picture: Picture, home: UUID, person: UUID, stays: UUID, size: int | None) -> Picture:
    """Somebody is on record twice in the household: one record stays, and takes the roles of the other over.

    Without a `size` the household has a member less where everybody was listed: the two records were counted as two.
    """
    found = active(picture, home)
    who, kept = member(picture, person, home), member(picture, stays, home)
    if person == stays:
        raise CannotChange("A person is not on record twice under one number.")
    gone = replace(who, roles=frozenset(), gone=Gone.SAME, same_as=stays)
    roles = kept.roles | who.roles
    if MemberRole.COLLECTOR in roles:
        roles -= {MemberRole.ALTERNATE}
    counted_twice = len(picture.present(home)) == found.size
    together = size or found.size - counted_twice
    after = picture.with_(gone, replace(kept, roles=roles), replace(found, size=together))
    return checked(after, (home,))


def known_here(picture: Picture, home: UUID, person: UUID, stays: UUID) -> Picture:
    """Somebody who had left another household is on record in this one already: nobody is counted once more."""
    active(picture, home)
    member(picture, stays, home)
    who = picture.people[person]
    if who.gone is not Gone.LEFT:
        raise CannotChange("This person has not left their household.")
    return picture.with_(replace(who, home=home, gone=Gone.SAME, same_as=stays))


def checked(picture: Picture, homes: Sequence[UUID]) -> Picture:
    """The same picture, if households may be so. Raises CannotChange."""
    for home in (picture.homes[each] for each in homes):
        listed = len(picture.present(home.id))
        if not 1 <= home.size <= LARGEST:
            raise CannotChange(
                f"A household has 1 to {LARGEST} members, and this would make {home.size}.",
                next_step="Check the number.",
            )
        if home.size < listed:
            raise CannotChange(
                f"{listed} people of the household are listed by name, and it would have {home.size} members.",
                next_step="Say who has left or died, or correct the size.",
            )
    return picture
