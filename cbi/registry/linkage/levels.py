"""What is compared between two people and how closely it can agree: as rules for Splink and as words for an officer."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Level:
    """One way in which two values agree or not: a stable name, the rule in DuckDB's SQL, and how an officer says it."""

    name: str
    sql: str
    words: str
    rare_counts: bool = False
    """Whether agreement says more where the name is rare, and less where it is common."""
    by_chance: int | None = None
    """How many of a million pairs of other people agree so, where a population made up at random would say too little."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing that is compared, its levels from the closest; `unknown` is when nothing can be said."""

    name: str
    unknown: str
    levels: tuple[Level, ...]

    @property
    def otherwise(self) -> str:
        """The name of what is left when no level fits."""
        return f"{self.name}_differs"


_SHARED = (
    "greatest(len(list_intersect(sounds_l, sounds_r)), len(list_intersect(sounds_l, others_r)),"
    " len(list_intersect(others_l, sounds_r)))"
)
_FEWER = "least(len(sounds_l), len(sounds_r))"
_ENDS = (
    "least(greatest(jaro_winkler_similarity(head_l, head_r), jaro_winkler_similarity(head_l, tail_r)),"
    " greatest(jaro_winkler_similarity(tail_l, tail_r), jaro_winkler_similarity(tail_l, head_r)))"
)
"""How much the first and the last part of a name resemble one of the other's, whichever of the two resembles less."""
_BOTH_DAYS = "(day_l IS NOT NULL AND day_r IS NOT NULL)"
_SAME_HOME = "home_l = home_r"
SAME_SOUND = "(sound_l = sound_r OR sounds_l <> others_l OR sounds_r <> others_r)"
"""Holds for every pair whose name is the same or sounds the same: parts that can be read in one way only sound the same in
whole names that do.
"""

COMPARISONS = (
    Comparison(
        "name",
        "sound_l IS NULL OR sound_r IS NULL",
        (
            Level("name_same", f"spelling_l = spelling_r AND {_FEWER} > 1", "the same name", rare_counts=True),
            Level(
                "name_sounds_same", f"{_SHARED} >= greatest(len(sounds_l), len(sounds_r)) AND {_FEWER} > 1",
                "the names sound the same", rare_counts=True,
            ),
            Level(
                "name_sounds_same_in_part", f"{_SHARED} >= {_FEWER} AND {_FEWER} > 1",
                "the names sound the same, one of them has more parts",
            ),
            Level(
                "name_close",
                f"{_ENDS} >= 0.9"
                " OR (length(sound_l) >= 8 AND damerau_levenshtein(sound_l, sound_r) <= 1)",
                "the names are nearly the same",
            ),
            Level(
                "name_one_close",
                f"{_SHARED} >= {_FEWER} - 1 AND {_SHARED} >= 1 AND {_FEWER} > 1 AND {_ENDS} >= 0.75",
                "part of the name sounds the same, the rest resembles it",
            ),
            Level("name_one_same", f"{_SHARED} >= 1", "part of the name sounds the same"),
        ),
    ),
    Comparison(
        "birth",
        "year_l IS NULL OR year_r IS NULL",
        (
            Level(
                "birth_same", f"{_BOTH_DAYS} AND year_l = year_r AND month_l = month_r AND day_l = day_r",
                "the same date of birth",
            ),
            Level(
                "birth_swapped", f"{_BOTH_DAYS} AND year_l = year_r AND month_l = day_r AND day_l = month_r",
                "day and month of birth swapped",
            ),
            Level(
                "birth_one_off",
                f"{_BOTH_DAYS} AND abs(born_l - born_r) = 1"
                f" OR {_BOTH_DAYS} AND month_l = month_r AND day_l = day_r AND abs(year_l - year_r) = 1",
                "the dates of birth are one day or one year apart",
            ),
            Level(
                "birth_two_parts",
                f"{_BOTH_DAYS} AND (year_l = year_r)::INT + (month_l = month_r)::INT + (day_l = day_r)::INT = 2",
                "the dates of birth differ in the day, the month or the year alone",
            ),
            Level(
                "birth_year_known", f"NOT {_BOTH_DAYS} AND abs(year_l - year_r) <= 1",
                "only a year or an age is known, and it agrees",
            ),
            Level("birth_near", "abs(year_l - year_r) <= 1", "born about the same year"),
            Level("birth_about", "abs(year_l - year_r) <= 4 AND NOT " + _BOTH_DAYS, "born some years apart, by age"),
        ),
    ),
    Comparison("sex", "sex_l IS NULL OR sex_r IS NULL", (Level("sex_same", "sex_l = sex_r", "the same sex"),)),
    # One comparison, because they are not three facts: whoever shares a telephone shares a place and a household's size.
    Comparison(
        "home",
        f"{_SAME_HOME} OR ((place_l IS NULL OR place_r IS NULL) AND (len(phones_l) = 0 OR len(phones_r) = 0))",
        (
            # Brothers and sisters have one telephone much more often than strangers, and part of a name in common, too.
            Level("home_phone", "len(list_intersect(phones_l, phones_r)) > 0", "the same telephone", by_chance=2_000),
            Level("home_place_and_size", "place_l = place_r AND size_l = size_r", "the same place and size of household"),
            Level("home_place", "place_l = place_r", "the same place"),
        ),
    ),
    Comparison(
        "document",
        "document_l IS NULL OR document_r IS NULL OR document_kind_l <> document_kind_r",
        (
            Level("document_same", "document_l = document_r", "the same document"),
            # Documents of a family are numbered one after the other.
            Level(
                "document_close", "damerau_levenshtein(document_l, document_r) = 1", "documents that differ in one sign",
                by_chance=1_000,
            ),
        ),
    ),
)  # fmt: skip

UNKNOWN = "unknown"
DIFFERS = {
    "name_differs": "other names",
    "birth_differs": "other dates of birth",
    "sex_differs": "the other sex",
    "home_differs": "another place, and no telephone in common",
    "document_differs": "another document of the same kind",
}
WORDS = {level.name: level.words for each in COMPARISONS for level in each.levels} | DIFFERS
"""How an officer says each level, in English."""


def as_comparison(one: Comparison) -> dict[str, Any]:
    """A comparison as Splink takes it, before it was trained."""
    levels: list[dict[str, Any]] = [
        {"sql_condition": one.unknown, "label_for_charts": UNKNOWN, "is_null_level": True}
    ]
    for level in one.levels:
        made: dict[str, Any] = {"sql_condition": level.sql, "label_for_charts": level.name}
        if level.rare_counts:
            made |= {
                "tf_adjustment_column": "sound", "tf_adjustment_weight": 1.0, "tf_minimum_u_value": 1e-6,
                "disable_tf_exact_match_detection": True,
            }  # fmt: skip
        if level.by_chance is not None:
            made |= {"u_probability": level.by_chance / 1_000_000, "fix_u_probability": True}
        levels.append(made)
    levels.append({"sql_condition": "ELSE", "label_for_charts": one.otherwise})
    return {"output_column_name": one.name, "comparison_levels": levels}


def level_of(comparison: Comparison, gamma: int) -> str:
    """The name of the level that Splink numbers so: -1 for unknown, 0 for the last, the closest the highest."""
    if gamma < 0:
        return UNKNOWN
    return (
        comparison.otherwise if gamma == 0 else comparison.levels[len(comparison.levels) - gamma].name
    )  # fmt: skip
