"""The settlement file's words to ours: it has no statuses, only amounts above or below zero."""

from cbi.fsp.messages import LineKind
from cbi.money import Money

TRAILER = "TOTAL"
"""Stands in the date column of the last row."""


def kind_of(amount: Money) -> LineKind:
    """A payout, or, below zero, cash that came back to the post office."""
    return LineKind.RETURN if amount.minor < 0 else LineKind.PAYMENT
