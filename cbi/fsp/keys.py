"""The name under which one attempt at one payment is known to the provider, the same however often it is sent."""

import re
from uuid import UUID

from cbi.errors import Invalid

LAST_ATTEMPT = 99
"""Two digits: the key then has 35 characters, which is all that ISO 20022 allows for an EndToEndId (Max35Text)."""

_KEY = re.compile(r"([0-9a-f]{32})-([0-9]{2})", re.ASCII | re.IGNORECASE)


class UnusableKey(Invalid):
    """Not the idempotency key of a payment."""

    code = "fsp.unusable_key"


def idempotency_key(payment_id: UUID, attempt: int) -> str:
    """`<payment id as 32 hex digits>-<attempt, two digits>`. Raises UnusableKey unless 1 ≤ attempt ≤ 99."""
    if not 1 <= attempt <= LAST_ATTEMPT:
        raise UnusableKey(
            f"A payment has attempts 1 to {LAST_ATTEMPT}, not {attempt}.",
            next_step="Cancel the payment and make a new one.",
        )
    return f"{payment_id.hex}-{attempt:02d}"


def read_idempotency_key(key: str) -> tuple[UUID, int]:
    """The payment and the attempt that a key names, in either letter case. Raises UnusableKey."""
    found = _KEY.fullmatch(key)
    if found is None or found[2] == "00":
        raise UnusableKey("That is not the key of a payment of ours.")
    return UUID(hex=found[1]), int(found[2])
