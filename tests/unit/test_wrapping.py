"""Wrapping keys: people's own keys are sealed under the newest, opened with any that is kept, and lost with it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cbi import wrapping
from cbi.keys import Keyring, Unreadable, new_key
from cbi.settings import settings
from cbi.wrapping import UnusableWrappingKeys, Wrapper

PURPOSE = "registry/data keys"
THEN = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CBI_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


def office(code: str = "dz") -> Keyring:
    return Keyring(b"m" * 32, code)


def test_without_wrapping_keys_the_master_key_does_and_says_no_name() -> None:
    key = new_key()
    wrapped = Wrapper(office(), PURPOSE).wrap(key, "a")
    assert wrapping.name_in(wrapped) == b""
    assert Wrapper(office(), PURPOSE).unwrap(wrapped, "a") == key


def test_the_newest_key_seals_and_older_ones_still_open() -> None:
    key = new_key()
    under_none = Wrapper(office(), PURPOSE).wrap(key, "a")
    first = wrapping.fresh(THEN)
    wrapping.write([first])
    under_first = Wrapper(office(), PURPOSE).wrap(key, "a")
    second = wrapping.fresh(THEN)
    wrapping.write([second, first])
    wrapper = Wrapper(office(), PURPOSE)
    assert wrapping.name_in(under_first) == first.name
    assert wrapping.name_in(wrapper.wrap(key, "a")) == second.name == wrapper.name
    assert [wrapper.unwrap(each, "a") for each in (under_none, under_first)] == [key, key]


def test_what_is_under_a_destroyed_key_cannot_be_opened_by_anybody() -> None:
    first, second = wrapping.fresh(THEN), wrapping.fresh(THEN)
    wrapping.write([first])
    wrapped = Wrapper(office(), PURPOSE).wrap(new_key(), "a")
    wrapping.write([second])
    with pytest.raises(Unreadable, match=first.name.hex()):
        Wrapper(office(), PURPOSE).unwrap(wrapped, "a")


def test_no_office_opens_what_another_sealed_and_no_place_what_belongs_elsewhere() -> None:
    wrapping.write([wrapping.fresh(THEN)])
    wrapped = Wrapper(office(), PURPOSE).wrap(new_key(), "a")
    with pytest.raises(Unreadable):
        Wrapper(office("ma"), PURPOSE).unwrap(wrapped, "a")
    with pytest.raises(Unreadable):
        Wrapper(office(), PURPOSE).unwrap(wrapped, "b")


def test_the_file_is_for_its_owner_only_and_keeps_its_order() -> None:
    keys = [wrapping.fresh(THEN), wrapping.fresh(THEN)]
    wrapping.write(keys)
    assert wrapping.path().stat().st_mode & 0o377 == 0
    assert list(wrapping.kept()) == keys
    assert keys[0].secret.hex() not in repr(wrapping.kept())


@pytest.mark.parametrize(
    "line", ["nonsense", "2026-03-01T00:00:00+00:00 c2hvcnQ=", "2026-03-01 " + "A" * 43 + "="]
)
def test_a_damaged_line_is_named(line: str) -> None:
    wrapping.write([wrapping.fresh(THEN)])
    file = wrapping.path()
    file.chmod(0o600)
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(UnusableWrappingKeys, match="Line 4 of"):
        wrapping.kept()


def test_a_file_that_the_settings_name_must_be_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CBI_WRAPPING_KEYS_FILE", str(tmp_path / "elsewhere"))
    settings.cache_clear()
    with pytest.raises(UnusableWrappingKeys, match="There is no file"):
        Wrapper(office(), PURPOSE)
