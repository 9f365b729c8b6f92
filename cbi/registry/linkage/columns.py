"""People as a table that Splink compares: one column for each thing that is known of a person."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from cbi.registry.linkage.likeness import Birth, Likeness

if TYPE_CHECKING:
    import duckdb

TYPES: Mapping[str, str] = {
    "person": "UUID", "home": "UUID", "spelling": "VARCHAR", "sound": "VARCHAR", "sounds": "VARCHAR[]",
    "others": "VARCHAR[]", "head": "VARCHAR", "tail": "VARCHAR", "year": "SMALLINT", "month": "TINYINT",
    "day": "TINYINT", "born": "INTEGER", "sex": "VARCHAR", "place": "VARCHAR", "size": "INTEGER",
    "phones": "VARCHAR[]", "document": "VARCHAR", "document_kind": "VARCHAR",
}  # fmt: skip
"""The columns of a person, as DuckDB types."""


def rows_of(people: Sequence[Likeness]) -> list[Sequence[object]]:
    """The columns of these people, each a list, in the order of TYPES."""
    return [list(column) for column in zip(*map(_row, people), strict=True)]


def arrived(
    connection: "duckdb.DuckDBPyConnection",
    columns: Sequence[Sequence[object] | bytes],
    types: Mapping[str, str],
) -> None:
    """Show columns to the database as the table `arriving`. People's keys may come as PostgreSQL has them, 16 bytes each."""
    import pyarrow as pa  # noqa: PLC0415 - only a comparison should cost the time it takes to load

    plain = {
        "SMALLINT": pa.int16(), "TINYINT": pa.int8(), "INTEGER": pa.int32(), "DOUBLE": pa.float64(),
        "VARCHAR": pa.string(), "VARCHAR[]": pa.list_(pa.string()),
    }  # fmt: skip

    def as_arrow(column: Any, kind: str) -> Any:
        if kind in plain:
            return pa.array(column, plain[kind])
        width = 16 if kind == "UUID" else 8
        if not isinstance(column, bytes):
            column = b"".join(each.bytes if kind == "UUID" else each for each in column)
        stored = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(width), len(column) // width, [None, pa.py_buffer(column)]
        )
        return pa.ExtensionArray.from_storage(pa.uuid(), stored) if kind == "UUID" else stored

    arrays = {
        name: as_arrow(column, kind)
        for column, (name, kind) in zip(columns, types.items(), strict=True)
    }
    connection.register("arriving", pa.table(arrays))


def _row(one: Likeness) -> tuple[object, ...]:
    birth = one.birth
    kind, _, document = (one.document or "").rpartition("/")
    whole = birth is not None and birth.month is not None
    return (
        one.person,
        one.home,
        " ".join(sorted(word.spelling for word in one.words)),
        one.sound or None,
        [word.sound for word in one.words],
        [word.other for word in one.words],
        one.words[0].spelling if one.words else None,
        one.words[-1].spelling if one.words else None,
        birth.year if birth else None,
        birth.month if birth else None,
        birth.day if birth else None,
        _ordinal(birth) if birth and whole else None,
        one.sex,
        one.place,
        one.size,
        list(one.phones),
        document or None,
        kind or None,
    )


def _ordinal(birth: Birth) -> int | None:
    try:
        return date(birth.year, birth.month or 1, birth.day or 1).toordinal()
    except ValueError:  # a date that no calendar has, from a registry that did not look
        return None
