"""Who can settle a pair: two people that it is one person, and nobody alone that whom they registered is somebody else."""

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from cbi.registry.linkage.models import Finding, PairState
from cbi.registry.linkage.rules import Said, enough, state_after

A, B, REGISTRAR = (UUID(int=n) for n in range(1, 4))
SAME, DIFFERENT, AGAIN, BACK = (
    Finding.SAME,
    Finding.DIFFERENT,
    Finding.ASK_AGAIN,
    Finding.TAKEN_BACK,
)
NOBODY: frozenset[UUID | None] = frozenset()
ITS = frozenset({REGISTRAR, None})


def test_one_person_takes_two_to_say_so() -> None:
    assert not enough([Said(SAME, A)], NOBODY)
    assert not enough([Said(SAME, A), Said(SAME, A)], NOBODY)
    assert enough([Said(SAME, A), Said(SAME, B)], NOBODY)


def test_somebody_who_registered_neither_may_say_that_they_differ() -> None:
    assert enough([Said(DIFFERENT, A)], ITS)
    assert not enough([Said(DIFFERENT, REGISTRAR)], ITS)
    assert enough([Said(DIFFERENT, REGISTRAR), Said(DIFFERENT, A)], ITS)


def test_what_was_said_before_another_finding_counts_no_more() -> None:
    assert not enough([Said(SAME, A), Said(AGAIN, A), Said(SAME, B)], NOBODY)
    assert not enough([Said(SAME, A), Said(DIFFERENT, REGISTRAR), Said(SAME, B)], ITS)
    assert not enough([Said(AGAIN, A), Said(AGAIN, B)], NOBODY)


def test_a_pair_that_was_taken_back_is_open_until_it_is_settled_anew() -> None:
    said = [Said(SAME, A), Said(SAME, B), Said(BACK, A)]
    assert state_after(said[:2], NOBODY) is PairState.SAME
    assert state_after(said, NOBODY) is PairState.OPEN
    assert state_after([*said, Said(SAME, B)], NOBODY) is PairState.OPEN
    assert state_after([*said, Said(DIFFERENT, B)], NOBODY) is PairState.DIFFERENT


SAYINGS = st.lists(
    st.builds(Said, st.sampled_from(Finding), st.sampled_from([A, B, REGISTRAR])), max_size=12
)


@given(SAYINGS)
@settings(max_examples=200)
def test_no_pair_is_ever_one_person_or_cleared_by_its_registrar_on_one_persons_word(
    said: list[Said],
) -> None:
    people = {each.who for each in said}
    state = state_after(said, ITS)
    if len(people) < 2:
        assert state is not PairState.SAME
    if people <= {REGISTRAR}:
        assert state is PairState.OPEN
