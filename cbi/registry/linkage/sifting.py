"""Leaves out pairs that cannot come to a score that is kept, by what is cheap to look at, before names are compared."""

from collections.abc import Mapping, Sequence
from math import ceil, log2
from typing import Any

from cbi.registry.linkage.levels import COMPARISONS, SAME_SOUND, Comparison

_WEIGHT = 1_000
"""Weights are whole numbers of thousandths of a bit, rounded up, so that a sum of them is never too low."""


def may_reach(model: Mapping[str, Any], per_mille: int) -> str:
    """A condition in DuckDB's SQL that every pair meets which the model gives so much; most others do not.

    Everything but the name is weighed as Splink weighs it. Of the name it counts the most that it can come to: a whole name
    that sounds the same, as if nobody else had it, or the most of what else there is.
    """
    weighed = [
        _most_of_name(compared, found) if compared.name == "name" else _weight(compared, found)
        for compared, found in zip(COMPARISONS, model["comparisons"], strict=True)
    ]
    before, wanted = model["probability_two_random_records_match"], per_mille / 1000
    needed = log2(wanted / (1 - wanted)) - log2(before / (1 - before))
    return f"{' + '.join(weighed)} >= {ceil(needed * _WEIGHT) - 1}"


def _weight(compared: Comparison, found: Mapping[str, Any]) -> str:
    *levels, otherwise = _weights(found)
    whens = "".join(
        f" WHEN {level.sql} THEN {weight}"
        for level, weight in zip(compared.levels, levels, strict=True)
    )
    return f"(CASE WHEN {compared.unknown} THEN 0{whens} ELSE {otherwise} END)"


def _most_of_name(compared: Comparison, found: Mapping[str, Any]) -> str:
    weights = _weights(found)
    rare = [level.rare_counts for level in compared.levels] + [False]
    least_common = max(
        ceil(log2(level["m_probability"] / level["tf_minimum_u_value"]) * _WEIGHT)
        for level in _levels(found)
        if "tf_minimum_u_value" in level
    )
    whole = max(least_common, *weights)
    part = max(weight for weight, counts in zip(weights, rare, strict=True) if not counts)
    return f"(CASE WHEN {compared.unknown} THEN 0 WHEN {SAME_SOUND} THEN {whole} ELSE {part} END)"


def _levels(found: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [level for level in found["comparison_levels"] if not level.get("is_null_level")]


def _weights(found: Mapping[str, Any]) -> list[int]:
    return [
        ceil(log2(level["m_probability"] / level["u_probability"]) * _WEIGHT)
        for level in _levels(found)
    ]
