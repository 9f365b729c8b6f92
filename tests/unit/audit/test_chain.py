"""A link depends on every value, its place, the key and all before it."""

from hypothesis import given
from hypothesis import strategies as some

from cbi.audit.chain import BEFORE_THE_FIRST, link

KEY = b"k" * 32
VALUES = some.lists(some.none() | some.text(max_size=8), max_size=6)


@given(one=VALUES, other=VALUES)
def test_no_two_entries_have_the_same_link(one: list[str | None], other: list[str | None]) -> None:
    links = [link(KEY, BEFORE_THE_FIRST, 1, values) for values in (one, other)]
    assert (links[0] == links[1]) == (one == other)


def test_values_that_only_run_together_alike_differ() -> None:
    same: list[list[str | None]] = [
        ["ab", "c"],
        ["a", "bc"],
        ["abc", ""],
        ["abc", None],
        ["abc"],
        ["a", "2:bc"],
        ["-1:", None],
    ]
    assert len({link(KEY, BEFORE_THE_FIRST, 1, values) for values in same}) == len(same)


def test_the_key_the_place_and_the_link_before_all_matter() -> None:
    links = {
        link(KEY, BEFORE_THE_FIRST, 1, ["a"]),
        link(b"x" * 32, BEFORE_THE_FIRST, 1, ["a"]),
        link(KEY, b"\1" * 32, 1, ["a"]),
        link(KEY, BEFORE_THE_FIRST, 2, ["a"]),
    }
    assert len(links) == 4
