"""The secrets of a deployment: every key is derived from one master key that never enters the database."""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cbi.errors import Invalid
from cbi.settings import settings

KEY_BYTES = 32
_NONCE_BYTES = 12
_SEAL_VERSION = b"\x01"


class UnusableKey(Invalid):
    """The master key is missing or malformed."""

    code = "keys.unusable"


class Unreadable(Invalid):
    """The sealed text was made with another key, for another place, or was altered."""

    code = "keys.unreadable"


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """Keys for one office. Two offices of one deployment share no key, so neither can read or look up the other."""

    master: bytes
    office: str

    def __repr__(self) -> str:
        return f"Keyring(office={self.office!r})"

    def derive(self, purpose: str, length: int = KEY_BYTES) -> bytes:
        """A key for one purpose (HKDF-SHA256, RFC 5869)."""
        return _derived(self.master, f"cbi/{self.office}/{purpose}".encode(), length)

    def fingerprint(self, purpose: str, value: str) -> bytes:
        """A keyed hash (HMAC-SHA256, 32 bytes): equal for equal values, and says nothing without the key."""
        return hmac.digest(self.derive(f"fingerprint/{purpose}"), value.encode(), hashlib.sha256)


@lru_cache(maxsize=256)  # a long list asks for the same few keys thousands of times
def _derived(master: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(master)


def new_key() -> bytes:
    """A fresh random data key."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, plain: str | bytes, place: str) -> bytes:
    """Encrypt (AES-256-GCM). `place` names where it belongs; it cannot be opened as if it stood elsewhere."""
    nonce = os.urandom(_NONCE_BYTES)
    data = plain.encode() if isinstance(plain, str) else plain
    return _SEAL_VERSION + nonce + AESGCM(key).encrypt(nonce, data, place.encode())


def is_sealed(data: bytes) -> bool:
    """Whether `seal` made it; what people type never begins so."""
    return data[:1] == _SEAL_VERSION


def unseal(key: bytes, sealed: bytes, place: str) -> bytes:
    """Decrypt what `seal` made for this place. Raises Unreadable."""
    if sealed[:1] != _SEAL_VERSION:
        raise Unreadable("This text was sealed by a version of the engine that is not known here.")
    nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, body, place.encode())
    except InvalidTag:
        raise Unreadable(
            "A sealed text could not be opened.",
            next_step="Check that this deployment has the master key that the database was filled with.",
        ) from None


def _read(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise UnusableKey(
            f"The master key in {where} is not 32 bytes in base64.",
            next_step="Make one with: openssl rand -base64 32",
        )
    return key


def _from_file(path: Path, *, create: bool) -> bytes:
    if create and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(new_key()))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # whoever comes second keeps the first one's key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    try:
        return _read(path.read_text(), str(path))
    except FileNotFoundError:
        raise UnusableKey(
            f"There is no master key file at {path}.",
            next_step="Set CBI_MASTER_KEY or CBI_MASTER_KEY_FILE.",
        ) from None


@cache
def _master_key() -> bytes:
    chosen = settings()
    if chosen.master_key:
        return _read(chosen.master_key.get_secret_value(), "CBI_MASTER_KEY")
    if chosen.master_key_file:
        return _from_file(chosen.master_key_file, create=False)
    if chosen.database_url:
        raise UnusableKey(
            "This deployment has a database of its own but no master key.",
            next_step="Set CBI_MASTER_KEY (openssl rand -base64 32) and keep a copy in a safe.",
        )
    return _from_file(chosen.data_dir / "master.key", create=True)


@cache
def keyring(office: str) -> Keyring:
    """The keys of one office. Raises UnusableKey when the deployment has no usable master key."""
    return Keyring(_master_key(), office)


def forget() -> None:
    """Drop the keys this process has read, because its settings changed."""
    _master_key.cache_clear()
    keyring.cache_clear()
    _derived.cache_clear()
