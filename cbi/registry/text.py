"""What people type, made comparable: one form for a name, plain digits, and words without their accents."""

import re
import unicodedata

_JOINERS = (
    "\u200c\u200d"  # they shape letters in Persian, Urdu and Indic names, so a name keeps them
)
_SCIENTIFIC = re.compile(r"[+-]?\d(?:[eE][+-]|[.,]\d+[eE][+-]?)\d{1,3}\Z")
_LOOK_ALIKE = str.maketrans(
    {"ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك", "ـ": "", "ı": "i", "ø": "o", "ł": "l", "đ": "d"}
)


def clean(text: str) -> str:
    """Without direction marks and control characters, single-spaced, in Unicode's composed form (NFC).

    Line breaks stay, so that a cell that runs over several lines can be told from one that does not.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = []
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        if character == "\n" or (category not in {"Cc", "Cf"}) or character in _JOINERS:
            kept.append(character)
        elif category == "Cc":
            kept.append(" ")
    lines = (" ".join(line.split()) for line in "".join(kept).strip().split("\n"))
    return "\n".join(lines)


def plain_digits(text: str) -> str:
    """The same text with the digits of any script as 0-9, and full-width forms as usual ones."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in plain)


def folded(text: str) -> str:
    """One spelling for what a person would call the same word.

    Capitals, accents, Arabic letters that are written interchangeably, digit scripts, spaces and punctuation make no
    difference: `Béjaïa`, `BEJAIA` and `be jaia` are one.
    """
    letters = unicodedata.normalize("NFKD", plain_digits(text).casefold())
    return "".join(c for c in letters if c.isalnum()).translate(_LOOK_ALIKE)


def is_scientific(text: str) -> bool:
    """Whether it is a number as a spreadsheet shortens it, such as `2.54708E+11`, or a program (`2.54708e11`).

    There is one digit before the point, or an exponent with its sign. A document's number such as `12E4567` is none.
    """
    return bool(_SCIENTIFIC.match(text.replace(" ", "")))
