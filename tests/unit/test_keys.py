"""Keys: what is sealed opens only in its place, and two offices share nothing."""

import base64
from pathlib import Path

import pytest

from cbi import keys
from cbi.keys import Keyring, Unreadable, UnusableKey
from cbi.settings import settings

MASTER = b"m" * keys.KEY_BYTES


def test_what_is_sealed_opens_with_its_key_in_its_place() -> None:
    key = keys.new_key()
    sealed = keys.seal(key, "Amina", "person/1/name")
    assert b"Amina" not in sealed
    assert keys.unseal(key, sealed, "person/1/name") == b"Amina"
    with pytest.raises(Unreadable):
        keys.unseal(key, sealed, "person/2/name")
    with pytest.raises(Unreadable):
        keys.unseal(keys.new_key(), sealed, "person/1/name")


def test_one_flipped_bit_is_noticed() -> None:
    key = keys.new_key()
    sealed = bytearray(keys.seal(key, "Amina", "here"))
    for at in range(len(sealed)):
        altered = bytes(sealed[:at]) + bytes([sealed[at] ^ 1]) + bytes(sealed[at + 1 :])
        with pytest.raises(Unreadable):
            keys.unseal(key, altered, "here")


def test_the_same_number_looks_different_to_two_offices() -> None:
    here, there = Keyring(MASTER, "dz"), Keyring(MASTER, "ke")
    assert here.fingerprint("phone", "+213555") == Keyring(MASTER, "dz").fingerprint(
        "phone", "+213555"
    )
    assert here.fingerprint("phone", "+213555") != there.fingerprint("phone", "+213555")
    assert here.fingerprint("phone", "+213555") != here.fingerprint("document", "+213555")
    assert here.derive("a") != here.derive("b") != there.derive("b")


def test_a_keyring_shows_no_key() -> None:
    assert "mmm" not in repr(Keyring(MASTER, "dz"))


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("CBI_MASTER_KEY", "CBI_MASTER_KEY_FILE", "CBI_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CBI_DATA_DIR", str(tmp_path / "data"))
    _forget()
    return tmp_path / "data"


def _forget() -> None:
    settings.cache_clear()
    keys.forget()


def test_an_embedded_deployment_makes_its_key_once_for_its_eyes_only(deployment: Path) -> None:
    first = keys.keyring("dz").derive("x")
    file = deployment / "master.key"
    assert file.stat().st_mode & 0o777 == 0o400
    _forget()
    assert keys.keyring("dz").derive("x") == first
    _forget()


def test_a_deployment_with_a_database_must_be_given_its_key(
    deployment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBI_DATABASE_URL", "postgresql://somewhere/else")
    _forget()
    with pytest.raises(UnusableKey, match="no master key"):
        keys.keyring("dz")
    _forget()


@pytest.mark.parametrize(
    "given", ["", "short", base64.b64encode(b"31 bytes is one byte too short.").decode()]
)
def test_a_malformed_key_is_refused_and_not_shown(
    deployment: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str
) -> None:
    file = tmp_path / "key"
    file.write_text(given)
    monkeypatch.setenv("CBI_MASTER_KEY_FILE", str(file))
    _forget()
    with pytest.raises(UnusableKey) as refusal:
        keys.keyring("dz")
    assert not given or given not in str(refusal.value)
    _forget()
