"""Seals what a household answered (class P2) under two keys at once: the office's for this purpose, and a person's own.

Whoever can open names cannot open answers without the office's key for them, and erasing the person erases them too.
"""

import hashlib
import hmac
import json
from datetime import date
from typing import Any
from uuid import UUID

from cbi.keys import Keyring, seal, unseal
from cbi.registry.personal import Sealer

PURPOSE = "registry/assessment answers"


class AnswerSealer:
    """Seals and opens the content of assessments of one office."""

    def __init__(self, keys: Keyring) -> None:
        self._people = Sealer(keys)
        self._own = keys.derive(PURPOSE)

    def seal(self, person_id: UUID, data_key: bytes, place: str, content: dict[str, Any]) -> bytes:
        """Content that is plain JSON, for the place it belongs to. Raises Unreadable."""
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return seal(self._key(person_id, data_key), text, place)

    def open(self, person_id: UUID, data_key: bytes, place: str, sealed: bytes) -> dict[str, Any]:
        """What `seal` sealed. Raises Unreadable."""
        found: dict[str, Any] = json.loads(unseal(self._key(person_id, data_key), sealed, place))
        return found

    def _key(self, person_id: UUID, data_key: bytes) -> bytes:
        return hmac.digest(self._own, self._people.key_of(person_id, data_key), hashlib.sha256)


def place(household_id: UUID, scorecard: str, version: int, form: str, on: date) -> str:
    """Where content belongs: it cannot be opened as another household's, scorecard's, form's or day's."""
    return f"assessment/{household_id}/{scorecard}/{version}/{form}/{on}"
