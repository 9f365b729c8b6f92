"""A payment's name at the provider fits everywhere and leads back to the payment."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.fsp.keys import UnusableKey, idempotency_key, read_idempotency_key


@given(st.uuids(), st.integers(1, 99))
def test_a_key_leads_back_to_its_payment_and_attempt(payment_id: UUID, attempt: int) -> None:
    key = idempotency_key(payment_id, attempt)
    assert len(key) == 35
    assert read_idempotency_key(key) == (payment_id, attempt)
    assert read_idempotency_key(key.upper()) == (payment_id, attempt)


@given(st.uuids(), st.uuids(), st.integers(1, 99), st.integers(1, 99))
def test_two_attempts_never_share_a_key(one: UUID, other: UUID, first: int, second: int) -> None:
    same = idempotency_key(one, first) == idempotency_key(other, second)
    assert same == ((one, first) == (other, second))


@pytest.mark.parametrize("attempt", [-1, 0, 100])
def test_an_attempt_beyond_two_digits_has_no_key(attempt: int) -> None:
    with pytest.raises(UnusableKey):
        idempotency_key(UUID(int=1), attempt)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        f"{1:032x}",
        f"{1:032x}-1",
        f"{1:032x}-00",
        f"{1:032x}-001",
        f"{1:032x}-٠١",
        f" {1:032x}-01",
        f"{1:032x}-01\n",
        f"{'g' * 32}-01",
    ],
)
def test_what_is_not_a_key_is_refused(key: str) -> None:
    with pytest.raises(UnusableKey):
        read_idempotency_key(key)
