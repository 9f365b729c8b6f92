"""What a card remembers is exact whoever writes, in whatever order, and however long it goes on."""

import random
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.cards import records
from adapters.cards.purse import Purse, limit_of, limited_to
from adapters.cards.records import DamagedRecord, Load, RecordFull
from cbi.fsp.keys import idempotency_key

Json = dict[str, Any]
DAY = date(2026, 1, 5)


def load(number: int, amount: int = 0, on: date = DAY) -> Load:
    """The load of one made-up payment."""
    return Load(
        idempotency_key(UUID(int=number << 64), 1 + number % 99), amount or 100 + number, on
    )


def new_card() -> Json:
    """A card as it is issued."""
    return {
        "id": "ic_1", "created": 1, "status": "active", "currency": "eur",
        "metadata": {records.LIMIT: "0", records.REFERENCE: "somebody"}, "spending_controls": limited_to(0),
    }  # fmt: skip


def written(card: Json, change: Json) -> Json:
    """The card after Stripe has taken the change: entries are merged one by one, the limit is replaced."""
    merged = {**card["metadata"], **change["metadata"]}
    metadata = {name: text for name, text in merged.items() if text}
    assert len(metadata) <= records.LARGEST_RECORD
    assert all(
        len(name) <= 40 and len(text) <= records.LONGEST_VALUE for name, text in metadata.items()
    )
    return {**card, "metadata": metadata, "spending_controls": change["spending_controls"]}


def finished(card: Json) -> Json:
    """The card once somebody has looked at it and mended what writers that met had left."""
    for _ in range(3):
        if Purse((card,)).finished:
            return card
        card = written(card, Purse((card,)).change())
    raise AssertionError("it does not come to rest")


def test_a_load_is_remembered_with_its_amount_and_day() -> None:
    card = written(new_card(), Purse((new_card(),)).change(load(1, 15_000)))
    assert records.loads(card["metadata"]) == {load(1).key: load(1, 15_000)}
    assert limit_of(card) == 15_000


def test_a_load_written_twice_is_one_load() -> None:
    card = written(new_card(), Purse((new_card(),)).change(load(1)))
    again = written(card, Purse((card,)).change(load(1)))
    assert again == card


def test_thirty_years_of_monthly_loads_are_remembered_one_by_one() -> None:
    card, many = new_card(), [load(n, on=DAY + timedelta(days=30 * n)) for n in range(1, 361)]
    for each in many:
        card = written(card, Purse((card,)).change(each))
    assert records.loads(card["metadata"]) == {each.key: each for each in many}
    assert limit_of(card) == sum(each.amount for each in many)


def test_a_full_card_says_so_instead_of_forgetting() -> None:
    card = new_card()
    for number in range(1, 401):
        card = written(card, Purse((card,)).change(load(number, on=DAY + timedelta(days=number))))
    before = records.loads(card["metadata"])
    with pytest.raises(RecordFull):
        records.with_loads(card["metadata"], [load(1000 + n) for n in range(300)])
    assert len(before) == 400


def test_a_new_card_takes_over_a_long_memory_in_one_request() -> None:
    many = [load(number, on=DAY + timedelta(days=number)) for number in range(1, 301)]
    entries = records.with_loads({records.REFERENCE: "somebody"}, many)
    assert all(entries.values())
    assert records.loads(entries) == {each.key: each for each in many}
    assert entries[records.LIMIT] == str(sum(each.amount for each in many))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (load(1).key, "150"),
        (load(1).key, "15.0 2026-01-05"),
        (load(1).key, "-5 2026-01-05"),
        (load(1).key, "٥ 2026-01-05"),
        ("cbi_pack_0000000000000000", "AAAA"),
        ("cbi_pack_0000000000000000", "é"),
    ],
)
def test_an_entry_that_nobody_of_us_wrote_stops_everything(name: str, text: str) -> None:
    card = new_card()
    card["metadata"][name] = text
    assert Purse((card,)).obstacle("EUR") == "record_damaged"
    with pytest.raises(DamagedRecord):
        records.loads(card["metadata"])


def test_two_amounts_for_one_payment_are_damage() -> None:
    cards = []
    for amount in (100, 200):
        card = written(new_card(), Purse((new_card(),)).change(load(1, amount)))
        cards.append({**card, "id": f"ic_{amount}"})
    with pytest.raises(DamagedRecord):
        _ = Purse(tuple(cards)).loads


class Writer:
    """Somebody who loads one payment: looks, writes, and mends if what came back is not right. May die in between."""

    def __init__(self, each: Load) -> None:
        self.load = each
        self.change: Json | None = None
        self.steps = [self.look, self.write, self.mend]
        self.wrote = False

    def look(self, card: Json) -> Json:
        self.change = Purse((card,)).change(self.load)
        return card

    def write(self, card: Json) -> Json:
        assert self.change is not None
        self.wrote, self.seen = True, written(card, self.change)
        return self.seen

    def mend(self, card: Json) -> Json:
        """All it knows is the answer to what it wrote last."""
        if Purse((self.seen,)).finished:
            return card
        self.seen = written(card, Purse((self.seen,)).change())
        self.steps.append(self.mend)
        return self.seen


@given(
    writers=st.integers(1, 6),
    earlier=st.integers(0, 40),
    seed=st.integers(0, 2**32),
    deaths=st.sets(st.integers(0, 5)),
)
def test_writers_that_meet_leave_every_load_and_the_right_limit(
    writers: int, earlier: int, seed: int, deaths: set[int]
) -> None:
    card = new_card()
    for number in range(earlier):
        card = written(
            card, Purse((card,)).change(load(1000 + number, on=DAY + timedelta(days=number)))
        )
    chance = random.Random(seed)
    somebody_died = False
    busy = [Writer(load(n + 1, on=DAY + timedelta(days=40 + n % 2))) for n in range(writers)]
    everybody = list(busy)
    while busy:
        writer = chance.choice(busy)
        card = writer.steps.pop(0)(card)
        dies = everybody.index(writer) in deaths and chance.random() < 0.4
        somebody_died |= dies
        if dies or not writer.steps:
            busy.remove(writer)
    recorded = {writer.load.key for writer in everybody if writer.wrote}
    there = records.loads(card["metadata"])
    assert recorded <= there.keys()
    assert len(there) == earlier + len(recorded)
    if somebody_died:  # and is asked about sooner or later: asking mends
        card = finished(card)
    assert limit_of(card) == records.total(there)
