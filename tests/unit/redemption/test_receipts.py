"""Receipt numbers can be told over the telephone and are never taken for a code."""

import pytest

from cbi.redemption import receipts
from cbi.redemption.codes import Mistyped, read


def test_receipt_numbers_are_ten_digits_with_a_check_digit() -> None:
    drawn = {receipts.draw() for _ in range(2_000)}
    assert len(drawn) > 1_990
    assert all(receipts.is_possible(receipt) for receipt in drawn)


def test_a_slip_in_a_receipt_number_shows() -> None:
    receipt = receipts.draw()
    wrong = receipt[:4] + str((int(receipt[4]) + 1) % 10) + receipt[5:]
    assert not receipts.is_possible(wrong)
    assert not receipts.is_possible(receipt[:-1])
    assert not receipts.is_possible("١" * 10)


@pytest.mark.parametrize("locator_digits", [5, 6, 7])
def test_a_receipt_number_is_never_read_as_a_code(locator_digits: int) -> None:
    with pytest.raises(Mistyped):
        read(receipts.draw(), locator_digits)
