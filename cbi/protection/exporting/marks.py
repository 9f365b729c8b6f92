"""Tells from a row that was found elsewhere which list it left in: by its mark, or by the order of the rows."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from uuid import UUID

from cbi.keys import Keyring

FEWEST = 12
"""Households from which on an order says something: by chance one list in 479 million has that of another."""
_MARK = re.compile(r"(?<![A-Z2-7])[A-Z2-7]{6}(?:-[A-Z2-7]{6}){3}(?![A-Z2-7])")


class Marker:
    """Marks the rows of an office's lists, and reads marks again. The keys are outside the database."""

    def __init__(self, keys: Keyring) -> None:
        self._marks = keys.derive("exports/marks")
        self._orders = keys.derive("exports/orders")

    def mark(self, number: int, person_id: UUID) -> str:
        """The mark of one person's row in the list of that number: another for each row, and no two lists share one."""
        nonce = self._hash(b"row", number.to_bytes(4, "big") + person_id.bytes)[:4]
        body = _mixed(number.to_bytes(4, "big"), self._hash(b"pad", nonce))
        sign = self._hash(b"sign", nonce + body)[:7]
        text = base64.b32encode(nonce + body + sign).decode()
        return "-".join(text[at : at + 6] for at in range(0, len(text), 6))

    def read(self, text: str) -> Iterator[int]:
        """The numbers of the lists whose marks stand in a text. What is not a mark of this office's is passed over."""
        for found in _MARK.findall(text.upper()):
            try:
                raw = base64.b32decode(found.replace("-", ""))
            except binascii.Error:
                continue
            nonce, body, sign = raw[:4], raw[4:8], raw[8:]
            if hmac.compare_digest(self._hash(b"sign", nonce + body)[:7], sign):
                yield int.from_bytes(_mixed(body, self._hash(b"pad", nonce)), "big")

    def place(self, number: int, household: str) -> bytes:
        """Where a household's rows stand in the list of that number: its order is as good as another mark."""
        return hmac.digest(self._orders, f"{number}/{household}".encode(), hashlib.sha256)

    def is_order_of(self, number: int, households: Sequence[str]) -> bool:
        """Whether households, each once, stand in the order of that list, also where some of it were left out."""
        if len(households) < FEWEST:
            return False
        places = (self.place(number, each) for each in households)
        # Lazily: another list's order is given up after two or three.
        return all(one < next_ for one, next_ in pairwise(places))

    def _hash(self, what: bytes, of: bytes) -> bytes:
        return hmac.digest(self._marks, what + b"/" + of, hashlib.sha256)


def _mixed(number: bytes, pad: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(number, pad, strict=False))
