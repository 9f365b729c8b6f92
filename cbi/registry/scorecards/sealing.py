"""Seals what a household answered (class P2) under three keys: the office's for this purpose, a person's, and its own.

Whoever can open names cannot open answers without the office's key for them, and erasing the person erases them too.
Answers and facts are under a key of their own besides, which is destroyed once they were kept as long as they may be;
the reasons for the score stay.
"""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from cbi import ids
from cbi.keys import Keyring, new_key, seal, unseal
from cbi.registry.personal import Sealer
from cbi.wrapping import Wrapper

PURPOSE = "registry/assessment answers"
ANSWER_KEYS = "registry/answer keys"
_SEALED = "sealed"


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """The content of an assessment, and the key of its answers (itself sealed) with the id that it is kept under."""

    content: bytes
    key_id: UUID
    key: bytes


class AnswerSealer:
    """Seals and opens the content of assessments of one office."""

    def __init__(self, keys: Keyring) -> None:
        self._people = Sealer(keys)
        self._own = keys.derive(PURPOSE)
        self._keys = Wrapper(keys, ANSWER_KEYS)

    def seal(self, person_id: UUID, data_key: bytes, place: str, content: dict[str, Any]) -> Sealed:
        """Content that is plain JSON, for the place it belongs to: `reasons`, and whatever goes one day."""
        key_id, key = ids.fresh(), new_key()
        goes = {name: value for name, value in content.items() if name != "reasons"}
        inner = b64encode(seal(key, _told(goes), place)).decode()
        outer = {"reasons": content["reasons"], _SEALED: inner}
        return Sealed(
            seal(self._key(person_id, data_key), _told(outer), place),
            key_id,
            self._keys.wrap(key, key_place(key_id)),
        )

    def open(
        self, person_id: UUID, data_key: bytes, place: str, sealed: bytes, key_id: UUID | None, key: bytes | None
    ) -> dict[str, Any]:  # fmt: skip
        """What `seal` sealed, or the reasons alone where the key of the answers was destroyed. Raises Unreadable."""
        found: dict[str, Any] = json.loads(unseal(self._key(person_id, data_key), sealed, place))
        inner = found.pop(_SEALED, None)
        if inner is not None and key_id is not None and key is not None:
            own = self._keys.unwrap(key, key_place(key_id))
            found |= json.loads(unseal(own, b64decode(inner), place))
        return found

    def without_answers(self, person_id: UUID, data_key: bytes, place: str, sealed: bytes) -> bytes:
        """The same with its reasons alone, for content whose answers have no key of their own. Raises Unreadable."""
        key = self._key(person_id, data_key)
        found: dict[str, Any] = json.loads(unseal(key, sealed, place))
        return seal(key, _told({"reasons": found["reasons"]}), place)

    def _key(self, person_id: UUID, data_key: bytes) -> bytes:
        return hmac.digest(self._own, self._people.key_of(person_id, data_key), hashlib.sha256)


def _told(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def key_place(key_id: UUID) -> str:
    """Where the key of an assessment's answers belongs: it cannot be opened as another's."""
    return f"answers/{key_id}/key"


def place(household_id: UUID, scorecard: str, version: int, form: str, on: date) -> str:
    """Where content belongs: it cannot be opened as another household's, scorecard's, form's or day's."""
    return f"assessment/{household_id}/{scorecard}/{version}/{form}/{on}"
