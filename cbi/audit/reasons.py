"""Reasons that people write. They are kept for ever beside the act, so no code and nobody's number may stand in them."""

import re

from cbi.errors import Invalid

LONGEST = 500
LONGEST_NUMBER = 10
"""Digits: a receipt has 10, a code at least 12, and so has a telephone with its country code."""


class UnusableReason(Invalid):
    """The reason is missing, too long, or holds what looks like a code or somebody's number."""

    code = "audit.unusable_reason"


def plain(text: str, *, longest: int = LONGEST, longest_number: int = LONGEST_NUMBER) -> str:
    """The reason on one line. Raises UnusableReason."""
    words = " ".join(text.split())
    too_many_digits = rf"\d(?:[\W_]*\d){{{longest_number}}}"
    if not 3 <= len(words) <= longest or re.search(too_many_digits, words):
        raise UnusableReason(
            f"A reason has 3 to {longest} characters, and no telephone, document or code number.",
            next_step="Say in a few words what happened; others will read it.",
        )
    return words
