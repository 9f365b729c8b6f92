"""A row that was found elsewhere tells which list it came from, and nothing else can be made to."""

import random
from uuid import uuid4

from cbi.keys import Keyring
from cbi.protection.exporting.marks import FEWEST, Marker

MARKER = Marker(Keyring(b"k" * 32, "dz"))
HOUSEHOLDS = [f"H-{at:04d}" for at in range(60)]


def ordered(number: int) -> list[str]:
    return sorted(HOUSEHOLDS, key=lambda each: MARKER.place(number, each))


def test_a_mark_tells_its_list_however_it_is_written() -> None:
    mark = MARKER.mark(4711, uuid4())
    assert list(MARKER.read(mark)) == [4711]
    assert list(MARKER.read(f"see: {mark.lower()}, found in a shop")) == [4711]


def test_every_row_of_every_list_has_a_mark_of_its_own() -> None:
    people = [uuid4() for _ in range(200)]
    marks = {MARKER.mark(number, person) for number in (1, 2, 3) for person in people}
    assert len(marks) == 600


def test_an_invented_or_altered_mark_says_nothing() -> None:
    mark = MARKER.mark(7, uuid4())
    swapped = ("B" if mark[0] == "A" else "A") + mark[1:]
    foreign = Marker(Keyring(b"k" * 32, "ke")).mark(7, uuid4())
    for strange in (swapped, foreign, mark[:-1], mark + "A", "AAAAAA-AAAAAA-AAAAAA-AAAAAA", ""):
        assert list(MARKER.read(strange)) == []


def test_an_order_tells_its_list_also_where_rows_were_left_out() -> None:
    rows = ordered(12)
    assert MARKER.is_order_of(12, rows)
    assert MARKER.is_order_of(12, rows[3::4])
    assert not MARKER.is_order_of(13, rows)


def test_few_rows_or_sorted_ones_prove_nothing() -> None:
    assert not MARKER.is_order_of(12, ordered(12)[: FEWEST - 1])
    assert not MARKER.is_order_of(12, HOUSEHOLDS)
    shuffled = random.Random(1).sample(HOUSEHOLDS, len(HOUSEHOLDS))
    assert not any(MARKER.is_order_of(number, shuffled) for number in range(500))
