"""People who were opened for a comparison, in memory for as long as it takes: each is opened once, whoever they are like."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from cbi.registry.linkage import columns, scoring
from cbi.registry.linkage.likeness import Likeness
from cbi.registry.linkage.scoring import Rarity, Scored
from cbi.registry.linkage.sifting import may_reach

if TYPE_CHECKING:
    import duckdb

UNMARKED = bytes(8)
"""The mark of whoever is not remembered, because they are on record otherwise than when they were last compared."""
ROOM = "768MB"
"""The most that people in memory may take, with what it takes to look through their pairs."""
_FULL = 600_000_000
"""From so many bytes on everybody is forgotten, and opened again when they are met."""
_AT_ONCE = 50_000
_WORTH_ASKING = """CASE WHEN home_l = home_r THEN sound_l IS NOT DISTINCT FROM sound_r
    ELSE document_l IS NULL OR document_r IS NULL OR document_l <> document_r END"""
"""Whether a pair is anybody's question.

Who shows the same document in another household is flagged for that (`duplicates`). In one household brothers and sisters
share nearly everything, so only those whose whole names sound the same are asked about.
"""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of people by their keys, 16 bytes each: all the first ones, and all the second ones, who are the larger keys."""

    first: bytes = b""
    second: bytes = b""

    @classmethod
    def of(cls, pairs: Iterable[tuple[UUID, UUID]]) -> "Pairs":
        """The same from keys."""
        both = list(pairs)
        return cls(
            b"".join(one.bytes for one, _ in both), b"".join(other.bytes for _, other in both)
        )


class Memory(AbstractContextManager["Memory"]):
    """Whoever was opened, with the mark under which they were: another mark means that they have to be opened again.

    A database of this process alone, as for scoring: nothing of it goes to a disk, and it is gone with the comparison.
    """

    def __init__(self) -> None:
        self._database: duckdb.DuckDBPyConnection | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        if self._database is not None:
            self._database.close()
            self._database = None

    def hold(self, people: Sequence[Likeness], marks: Mapping[UUID, bytes]) -> None:
        """Remember these people as they are now, and as they were no more."""
        if not people:
            return
        marked = [marks.get(one.person, UNMARKED) for one in people]
        columns.arrived(self._open, [*columns.rows_of(people), marked], _COLUMNS)
        self._open.execute("DELETE FROM people WHERE person IN (SELECT person FROM arriving)")
        self._open.execute("INSERT INTO people SELECT * FROM arriving")
        self._open.unregister("arriving")

    def unknown(self, people: bytes, marks: bytes) -> list[tuple[UUID, bytes]]:
        """Who of these people is not remembered as they are marked now; whatever was remembered of them is forgotten."""
        if not people:
            return []
        columns.arrived(self._open, [people, marks], {"person": "UUID", "mark": "BLOB"})
        known = f"p.person = a.person AND p.mark = a.mark AND p.mark <> '{_HEX}'::BLOB"
        self._open.execute(
            "CREATE OR REPLACE TABLE unknown AS SELECT person, mark FROM arriving a"  # noqa: S608
            f" WHERE NOT EXISTS (SELECT 1 FROM people p WHERE {known});"
            " DELETE FROM people WHERE person IN (SELECT person FROM unknown)"
        )
        self._open.unregister("arriving")
        return self._open.execute("SELECT person, mark FROM unknown").fetchall()

    def make_room(self) -> None:
        """Forget everybody where they take nearly all the room there is."""
        if self._database is None:
            return
        (taken,) = self._one("SELECT sum(memory_usage_bytes) FROM duckdb_memory()")
        if (taken or 0) > _FULL:
            self._database.execute("DROP TABLE people")
            self._make()

    def score(
        self, pairs: Pairs, rarity: Callable[[Sequence[str]], Rarity], *, at_least_per_mille: int = 0,
        but: Pairs | None = None,
    ) -> tuple[list[Scored], int]:  # fmt: skip
        """The pairs that score enough, and how many were looked at. Whoever is not remembered is in none.

        `rarity`: how common these sounds are. `but`: without these pairs, and without those that are nobody's question.
        """
        if not pairs.first:
            return [], 0
        reach = may_reach(scoring.settings(), at_least_per_mille) if at_least_per_mille else "true"
        asked = "true"
        if but is not None:
            asked = (
                f"{_WORTH_ASKING} AND (person_l, person_r) NOT IN (SELECT (one, other) FROM but)"  # noqa: S608
            )
            columns.arrived(self._open, [but.first, but.second], _BOTH)
            self._open.execute("CREATE OR REPLACE TABLE but AS SELECT * FROM arriving")
        columns.arrived(self._open, [pairs.first, pairs.second], _BOTH)
        self._open.execute(
            f"CREATE OR REPLACE TABLE sifted AS SELECT person_l, person_r, {reach} AS reaches"  # noqa: S608
            f" FROM (SELECT {_SIDES} FROM arriving JOIN people l ON l.person = one JOIN people r ON r.person = other)"
            f" WHERE {asked}"
        )
        self._open.unregister("arriving")
        (looked_at, left) = self._one(
            "SELECT count(*), count(*) FILTER (WHERE reaches) FROM sifted"
        )
        found: list[Scored] = []
        for at in range(0, left, _AT_ONCE):
            found += self._score_some(at, rarity, at_least_per_mille)
        self._open.execute("DROP TABLE sifted")
        return found, looked_at

    def _score_some(
        self, at: int, rarity: Callable[[Sequence[str]], Rarity], at_least_per_mille: int
    ) -> list[Scored]:
        self._open.execute(
            "CREATE OR REPLACE TABLE alike AS SELECT person_l, person_r FROM sifted WHERE reaches"  # noqa: S608
            f" ORDER BY ALL LIMIT {_AT_ONCE} OFFSET {at};"
            " CREATE OR REPLACE TABLE those AS SELECT row_number() OVER (ORDER BY person) - 1 AS unique_id, *"
            " FROM people WHERE person IN (SELECT person_l FROM alike UNION ALL SELECT person_r FROM alike)"
        )
        numbered = self._open.sql(
            "SELECT l.unique_id AS join_key_l, r.unique_id AS join_key_r FROM alike"
            " JOIN those l ON l.person = person_l JOIN those r ON r.person = person_r"
        ).to_arrow_table()
        those = self._open.sql("SELECT * FROM those ORDER BY unique_id").to_arrow_table()
        heard = self._open.execute("SELECT DISTINCT unnest(sounds) FROM those").fetchall()
        self._open.execute("DROP TABLE alike; DROP TABLE those")
        return scoring.score(
            those, numbered, rarity([sound for (sound,) in heard]),
            at_least_per_mille=at_least_per_mille,
        )  # fmt: skip

    @property
    def _open(self) -> "duckdb.DuckDBPyConnection":
        if self._database is None:
            self._database = scoring.in_memory(ROOM)
            self._make()
        return self._database

    def _make(self) -> None:
        named = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
        self._open.execute(f"CREATE TABLE people ({named})")

    def _one(self, statement: str) -> tuple[Any, ...]:
        (found,) = self._open.execute(statement).fetchall()
        return found


_HEX = "".join(f"\\x{byte:02x}" for byte in UNMARKED)
_COLUMNS = {**columns.TYPES, "mark": "BLOB"}
_BOTH = {"one": "UUID", "other": "UUID"}
_SIDES = ", ".join(f"{side}.{name} AS {name}_{side}" for side in "lr" for name in columns.TYPES)


def score(
    people: Sequence[Likeness], pairs: Sequence[tuple[int, int]], rarity: Rarity, *, at_least_per_mille: int = 0
) -> list[Scored]:  # fmt: skip
    """Score pairs of people, given as places in `people`, whose keys ascend, each with the smaller place first."""
    with Memory() as memory:
        memory.hold(people, {})
        these = Pairs.of((people[one].person, people[other].person) for one, other in pairs)
        found, _ = memory.score(these, lambda _: rarity, at_least_per_mille=at_least_per_mille)
    return found
