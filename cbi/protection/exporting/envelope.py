"""The envelope in which a list leaves: a ZIP file under AES-256, which 7-Zip and its like open with the passphrase.

The format is WinZip's AE-2 (https://www.winzip.com/en/support/aes-encryption/): PBKDF2 with HMAC-SHA1 and 1,000 rounds,
AES-256 in counter mode, and HMAC-SHA1 over what was encrypted. So few rounds are enough only because the passphrase is
made here and has 93 bits; nobody may choose one.
"""

import hashlib
import hmac
import io
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from cbi.errors import Invalid

_SALT, _CHECK, _CODE, _KEY, _BLOCK, _ROUNDS = 16, 2, 10, 32, 16, 1000
_HEADER = struct.Struct("<IHHHHHIIIHH")
_ENTRY = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_AES = struct.pack("<HHH2sBH", 0x9901, 7, 2, b"AE", 3, 0)
"""Extra field: AE-2, 256 bits, and what is inside is stored as it is (a workbook is compressed already)."""
_ENCRYPTED, _METHOD, _VERSION = 0x1, 99, 51
_FIELD, _VENDOR, _AES_KIND = struct.Struct("<HH"), struct.Struct("<H2sBH"), 0x9901
_LARGEST = 200_000_000
"""Bytes of what is inside, at most: no file unpacks to more than memory holds."""


class UnusableEnvelope(Invalid):
    """The file is no envelope that was made here, or it was altered on the way."""

    code = "export.unusable_envelope"


class WrongPassphrase(Invalid):
    """The passphrase is not the one of this file."""

    code = "export.wrong_passphrase"


@dataclass(frozen=True, slots=True, repr=False)
class _Keys:
    cipher: bytes
    seal: bytes
    check: bytes


def closed(name: str, content: bytes, passphrase: str, at: datetime) -> bytes:
    """A ZIP file that holds `content` as `name` (ASCII), encrypted under the passphrase."""
    salt = os.urandom(_SALT)
    keys = _derived(passphrase, salt)
    hidden = _turned(keys.cipher, content)
    body = salt + keys.check + hidden + _code(keys.seal, hidden)
    called = name.encode("ascii")
    day = (max(at.year, 1980) - 1980) << 9 | at.month << 5 | at.day
    hour = at.hour << 11 | at.minute << 5 | at.second // 2
    about = (
        _VERSION,
        _ENCRYPTED,
        _METHOD,
        hour,
        day,
        0,
        len(body),
        len(content),
        len(called),
        len(_AES),
    )
    first = _HEADER.pack(0x04034B50, *about) + called + _AES + body
    entry = _ENTRY.pack(0x02014B50, _VERSION, *about, 0, 0, 0, 0, 0) + called + _AES
    return first + entry + _END.pack(0x06054B50, 0, 0, 1, 1, len(entry), len(first), 0)


def opened(file: bytes, passphrase: str) -> tuple[str, bytes]:
    """The name and the content of what `closed` made, or an ordinary program with the same passphrase.

    Raises UnusableEnvelope, WrongPassphrase.
    """
    entry = _entry(file)
    body = _body(file, entry)
    method = _stored(entry.extra)
    if (
        method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        or len(body) < _SALT + _CHECK + _CODE
    ):
        raise _unusable()
    salt, check = body[:_SALT], body[_SALT : _SALT + _CHECK]
    hidden, code = body[_SALT + _CHECK : -_CODE], body[-_CODE:]
    keys = _derived(passphrase.strip(), salt)
    if not hmac.compare_digest(keys.check, check):
        raise _wrong()
    if not hmac.compare_digest(_code(keys.seal, hidden), code):
        raise UnusableEnvelope(
            "The file was altered on its way, or the passphrase is of another file.",
            next_step="Check the passphrase, or have the file fetched again.",
        )
    content = _turned(keys.cipher, hidden)
    return entry.filename, content if method == zipfile.ZIP_STORED else _inflated(content)


def is_sealed(file: Path | BinaryIO) -> bool:
    """Whether this is a ZIP file with one encrypted file in it."""
    if not isinstance(file, Path):
        file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
    return len(entries) == 1 and bool(entries[0].flag_bits & _ENCRYPTED)


def name_in(file: bytes) -> str:
    """What the encrypted file is called. Raises UnusableEnvelope."""
    return _entry(file).filename


def _entry(file: bytes) -> zipfile.ZipInfo:
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            (entry,) = archive.infolist()
    except (zipfile.BadZipFile, ValueError, struct.error) as error:
        raise _unusable() from error
    if entry.compress_type != _METHOD or entry.file_size > _LARGEST:
        raise _unusable()
    return entry


def _body(file: bytes, entry: zipfile.ZipInfo) -> bytes:
    begins = entry.header_offset + _HEADER.size
    if begins > len(file):
        raise _unusable()
    *_, named, more = _HEADER.unpack_from(file, entry.header_offset)
    begins += named + more
    return file[begins : begins + entry.compress_size]


def _stored(extra: bytes) -> int | None:
    """How the content of an AES-256 entry is packed inside; None where it is no such entry."""
    while len(extra) >= _FIELD.size:
        kind, length = _FIELD.unpack_from(extra)
        if kind == _AES_KIND and length == _VENDOR.size:
            _, vendor, bits, method = _VENDOR.unpack_from(extra, _FIELD.size)
            return int(method) if (vendor, bits) == (b"AE", 3) else None
        extra = extra[_FIELD.size + length :]
    return None


def _inflated(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = unpacking.decompress(packed, _LARGEST)
    except zlib.error as error:
        raise _unusable() from error
    if not unpacking.eof:
        raise _unusable()
    return content


def _derived(passphrase: str, salt: bytes) -> _Keys:
    made = PBKDF2HMAC(SHA1(), 2 * _KEY + _CHECK, salt, _ROUNDS).derive(passphrase.encode())  # noqa: S303 - the format's
    return _Keys(made[:_KEY], made[_KEY : 2 * _KEY], made[2 * _KEY :])


def _code(key: bytes, hidden: bytes) -> bytes:
    return hmac.digest(key, hidden, hashlib.sha1)[:_CODE]


def _turned(key: bytes, content: bytes) -> bytes:
    # Counter mode. The format counts blocks with the smallest byte first, which the library's own mode does not.
    blocks = -(-len(content) // _BLOCK)
    counted = b"".join(at.to_bytes(_BLOCK, "little") for at in range(1, blocks + 1))
    turning = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - of counters, each once
    stream = (turning.update(counted) + turning.finalize())[: len(content)]
    return (int.from_bytes(content, "big") ^ int.from_bytes(stream, "big")).to_bytes(
        len(content), "big"
    )


def _unusable() -> UnusableEnvelope:
    return UnusableEnvelope(
        "This is no list that was exported here.", next_step="Hand in the ZIP file as it was fetched."
    )  # fmt: skip


def _wrong() -> WrongPassphrase:
    return WrongPassphrase(
        "The passphrase does not open this file.",
        next_step="Type it with its dots, as it was read out; each list has its own.",
    )
