"""What the rules make of a household's facts: exact amounts, a readable calculation, and never more than may be."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbi.money import Money
from cbi.programmes.definition import Definition, read
from cbi.programmes.eligibility import Facts, Missed, Reason
from cbi.programmes.judging import Judgement, judge
from cbi.programmes.transfer_value import Rounding, payable, share
from tests.kinds_factory import kind_file

FACTS = Facts(
    active=True, possible_duplicate=False, size=4, in_area=True, has_recipient=True, has_consent=True,
    at_counter=True, has_account=True, has_second_factor=True, days=31,
)  # fmt: skip

FAMILY = """
  base: "300"
  per_member: "50"
  top_ups:
    - {name: unaccompanied child, amount: "100", for: {needs: [Unaccompanied child, Mineur isolé]}}
    - {name: disability, amount: "25", per: member, for: {needs: [disability]}}
    - {name: mountains, amount: "40", for: {areas: [Tizi Ouzou], household_size: {min: 3}}}
"""


def stipend(part: str, extra: str = "") -> Definition:
    return read(kind_file(part, extra=extra), ("post_office",))


def grant(part: str, extra: str = "") -> Definition:
    return read(kind_file(part, kind="grant", extra=extra), ("post_office",))


def judged(definition: Definition, days: int = 31, **facts: Any) -> Judgement:
    return judge(replace(FACTS, **facts), days, definition, {1: definition})


def only(judgement: Judgement) -> tuple[str, str]:
    (owed,) = judgement.owed
    return owed.amount.decimal, owed.trace


@pytest.mark.parametrize(
    ("facts", "amount", "trace"),
    [
        ({}, "500.00", "300.00 + 50.00 × 4 members = 500.00 DZD"),
        (
            {"needs": (("unaccompaniedchild", 1),), "size": 3},
            "550.00",
            "300.00 + 50.00 × 3 members + top-up unaccompanied child 100.00 = 550.00 DZD",
        ),
        (
            {"needs": (("mineurisole", 2), ("disability", 2))},
            "650.00",
            "300.00 + 50.00 × 4 members + top-up unaccompanied child 100.00 + top-up disability 25.00 × 2 = 650.00 DZD",
        ),
        ({"needs": (("disability", 9),), "size": 2}, "450.00", None),
        ({"area": "tiziouzou"}, "540.00", None),
        ({"area": "tiziouzou", "size": 2}, "400.00", None),
    ],
)
def test_top_ups_come_on_top_for_those_they_are_for(
    facts: dict[str, Any], amount: str, trace: str | None
) -> None:
    found = only(judged(stipend(FAMILY), **facts))
    assert found[0] == amount
    assert trace is None or found[1] == trace


def test_the_cap_covers_everything_and_the_trace_says_how() -> None:
    definition = stipend(FAMILY + '  cap: "500"\n')
    assert only(judged(definition, size=3, needs=(("unaccompaniedchild", 1),))) == (
        "500.00",
        "300.00 + 50.00 × 3 members + top-up unaccompanied child 100.00 = 550.00 DZD, capped at 500.00 DZD",
    )


@pytest.mark.parametrize(
    ("rounding", "amount", "end"),
    [
        ("", "1900.00", "15 of 31 days = 1935.48 DZD, rounded down to 1900.00 DZD"),
        (", rounding: up", "1950.00", "15 of 31 days = 1935.48 DZD, rounded up to 1950.00 DZD"),
        (", rounding: nearest", "1950.00", "rounded up to 1950.00 DZD"),
    ],
)
def test_days_and_denominations_show_in_the_trace(rounding: str, amount: str, end: str) -> None:
    definition = stipend(f'{{per_member: "1000", prorate: days, round_to: "50"{rounding}}}')
    assert only(judged(definition))[0] == "4000.00"
    some = judge(replace(FACTS, days=15), 31, definition, {})
    assert only(some)[0] == amount
    assert only(some)[1].endswith(end)


def test_without_prorate_a_household_that_takes_part_at_all_gets_all() -> None:
    assert only(judge(replace(FACTS, days=3), 31, stipend('{base: "100"}'), {}))[0] == "100.00"


def test_what_rounds_to_nothing_is_a_reason() -> None:
    found = judged(stipend('{base: "20", round_to: "50"}'))
    assert (found.reasons, found.owed) == ((Reason.NOTHING_OWED,), ())


def test_arrears_are_one_amount_with_every_period_in_its_trace() -> None:
    definition = stipend('{per_member: "1000", prorate: days, arrears: 3}')
    missed = (
        Missed("2026-01", 1, given=0, due=31, of=31),
        Missed("2026-02", 1, given=10, due=28, of=28),
    )
    base, arrears = judged(definition, missed=missed).owed
    assert (base.component, arrears.component) == ("base", "arrears")
    assert arrears.covers == ("2026-01", "2026-02")
    assert arrears.amount == Money(400_000 + 257_143, "DZD")
    assert arrears.trace == (
        "2026-01: 1000.00 × 4 members = 4000.00 DZD; 2026-02: 1000.00 × 4 members = 4000.00 DZD,"
        " less 10 days given before = 2571.43 DZD; together 6571.43 DZD"
    )


def test_arrears_are_at_the_rates_of_their_time() -> None:
    then, now = stipend('{base: "100"}'), stipend('{base: "200", arrears: 1}')
    missed = (Missed("2026-01", 1, given=0, due=31, of=31),)
    found = judge(replace(FACTS, missed=missed), 28, now, {1: then})
    assert [each.amount.decimal for each in found.owed] == ["200.00", "100.00"]


TRANCHES = """
  tranches:
    - {code: pre-departure, amount: "500", enhanced: {for: {needs: [pregnancy]}, amount: "800"}}
    - {code: transit, amount: "300", requires: [ticket, receipt]}
    - {code: post-arrival, amount: "1000"}
"""


def test_tranches_are_given_in_their_order_and_one_at_a_time() -> None:
    definition = grant(TRANCHES)
    assert only(judged(definition)) == ("500.00", "pre-departure: 500.00 DZD")
    first = judged(definition, needs=(("pregnancy", 1),))
    assert only(first) == ("800.00", "pre-departure, enhanced: 800.00 DZD")
    assert first.owed[0].once
    waits = judged(definition, given=("pre-departure",), met=("ticket",))
    assert waits.reasons == (Reason.CONDITION_NOT_MET,)
    second = judged(definition, given=("pre-departure",), met=("receipt", "ticket"))
    assert only(second) == ("300.00", "transit: 300.00 DZD, after receipt, ticket")
    done = judged(definition, given=("post-arrival", "pre-departure", "transit"))
    assert done.reasons == (Reason.ALL_GIVEN,)


def test_a_lump_sum_is_one_tranche() -> None:
    assert only(judged(grant('{amount: "900"}'))) == ("900.00", "grant: 900.00 DZD")
    assert judged(grant('{amount: "900"}'), given=("grant",)).reasons == (Reason.ALL_GIVEN,)


def test_a_household_learns_every_reason_at_once() -> None:
    found = judged(grant('{amount: "9", requires: [plan]}'), active=False, standing="suspended")
    assert found.reasons == (Reason.NOT_ACTIVE, Reason.SUSPENDED, Reason.CONDITION_NOT_MET)


CEILING = 'ceilings: {lifetime: "5000"}\n'


def test_a_ceiling_cuts_to_what_can_be_paid_and_then_refuses() -> None:
    definition = stipend('{per_member: "1000", round_to: "50"}', CEILING)
    assert only(judged(definition, room=500_000))[0] == "4000.00"
    cut = only(judged(definition, room=13_000))
    assert cut == (
        "100.00",
        "1000.00 × 4 members = 4000.00 DZD, cut to 100.00 DZD: the ceiling of 5000.00 DZD leaves no more",
    )
    assert judged(definition, room=4_900).reasons == (Reason.CEILING_REACHED,)
    assert judged(definition, room=0).reasons == (Reason.CEILING_REACHED,)


minor = st.integers(0, 10**9)


@given(minor, st.lists(st.integers(0, 366), min_size=1, max_size=8), st.integers(1, 366))
def test_the_parts_of_an_amount_add_up_to_the_whole(value: int, cuts: list[int], of: int) -> None:
    amount = Money(value, "DZD")
    days = sorted({0, of, *(cut for cut in cuts if cut < of)})
    shares = [share(amount, each, of) for each in days]
    assert (shares[0].minor, shares[-1]) == (0, amount)
    parts = [(after - before).minor for before, after in pairwise(shares)]
    assert sum(parts) == value
    assert min(parts) >= 0
    assert all(
        abs(each.minor * of - value * day) <= of for each, day in zip(shares, days, strict=True)
    )


@given(minor, st.integers(1, 10**6), st.sampled_from(Rounding))
def test_what_is_payable_is_the_next_multiple_in_its_direction(
    value: int, to: int, rounding: Rounding
) -> None:
    amount = payable(Money(value, "DZD"), Money(to, "DZD"), rounding).minor
    assert amount % to == 0
    assert abs(amount - value) < to
    assert amount <= value or rounding is not Rounding.DOWN
    assert amount >= value or rounding is not Rounding.UP
    assert 2 * abs(amount - value) <= to or rounding is not Rounding.NEAREST


@settings(max_examples=50, deadline=None)  # each reads a programme file
@given(
    base=st.integers(1, 10**6),
    member=st.integers(0, 10**6),
    note=st.integers(1, 10**4),
    notes=st.integers(1, 500),
    size=st.integers(1, 60),
    days=st.integers(1, 31),
    given_days=st.integers(0, 31),
    room=st.none() | st.integers(0, 10**8),
    rounding=st.sampled_from(Rounding),
)
def test_nothing_exceeds_cap_or_ceiling_and_every_trace_ends_with_its_amount(
    base: int, member: int, note: int, notes: int, size: int, days: int, given_days: int,
    room: int | None, rounding: Rounding,
) -> None:  # fmt: skip
    cap = -(-max(base, note * notes) // note) * note
    part = (
        f'{{base: "{Money(base, "DZD").decimal}", per_member: "{Money(member, "DZD").decimal}",'
        f' cap: "{Money(cap, "DZD").decimal}", round_to: "{Money(note, "DZD").decimal}",'
        f" rounding: {rounding}, prorate: days, arrears: 2}}"
    )
    definition = stipend(part, 'ceilings: {lifetime: "1000000.00"}\n')
    missed = (Missed("2026-01", 1, given=given_days, due=31, of=31),) if given_days < 31 else ()
    told: dict[str, Any] = {"room": room} if room is not None else {}
    found = judge(
        replace(FACTS, size=size, days=days, missed=missed, **told), 31, definition, {1: definition}
    )
    for each in found.owed:
        assert 0 < each.amount.minor <= cap
        assert each.amount.minor % note == 0
        assert each.amount.decimal in each.trace
    if room is not None:
        assert sum(each.amount.minor for each in found.owed) <= room


def test_facts_are_read_back_as_they_were_kept() -> None:
    facts = replace(
        FACTS, needs=(("a", 1),), missed=(Missed("2026-01", 1, 0, 31, 31),), given=("x",), met=("y", "z"), room=5
    )  # fmt: skip
    assert Facts.of(facts.kept()) == facts
