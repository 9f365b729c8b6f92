"""Redemption codes: how one is computed, written, and read back from what somebody typed.

A code is a public locator, six secret digits, and a check digit over both. It is computed when it is needed and never
written down: no function here logs, and nothing here shows a code when printed.
"""

import base64
import hmac
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import pyotp

from cbi.errors import Invalid
from cbi.keys import Keyring
from cbi.redemption import damm

PURPOSE = "redemption-code"
SECRET_DIGITS = 6
SHORTEST_LOCATOR = 5
_LONGEST_TYPED = 64
_IGNORED = frozenset("ZPC")
"""Unicode's major categories of spaces, punctuation, and invisible marks such as right-to-left ones."""


class Mistyped(Invalid):
    """The digits cannot be any code of ours: a slip of the finger, which costs no try."""

    code = "redemption.mistyped"


@dataclass(frozen=True, slots=True, repr=False)
class Code:
    """One code in memory. Printing it shows nothing; ask for `dotted` or `spaced` where a person will read it."""

    locator: str
    secret: str
    check: str

    def __repr__(self) -> str:
        return "Code(hidden)"

    @property
    def digits(self) -> str:
        """The code without separators: 12 to 14 digits."""
        return self.locator + self.secret + self.check

    @property
    def dotted(self) -> str:
        """`4831.2907.5526`, for texts: between Arabic words, groups parted by spaces or hyphens would change places."""
        return ".".join(_groups(self.digits))

    @property
    def spaced(self) -> str:
        """`4831 2907 5526`, for paper and screens."""
        return " ".join(_groups(self.digits))


def _groups(digits: str) -> Iterator[str]:
    """Three groups of four; the last ones take a fifth digit where the locator is longer."""
    start = 0
    for place in range(3):
        end = start + (len(digits) + place) // 3
        yield digits[start:end]
        start = end


def compose(locator: str, secret: str) -> Code:
    """The code of a locator and its secret digits, with the check digit over both."""
    return Code(locator, secret, damm.check_digit(locator + secret))


class SecretDigits:
    """Computes the secret digits of code issues: HOTP (RFC 4226) under a key of the office, at each issue's counter.

    One object holds one key; make it once for a whole chunk.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._hotp = _Hotp(keyring.derive(PURPOSE))

    def at(self, counter: int) -> str:
        """The six digits of the issue with that counter."""
        return self._hotp.at(counter)


class _Hotp(pyotp.HOTP):
    """The library's, with its key read once: reading it from text for each code takes longer than the code."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        super().__init__(base64.b32encode(key).decode(), digits=SECRET_DIGITS)

    def byte_secret(self) -> bytes:
        return self._key


def same(secret: str, other: str) -> bool:
    """Whether two secrets are equal, in a time that says nothing about where they differ."""
    return hmac.compare_digest(secret, other)


def read(typed: str, locator_digits: int) -> Code:
    """The code that somebody typed, in any digit script and grouping.

    An office that made its locators longer still reads the shorter ones it sent out before. Raises Mistyped.
    """
    digits = _digits(typed)
    shortest = SHORTEST_LOCATOR + SECRET_DIGITS + 1
    longest = locator_digits + SECRET_DIGITS + 1
    if not shortest <= len(digits) <= longest:
        wanted = str(shortest) if shortest == longest else f"{shortest} to {longest}"
        raise Mistyped(
            f"A code has {wanted} digits, and {len(digits)} were typed.",
            next_step="Ask for the code again and type all of it. This costs no try.",
            case="length",
            wanted=wanted.replace(" to ", "–"),
            typed=len(digits),
        )
    if not damm.holds(digits):
        raise Mistyped(
            "A digit was mistyped, or two were swapped.",
            next_step="Compare each group with the message and type it again. This costs no try.",
            case="slip",
        )
    secret_at = len(digits) - SECRET_DIGITS - 1
    return Code(digits[:secret_at], digits[secret_at:-1], digits[-1])


def _digits(typed: str) -> str:
    digits = []
    for character in unicodedata.normalize("NFKC", typed[: _LONGEST_TYPED + 1]):
        if character.isdecimal():
            digits.append(str(unicodedata.decimal(character)))
        elif unicodedata.category(character)[0] not in _IGNORED:
            raise Mistyped(
                "A code has digits only, and something else was typed.",
                next_step="Type the digits of the message. This costs no try.",
                case="letters",
            )
    if len(typed) > _LONGEST_TYPED:
        raise Mistyped(
            "That is too long for a code.",
            next_step="Type the code and nothing else.",
            case="too_long",
        )
    return "".join(digits)
