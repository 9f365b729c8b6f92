"""Works a household's score, band and reasons out from the answers, the facts and the scorecard; nothing else counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from cbi.errors import Invalid
from cbi.registry.scorecards.definition import Form, Indicator, Kind, Rule, Scorecard
from cbi.registry.scorecards.measures import Number

HUNDREDTHS = 100
Answers = Mapping[str, Any]
"""Answers by indicator: a word, a list of words, a whole number, or true and false. What is optional may be absent."""
Reason = dict[str, Any]


class CannotScore(Invalid):
    """The answers cannot be scored by this scorecard."""

    code = "scorecard.cannot_score"

    def __init__(self, message: str, where: str) -> None:
        super().__init__(
            message, next_step="Check the answers against the scorecard's questions.", field=where
        )
        self.where = where


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of it. `score` is in hundredths; `band` None: the short form flags the household for the long one.

    `reasons` name what counted, the weightiest first: an indicator with its points (exact, as text) and its value, or
    a rule.
    """

    score: int
    band: str | None
    reasons: tuple[Reason, ...]


def score(scorecard: Scorecard, form: Form, answers: Answers, facts: Mapping[str, Any]) -> Scored:
    """Score one household. The score is rounded once, to hundredths, half a hundredth up, and the bands go by that.

    Raises CannotScore.
    """
    values: dict[str, Any] = dict(facts)
    counted: list[tuple[Number, Indicator]] = []
    indicators = scorecard.of_form(form)
    for indicator in indicators:
        value = _value(indicator, answers, values)
        values[indicator.name] = value
        if points := _points(indicator, value):
            counted.append((points, indicator))
    if strange := sorted(answers.keys() - {each.name for each in indicators if each.is_asked}):
        raise CannotScore(f"The form does not ask {strange[0]!r}.", strange[0])
    exact = Fraction(sum(points for points, _ in counted))
    hundredths = _rounded(exact)
    fired = [rule for rule in scorecard.rules if _holds(rule, values)]
    counted.sort(key=_weight, reverse=True)
    reasons = [
        {"indicator": each.name, "points": str(points), "value": _kept(values[each.name])}
        for points, each in counted
    ]
    reasons = [{"rule": rule.name} for rule in fired] + reasons
    return Scored(hundredths, _band(scorecard, form, hundredths, fired, values), tuple(reasons))


def stands(
    scorecard: Scorecard, form: Form, reasons: Sequence[Reason], found: int, band: str | None
) -> bool:
    """Whether reasons that were kept give this score (hundredths) and band, where the answers are gone.

    Of a short form that flags a household for the long one only the score can be told.
    """
    exact = sum((Fraction(each["points"]) for each in reasons if "points" in each), Fraction())
    if _rounded(exact) != found:
        return False
    name = band_of(scorecard, found)
    if form is Form.SHORT:
        if scorecard.short is None or band is None:
            return scorecard.short is not None
        name = scorecard.short.otherwise
    fired = [rule.at_least for rule in scorecard.rules if {"rule": rule.name} in reasons]
    return band == max([name, *fired], key=scorecard.order)


def _rounded(exact: Fraction) -> int:
    return (2 * exact.numerator * HUNDREDTHS + exact.denominator) // (2 * exact.denominator)


def band_of(scorecard: Scorecard, hundredths: int) -> str:
    """The band that a score of the long form falls into by points alone."""
    reached = scorecard.bands[0]
    for band in scorecard.bands[1:]:
        if band.start * HUNDREDTHS <= hundredths:
            reached = band
    return reached.name


def _band(
    scorecard: Scorecard,
    form: Form,
    hundredths: int,
    fired: Sequence[Rule],
    values: Mapping[str, Any],
) -> str | None:
    if form is Form.SHORT:
        assert scorecard.short is not None
        rounded = Fraction(hundredths, HUNDREDTHS)
        if scorecard.short.long_if.work({**values, "score": rounded}):
            return None
        name = scorecard.short.otherwise
    else:
        name = band_of(scorecard, hundredths)
    return max([name, *(rule.at_least for rule in fired)], key=scorecard.order)


def _weight(counted: tuple[Number, Indicator]) -> Number:
    points = counted[0]
    return points if points >= 0 else -points


def _holds(rule: Rule, values: Mapping[str, Any]) -> bool:
    # A rule about what the short form does not ask waits for the long one.
    return rule.when.names <= values.keys() and bool(rule.when.work(values))


def _value(indicator: Indicator, answers: Answers, values: Mapping[str, Any]) -> Any:
    if indicator.is_ is not None:
        try:
            return indicator.is_.work(values)
        except (ValueError, ArithmeticError) as error:
            raise CannotScore(f"It cannot be worked out: {error}.", indicator.name) from None
    if indicator.name not in answers:
        if indicator.optional:
            return indicator.blank
        raise CannotScore("The answer is missing.", indicator.name)
    answer = answers[indicator.name]
    if not _fits(indicator, answer):
        raise CannotScore("This is no answer of the question.", indicator.name)
    return frozenset(answer) if indicator.kind is Kind.MANY else answer


def _fits(indicator: Indicator, answer: object) -> bool:
    if indicator.kind is Kind.YES_NO:
        return isinstance(answer, bool)
    if indicator.kind is Kind.NUMBER:
        is_whole = isinstance(answer, int) and not isinstance(answer, bool)
        return is_whole and indicator.least <= answer <= indicator.largest  # type: ignore[operator]
    codes = indicator.points_of.keys()
    if indicator.kind is Kind.CHOICE:
        return isinstance(answer, str) and answer in codes
    return isinstance(answer, list) and set(answer) <= codes and len(set(answer)) == len(answer)


def _points(indicator: Indicator, value: Any) -> Number:
    return _unweighted(indicator, value) * indicator.weight


def _unweighted(indicator: Indicator, value: Any) -> Number:
    if indicator.options:
        chosen = value if isinstance(value, frozenset) else (value,)
        points = sum(indicator.points_of.get(code, 0) for code in chosen)
        return points if indicator.most is None else min(points, indicator.most)
    if isinstance(value, bool):
        return indicator.points if value else 0
    if isinstance(value, str):
        return indicator.words.get(value, 0)
    reached: Number = 0
    for step in indicator.steps:
        if step.start <= value:
            reached = step.points
    return reached


def _kept(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value) if isinstance(value, Fraction) else value
