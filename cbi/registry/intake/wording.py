"""Tells a reason in the language of whoever has to correct the row."""

import re
from collections.abc import Mapping

from cbi.registry.intake.checks import Reason
from cbi.registry.intake.words import ar, es, fr

Words = Mapping[str, tuple[str, str]]

_REASONS: Mapping[str, Words] = {"ar": ar.REASONS, "es": es.REASONS, "fr": fr.REASONS}
_COPY: Mapping[str, Mapping[str, str]] = {
    "ar": ar.COPY,
    "es": es.COPY,
    "fr": fr.COPY,
    "en": {
        "reasons": "Reasons", "next": "What next", "summary": "What came of this file", "households": "Households",
        "total": "Households in the file", "landed": "Taken in", "would_land": "Would be taken in",
        "unchanged": "Known already, unchanged", "rejected": "Not taken", "warned": "Taken, but worth a look",
        "reason": "Reason", "rows": "Rows", "column": "Column", "but_look": "(Taken, but look:)",
        "line": "line {0}", "row": "row {0} of the sheet {1!r}",
        "empty": "Empty rows", "waiting": "Wait for a second person", "flagged": "To be assessed by the long form",
        "form": "Form {0}",
    },
}  # fmt: skip
SUMMARY_TITLES = frozenset(copy["summary"] for copy in _COPY.values())
"""The first cell of the sheet that stands in front of an annotated copy."""

_PLACE = re.compile(r"(?:line (\d+)|row (\d+) of the sheet (['\"])(.*)\3)")
_NUMBER = re.compile(r"\d+")


def told(reason: Reason, language: str) -> Reason:
    """The same reason in a language, or as it is where it has no words in that one."""
    words = _REASONS.get(language, {}).get(reason.code)
    if words is None:
        return reason
    place = _place(reason.message, language)
    numbers = _NUMBER.findall(reason.message)
    if ("{place}" in words[0] and not place) or ("{last}" in words[0] and not numbers):
        return reason
    try:
        message = words[0].format(*numbers, last=numbers[-1] if numbers else "", place=place)
    except IndexError:
        return reason
    return Reason(reason.code, reason.column, message, words[1])


def _place(message: str, language: str) -> str:
    found = _PLACE.search(message)
    if found is None:
        return ""
    if found[1]:
        return copy_word("line", language).format(found[1])
    return copy_word("row", language).format(found[2], found[4])


def copy_word(name: str, language: str) -> str:
    """A heading of an annotated copy."""
    return _COPY.get(language, _COPY["en"])[name]
