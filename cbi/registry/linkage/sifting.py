"""Leaves out pairs that cannot come to a score that is kept: first by what is cheap to look at, then by the names."""

from collections.abc import Mapping, Sequence
from math import ceil, log2
from typing import Any

from cbi.registry.linkage.levels import COMPARISONS, SAME_SOUND, Comparison

_WEIGHT = 1_000
"""Weights are whole numbers of thousandths of a bit, rounded up, so that a sum of them is never too low."""


def may_reach(model: Mapping[str, Any], per_mille: int) -> str:
    """A condition in DuckDB's SQL that every pair meets which the model gives so much; most others do not.

    Pairs are weighed as Splink weighs them, as if nobody else had a name that is the same. Before the names are looked at,
    they count by the most they can come to: that of a whole name that sounds the same, or the most of what else there is.
    """
    compared = list(zip(COMPARISONS, model["comparisons"], strict=True))
    but_name = " + ".join(_weight(one, found) for one, found in compared if one.name != "name")
    (name,) = (each for each in compared if each[0].name == "name")
    before, wanted = model["probability_two_random_records_match"], per_mille / 1000
    needed = ceil((log2(wanted / (1 - wanted)) - log2(before / (1 - before))) * _WEIGHT) - 1
    return (
        f"CASE WHEN {but_name} + {_most(*name)} >= {needed}"
        f" THEN {but_name} + {_weight(*name)} >= {needed} ELSE false END"
    )


def _weight(compared: Comparison, found: Mapping[str, Any]) -> str:
    *levels, otherwise = _weights(found)
    whens = "".join(
        f" WHEN {level.sql} THEN {weight}"
        for level, weight in zip(compared.levels, levels, strict=True)
    )
    return f"(CASE WHEN {compared.unknown} THEN 0{whens} ELSE {otherwise} END)"


def _most(name: Comparison, found: Mapping[str, Any]) -> str:
    weights = _weights(found)
    rare_counts = [level.rare_counts for level in name.levels] + [False]
    part = max(w for w, counts in zip(weights, rare_counts, strict=True) if not counts)
    return (
        f"(CASE WHEN {name.unknown} THEN 0 WHEN {SAME_SOUND} THEN {max(weights)} ELSE {part} END)"
    )


def _weights(found: Mapping[str, Any]) -> Sequence[int]:
    """What each level weighs, from the closest; where it matters how common a name is, as much as the rarest can."""
    return [
        ceil(log2(level["m_probability"] / _by_chance(level)) * _WEIGHT)
        for level in found["comparison_levels"]
        if not level.get("is_null_level")
    ]


def _by_chance(level: Mapping[str, Any]) -> Any:
    return min(level["u_probability"], level.get("tf_minimum_u_value", 1))
