"""Telephone numbers as people and spreadsheets write them, read for the office's own country."""

import re
from typing import Literal

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)

from cbi.registry.intake.checks import Unusable, refuse_shortened
from cbi.registry.text import plain_digits

_SEVERAL = re.compile(r"\d{6}.*[/;,|].*\d{6}|\d{6}.*[^\W\d_]{1,3}\s.*\d{6}")
_EXTENSION = re.compile(r"(?:x|ext\.?|poste|#)\s*\d{1,7}\Z", re.IGNORECASE)
_DECIMALS = re.compile(r"(\d)[.,]0+\Z")

Doubt = Literal["phone_not_in_plan", "phone_landline"]

DOUBTS: dict[Doubt, tuple[str, str]] = {
    "phone_not_in_plan": (
        "The number has the right length, but its country's numbering plan has no such numbers.",
        "Call it once, or ask the person to read it again.",
    ),
    "phone_landline": (
        "This is a landline: a text with a code may never be read there.",
        "Ask for a mobile number.",
    ),
}
"""What makes a number doubtful that is taken all the same: the sentence, and what to do."""


def phone(text: str, region: str) -> tuple[str, Doubt | None]:
    """The number in the international form (E.164, `+213550123456`), and a doubt if there is one. Raises Unusable.

    `region` is the country (`DZ`) of numbers written without one. A number must be possible: the right length for its
    country. Plans change faster than libraries, so one that the plan does not list is taken with a doubt.
    """
    refuse_shortened(text, "phone number")
    plain = _DECIMALS.sub(r"\1", plain_digits(text).strip())
    if _SEVERAL.search(plain):
        raise Unusable(
            "phone_several",
            "There is more than one phone number in the cell.",
            "Leave the one to be used.",
        )
    if _EXTENSION.search(plain):
        raise Unusable(
            "phone_extension", "The number has an extension, where no text can be sent.",
            "Give a number of the person's own, without extension.",
        )  # fmt: skip
    if any(character.isalpha() for character in plain) or not any(c.isdigit() for c in plain):
        raise Unusable(
            "phone_letters", "This is not a phone number: it has letters, or no digits.",
            "Give the digits only, or leave the cell empty if there is no phone.",
        )  # fmt: skip
    if plain.startswith("00") and not plain.startswith("000"):
        plain = (
            "+" + plain[2:]
        )  # the way out of most countries, also where this region's own is another
    try:
        number = phonenumbers.parse(plain, region)
    except NumberParseException:
        raise _impossible(region) from None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise _impossible(region)
    kind = phonenumbers.number_type(number)
    doubt: Doubt | None = None
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if kind == PhoneNumberType.UNKNOWN:
        doubt = "phone_not_in_plan"
        written = _as_typed(number, plain) or written
    elif kind == PhoneNumberType.FIXED_LINE:
        doubt = "phone_landline"
    return written, doubt


def _as_typed(number: PhoneNumber, plain: str) -> str | None:
    # The library drops zeros after the country code as if they led out of a town. Where the plan does not bear it out,
    # that would make another number of the one that was typed.
    digits, country = "".join(c for c in plain if c.isdigit()), str(number.country_code)
    rest = digits.removeprefix(country)
    if rest == digits or not rest:
        return None
    typed = PhoneNumber(
        country_code=number.country_code,
        national_number=int(rest),
        italian_leading_zero=rest.startswith("0"),
        number_of_leading_zeros=len(rest) - len(rest.lstrip("0")),
    )
    possible = phonenumbers.is_possible_number_with_reason(typed) == ValidationResult.IS_POSSIBLE
    return f"+{digits}" if possible else None


def _impossible(region: str) -> Unusable:
    return Unusable(
        "phone_impossible",
        f"No phone number of {region}, or of the country it begins with, has this many digits.",
        "Check for missing or doubled digits. A number of another country begins with + and its country code.",
    )
