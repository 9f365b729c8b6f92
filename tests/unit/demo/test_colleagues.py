"""The one-time codes that the demonstration shows are those that count at that moment, and none is shown twice."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from cbi import clock
from cbi.access import totp
from cbi.access.actor import SYSTEM
from cbi.access.passwords import SHORTEST
from cbi.access.permissions import STAFF_ROLES
from cbi.demo.staff import PARTS, Colleague, new_password

NOON = datetime(2027, 1, 31, 12, 0, 11, tzinfo=UTC)
STEP = int(NOON.timestamp()) // totp.STEP_SECONDS


@pytest.fixture
def amina() -> Colleague:
    """A certifier with an authenticator."""
    return Colleague("amina", "certifier", new_password(), pyotp.random_base32(), SYSTEM)


def test_a_code_that_was_never_used_is_the_one_of_this_half_minute(amina: Colleague) -> None:
    with clock.frozen(NOON):
        shown = amina.code_to_type(None)
        assert shown.code == amina.one_time_code()
        assert shown.seconds == 49
        assert totp.matching_step(amina.secret, shown.code, STEP) == STEP


def test_after_one_signature_the_next_code_counts_already(amina: Colleague) -> None:
    with clock.frozen(NOON):
        shown = amina.code_to_type(STEP)
        assert shown.code is not None
        assert totp.matching_step(amina.secret, shown.code, STEP) == STEP + 1


def test_after_two_signatures_there_is_one_within_the_half_minute(amina: Colleague) -> None:
    with clock.frozen(NOON):
        waiting = amina.code_to_type(STEP + 1)
    assert (waiting.code, waiting.seconds) == (None, 19)
    with clock.frozen(NOON + timedelta(seconds=waiting.seconds)):
        assert amina.code_to_type(STEP + 1).code is not None


def test_a_shown_code_counts_as_long_as_it_says_and_no_longer(amina: Colleague) -> None:
    with clock.frozen(NOON):
        shown = amina.code_to_type(None)
    assert shown.code is not None
    for late, counts in ((-1, True), (0, False)):
        then = NOON + timedelta(seconds=shown.seconds + late)
        step = int(then.timestamp()) // totp.STEP_SECONDS
        assert (totp.matching_step(amina.secret, shown.code, step) is not None) is counts


def test_there_is_somebody_for_every_part_of_the_staff() -> None:
    assert {role for _, role in PARTS.values()} | {"administrator"} == STAFF_ROLES


def test_passwords_are_long_enough_and_never_the_same() -> None:
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(password) >= SHORTEST for password in made)
