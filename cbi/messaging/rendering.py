"""The words of a text: which template, in which language, with which values."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib import resources

from cbi.errors import Invalid
from cbi.messaging.segments import filled, placeholders
from cbi.money import Money

FALLBACK = "en"
AT_HAND_OVER = frozenset({"code", "hotline"})
"""What is filled in only when a text is handed over: the code, which nothing stores, and the office's hotline."""


class UnknownTemplate(Invalid):
    """There is no text of that name."""

    code = "messaging.unknown_template"


class UnusableValues(Invalid):
    """The values given are not those that the text asks for. The message names them and never shows them."""

    code = "messaging.unusable_values"


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """Every text the engine can send: `texts()[language][template]`."""
    folder = resources.files("cbi.messaging") / "texts"
    return {
        file.name.removesuffix(".json"): json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
    }


@cache
def asked_for(template: str) -> frozenset[str]:
    """The values a text asks for. The English text says: a translation may leave one out, never add one.

    Raises UnknownTemplate.
    """
    if template not in texts()[FALLBACK]:
        raise UnknownTemplate(
            f"There is no text named {template!r}.",
            next_step=f"There are: {', '.join(sorted(texts()[FALLBACK]))}.",
        )
    return placeholders(texts()[FALLBACK][template])


def tells_a_code(template: str) -> bool:
    """Whether the text shows a redemption code. Raises UnknownTemplate."""
    return "code" in asked_for(template)


def check(template: str, names: frozenset[str]) -> None:
    """Raise UnusableValues unless the names are exactly what the text asks for, or UnknownTemplate."""
    if missing := asked_for(template) - names:
        raise UnusableValues(f"The text {template} needs {', '.join(sorted(missing))}.")
    if unknown := names - asked_for(template):
        raise UnusableValues(f"The text {template} has no place for {', '.join(sorted(unknown))}.")


def render(
    template: str, language: str, values: Mapping[str, str], office_languages: Sequence[str] = ()
) -> str:
    """The text, in the language asked for, or else the first of the office's that there is, or else English.

    `values` are written already (see `amount_text`, `date_text`) and must be exactly those that the text
    asks for in English, whatever the language. Raises UnknownTemplate, UnusableValues.
    """
    check(template, frozenset(values))
    if wrong := [name for name, value in values.items() if not isinstance(value, str)]:
        raise UnusableValues(f"The text {template} needs words for {', '.join(sorted(wrong))}.")
    chosen = next(
        known
        for known in (language, *office_languages, FALLBACK)
        if template in texts().get(known, {})
    )
    return filled(texts()[chosen][template], values)


def amount_text(amount: Money) -> str:
    """An amount as texts show it: `4500 DZD`, and `4500.50 DZD` only where there is a fraction."""
    whole, _, fraction = amount.decimal.partition(".")
    return (
        f"{whole}.{fraction} {amount.currency}"
        if fraction.strip("0")
        else f"{whole} {amount.currency}"
    )


def date_text(day: date) -> str:
    """A day as texts show it: `05/12` is the fifth of December."""
    return f"{day:%d/%m}"
