"""Simulated telephones: what a recipient would see on the screen, kept in files beside the database, never in it."""

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy.orm import Session

from cbi import clock
from cbi.errors import NotFound
from cbi.messaging import inbound
from cbi.messaging.numbers import e164
from cbi.settings import Settings, settings


class NoTelephones(NotFound):
    """This deployment has no simulated telephones, or shows them to nobody."""

    code = "messaging.no_telephones"


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


def say(session: Session, number: str, words: str) -> bool:
    """Send the office a text from a simulated telephone, by the way that every text comes in.

    Raises NoTelephones where texts go to real telephones, and UnusableNumber.
    """
    if settings().sms_transport != "simulator":
        raise NoTelephones(
            "Texts go to real telephones here, so nobody can write from a simulated one.",
            next_step="Set CBI_SMS_TRANSPORT=simulator to try things out.",
        )
    return inbound.receive(session, "simulator", uuid4().hex, e164(number), words, clock.now())


def _read(record: bytes) -> Text | None:
    try:
        text = json.loads(record)
        return Text(datetime.fromisoformat(text["at"]), text["sender"], text["body"])
    except ValueError:
        return None  # empty, or cut short
