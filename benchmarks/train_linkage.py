"""Makes the model that says how likely two people are the same one: `python -m benchmarks.train_linkage`.

Splink learns it from a population that is made up from a seed and whose truth is therefore known: how often each level of
agreement occurs between two registrations of one person (m, from the labels), and between two people (u, from pairs
drawn at random). The result is `cbi/registry/linkage/model.json`; the same seed makes the same file.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.made_up_people import compared, people
from cbi.registry.linkage.levels import COMPARISONS, as_comparison
from cbi.registry.linkage.likeness import Likeness
from cbi.registry.linkage.scoring import Rarity, in_memory, prepared

SEED = 20_261
PEOPLE = 12_000
PAIRS = 1e7
VERSION = "2026-11"
PRIOR = 1 / 20_000
"""How likely two people drawn at random are one: about one in ten registered twice, in an office of some thousands."""
TARGET = Path(__file__).parents[1] / "cbi/registry/linkage/model.json"


def rarity_of(likenesses: list[Likeness]) -> Rarity:
    """How common each part of a name is among these people."""
    return Rarity(
        len(likenesses),
        Counter(part for one in likenesses for part in {word.sound for word in one.words}),
    )


def train() -> dict[str, Any]:
    """The trained model as Splink writes it."""
    made = people(PEOPLE, SEED, registered_again=0.25)
    likenesses = list(compared(made))
    untrained = {
        "link_type": "dedupe_only",
        "linker_uid": VERSION,
        "probability_two_random_records_match": PRIOR,
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
        "additional_columns_to_retain": ["who"],
        "blocking_rules_to_generate_predictions": [],
        "comparisons": [as_comparison(each) for each in COMPARISONS],
    }
    with in_memory("4GB") as connection:
        linker = prepared(
            connection, likenesses, untrained, rarity_of(likenesses), who=[one.who for one in made]
        )
        linker.training.estimate_u_using_random_sampling(
            max_pairs=PAIRS, seed=SEED, min_count_per_level=None
        )
        linker.training.estimate_m_from_label_column("who")
        return linker.misc.save_model_to_json()


def main() -> None:
    """Train and write the file."""
    model = train()
    model["additional_columns_to_retain"] = []
    model["retain_matching_columns"] = True  # the levels of a pair, for the officer
    TARGET.write_text(json.dumps(model, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for comparison in model["comparisons"]:
        for level in comparison["comparison_levels"]:
            if "m_probability" in level:
                sys.stdout.write(
                    f"{level['label_for_charts']:28} m {level['m_probability']:.5f} u {level.get('u_probability', 0):.7f}\n"
                )


if __name__ == "__main__":
    main()
