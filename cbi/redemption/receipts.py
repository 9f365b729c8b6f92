"""Receipt numbers: drawn at random, told over the telephone, with a digit that shows a slip."""

import secrets

from cbi.redemption import damm

RECEIPT_DIGITS = 10
"""Shorter than any code, so that neither is ever taken for the other."""


def draw() -> str:
    """A receipt number: nine random digits and their check digit. The table that keeps them refuses a repeat."""
    digits = f"{secrets.randbelow(10 ** (RECEIPT_DIGITS - 1)):0{RECEIPT_DIGITS - 1}d}"
    return digits + damm.check_digit(digits)


def is_possible(receipt: str) -> bool:
    """Whether these digits could be a receipt number of ours."""
    return (
        len(receipt) == RECEIPT_DIGITS
        and receipt.isascii()
        and receipt.isdigit()
        and damm.holds(receipt)
    )
