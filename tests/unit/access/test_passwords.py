"""Which passwords are taken, and that none is kept."""

import pytest

from cbi.access import passwords
from cbi.access.passwords import UnusablePassword, hash_password, is_right

GOOD = "seven lanterns over water"


@pytest.fixture(autouse=True)
def as_in_an_office(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here they take the work that they take in an office."""
    monkeypatch.setattr(passwords, "_hasher", passwords.HASHER)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "elevenchars",
        "amina.h-is-my-name",
        "my name is AMINA.H",
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "x" * 201,
    ],
)
def test_a_password_that_is_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(UnusablePassword) as refusal:
        hash_password("amina.h", password)
    assert not password or password not in str(refusal.value)


def test_twelve_characters_are_enough_in_any_script() -> None:
    for password in ("twelve chars", "مطر فوق النخيل"):
        assert is_right(hash_password("amina.h", password), password)


def test_only_the_right_password_is_right() -> None:
    kept = hash_password("amina.h", GOOD)
    assert is_right(kept, GOOD)
    for wrong in (GOOD.upper(), GOOD + " ", "", GOOD[:-1], "x" * 10_000):
        assert not is_right(kept, wrong)


def test_the_password_is_not_in_what_is_kept_and_two_hashes_differ() -> None:
    one, other = hash_password("amina.h", GOOD), hash_password("amina.h", GOOD)
    assert one != other
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert GOOD not in one


def test_nothing_is_right_where_there_is_nothing_to_compare_with() -> None:
    assert not is_right(None, GOOD)
    assert not is_right(None, "the password of nobody")
    assert not is_right("not a hash", GOOD)


def test_the_same_letters_typed_in_two_ways_are_one_password() -> None:
    composed, decomposed = "d\u00e9j\u00e0 vu encore un jour", "de\u0301ja\u0300 vu encore un jour"
    assert is_right(hash_password("amina.h", composed), decomposed)
