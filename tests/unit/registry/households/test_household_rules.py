"""Whatever happens to households in whatever order, they stay households: one head, one collector, nobody in two."""

from collections import Counter
from contextlib import suppress
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from cbi.registry.households import rules
from cbi.registry.households.models import HouseholdStatus, MemberRole
from cbi.registry.households.rules import CannotChange, Home, Member, Picture
from cbi.registry.models import Gone

A, B, NEW = (UUID(int=number) for number in (1, 2, 3))


def person(number: int) -> UUID:
    return UUID(int=100 + number)


def begun() -> Picture:
    """Two households of four and two, all of whose members are listed."""
    both = frozenset({MemberRole.HEAD, MemberRole.COLLECTOR})
    homes = {A: Home(A, "active", 4, None, "ar"), B: Home(B, "active", 2, None, "ar")}
    people = {
        person(at): Member(person(at), A if at < 4 else B, both if at in {0, 4} else frozenset())
        for at in range(6)
    }
    return Picture(homes, people)


ACTS = st.tuples(
    st.sampled_from(["arrive", "go", "die", "role", "split", "merge", "come", "retire"]),
    st.integers(0, 8),
    st.integers(0, 8),
)


def done(picture: Picture, act: tuple[str, int, int]) -> Picture:
    what, one, two = act
    who, other = person(one), person(two)
    home = picture.people[who].home if who in picture.people else A
    match what:
        case "arrive" if who not in picture.people:
            return rules.arrived(picture, A, who)
        case "go" | "die":
            return rules.went(picture, home, who, Gone.LEFT if what == "go" else Gone.DIED)
        case "role":
            return rules.role_given(picture, home, who, list(MemberRole)[two % 3])
        case "split" if NEW not in picture.homes:
            new = Home(NEW, "active", 1 + (who != other), None, "ar")
            return rules.split(picture, home, new, {who, other}, head=who, collector=other)
        case "merge":
            return rules.merged(picture, A, B, {}, None)
        case "come":
            return rules.came(picture, B if two % 2 else A, who)
        case "retire":
            return rules.retired(picture, home, who, other, None)
    return picture


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTS, max_size=12))
def test_households_stay_households(acts: list[tuple[str, int, int]]) -> None:
    picture = begun()
    for act in acts:
        with suppress(CannotChange):
            picture = done(picture, act)
    for home in picture.homes.values():
        present = picture.present(home.id)
        held = Counter(role for one in present for role in one.roles)
        assert all(count == 1 for count in held.values())
        assert not any({MemberRole.COLLECTOR, MemberRole.ALTERNATE} <= one.roles for one in present)
        if home.status == "active":
            assert len(present) <= home.size <= rules.LARGEST
        if home.status == HouseholdStatus.MERGED:
            assert not present
    for one in picture.people.values():
        assert not (one.gone and one.roles)
        assert (one.gone is Gone.SAME) == (one.same_as is not None)


def test_a_split_and_a_sum_keep_the_number_of_members() -> None:
    new = Home(NEW, "active", 2, None, "ar")
    leaving = {person(1), person(2)}
    apart = rules.split(begun(), A, new, leaving, head=person(1), collector=person(2))
    assert [apart.homes[each].size for each in (A, NEW, B)] == [2, 2, 2]
    together = rules.merged(apart, A, NEW, {}, size=4)
    assert together.homes[A].size == 4
    assert len(together.present(A)) == 4


def test_who_was_counted_twice_is_counted_once_and_who_was_not_listed_stays() -> None:
    once = rules.retired(begun(), A, person(1), person(2), None)
    assert once.homes[A].size == 3
    large = begun().with_(Home(A, "active", 6, None, "ar"))
    assert rules.retired(large, A, person(1), person(2), None).homes[A].size == 6
    assert rules.retired(large, A, person(1), person(2), 5).homes[A].size == 5
