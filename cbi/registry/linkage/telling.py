"""Why two people may be one, in words and without a name: what an officer reads before anything is opened."""

from collections.abc import Callable, Mapping

from cbi.registry.linkage.levels import COMPARISONS, UNKNOWN, WORDS


def reasons_of(levels: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is known of a pair: what was compared, and the level's name; what nobody knows is left out."""
    return [
        (each.name, levels[each.name])
        for each in COMPARISONS
        if levels.get(each.name, UNKNOWN) != UNKNOWN
    ]


def sentence(
    levels: Mapping[str, str], translated: Callable[[str], str] = lambda words: words
) -> str:
    """One line such as `the names sound the same; day and month of birth swapped; the same place`."""
    return "; ".join(translated(WORDS[level]) for _, level in reasons_of(levels))
