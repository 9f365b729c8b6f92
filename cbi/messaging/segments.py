"""How long a text is as telephone networks count it, and which of our texts would cost two.

A text whose every character is in the GSM 7-bit alphabet (3GPP TS 23.038 §6.2.1) holds 160 septets;
one other character turns all of it into UCS-2, which holds 70. Longer texts are sent in parts of 153 or
67, because each part carries a header (3GPP TS 23.040 §9.2.3.24.1).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")
_GSM_ALONE, _GSM_PART = 160, 153
_UCS2_ALONE, _UCS2_PART = 70, 67

WIDEST: Mapping[str, int] = {
    "code": 17,
    "ref": 7,
    "refs": 46,
    "offices": 40,
    "amount": 11,
    "bal": 11,
    "date": 5,
    "hotline": 10,
    "ticket": 6,
    "days": 1,
    "said": 52,
    "list": 44,
}
"""The placeholders that texts may use, each with the most characters its value may have."""

MAY_BE_LEFT_OUT = frozenset({"hotline", "ticket"})
"""What a translation may drop for want of room. What is paid, where and until when always stays."""

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one text, in words."""

    template: str
    language: str
    what: str

    def __str__(self) -> str:
        return f"{self.template} ({self.language}): {self.what}"


def is_gsm(text: str) -> bool:
    """Whether every character is in the GSM 7-bit alphabet or its extension table."""
    return all(character in _BASIC or character in _EXTENSION for character in text)


def width(text: str) -> int:
    """How much of a text's room is used: septets for a GSM text, 16-bit units for any other."""
    return sum(_sizes(text))


def room(text: str) -> int:
    """How much one segment of this text's alphabet holds: 160 septets or 70 units."""
    return _GSM_ALONE if is_gsm(text) else _UCS2_ALONE


def segments(text: str) -> int:
    """How many texts the network sends and charges for; an empty text is one.

    No character is cut in two: an escaped GSM character and a surrogate pair stay in one part.
    """
    if width(text) <= room(text):
        return 1
    part = _GSM_PART if is_gsm(text) else _UCS2_PART
    parts, used = 1, 0
    for size in _sizes(text):
        if used + size > part:
            parts, used = parts + 1, 0
        used += size
    return parts


def _sizes(text: str) -> Iterable[int]:
    if is_gsm(text):
        return (2 if character in _EXTENSION else 1 for character in text)
    return (2 if character > "\uffff" else 1 for character in text)


def placeholders(text: str) -> frozenset[str]:
    """The names in braces in a text."""
    return frozenset(_PLACEHOLDER.findall(text))


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with each placeholder replaced. Values are never read as text with placeholders."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def lint(
    texts: Mapping[str, Mapping[str, str]], widest: Mapping[str, int] = WIDEST
) -> list[Problem]:
    """Everything that is wrong with a set of texts (`texts[language][template]`); empty when nothing is.

    A text has to fit one segment with every value as wide as `widest` allows, to use no placeholder that
    `widest` or the English text lacks, and to leave out none of the English ones except MAY_BE_LEFT_OUT.
    """
    english = texts["en"]
    problems = []
    for language, translated in texts.items():
        for template in english.keys() | translated.keys():
            problems += [
                Problem(template, language, what)
                for what in _faults(english.get(template), translated.get(template), widest)
            ]
    return sorted(problems, key=str)


def _faults(english: str | None, text: str | None, widest: Mapping[str, int]) -> Iterable[str]:
    if text is None:
        yield "there is no text"
        return
    if english is None:
        yield "there is no English text of this name"
        return
    used = placeholders(text)
    if extra := used - widest.keys() or used - placeholders(english):
        yield f"unknown placeholder {_listed(extra)}"
    if missing := placeholders(english) - used - MAY_BE_LEFT_OUT:
        yield f"leaves out {_listed(missing)}"
    longest = filled(text, {name: "9" * widest.get(name, 1) for name in used})
    if "{" in longest or "}" in longest:
        yield "has a brace that belongs to no placeholder"
    if segments(longest) > 1:
        yield f"takes {width(longest)} of {room(longest)} at its longest"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))
