"""The keys of rows: nobody can guess one, and rows that were written together lie together in the database.

They are UUIDs of version 7 (RFC 9562, section 5.7): milliseconds since 1970, then chance. With wholly random keys each
row of a large run goes to another page of every index.
"""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Text, Uuid, cast, extract, func

from cbi import clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION, _VARIANT = 0x7 << 76, 0b10 << 62
_CHANCE_BEFORE, _CHANCE_AFTER = 12, 62
"""Random bits between version and variant, and after the variant."""


def fresh() -> UUID:
    """A new key."""
    milliseconds = (clock.now() - _EPOCH) // timedelta(milliseconds=1)
    before, after = secrets.randbits(_CHANCE_BEFORE), secrets.randbits(_CHANCE_AFTER)
    return UUID(int=milliseconds << 80 | _VERSION | before << 64 | _VARIANT | after)


def fresh_in_sql() -> ColumnElement[UUID]:
    """A new key for each row of a statement, as the database makes it; rows made later sort later."""
    milliseconds = cast(func.trunc(extract("epoch", func.clock_timestamp()) * 1000), BigInteger)
    # What follows the version of a random UUID (the 13th of its 32 digits): chance, variant, chance.
    chance = func.substr(func.replace(cast(func.gen_random_uuid(), Text), "-", ""), 14)
    return cast(func.lpad(func.to_hex(milliseconds), 12, "0").concat("7").concat(chance), Uuid)
