"""Telephone numbers in one form, and how they are found again without being shown."""

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from cbi.errors import Invalid
from cbi.keys import Keyring

PURPOSE = "phone"


class UnusableNumber(Invalid):
    """Not a telephone number with its country. The message never shows what was given."""

    code = "messaging.unusable_number"


def e164(number: str) -> str:
    """A number with its country, in one form: `+213551234567` also for `00213 551 23 45 67`. Raises UnusableNumber."""
    parsed = _international(number)
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        raise UnusableNumber(
            "That is not a telephone number with its country.",
            next_step="Write it with a plus sign and the country's prefix.",
        )
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def sender(written: str, region: str) -> str:
    """Who sent a text, in E.164 where that can be told: networks leave out the plus, or write as people here dial.

    What is no telephone number (a short number, or a name such as an operator's) comes back as it is, without spaces
    around it: nobody can be answered there.
    """
    plain = written.strip()
    if any(character.isalpha() for character in plain):
        return plain
    candidates = [_international(plain)]
    if not plain.startswith(("+", "00")):
        candidates.insert(0, _parsed(plain, region))
    for valid in (phonenumbers.is_valid_number, phonenumbers.is_possible_number):
        for candidate in candidates:
            if candidate is not None and valid(candidate):
                return phonenumbers.format_number(candidate, PhoneNumberFormat.E164)
    return plain


def can_be_answered(known_sender: str) -> bool:
    """Whether `sender` made a telephone number of it."""
    return known_sender.startswith("+")


def index(keys: Keyring, number: str) -> bytes:
    """The keyed hash by which a number is found: in texts that came in and in payment accounts alike."""
    return keys.fingerprint(PURPOSE, number)


def _international(number: str) -> PhoneNumber | None:
    return _parsed("+" + number.strip().removeprefix("+").removeprefix("00"), None)


def _parsed(number: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(number, region)
    except NumberParseException:
        return None
