"""Scorecard files: what they say, and every mistake in them by its line."""

from pathlib import Path
from typing import Any

import pytest

from cbi.registry.scorecards import reading
from cbi.registry.scorecards.definition import Form
from cbi.registry.scorecards.parts import ScorecardFileErrors

EXAMPLE = Path("examples/scorecard.yaml")
SMALL = """
scorecard: small
name: {en: Small}
indicators:
  rooms: {ask: {en: Rooms}, kind: number, between: [1, 9], points: [{from: 1, points: 3}, {from: 2, points: 0}]}
  rent:
    ask: {en: Rent}
    kind: choice
    answers: {paid: {say: {en: Paid}}, late: {say: {en: Late}, points: 2.5}}
    weight: 2
  crowd: {ask: {en: Crowd}, is: "size - rooms", points: [{from: 4, points: 1}]}
rules: [{rule: big, when: "size > 9", at_least: high, why: {en: very many}}]
bands: [{band: low, say: {en: Low}}, {band: high, from: 5, say: {en: High}}]
"""


def mistakes(text: str) -> list[tuple[int, str]]:
    """Line and field of what is wrong."""
    with pytest.raises(ScorecardFileErrors) as refused:
        reading.read(text)
    found: Any = refused.value.details["problems"]
    return [(each["line"], each["field"]) for each in found]


def test_the_example_is_a_scorecard_in_four_languages() -> None:
    scorecard = reading.read(EXAMPLE.read_text(encoding="utf-8"))
    assert set(scorecard.name) == {"en", "fr", "ar", "es"}
    assert (len(scorecard.asked(Form.SHORT)), scorecard.warnings) == (8, ())
    assert [band.name for band in scorecard.bands] == ["low", "moderate", "severe"]


def test_two_files_that_say_the_same_are_the_same() -> None:
    assert reading.read(SMALL) == reading.read(
        "# a comment\n" + SMALL.replace("weight: 2", "weight: 2.0")
    )
    assert reading.read(SMALL) != reading.read(SMALL.replace("weight: 2", "weight: 3"))


def test_a_long_short_form_is_warned_about() -> None:
    questions = "".join(f'  q{n}_: {{ask: {{en: "Q {n}"}}, kind: yes-no}}\n' for n in range(13))
    names = ", ".join(f"q{n}_" for n in range(13))
    text = SMALL.replace("  rooms:", questions + "  rooms:")
    text += f'short: {{indicators: [{names}], long_if: "q1_", otherwise: low}}\n'
    assert "13 questions" in reading.read(text).warnings[0]
    assert "no short form" in reading.read(SMALL).warnings[0]


@pytest.mark.parametrize(
    ("is_", "becomes", "where"),
    [
        ("scorecard: small", "scorecard: Small Card", (2, "scorecard")),
        ("name: {en: Small}", "name: {en: Small, xx: Klein}", (3, "name.xx")),
        ("name: {en: Small}", "name: {en: Small, fr: Petit}", (5, "indicators.rooms.ask")),
        ("kind: number", "kind: counted", (5, "indicators.rooms.kind")),
        ("between: [1, 9]", "between: [9, 1]", (5, "indicators.rooms.between")),
        ("between: [1, 9]", "between: [1, 9], answers: {}", (5, "indicators.rooms.answers")),
        ("{from: 2, points: 0}", "{from: 1, points: 0}", (5, "indicators.rooms.points")),
        ("points: 2.5", "points: a lot", (9, "indicators.rent.answers.late.points")),
        ("say: {en: Late}", "say: {en: paid}", (9, "indicators.rent.answers.late.say.en")),
        ("weight: 2", "weight: 1e3", (10, "indicators.rent.weight")),
        ("size - rooms", "size - kitchen", (11, "indicators.crowd.is")),
        ("size - rooms", "size - __import__", (11, "indicators.crowd.is")),
        ("  crowd:", "  size:", (11, "indicators.size")),
        ("  crowd:", "  lambda:", (11, "indicators.lambda")),
        ("ask: {en: Rent}", "ask: {en: rooms}", (6, "indicators.rent.ask.en")),
        ("size > 9", "size + 9", (12, "rules[1].when")),
        ("size > 9", "rent == 'payed'", (12, "rules[1].when")),
        ("at_least: high", "at_least: higher", (12, "rules[1].at_least")),
        ("from: 5", "from: 0", (13, "bands[2].from")),
        ("band: high", "band: LOW", (13, "bands[2].band")),
        ("weight: 2", "weight: 2\n    colour: red", (11, "indicators.rent.colour")),
        ("  rent:", "  rooms:", (6, "indicators.rooms")),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_its_line(is_: str, becomes: str, where: tuple[int, str]) -> None:
    assert SMALL.count(is_) >= 1
    assert where in mistakes(SMALL.replace(is_, becomes, 1))


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = mistakes(
        SMALL.replace("weight: 2", "weight: x")
        .replace("from: 5", "from: y")
        .replace("size > 9", "?")
    )
    assert len(found) >= 3


@pytest.mark.parametrize(
    "text", ["", "[", "- a", "a: &x {b: 1}\nc: *x", "\ufffd", "scorecard: !!python/object:os.system {}", "a" * 300_000]
)  # fmt: skip
def test_what_is_no_scorecard_is_refused(text: str) -> None:
    assert mistakes(text)


def test_a_scorecard_that_cannot_be_worked_out_is_refused_before_it_is_used() -> None:
    text = SMALL.replace(
        'is: "size - rooms"',
        'is: "rcsi(less_preferred=rooms, borrowed=0, smaller_portions=0, adults_less=0, fewer_meals=0)"',
    )
    assert mistakes(text) == [(1, "crowd")]


def test_the_short_form_stands_on_its_own() -> None:
    short = 'short: {indicators: [crowd], long_if: "score > 1", otherwise: low}\n'
    assert mistakes(SMALL + short) == [(14, "short.indicators")]
    assert mistakes(
        SMALL + short.replace("[crowd]", "[rooms]").replace("score > 1", "crowd > 1")
    ) == [(14, "short.long_if")]
