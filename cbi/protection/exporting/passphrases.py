"""The passphrase of a list, or of rejected rows: seven groups of four digits, from a key outside the database."""

import hashlib
import hmac
from uuid import UUID

from cbi.keys import Keyring

_GROUPS, _DIGITS = 7, 4


def of(keys: Keyring, export_id: UUID) -> str:
    """The passphrase, such as `4831.2907.5526.0043.9917.2208.6135`: 93 bits that can be read out in any language.

    Dots, because spaces and hyphens turn the groups round in Arabic text.
    """
    return _said(hmac.digest(keys.derive("exports/passphrases"), export_id.bytes, hashlib.sha256))


def of_rows(keys: Keyring, workbook: int) -> str:
    """The same for a workbook of rejected rows."""
    return _said(hmac.digest(keys.derive("rows/passphrases"), workbook.to_bytes(8), hashlib.sha256))


def _said(digest: bytes) -> str:
    digits = str(int.from_bytes(digest, "big") % 10 ** (_GROUPS * _DIGITS)).zfill(_GROUPS * _DIGITS)
    return ".".join(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS))
