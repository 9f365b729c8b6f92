"""Codes come back from whatever somebody types, are spread evenly, and show themselves to nobody."""

import logging
import random
import traceback
from collections import Counter

import pytest
from bidi.algorithm import get_display
from hypothesis import given
from hypothesis import strategies as st

from cbi.keys import Keyring
from cbi.redemption import damm
from cbi.redemption.codes import Code, Mistyped, SecretDigits, compose, read, same

KEYS = Keyring(b"k" * 32, "dz")

_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
_BENGALI = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")

codes = st.builds(
    compose,
    st.integers(5, 7).flatmap(
        lambda digits: st.text("0123456789", min_size=digits, max_size=digits)
    ),
    st.text("0123456789", min_size=6, max_size=6),
)
noise = st.text(" .-_/,·٫\u00a0\u200e\u200f\u061c\u202b\u2069\u2011\u2013\t\n'", max_size=3)


def test_a_hundred_thousand_codes_are_read_back_as_they_were_made() -> None:
    secrets, dice = SecretDigits(KEYS), random.Random(5)
    for counter in range(1, 100_001):
        code = compose(f"{dice.randrange(10**5):05d}", secrets.at(counter))
        assert read(code.dotted, 5) == code


@given(codes, st.sampled_from([_ARABIC, _PERSIAN, _FULL_WIDTH, _BENGALI, {}]), st.data())
def test_any_grouping_and_any_digits_are_read(
    code: Code, script: dict[int, str], data: st.DataObject
) -> None:
    typed = "".join(digit + data.draw(noise) for digit in code.digits.translate(script))
    assert read(data.draw(noise) + typed, 7) == code


@given(st.text(max_size=80))
def test_whatever_is_typed_is_either_a_code_or_mistyped(typed: str) -> None:
    try:
        code = read(typed, 7)
    except Mistyped:
        return
    assert damm.holds(code.digits)
    assert len(code.digits) in {12, 13, 14}


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "1",
        "48312907552",
        "4831.2907.5526.1",
        "O831 2907 5526",
        "4831+29075526",
        "9" * 500,
        "½" * 12,
    ],
)
def test_what_cannot_be_a_code_is_mistyped(typed: str) -> None:
    with pytest.raises(Mistyped):
        read(typed, 5)


def test_the_usual_slips_are_mistyped_and_not_wrong() -> None:
    code = compose("48312", "907552")
    for place in range(11):
        digits = list(code.digits)
        digits[place] = str((int(digits[place]) + 1) % 10)
        with pytest.raises(Mistyped):
            read("".join(digits), 5)


def test_an_office_with_longer_locators_still_reads_the_codes_it_sent_before() -> None:
    old, new = compose("48312", "907552"), compose("4831290", "755212")
    assert read(old.dotted, 7) == old
    assert read(new.dotted, 7) == new
    with pytest.raises(Mistyped):
        read(new.dotted, 5)


def test_the_secret_digits_are_those_of_rfc_4226() -> None:
    """Another way to the same six digits: a slip in how the key or the counter is given would show here."""
    import hashlib  # noqa: PLC0415
    import hmac  # noqa: PLC0415
    import struct  # noqa: PLC0415

    key, secrets = KEYS.derive("redemption-code"), SecretDigits(KEYS)
    for counter in (1, 2, 255, 256, 10**6, 2**40):
        mac = hmac.digest(key, struct.pack(">Q", counter), hashlib.sha1)
        offset = mac[-1] & 15
        number = struct.unpack(">I", mac[offset : offset + 4])[0] & 0x7FFFFFFF
        assert secrets.at(counter) == f"{number % 10**6:06d}"


def test_offices_do_not_share_secrets() -> None:
    here, there = SecretDigits(KEYS), SecretDigits(Keyring(b"k" * 32, "ke"))
    assert sum(here.at(counter) == there.at(counter) for counter in range(1, 1_001)) <= 3


def test_secrets_are_spread_evenly() -> None:
    secrets = SecretDigits(KEYS)
    drawn = [secrets.at(counter) for counter in range(1, 50_001)]
    assert all(len(secret) == 6 and secret.isdigit() for secret in drawn)
    for place in range(6):
        counts = Counter(secret[place] for secret in drawn)
        chi_squared = sum((counts[str(digit)] - 5_000) ** 2 / 5_000 for digit in range(10))
        assert chi_squared < 33.7  # nine degrees of freedom, one chance in ten thousand
    assert len(set(drawn)) > 48_500  # 48,770 expected of a million by the birthday formula


def test_groups_stand_in_their_order_between_arabic_words() -> None:
    for locator in ("48312", "483129", "4831290"):
        code = compose(locator, "755261")
        shown = get_display(f"مبلغك جاهز. رمزك {code.dotted} بأي مكتب بريد")
        assert code.dotted in shown
    assert compose("48312", "907552").dotted.count(".") == 2
    assert len(compose("48312", "907552").dotted) == 14


def test_groups_on_paper_are_parted_by_spaces() -> None:
    code = compose("48312", "907552")
    assert code.spaced == f"4831 2907 552{code.check}"
    assert [len(group) for group in compose("483129", "755261").spaced.split()] == [4, 4, 5]
    assert [len(group) for group in compose("4831290", "755261").spaced.split()] == [4, 5, 5]


def test_secrets_are_compared_as_wholes() -> None:
    assert same("907552", "907552")
    assert not same("907552", "907553")


def test_nothing_that_prints_a_code_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    code = compose("48312", "907552")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("%s %r %s", code, code, {"code": code})
    shown = [repr(code), str(code), f"{code}", caplog.text, repr(SecretDigits(KEYS))]
    try:
        read(code.digits[:-1] + str((int(code.check) + 1) % 10), 5)
    except Mistyped as slip:
        shown += [str(slip), repr(slip), repr(slip.details), traceback.format_exc()]
    assert len(shown) == 9
    for text in shown:
        assert "907552" not in text
        assert "48312" not in text
