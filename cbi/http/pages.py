"""Long lists come in pages, each with a cursor to the next that nobody can make up."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from cbi import offices
from cbi.errors import Invalid

Item = TypeVar("Item")
Row = TypeVar("Row")

LONGEST = 200
_TAG_BYTES = 16
_READERS: dict[type, Callable[[str], Any]] = {
    int: int, str: str, UUID: UUID, datetime: datetime.fromisoformat, date: date.fromisoformat
}  # fmt: skip

Limit = Annotated[int, Query(ge=1, le=LONGEST, description="How many items at most.")]
Cursor = Annotated[
    str | None, Query(max_length=1000, description="`next_cursor` of the page before.")
]


class Page(BaseModel, Generic[Item]):
    """A part of a list. Ask for the next with `cursor=next_cursor`; there is none when it is null."""

    items: list[Item]
    next_cursor: str | None = Field(None, description="Opaque; give it back as it is.")


class UnusableCursor(Invalid):
    """The cursor was not made here, or for another list."""

    code = "http.unusable_cursor"


def page(
    session: Session,
    statement: Select[Row],
    show: Callable[[Row], Item],
    *,
    by: Sequence[InstrumentedAttribute[Any]],
    limit: int,
    cursor: str | None,
    newest_first: bool = False,
) -> Page[Item]:
    """One page of `statement`, which selects an entity, in the order of the columns `by` (together unique, never null).

    Nothing is skipped or shown twice while rows are added. Raises UnusableCursor.
    """
    columns: list[ColumnElement[Any]] = [column.expression for column in by]
    place = "/".join(str(column) for column in by) + (" down" if newest_first else "")
    if cursor is not None:
        after = tuple_(*_read(session, place, cursor, by))
        here = tuple_(*columns)
        statement = statement.where(here < after if newest_first else here > after)
    order = [column.desc() if newest_first else column.asc() for column in columns]
    rows = session.scalars(statement.order_by(*order).limit(limit + 1)).all()
    more = len(rows) > limit
    shown = rows[:limit]
    following = (
        _write(session, place, [getattr(shown[-1], column.key) for column in by]) if more else None
    )
    return Page(items=[show(row) for row in shown], next_cursor=following)


def _write(session: Session, place: str, values: list[Any]) -> str:
    text = json.dumps(
        [
            value.isoformat() if isinstance(value, (date, datetime)) else str(value)
            for value in values
        ]
    ).encode()
    return base64.urlsafe_b64encode(_tag(session, place, text) + text).decode().rstrip("=")


def _read(
    session: Session, place: str, cursor: str, by: Sequence[InstrumentedAttribute[Any]]
) -> list[Any]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    tag, text = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
    if not hmac.compare_digest(tag, _tag(session, place, text)):
        raise UnusableCursor(
            "This cursor does not belong to this list.", next_step="Begin again without a cursor."
        )
    return [
        _READERS[column.type.python_type](value)
        for column, value in zip(by, json.loads(text), strict=True)
    ]


def _tag(session: Session, place: str, text: bytes) -> bytes:
    key = offices.office_of(session).keys.derive("cursor")
    return hmac.digest(key, place.encode() + b"\0" + text, hashlib.sha256)[:_TAG_BYTES]
