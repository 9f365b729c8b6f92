"""A teller who types wrong codes waits, and after too many in a day needs a supervisor."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.fsp.counter import CounterRules
from cbi.redemption.limits import reach_back, standing

RULES = CounterRules()
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
NOON = MIDNIGHT + timedelta(hours=12)


def _minutes_ago(*minutes: float) -> list[datetime]:
    return [NOON - timedelta(minutes=each) for each in minutes]


@pytest.mark.parametrize(
    ("ago", "left"), [((), 5), ((1,), 4), ((1, 2, 3), 2), ((1, 2, 3, 4), 1), ((16, 17, 18, 19), 5)]
)
def test_wrong_codes_of_the_last_quarter_hour_count(ago: tuple[float, ...], left: int) -> None:
    assert standing(_minutes_ago(*ago), RULES, NOON, MIDNIGHT).tries_left == left


def test_the_fifth_wrong_code_starts_a_pause_of_a_quarter_hour() -> None:
    now = standing(_minutes_ago(0, 1, 2, 3, 4), RULES, NOON, MIDNIGHT)
    assert now.paused_until == NOON + timedelta(minutes=15)
    assert now.tries_left == 0


def test_the_pause_ends_by_itself() -> None:
    almost = standing(_minutes_ago(14.9, 15, 16, 17, 18), RULES, NOON, MIDNIGHT)
    over = standing(_minutes_ago(15, 16, 17, 18, 19), RULES, NOON, MIDNIGHT)
    assert almost.paused_until is not None
    assert over.paused_until is None
    assert over.tries_left == 5


def test_five_wrong_codes_spread_over_more_than_the_window_pause_nobody() -> None:
    assert standing(_minutes_ago(0, 5, 10, 14, 16), RULES, NOON, MIDNIGHT).paused_until is None


def test_ten_wrong_codes_in_a_day_need_a_supervisor() -> None:
    nine = _minutes_ago(*range(60, 600, 60))
    assert standing(nine, RULES, NOON, MIDNIGHT).tries_left == 1
    ten = standing([*nine, NOON], RULES, NOON, MIDNIGHT)
    assert ten.stopped
    assert ten.tries_left == 0


def test_the_day_begins_anew_at_midnight_but_a_pause_does_not() -> None:
    at = MIDNIGHT + timedelta(minutes=5)
    late = [MIDNIGHT - timedelta(minutes=minute) for minute in range(1, 11)]
    after = standing(late, RULES, at, MIDNIGHT)
    assert not after.stopped
    assert after.paused_until == MIDNIGHT + timedelta(minutes=14)
    assert reach_back(RULES, at, MIDNIGHT) == at - timedelta(minutes=30)


@given(st.lists(st.floats(0, 700), max_size=30))
def test_tries_left_is_zero_exactly_while_nothing_may_be_tried(ago: list[float]) -> None:
    found = standing(_minutes_ago(*ago), RULES, NOON, MIDNIGHT)
    assert (found.tries_left == 0) == (found.stopped or found.paused_until is not None)
    assert 0 <= found.tries_left <= 5
