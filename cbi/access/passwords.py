"""Passwords: which may be used, and how they are kept (Argon2id, never the password itself)."""

import threading
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cbi.errors import Invalid

SHORTEST = 12
LONGEST = 200
_DIFFERENT = 5

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""The first choice of the OWASP password storage cheat sheet: 2 passes, 19 MiB, 1 lane."""
_hasher = HASHER
_few_at_once = threading.BoundedSemaphore(4)  # or many sign-ins together would take the memory


class UnusablePassword(Invalid):
    """The password is too easy to guess."""

    code = "access.unusable_password"


def hash_password(username: str, password: str) -> str:
    """What is kept of a new password. Raises UnusablePassword.

    The rules follow NIST SP 800-63B: length decides, no rule about kinds of characters, the user
    name may not be in it.
    """
    typed = _normal(password)
    wrong = (
        f"shorter than {SHORTEST} characters" if len(typed) < SHORTEST
        else f"longer than {LONGEST} characters" if len(typed) > LONGEST
        else "your user name, or holds it" if username.casefold() in typed.casefold()
        else "the same few characters again and again" if len(set(typed)) < _DIFFERENT
        else None
    )  # fmt: skip
    if wrong:
        raise UnusablePassword(
            f"This password is {wrong}.",
            next_step="Use four or more words that do not belong together.",
        )
    with _few_at_once:
        return _hasher.hash(typed)


def is_right(kept: str | None, password: str) -> bool:
    """Whether the password is the one that was kept. Takes as long when there is none to compare with."""
    typed = _normal(password)[:LONGEST]
    with _few_at_once:
        try:
            _hasher.verify(kept or _nobodys(), typed)
        except (VerificationError, InvalidHashError):
            return False
    return kept is not None


def _normal(password: str) -> str:
    # The same keys give different code points on different systems; NFKC makes them one.
    return unicodedata.normalize("NFKC", password)


@cache
def _nobodys() -> str:
    return _hasher.hash("the password of nobody")
