"""The keys that people's own keys are sealed under: kept outside the database, replaced from time to time, destroyed.

Whoever has an old backup and the master key still cannot read whom we erased, once the wrapping key of that time is
destroyed. That is why these keys are random and not derived from the master key.
"""

import base64
import binascii
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cbi.errors import Conflict, Invalid
from cbi.keys import KEY_BYTES, Keyring, Unreadable, new_key, seal, unseal
from cbi.settings import settings

NAME_BYTES = 4
_NAMED = b"\x02"
_HEADER = """\
# Keys that people's own keys are sealed under, the newest first: when it was made, and 32 bytes in base64.
# Keep a copy where neither the database's backups nor the master key are. `cbi keys` adds and removes lines.
"""


class UnusableWrappingKeys(Invalid):
    """The file of wrapping keys cannot be read or written."""

    code = "keys.unusable_wrapping_keys"


class WrappingKeyInUse(Conflict):
    """A wrapping key cannot be destroyed yet: something may still be sealed under it."""

    code = "keys.wrapping_key_in_use"


@dataclass(frozen=True, slots=True, repr=False)
class WrappingKey:
    """One key of the file. `name` (4 bytes) follows from the key, and stands before what was sealed under it."""

    secret: bytes
    made_at: datetime

    @property
    def name(self) -> bytes:
        return hashlib.sha256(b"cbi/wrapping/name" + self.secret).digest()[:NAME_BYTES]

    def __repr__(self) -> str:
        return f"WrappingKey({self.name.hex()})"


def path() -> Path:
    """Where the wrapping keys stand: CBI_WRAPPING_KEYS_FILE, else beside the embedded database."""
    return settings().wrapping_keys_file or settings().data_dir / "wrapping.keys"


def kept() -> Sequence[WrappingKey]:
    """The wrapping keys of this deployment, the newest first; none before the first `cbi keys rotate`.

    The file is looked at each time, so that a process which runs for weeks seals under a new key at once. Raises
    UnusableWrappingKeys when a file that the settings name is not there, or is damaged.
    """
    file = path()
    try:
        stamp = file.stat()
    except FileNotFoundError:
        if settings().wrapping_keys_file:
            raise UnusableWrappingKeys(
                f"There is no file of wrapping keys at {file}.",
                next_step="Bring back your copy of it, or make a first one with: cbi keys rotate --first",
            ) from None
        return ()
    return _read(file, stamp.st_mtime_ns, stamp.st_size, stamp.st_ino)


@lru_cache(maxsize=4)
def _read(file: Path, *_stamp: int) -> Sequence[WrappingKey]:
    found = []
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            made, coded = line.split()
            secret = base64.b64decode(coded, validate=True)
            key = WrappingKey(secret, datetime.fromisoformat(made))
        except (ValueError, binascii.Error):
            secret, key = b"", None
        if key is None or len(secret) != KEY_BYTES or key.made_at.tzinfo is None:
            raise UnusableWrappingKeys(
                f"Line {number} of {file} is not a time and 32 bytes in base64.",
                next_step="Bring back your copy of the file: without the key people's data cannot be read.",
            )
        found.append(key)
    return tuple(found)


@contextmanager
def alone() -> Iterator[None]:
    """Keep everybody else from changing the file, from before it is read until it is written.

    Whoever comes second waits, also on another machine that sees the same disk. Without it two changes at once would
    each write what they had read, and a key that somebody's data is under would be lost. Raises UnusableWrappingKeys.
    """
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        held = file.with_name(f"{file.name}.lock").open("a")
    except OSError as error:
        raise _unwritable(file, error) from None
    with held:  # closing gives the lock back, as the end of the process does
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
        except OSError as error:
            raise _unwritable(file, error) from None
        _read.cache_clear()
        yield


def write(keys: Sequence[WrappingKey]) -> None:
    """Replace the file in one step, on disk before it counts; within `alone`. Raises UnusableWrappingKeys."""
    file = path()
    lines = [f"{key.made_at.isoformat()} {base64.b64encode(key.secret).decode()}\n" for key in keys]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(file, _HEADER + "".join(lines), mode=0o400)
    except OSError as error:
        raise _unwritable(file, error) from None


def replace(file: Path, content: str, *, mode: int) -> None:
    """Put this content in the place of the file, all of it or none, and on disk before it counts. Raises OSError."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.unlink(
        missing_ok=True
    )  # of a process that died, and whose mode would keep us from writing
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unwritable(file: Path, error: OSError) -> UnusableWrappingKeys:
    return UnusableWrappingKeys(
        f"The wrapping keys cannot be written to {file}: {error.strerror}.",
        next_step="Make the folder writable for this command, or name another in CBI_WRAPPING_KEYS_FILE.",
    )


def fresh(made_at: datetime) -> WrappingKey:
    """A new random wrapping key."""
    return WrappingKey(new_key(), made_at)


class Wrapper:
    """Seals and opens people's own keys for one office: under the newest wrapping key, with any that is kept.

    Before the first rotation they are sealed under a key derived from the master key, and carry no name.
    """

    def __init__(self, keyring: Keyring, purpose: str) -> None:
        self._derived = keyring.derive(purpose)
        self._place = f"cbi/{keyring.office}/{purpose}".encode()
        self._kept = kept()
        self._secrets = {key.name: _for_office(key.secret, self._place) for key in self._kept}

    @property
    def name(self) -> bytes:
        """The name of the key that is sealed under now; empty for the one derived from the master key."""
        return self._kept[0].name if self._kept else b""

    def wrap(self, key: bytes, place: str) -> bytes:
        """A person's own key, sealed under the newest wrapping key."""
        if not self._kept:
            return seal(self._derived, key, place)
        name = self._kept[0].name
        return _NAMED + name + seal(self._secrets[name], key, place)

    def unwrap(self, wrapped: bytes, place: str) -> bytes:
        """The person's own key. Raises Unreadable when its wrapping key was destroyed or is missing here."""
        if wrapped[:1] != _NAMED:
            return unseal(self._derived, wrapped, place)
        name = wrapped[1 : 1 + NAME_BYTES]
        if name not in self._secrets:
            raise Unreadable(
                f"Someone's key was sealed under the wrapping key {name.hex()}, which is not kept here.",
                next_step="After a backup was read back: cbi keys import. Else bring back the file of wrapping keys.",
            )
        return unseal(self._secrets[name], wrapped[1 + NAME_BYTES :], place)


def _for_office(secret: bytes, place: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=place).derive(secret)


def name_in(wrapped: bytes) -> bytes:
    """The name of the wrapping key that a person's own key is sealed under; empty for the derived one."""
    return wrapped[1 : 1 + NAME_BYTES] if wrapped[:1] == _NAMED else b""
