"""What a card remembers of the payments loaded onto it, so that none is ever loaded twice, however late it is repeated.

Stripe forgets an idempotency key after a day and has no "change it only if nobody else did". So a card's metadata holds
one entry for each payment, named by the payment's key, and the card's limit is always the sum of the entries, never
"what it was, and so much more". Writing an entry twice is writing it once, and writers who did not see each other leave
both entries behind, from which the right limit follows (a grow-only set).

Stripe allows 50 entries of 500 characters. The newest loads have an entry each. Older ones are packed, 13 to an entry
that is named by the hash of its content, so that two writers who pack differently overwrite nothing of each other's:
over four hundred loads in all, or thirty years of monthly ones. A load named both alone and in a pack is one load.
"""

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from cbi.errors import CbiError, Conflict
from cbi.fsp.keys import UnusableKey, idempotency_key, read_idempotency_key

LIMIT = "cbi_limit"
"""The limit as we last wrote it: another one was set by somebody else."""
HANDED_OVER = "cbi_handed_over"
"""The day the recipient got the card."""
REFERENCE = "cbi_reference"
"""Our own name for the recipient."""

LARGEST_RECORD = 50
LONGEST_VALUE = 500
SINGLES = 16
PACKED = 13
_PACK = "cbi_pack_"
_ROW = struct.Struct(">16sBQH")  # payment, attempt, amount, days since the first
_FIRST_DAY = date(2020, 1, 1)


class DamagedRecord(Conflict):
    """The entries of a card contradict each other, or are not ours."""

    code = "cards.damaged_record"


class RecordFull(Conflict):
    """The card remembers as many payments as Stripe has room for."""

    code = "cards.record_full"


@dataclass(frozen=True, slots=True)
class Load:
    """The value of one payment on a card: its key, how much in Stripe's units, and the day (UTC) it was put there."""

    key: str
    amount: int
    on: date


Loads = dict[str, Load]


def loads(metadata: Mapping[str, str]) -> Loads:
    """Every payment that the card remembers, by key. Raises DamagedRecord."""
    found: Loads = {}
    for name, value in metadata.items():
        rows = _unpack(name, value) if name.startswith(_PACK) else _single(name, value)
        for load in rows:
            if found.setdefault(load.key, load).amount != load.amount:
                raise DamagedRecord("A card remembers two amounts for one payment.")
    return found


def total(of: Mapping[str, Load]) -> int:
    """What the card's limit must be, in Stripe's units."""
    return sum(load.amount for load in of.values())


def with_loads(metadata: Mapping[str, str], new: Iterable[Load]) -> dict[str, str]:
    """The entries to write so that the card remembers these loads too; an empty text removes an entry.

    Raises DamagedRecord, RecordFull.
    """
    before, added = loads(metadata), list(new)
    after = before | {load.key: load for load in added if load.key not in before}
    packed = {
        load.key for name, value in metadata.items() if name.startswith(_PACK) for load in _unpack(name, value)
    }  # fmt: skip
    single = [load for load in after.values() if load.key not in packed]
    single.sort(key=lambda load: (load.on, load.key))
    written = {LIMIT: str(total(after))}
    while len(single) > SINGLES:
        written |= dict([_pack(single[:PACKED])])
        single = single[PACKED:]
    written |= {load.key: _text(load) for load in single if load.key not in metadata}
    alone = {load.key for load in single}
    written |= {name: "" for name in metadata if _is_key(name) and name not in alone}
    left = (metadata.keys() | written.keys()) - {
        name for name, value in written.items() if not value
    }
    if len(left) > LARGEST_RECORD:
        raise RecordFull(
            "The card remembers as many payments as Stripe has room for.",
            next_step="Issue the recipient a card under a new reference.",
        )
    return written


def _is_key(name: str) -> bool:
    try:
        read_idempotency_key(name)
    except UnusableKey:
        return False
    return True


def _text(load: Load) -> str:
    return f"{load.amount} {load.on.isoformat()}"


def _single(name: str, value: str) -> list[Load]:
    if not _is_key(name):
        return []
    amount, _, on = value.partition(" ")
    if not (amount.isascii() and amount.isdigit() and len(amount) <= 18):
        raise DamagedRecord("A card remembers a payment without its amount.")
    try:
        return [Load(name, int(amount), date.fromisoformat(on))]
    except ValueError:
        raise DamagedRecord("A card remembers a payment without its day.") from None


def _pack(rows: Iterable[Load]) -> tuple[str, str]:
    content = b"".join(
        _ROW.pack(payment.bytes, attempt, load.amount, (load.on - _FIRST_DAY).days)
        for load in rows
        for payment, attempt in [read_idempotency_key(load.key)]
    )
    name = _PACK + hashlib.sha256(content).hexdigest()[:16]
    return name, base64.urlsafe_b64encode(content).decode()


def _unpack(name: str, value: str) -> list[Load]:
    try:
        content = base64.b64decode(value.encode("ascii"), altchars=b"-_", validate=True)
        rows = list(_ROW.iter_unpack(content))
        if name != _PACK + hashlib.sha256(content).hexdigest()[:16]:
            raise DamagedRecord("A card's packed entry is not the one that was written.")
        return [
            Load(
                idempotency_key(UUID(bytes=payment), attempt), amount, _FIRST_DAY + timedelta(days)
            )
            for payment, attempt, amount, days in rows
        ]
    except (binascii.Error, UnicodeError, struct.error, UnusableKey) as error:
        raise DamagedRecord("A card's packed entry cannot be read.") from error


def damaged(metadata: Mapping[str, str]) -> bool:
    """Whether `loads` would refuse these entries."""
    try:
        loads(metadata)
    except CbiError:
        return True
    return False
