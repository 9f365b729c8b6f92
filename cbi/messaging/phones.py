"""Simulated telephones: what a recipient would see on the screen, kept in files beside the database, never in it."""

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import phonenumbers

from cbi import clock
from cbi.errors import Invalid
from cbi.settings import Settings


class UnusableNumber(Invalid):
    """Not a telephone number with its country. The message never shows what was given."""

    code = "messaging.unusable_number"


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it stands on a telephone: when it came, from whom, and its words."""

    at: datetime
    sender: str
    body: str


class Phones:
    """The telephones of everyone, one file each, named by a hash of the number.

    Any number of processes may write and read at once: each text is appended with one write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, number: str, body: str, *, sender: str) -> None:
        """Put a text on a telephone. Raises UnusableNumber, and OSError when it could not be written whole."""
        text = {"at": clock.now().isoformat(), "sender": sender, "body": body}
        # The line break comes first, so that a text cut short by a full disk cannot spoil the next one.
        record = f"\n{json.dumps(text, ensure_ascii=False)}".encode()
        place = self._file(number)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(descriptor, record) < len(record):
                raise OSError("the text was not written whole")
        finally:
            os.close(descriptor)

    def inbox(self, number: str) -> list[Text]:
        """The texts on a telephone, oldest first. Raises UnusableNumber."""
        try:
            records = self._file(number).read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        return [text for record in records if (text := _read(record))]

    def clear(self) -> None:
        """Empty every telephone."""
        for file in self._folder.glob("*.jsonl"):
            file.unlink(missing_ok=True)

    def _file(self, number: str) -> Path:
        return self._folder / f"{hashlib.sha256(e164(number).encode()).hexdigest()[:32]}.jsonl"


def phones(chosen: Settings) -> Phones:
    """The telephones of a deployment, in its data folder."""
    return Phones(chosen.data_dir / "phones")


def e164(number: str) -> str:
    """A number with its country, in one form: `+213551234567` also for `00213 551 23 45 67`. Raises UnusableNumber."""
    digits = number.strip()
    international = "+" + digits.removeprefix("+").removeprefix("00")
    try:
        parsed = phonenumbers.parse(international)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        raise UnusableNumber(
            "That is not a telephone number with its country.",
            next_step="Write it with a plus sign and the country's prefix.",
        )
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _read(record: bytes) -> Text | None:
    try:
        text = json.loads(record)
        return Text(datetime.fromisoformat(text["at"]), text["sender"], text["body"])
    except ValueError:
        return None  # empty, or cut short
