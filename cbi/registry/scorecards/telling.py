"""Tells an officer, in their language, which score a household has, in which band, and why."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from cbi.registry.scorecards.definition import Indicator, Kind, Scorecard, told
from cbi.registry.scorecards.scoring import HUNDREDTHS

WORDS: Mapping[str, Mapping[str, str]] = {
    "points": {"en": "{points} points: {what}", "fr": "{points} points : {what}", "ar": "{points} نقطة: {what}",
               "es": "{points} puntos: {what}"},
    "rule": {"en": "At least {band}: {why}", "fr": "Au moins {band} : {why}", "ar": "{band} على الأقل: {why}",
             "es": "Al menos {band}: {why}"},
    "flagged": {"en": "To be assessed with the long form", "fr": "À évaluer avec le formulaire long",
                "ar": "يُقيَّم بالاستمارة الطويلة", "es": "Debe evaluarse con el formulario largo"},
    "nothing": {"en": "Nothing that was answered gives points.", "fr": "Aucune réponse ne donne de points.",
                "ar": "لا إجابة تعطي نقاطا.", "es": "Ninguna respuesta da puntos."},
    "yes": {"en": "yes", "fr": "oui", "ar": "نعم", "es": "sí"},
    "no": {"en": "no", "fr": "non", "ar": "لا", "es": "no"},
}  # fmt: skip
"""Our own words around those of the scorecard."""


def word(name: str, language: str) -> str:
    """One of our words in a language, else in English."""
    return told(WORDS[name], language)


def decimal(points: Fraction | int) -> str:
    """A number of points as people read it, to hundredths: `7`, `2.5`, `0.33`."""
    exact = Fraction(points) * HUNDREDTHS
    hundredths = (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
    whole, rest = divmod(abs(hundredths), HUNDREDTHS)
    sign = "-" if hundredths < 0 else ""
    return f"{sign}{whole}" + (f".{rest:02}".rstrip("0") if rest else "")


def shown_score(hundredths: int) -> str:
    """A kept score as people read it."""
    return decimal(Fraction(hundredths, HUNDREDTHS))


def band_name(scorecard: Scorecard, band: str | None, language: str) -> str:
    """A band as its scorecard calls it; without one, that the long form is next."""
    return told(scorecard.band(band).say, language) if band else word("flagged", language)


def reasons(scorecard: Scorecard, found: list[dict[str, Any]], language: str) -> Iterator[str]:
    """The kept reasons as sentences."""
    rules = {rule.name: rule for rule in scorecard.rules}
    indicators = {each.name: each for each in scorecard.indicators}
    for reason in found:
        if "rule" in reason:
            rule = rules[reason["rule"]]
            yield word("rule", language).format(
                band=band_name(scorecard, rule.at_least, language), why=told(rule.why, language)
            )
        else:
            indicator = indicators[reason["indicator"]]
            what = told(indicator.ask, language).rstrip(":")
            said = answer(indicator, reason["value"], language)
            yield word("points", language).format(
                points=decimal(Fraction(reason["points"])), what=f"{what}: {said}"
            )
    if not found:
        yield word("nothing", language)


def answer(indicator: Indicator, value: Any, language: str) -> str:
    """An answer, or what was worked out, in words."""
    if isinstance(value, bool):
        return word("yes" if value else "no", language)
    if indicator.kind in {Kind.CHOICE, Kind.MANY}:
        chosen = value if isinstance(value, list) else [value]
        said = {option.code: told(option.say, language) for option in indicator.options}
        return ", ".join(said[code] for code in chosen if code in said) or "–"
    if isinstance(value, str) and value.lstrip("-").replace("/", "").isdecimal():
        return decimal(Fraction(value))
    return str(value)
