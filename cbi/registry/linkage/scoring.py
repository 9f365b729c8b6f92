"""How likely two people are the same person: a Splink model in a database that exists in memory only and is dropped."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import prod
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from cbi.registry.linkage import columns
from cbi.registry.linkage.levels import COMPARISONS, level_of
from cbi.registry.linkage.likeness import Likeness

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
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

    def of(self, sound: str) -> float:
        """The share of people whose whole name sounds so, were its parts given without regard to one another."""
        shares = (
            (self.having.get(part, 0) + RARE * USUAL) / (self.people + USUAL)
            for part in set(sound.split())
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
    people: "pa.Table", pairs: "pa.Table", rarity: Rarity, *, at_least_per_mille: int = 0
) -> list[Scored]:
    """Score pairs of people: `people` has the columns of TYPES and a number, `pairs` two such numbers, the smaller first."""
    with in_memory() as connection:
        connection.register("arriving", people)
        connection.execute(
            "CREATE TABLE people AS SELECT * REPLACE (CAST(person AS UUID) AS person) FROM arriving"
        )
        connection.register("arriving", pairs)
        connection.execute(
            "CREATE TABLE pairs AS SELECT join_key_l, join_key_r, '0' AS match_key FROM arriving"
        )
        connection.unregister("arriving")
        linker = _linker(connection, settings(), rarity)
        blocked = linker._db_api.register("pairs")
        linker.table_management.register_blocked_pairs_for_predict(blocked)
        found = linker.inference.predict(
            threshold_match_probability=at_least_per_mille / 1000 or None, warning_mode="never"
        )
        gammas = ", ".join(f"gamma_{each.name}" for each in COMPARISONS)
        answers = connection.execute(
            f"SELECT l.person, r.person, match_probability, {gammas} FROM {found.physical_name}"  # noqa: S608
            " JOIN people l ON l.unique_id = unique_id_l JOIN people r ON r.unique_id = unique_id_r"
        ).fetchall()
    return [_scored(row) for row in answers]


def _scored(row: tuple[Any, ...]) -> Scored:
    first, second, probability, *gammas = row
    levels = {
        each.name: level_of(each, gamma) for each, gamma in zip(COMPARISONS, gammas, strict=True)
    }
    return Scored(first, second, int(probability * 1000), levels)


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
    who: Sequence[int],
) -> "Linker":
    """Splink with these people in it, the rarity of their names and who each one is, which is known in training only."""
    columns.arrived(
        connection, [*columns.rows_of(people), who], {**columns.TYPES, "who": "INTEGER"}
    )
    connection.execute(
        "CREATE TABLE people AS SELECT row_number() OVER (ORDER BY person) - 1 AS unique_id, * FROM arriving"
    )
    return _linker(connection, model, rarity)


def _linker(
    connection: "duckdb.DuckDBPyConnection", model: dict[str, Any], rarity: Rarity
) -> "Linker":
    from splink import DuckDBAPI, Linker  # noqa: PLC0415

    api = DuckDBAPI(connection)
    linker = Linker(api.register("people"), dict(model), log_level=None, validate_settings=False)
    named = "SELECT DISTINCT sound FROM people WHERE sound IS NOT NULL ORDER BY sound"
    sounds = [sound for (sound,) in connection.execute(named).fetchall()]
    shares = [sounds, [rarity.of(sound) for sound in sounds]]
    columns.arrived(connection, shares, {"sound": "VARCHAR", "tf_sound": "DOUBLE"})
    connection.execute("CREATE TABLE rarity AS SELECT * FROM arriving")
    linker.table_management.register_term_frequency_lookup(api.register("rarity"), "sound")
    return linker
