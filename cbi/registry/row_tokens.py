"""The token of a row on a sheet that goes to the field: it says whose row it is, and cannot be made up."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from uuid import UUID

from cbi.keys import Keyring
from cbi.registry.text import plain_digits

WORK, PRICES, ASSESSMENTS = "work/sheet rows", "prices/sheet rows", "assessments/form rows"
REJECTED = "registry/rejected row tokens"
"""The kinds of sheet: a token of one is worth nothing on another."""

_TOKEN = re.compile(r"(\d{1,12})-(\d{1,6})-(\d{1,6})-(\d{1,6})-([A-Z2-7]{10})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says in clear: sheet, version, the worker's number, and how many rows the sheet went out with."""

    sheet: int
    version: int
    number: int
    of: int
    mac: str


def token(
    keys: Keyring, sheet: int, version: int, number: int, of: int, whose: UUID | str, *, kind: str = WORK
) -> str:  # fmt: skip
    """`12-1-3-25-ABCDEFGHIJ`: no. 3 of the 25 on sheet 12, as its first version; the letters are a keyed hash.

    `whose` row it is: a person's, or whatever else the rows of that kind of sheet stand for.
    """
    return f"{sheet}-{version}-{number}-{of}-{_mac(keys, kind, sheet, version, number, of, whose)}"


def read(text: str) -> Token | None:
    """What the token says, if it has the form of one. Digits of any script are taken; whether it is ours is not said."""
    found = _TOKEN.match(plain_digits(text).strip().upper())
    if found is None:
        return None
    sheet, version, number, of = map(int, found.groups()[:4])
    return Token(sheet, version, number, of, found[5])


def is_ours(keys: Keyring, given: Token, whose: UUID | str, *, kind: str = WORK) -> bool:
    """Whether the token was made here for this person, on a sheet of this kind."""
    made = _mac(keys, kind, given.sheet, given.version, given.number, given.of, whose)
    return hmac.compare_digest(made, given.mac)


def _mac(
    keys: Keyring, kind: str, sheet: int, version: int, number: int, of: int, whose: UUID | str
) -> str:
    said = f"{sheet}|{version}|{number}|{of}|{whose}".encode()
    return base64.b32encode(hmac.digest(keys.derive(kind), said, hashlib.sha256))[:10].decode()
