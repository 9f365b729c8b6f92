"""A list leaves in an envelope that ordinary programs open with the passphrase, and nobody without it."""

import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbi.keys import Keyring
from cbi.protection.exporting import envelope, passphrases
from cbi.protection.exporting.envelope import UnusableEnvelope, WrongPassphrase

AT = datetime(2026, 11, 22, 12, 30, 10)  # noqa: DTZ001 - a ZIP file's dates know no time zone
WORDS = "4831.2907.5526.0043.9917.2208.6135"


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=5000))
def test_what_was_put_in_comes_out_again(content: bytes) -> None:
    file = envelope.closed("export-1.xlsx", content, WORDS, AT)
    assert envelope.opened(file, f" {WORDS}\n") == ("export-1.xlsx", content)


def test_the_content_is_not_to_be_seen_and_no_two_files_are_alike() -> None:
    content = b"Amina Benali" * 50
    one, other = (envelope.closed("export-1.xlsx", content, WORDS, AT) for _ in range(2))
    assert b"Amina" not in one
    assert one != other
    assert len(one) == len(other)


def test_another_passphrase_opens_nothing() -> None:
    file = envelope.closed("export-1.xlsx", b"content", WORDS, AT)
    # Two bytes tell a wrong passphrase at once; the seal over everything tells the rest.
    for typed in ("", WORDS.replace(".", ""), WORDS[:-1] + "6", *map(str, range(50))):
        with pytest.raises((WrongPassphrase, UnusableEnvelope)):
            envelope.opened(file, typed)


def test_a_file_that_was_altered_or_is_something_else_is_refused() -> None:
    file = envelope.closed("export-1.xlsx", b"content of a list", WORDS, AT)
    body = file.index(b"AE") + 5
    altered = bytearray(file)
    altered[body + 18 + 3] ^= 1
    for strange in (bytes(altered), b"", b"PK", file[:60], b"PK\x03\x04" + bytes(80)):
        with pytest.raises(UnusableEnvelope):
            envelope.opened(strange, WORDS)


def test_an_ordinary_program_opens_it(tmp_path: Path) -> None:
    found = shutil.which("7z") or shutil.which("7zz") or shutil.which("bsdtar")
    if found is None:
        pytest.skip("install 7zip or libarchive-tools to see an ordinary program open a list")
    content = bytes(range(256)) * 300
    file = tmp_path / "export-1.zip"
    file.write_bytes(envelope.closed("export-1.xlsx", content, WORDS, AT))
    how = (
        [found, "-x", "-f", str(file), "--passphrase", WORDS, "-C", str(tmp_path)]
        if found.endswith("bsdtar")
        else [found, "x", f"-p{WORDS}", f"-o{tmp_path}", "-y", str(file)]
    )
    subprocess.run(how, check=True, capture_output=True)
    assert (tmp_path / "export-1.xlsx").read_bytes() == content


def test_what_an_ordinary_program_closed_with_the_passphrase_is_opened_here(tmp_path: Path) -> None:
    found = shutil.which("7z") or shutil.which("7zz")
    if found is None:
        pytest.skip("install 7zip to see an ordinary program close a workbook that comes back")
    book, file = tmp_path / "rows-17.xlsx", tmp_path / "back.zip"
    book.write_bytes(b"many cells, many cells, " * 500)
    closing = [found, "a", "-tzip", "-mem=AES256", f"-p{WORDS}", str(file), str(book)]
    subprocess.run(closing, check=True, capture_output=True)
    assert file.stat().st_size < book.stat().st_size, "it packs what it encrypts"
    assert envelope.is_sealed(file)
    assert not envelope.is_sealed(book)
    assert envelope.name_in(file.read_bytes()) == "rows-17.xlsx"
    assert envelope.opened(file.read_bytes(), WORDS) == ("rows-17.xlsx", book.read_bytes())
    with pytest.raises(WrongPassphrase):
        envelope.opened(file.read_bytes(), WORDS[:-1] + "0")


def test_a_passphrase_is_the_list_s_own_and_needs_the_office_s_key() -> None:
    one, other = uuid4(), uuid4()
    keys = Keyring(b"k" * 32, "dz")
    said = passphrases.of(keys, one)
    assert [len(group) for group in said.split(".")] == [4] * 7
    assert said.replace(".", "").isdecimal()
    assert said == passphrases.of(keys, one)
    assert (
        len({said, passphrases.of(keys, other), passphrases.of(Keyring(b"k" * 32, "ke"), one)}) == 3
    )
