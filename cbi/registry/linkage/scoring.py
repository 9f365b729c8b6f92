"""How likely two people are the same person: a Splink model in a database that exists in memory only and is dropped."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from math import prod
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from cbi.registry.linkage.levels import COMPARISONS, level_of
from cbi.registry.linkage.likeness import Birth, Likeness

if TYPE_CHECKING:
    import duckdb
    from splink import Linker

MEMORY = "512MB"
"""The most that the database in memory may take. Above it a comparison fails: nothing goes to a disk."""
RARE = 0.002
"""How common a part of a name counts that nobody else in the office has, with as much weight as USUAL people."""
USUAL = 500


@dataclass(frozen=True, slots=True)
class Scored:
    """Two people, how likely they are the same one (per mille), and how closely each thing agrees."""

    first: UUID
    second: UUID
    per_mille: int
    levels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rarity:
    """How many of `people` have each part of a name, by its sound."""

    people: int
    having: Mapping[str, int]

    def of(self, one: Likeness) -> float:
        """The share of people with this whole name, were its parts given without regard to one another."""
        parts = {word.sound for word in one.words}
        shares = (
            (self.having.get(part, 0) + RARE * USUAL) / (self.people + USUAL) for part in parts
        )
        return max(prod(shares), 1e-6)


@cache
def settings() -> dict[str, Any]:
    """The trained model as it is shipped: what `benchmarks/train_linkage.py` made of a population made up from a seed."""
    text = resources.files("cbi.registry.linkage").joinpath("model.json").read_text("utf-8")
    return cast(dict[str, Any], json.loads(text))


def model_version() -> str:
    """Which model scores, such as `2026-11`."""
    return cast(str, settings()["linker_uid"])


def score(
    people: Sequence[Likeness],
    pairs: Sequence[tuple[int, int]],
    rarity: Rarity,
    *,
    at_least_per_mille: int = 0,
) -> list[Scored]:
    """Score pairs of people, given as places in `people`, each with the smaller place first."""
    if not pairs:
        return []
    with in_memory() as connection:
        linker = prepared(connection, people, settings(), rarity)
        rows = [
            {"join_key_l": left, "join_key_r": right, "match_key": "0"} for left, right in pairs
        ]
        _put(connection, "pairs", rows, _PAIR)
        blocked = linker._db_api.register("pairs")
        linker.table_management.register_blocked_pairs_for_predict(blocked)
        found = linker.inference.predict(
            threshold_match_probability=at_least_per_mille / 1000 or None, warning_mode="never"
        )
        gammas = ", ".join(f"gamma_{each.name}" for each in COMPARISONS)
        answers = connection.execute(
            f"SELECT unique_id_l, unique_id_r, match_probability, {gammas} FROM {found.physical_name}"  # noqa: S608
        ).fetchall()
    return [_scored(people, row) for row in answers]


def _scored(people: Sequence[Likeness], row: tuple[Any, ...]) -> Scored:
    left, right, probability, *gammas = row
    levels = {
        each.name: level_of(each, gamma) for each, gamma in zip(COMPARISONS, gammas, strict=True)
    }
    return Scored(people[left].person, people[right].person, int(probability * 1000), levels)


def in_memory(memory: str = MEMORY) -> "duckdb.DuckDBPyConnection":
    """A database of this process alone: no file, no folder for what does not fit, no way to anything outside."""
    import duckdb  # noqa: PLC0415 - it and Splink take a second to load, which only a comparison should cost

    logging.getLogger("splink").setLevel(logging.ERROR)
    connection = duckdb.connect(":memory:", config={"memory_limit": memory, "threads": 2})
    for closed in (
        "temp_directory = ''",
        "max_temp_directory_size = '0KB'",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {closed}")
    return connection


def prepared(
    connection: "duckdb.DuckDBPyConnection",
    people: Sequence[Likeness],
    model: dict[str, Any],
    rarity: Rarity,
    *,
    who: Sequence[int] | None = None,
) -> "Linker":
    """Splink with these people in it and the rarity of their names. `who` each one is, is known in training only."""
    from splink import DuckDBAPI, Linker  # noqa: PLC0415

    api = DuckDBAPI(connection)
    rows = [_row(at, one) for at, one in enumerate(people)]
    _put(connection, "people", rows, _TYPES)
    if who is not None:
        truth = [{"unique_id": at, "who": each} for at, each in enumerate(who)]
        _put(connection, "truth", truth, {"unique_id": "INTEGER", "who": "INTEGER"})
        connection.execute("ALTER TABLE people ADD COLUMN who INTEGER")
        connection.execute(
            "UPDATE people SET who = truth.who FROM truth WHERE truth.unique_id = people.unique_id"
        )
    linker = Linker(api.register("people"), dict(model), log_level=None, validate_settings=False)
    rare = {one.sound: rarity.of(one) for one in people}
    shares = [{"sound": sound, "tf_sound": share} for sound, share in rare.items()]
    _put(connection, "rarity", shares, {"sound": "VARCHAR", "tf_sound": "DOUBLE"})
    linker.table_management.register_term_frequency_lookup(api.register("rarity"), "sound")
    return linker


_PAIR = {"join_key_l": "INTEGER", "join_key_r": "INTEGER", "match_key": "VARCHAR"}
_TYPES = {
    "unique_id": "INTEGER", "home": "VARCHAR", "spelling": "VARCHAR", "sound": "VARCHAR", "sounds": "VARCHAR[]",
    "others": "VARCHAR[]", "head": "VARCHAR", "tail": "VARCHAR", "year": "INTEGER", "month": "INTEGER",
    "day": "INTEGER", "born": "INTEGER", "sex": "VARCHAR", "place": "VARCHAR", "size": "INTEGER",
    "phones": "VARCHAR[]", "document": "VARCHAR", "document_kind": "VARCHAR",
}  # fmt: skip


def _row(at: int, one: Likeness) -> dict[str, object]:
    birth = one.birth
    kind, _, document = (one.document or "").rpartition("/")
    whole = birth is not None and birth.month is not None
    return {
        "unique_id": at,
        "home": str(one.home),
        "spelling": " ".join(sorted(word.spelling for word in one.words)),
        "sound": one.sound or None,
        "sounds": [word.sound for word in one.words],
        "others": [word.other for word in one.words],
        "head": one.words[0].spelling if one.words else None,
        "tail": one.words[-1].spelling if one.words else None,
        "year": birth.year if birth else None,
        "month": birth.month if birth else None,
        "day": birth.day if birth else None,
        "born": _ordinal(birth) if birth and whole else None,
        "sex": one.sex,
        "place": one.place,
        "size": one.size,
        "phones": list(one.phones),
        "document": document or None,
        "document_kind": kind or None,
    }


def _ordinal(birth: Birth) -> int | None:
    try:
        return date(birth.year, birth.month or 1, birth.day or 1).toordinal()
    except ValueError:  # a date that no calendar has, from a registry that did not look
        return None


def _put(
    connection: "duckdb.DuckDBPyConnection",
    table: str,
    rows: Sequence[Mapping[str, object]],
    types: Mapping[str, str],
) -> None:
    import pyarrow as pa  # noqa: PLC0415

    arrow = {
        "INTEGER": pa.int32(), "DOUBLE": pa.float64(), "VARCHAR": pa.string(),
        "VARCHAR[]": pa.list_(pa.string()),
    }  # fmt: skip
    columns = {
        name: pa.array([row[name] for row in rows], arrow[kind]) for name, kind in types.items()
    }
    connection.register("arriving", pa.table(columns))
    connection.execute(f"CREATE TABLE {table} AS SELECT * FROM arriving")  # noqa: S608
    connection.unregister("arriving")
