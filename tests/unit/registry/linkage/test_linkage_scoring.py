"""The shipped model on labelled pairs that it was not trained on, and where it must not leave a trace."""

from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path
from uuid import UUID

import pytest

from cbi.registry.linkage import levels, memory, scoring
from cbi.registry.linkage.blocking import plain_keys
from cbi.registry.linkage.likeness import Birth, birth, likeness
from cbi.registry.linkage.rules import ASK, CERTAIN
from cbi.registry.linkage.scoring import Rarity, Scored
from cbi.registry.linkage.telling import sentence
from tests.golden_people import PAIRS, LabelledPair, pairs

RECALL, PRECISION = 0.95, 0.95


@cache
def judged() -> list[tuple[LabelledPair, Scored, bool]]:
    """Every labelled pair with its score, and whether the two share a key, without which nobody would compare them."""
    labelled = pairs()
    people = [each for pair in labelled for each in (pair.first, pair.second)]
    rare = Rarity(
        len(people), Counter(part for one in people for part in {word.sound for word in one.words})
    )
    scores = memory.score(people, [(at, at + 1) for at in range(0, len(people), 2)], rare)
    found = {(each.first, each.second): each for each in scores}
    return [
        (
            pair, found[pair.first.person, pair.second.person],
            bool({key for key, _ in plain_keys(pair.first)} & {key for key, _ in plain_keys(pair.second)}),
        )
        for pair in labelled
    ]  # fmt: skip


def test_of_the_labelled_pairs_at_least_95_in_100_are_found_and_as_many_of_those_found_are_right() -> (
    None
):
    asked = [pair for pair, scored, compared in judged() if compared and scored.per_mille >= ASK]
    right = sum(pair.same for pair in asked)
    assert sum(pair.same for pair, _, _ in judged()) == PAIRS == 240
    assert right / PAIRS >= RECALL
    assert right / len(asked) >= PRECISION


def test_no_pair_that_scores_enough_is_left_out_before_it_is_scored() -> None:
    people = [each for pair in pairs()[:60] for each in (pair.first, pair.second)]
    rare = Rarity(100_000, {})  # the rarest names there can be: the most that they can say
    every = [(one, other) for one in range(len(people)) for other in range(one + 1, len(people))]
    scores = memory.score(people, every, rare)
    assert len(scores) == len(every)
    for least in (100, 400):
        enough = {(each.first, each.second) for each in scores if each.per_mille >= least}
        kept = memory.score(people, every, rare, at_least_per_mille=least)
        assert {(each.first, each.second) for each in kept} == enough


def test_hardly_any_pair_that_is_called_certain_is_two_people() -> None:
    certain = [pair for pair, scored, _ in judged() if scored.per_mille >= CERTAIN]
    assert sum(not pair.same for pair in certain) / len(certain) <= 0.01


@pytest.mark.parametrize(
    "about", ["brothers or sisters", "twins", "namesakes", "born the same day"]
)
def test_those_who_only_look_like_one_person_are_mostly_left_alone(about: str) -> None:
    scores = [scored.per_mille for pair, scored, _ in judged() if pair.about == about]
    assert scores
    assert sum(score >= ASK for score in scores) / len(scores) <= 0.15


def test_a_pair_is_told_in_words_without_a_name() -> None:
    one = likeness(
        UUID(int=1),
        UUID(int=3),
        "Mohamed Benali",
        "1990-05-04",
        date(2026, 1, 1),
        sex="male",
        place="oran",
    )
    other = likeness(
        UUID(int=2),
        UUID(int=4),
        "محمد بن علي",
        "1990-04-05",
        date(2026, 1, 1),
        sex="male",
        place="oran",
    )
    (found,) = memory.score([one, other], [(0, 1)], Rarity(1000, {}))
    assert found.per_mille >= CERTAIN
    said = sentence(found.levels)
    assert (
        said
        == "the names sound the same; day and month of birth swapped; the same sex; the same place"
    )


def test_the_shipped_model_has_the_levels_of_the_rules_each_with_its_probabilities() -> None:
    model = scoring.settings()
    assert [each["output_column_name"] for each in model["comparisons"]] == [
        each.name for each in levels.COMPARISONS
    ]
    for shipped, rules in zip(model["comparisons"], levels.COMPARISONS, strict=True):
        _, *known = shipped["comparison_levels"]
        names = [*(level.name for level in rules.levels), rules.otherwise]
        assert [each["label_for_charts"] for each in known] == names
        assert [each["sql_condition"] for each in known[:-1]] == [
            level.sql for level in rules.levels
        ]
        assert all(
            0 < each["m_probability"] < 1 and 0 < each["u_probability"] < 1 for each in known
        )


def test_a_comparison_leaves_nothing_on_a_disk_and_cannot_reach_one(tmp_path: Path) -> None:
    with scoring.in_memory() as connection:
        assert connection.execute("SELECT current_setting('temp_directory')").fetchone() == ("",)
        for reach in (
            f"COPY (SELECT 1) TO '{tmp_path / 'people.csv'}'", f"ATTACH '{tmp_path / 'people.db'}'",
            f"SET temp_directory = '{tmp_path}'", "SET enable_external_access = true",
        ):  # fmt: skip
            with pytest.raises(Exception, match=r"(?i)permission|disabled|locked|configuration"):
                connection.execute(reach)
    assert list(tmp_path.iterdir()) == []


def test_a_birth_is_known_as_far_as_it_was_said() -> None:
    seen = date(2026, 6, 1)
    assert birth("1990-05-04", seen) == Birth(1990, 5, 4)
    assert birth("1990-01-01", seen) == Birth(1990)
    assert birth("age 36", seen) == Birth(1990)
    assert birth(None, seen) is None
