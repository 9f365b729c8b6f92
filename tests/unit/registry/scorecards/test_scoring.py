"""From answers to score, band and reasons: the same for the same, whatever else happens."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbi.registry.scorecards import reading, scoring, telling
from cbi.registry.scorecards.definition import Form, Indicator, Kind
from cbi.registry.scorecards.facts import SAMPLE

CARD = reading.read(Path("examples/scorecard.yaml").read_text(encoding="utf-8"))
FACTS = {**SAMPLE, "size": 5}
ANSWERS: dict[str, Any] = {
    "less_preferred": 5, "borrowed": 2, "smaller_portions": 7, "adults_less": 2, "fewer_meals": 5,
    "health": ["chronic"], "alone_children": False, "eviction_notice": True, "rent_share": 55, "weeks_behind": 5,
    "workers": 1, "sold": "exhausted", "school": "no", "begging": "no",
}  # fmt: skip
SHORT = {each.name for each in CARD.asked(Form.SHORT)}


def short(**changed: Any) -> scoring.Scored:
    """The short form of somebody who needs nothing, with these answers instead."""
    calm = {
        "less_preferred": 0,
        "borrowed": 0,
        "smaller_portions": 0,
        "adults_less": 0,
        "fewer_meals": 0,
    }
    calm |= {"alone_children": False, "eviction_notice": False}
    return scoring.score(CARD, Form.SHORT, calm | changed, FACTS)


def test_points_add_up_and_say_why() -> None:
    scored = scoring.score(CARD, Form.LONG, ANSWERS, FACTS)
    # rCSI 27: 8, rent 6: 5, four others for one worker: 4, a chronic illness: 2, savings gone: 2
    assert (scored.score, scored.band) == (2100, "severe")
    assert list(telling.reasons(CARD, list(scored.reasons), "en"))[:3] == [
        "8 points: Coping for want of food (rCSI): 27",
        "5 points: Rent insecurity: 6",
        "4 points: Others for each member who can work: 4",
    ]
    assert next(telling.reasons(CARD, list(scored.reasons), "fr")).startswith(
        "8 points : Stratégies"
    )
    assert "نقطة" in next(telling.reasons(CARD, list(scored.reasons), "ar"))


def test_the_short_form_ends_it_or_flags_for_the_long_one() -> None:
    assert short().band == "low"
    assert short(borrowed=2).band is None
    assert short(health=["pregnant"]).band is None
    assert short(alone_children=True).band is None


def test_a_rule_lifts_a_household_above_its_points() -> None:
    calm = ANSWERS | dict.fromkeys(SHORT - {"health", "alone_children", "eviction_notice"}, 0)
    calm |= {
        "health": [],
        "eviction_notice": False,
        "rent_share": 0,
        "weeks_behind": 0,
        "workers": 5,
        "sold": "no",
    }
    assert scoring.score(CARD, Form.LONG, calm, FACTS).band == "low"
    ill = scoring.score(CARD, Form.LONG, calm | {"health": ["serious"]}, FACTS)
    assert (ill.score, ill.band) == (400, "moderate")
    alone = scoring.score(CARD, Form.LONG, calm | {"alone_children": True}, FACTS)
    assert (alone.score, alone.band) == (0, "severe")
    assert list(telling.reasons(CARD, list(alone.reasons), "es")) == [
        "Al menos Grave: niños sin padres ni tutor"
    ]


def test_several_answers_together_give_no_more_than_the_most() -> None:
    every = scoring.score(
        CARD,
        Form.LONG,
        ANSWERS | {"health": ["chronic", "disability", "pregnant", "serious"]},
        FACTS,
    )
    assert {
        "indicator": "health",
        "points": "8",
        "value": ["chronic", "disability", "pregnant", "serious"],
    } in every.reasons


def test_a_score_is_rounded_once_and_bands_go_by_that() -> None:
    card = reading.read("""
scorecard: thirds
name: {en: Thirds}
indicators:
  a1: {ask: {en: One}, kind: yes-no, points: 1/3}
  a2: {ask: {en: Two}, kind: yes-no, points: 1/3}
  a3: {ask: {en: Three}, kind: yes-no, points: 1/3}
  a4: {ask: {en: Four}, kind: yes-no, points: 0.005}
bands: [{band: low, say: {en: Low}}, {band: high, from: 1, say: {en: High}}]
""")

    def scored(*yes: str) -> scoring.Scored:
        return scoring.score(
            card, Form.LONG, {each: each in yes for each in ("a1", "a2", "a3", "a4")}, SAMPLE
        )

    assert (scored("a1", "a2", "a3").score, scored("a1", "a2", "a3").band) == (100, "high")
    assert (scored("a1", "a2").score, scored("a1", "a2").band) == (67, "low")
    assert scored("a4").score == 1  # half a hundredth goes up
    assert telling.decimal(Fraction(1, 3)) == "0.33"


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"borrowed": 8}, "borrowed"), ({"borrowed": True}, "borrowed"), ({"borrowed": "2"}, "borrowed"),
        ({"sold": "maybe"}, "sold"), ({"health": ["chronic", "chronic"]}, "health"), ({"health": "chronic"}, "health"),
        ({"alone_children": 1}, "alone_children"), ({"size": 40}, "size"), ({"other": 1}, "other"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_meant_is_refused(changed: dict[str, Any], where: str) -> None:
    with pytest.raises(scoring.CannotScore) as refused:
        scoring.score(CARD, Form.LONG, ANSWERS | changed, FACTS)
    assert refused.value.where == where


def test_a_missing_answer_is_refused_unless_it_may_be_left_out() -> None:
    without = {name: answer for name, answer in ANSWERS.items() if name != "health"}
    assert scoring.score(CARD, Form.LONG, without, FACTS).score == 1900
    with pytest.raises(scoring.CannotScore):
        scoring.score(
            CARD, Form.LONG, {n: a for n, a in ANSWERS.items() if n != "rent_share"}, FACTS
        )


def answers_of(indicator: Indicator) -> st.SearchStrategy[Any]:
    """Anything that a question can be answered with."""
    codes = [option.code for option in indicator.options]
    return {
        Kind.NUMBER: st.integers(indicator.least, max(indicator.largest, indicator.least)),
        Kind.YES_NO: st.booleans(),
        Kind.CHOICE: st.sampled_from(codes or [""]),
        Kind.MANY: st.lists(st.sampled_from(codes or [""]), unique=True).map(sorted),
    }[indicator.kind]


@settings(max_examples=60, deadline=None)
@given(
    answers=st.fixed_dictionaries({each.name: answers_of(each) for each in CARD.asked(Form.LONG)})
)
def test_the_band_is_never_below_what_points_and_rules_say(answers: dict[str, Any]) -> None:
    scored = scoring.score(CARD, Form.LONG, answers, FACTS)
    assert scored == scoring.score(CARD, Form.LONG, dict(reversed(answers.items())), FACTS)
    assert scored.band is not None
    fired = [
        next(rule.at_least for rule in CARD.rules if rule.name == r["rule"])
        for r in scored.reasons
        if "rule" in r
    ]
    reached = [scoring.band_of(CARD, scored.score), *fired]
    assert CARD.order(scored.band) == max(map(CARD.order, reached))
    counted = sum(
        (Fraction(each["points"]) for each in scored.reasons if "points" in each), Fraction(0)
    )
    assert abs(counted * 100 - scored.score) <= Fraction(1, 2)
    kept = CARD, Form.LONG, scored.reasons
    assert scoring.stands(*kept, scored.score, scored.band)
    assert not scoring.stands(*kept, scored.score + 1, scored.band)
    other = next(each.name for each in CARD.bands if each.name != scored.band)
    assert not scoring.stands(*kept, scored.score, other)


def test_reasons_of_a_short_form_tell_its_score_and_the_band_where_it_ends_there() -> None:
    ended, flagged = short(), short(eviction_notice=True, alone_children=True)
    assert flagged.band is None
    assert scoring.stands(CARD, Form.SHORT, flagged.reasons, flagged.score, None)
    assert not scoring.stands(CARD, Form.SHORT, flagged.reasons, flagged.score + 1, None)
    assert scoring.stands(CARD, Form.SHORT, ended.reasons, ended.score, ended.band)
    assert not scoring.stands(CARD, Form.SHORT, ended.reasons, ended.score, CARD.bands[-1].name)
