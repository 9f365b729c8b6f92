"""How often a number is answered."""

from datetime import UTC, datetime, timedelta

import pytest

from cbi.helpline.limits import (
    ANSWERS_PER_DAY,
    ANSWERS_PER_HOUR,
    DAY,
    LAST,
    Allowance,
    Earlier,
    allowance,
    repeats,
)
from cbi.helpline.words import Command

NOW = datetime(2026, 12, 5, 12, tzinfo=UTC)


def answered(count: int, minutes: int, reply: str | None = "HELP") -> list[Earlier]:
    """So many texts, answered so many minutes ago."""
    return [Earlier(NOW - timedelta(minutes=minutes), Command.HELP, reply)] * count


@pytest.mark.parametrize(
    ("earlier", "allowed"),
    [
        ([], Allowance.USUAL),
        (answered(ANSWERS_PER_HOUR - 1, 5), Allowance.USUAL),
        (answered(ANSWERS_PER_HOUR, 5), Allowance.LAST),
        (answered(ANSWERS_PER_HOUR, 5) + answered(1, 4, LAST), Allowance.SILENT),
        (answered(ANSWERS_PER_HOUR, 61), Allowance.USUAL),
        (answered(50, 5, None), Allowance.USUAL),
        (answered(ANSWERS_PER_DAY, 90), Allowance.LAST),
        (answered(ANSWERS_PER_DAY + 1, 90), Allowance.SILENT),
        (answered(ANSWERS_PER_DAY + 1, 24 * 60), Allowance.USUAL),
    ],
)
def test_a_number_is_answered_so_often(earlier: list[Earlier], allowed: Allowance) -> None:
    assert allowance(earlier, Command.HELP, NOW) is allowed


def test_a_thousand_texts_bring_fifteen_answers_a_day() -> None:
    earlier: list[Earlier] = []
    for second in range(0, 86_400, 86):
        at = NOW + timedelta(seconds=second)
        allowed = allowance(earlier, Command.HELP, at)
        reply = {Allowance.USUAL: "HELP", Allowance.LAST: LAST, Allowance.SILENT: None}[allowed]
        earlier.append(Earlier(at, Command.HELP, reply))
    assert len(earlier) > 1000
    assert sum(1 for each in earlier if each.reply) == ANSWERS_PER_DAY + 1 == 15


def test_an_hour_ends_with_one_last_answer() -> None:
    earlier: list[Earlier] = []
    for minute in range(30):
        at = NOW + timedelta(minutes=minute)
        allowed = allowance(earlier, Command.WHERE, at)
        reply = {Allowance.USUAL: "WHERE", Allowance.LAST: LAST, Allowance.SILENT: None}[allowed]
        earlier.append(Earlier(at, Command.WHERE, reply))
    assert [each.reply for each in earlier if each.reply] == ["WHERE"] * ANSWERS_PER_HOUR + [LAST]


def test_a_stand_is_told_five_times_a_day() -> None:
    five = [
        Earlier(NOW - timedelta(hours=hours), Command.STATUS, "STATUS_READY")
        for hours in range(2, 7)
    ]
    assert allowance(five, Command.STATUS, NOW) is Allowance.SILENT
    assert allowance(five, Command.CODE, NOW) is Allowance.USUAL


def test_what_says_nothing_is_said_once_a_day() -> None:
    told = [Earlier(NOW - timedelta(hours=3), Command.STATUS, "UNKNOWN")]
    assert repeats(told, Command.CODE, "UNKNOWN", NOW)
    assert not repeats(told, Command.CODE, "UNKNOWN", NOW + DAY)
    assert not repeats(told, Command.CODE, "HELP", NOW)


def test_the_menu_answers_one_text_a_day_that_is_not_understood() -> None:
    told = [Earlier(NOW - timedelta(hours=3), None, "HELP")]
    assert repeats(told, None, "HELP", NOW)
    assert not repeats(told, Command.HELP, "HELP", NOW)
    assert not repeats([Earlier(NOW, Command.HELP, "HELP")], None, "HELP", NOW)
