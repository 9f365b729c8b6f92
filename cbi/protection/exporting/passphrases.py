"""The passphrase of a list: seven groups of four digits, made from a key outside the database and kept nowhere."""

import hashlib
import hmac
from uuid import UUID

from cbi.keys import Keyring

_GROUPS, _DIGITS = 7, 4


def of(keys: Keyring, export_id: UUID) -> str:
    """The passphrase, such as `4831.2907.5526.0043.9917.2208.6135`: 93 bits that can be read out in any language.

    Dots, because spaces and hyphens turn the groups round in Arabic text.
    """
    digest = hmac.digest(keys.derive("exports/passphrases"), export_id.bytes, hashlib.sha256)
    digits = str(int.from_bytes(digest, "big") % 10 ** (_GROUPS * _DIGITS)).zfill(_GROUPS * _DIGITS)
    return ".".join(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS))
