"""The keys of rows: nobody can guess one, and rows that were written together lie together in the database.

They are UUIDs of version 7 (RFC 9562, section 5.7): milliseconds since 1970, then chance. With wholly random keys each
row of a large run goes to another page of every index.
"""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Double, Uuid, cast, func

from cbi import clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION, _VARIANT = 0x7 << 76, 0b10 << 62
_FOUR_TO_SEVEN = (52, 53)
"""The bits that a random UUID, which is of version 4, lacks: counted from the right in each byte, as PostgreSQL does."""
_CHANCE_BEFORE, _CHANCE_AFTER = 12, 62
"""Random bits between version and variant, and after the variant."""


def fresh() -> UUID:
    """A new key."""
    milliseconds = (clock.now() - _EPOCH) // timedelta(milliseconds=1)
    before, after = secrets.randbits(_CHANCE_BEFORE), secrets.randbits(_CHANCE_AFTER)
    return UUID(int=milliseconds << 80 | _VERSION | before << 64 | _VARIANT | after)


def fresh_in_sql() -> ColumnElement[UUID]:
    """A new key for each row of a statement, as the database makes it; rows made later sort later."""
    # Put together as bytes: as text it costs half as much again.
    now = func.date_part("epoch", func.clock_timestamp(), type_=Double)
    milliseconds = func.substr(func.int8send(cast(func.trunc(now * 1000), BigInteger)), 3)
    key = func.overlay(func.uuid_send(func.gen_random_uuid()), milliseconds, 1, 6)
    for bit in _FOUR_TO_SEVEN:
        key = func.set_bit(key, bit, 1)
    return cast(func.encode(key, "hex"), Uuid)
