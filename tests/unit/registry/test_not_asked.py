"""Nobody is asked for nationality, legal status, faith or origin: no table, list, address or statement knows of them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column as TableColumn
from sqlalchemy import Integer, MetaData, Table, func, select

from cbi.app import create_app
from cbi.models import metadata
from cbi.programmes.definition import read as read_programme
from cbi.programmes.problems import ProgrammeFileErrors
from cbi.registry.disclosing.models import Column
from cbi.registry.not_asked import sorts_people
from cbi.registry.scorecards import versions
from cbi.registry.scorecards.parts import ScorecardFileErrors
from tests.kinds_factory import kind_file
from tests.not_asked import NOT_ASKED, sorts_by

ROOT = Path(__file__).parents[3]
SAID_IN = {
    "cbi/registry/disclosing/models.py": "says that a list has no such column",
    "cbi/registry/intake/words/fr.py": "why a row with such a need is refused",
    "cbi/registry/not_asked.py": "the words by which scorecards and programme files are refused",
}
"""Where the engine's own words name such a thing, and why. An adapter may name what a provider's own words name."""


def sources() -> Iterator[tuple[str, str]]:
    for folder, ending in (
        ("cbi", "*.py"),
        ("cbi", "*.html"),
        ("examples", "*.yaml"),
        ("alembic", "*.py"),
    ):
        for path in sorted((ROOT / folder).rglob(ending)):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def test_no_table_has_a_column_for_what_nobody_is_asked() -> None:
    names = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
    }
    assert len(names) > 500
    assert [name for name in sorted(names) if NOT_ASKED.search(name)] == []
    assert not any(NOT_ASKED.search(each) for each in Column)


def test_no_source_names_it_but_to_say_that_it_is_not_kept() -> None:
    found = {path for path, text in sources() if NOT_ASKED.search(text)}
    assert found == set(SAID_IN)


def test_nothing_groups_filters_or_sorts_by_it() -> None:
    """Also under another name: by the arguments of every query that is built."""
    asked = {"group_by", "order_by", "where", "filter", "filter_by", "having", "partition_by"}
    for path, text in sources():
        if not path.startswith("cbi/") or not path.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in asked
            ):
                assert not NOT_ASKED.search(ast.unparse(node)), f"{path}:{node.lineno}"


def test_the_description_of_the_api_has_no_such_field_or_question() -> None:
    description = create_app().openapi()
    fields = {
        name
        for schema in description["components"]["schemas"].values()
        for name in schema.get("properties", {})
    }
    questions = {
        each["name"]
        for path in description["paths"].values()
        for route in path.values()
        for each in route.get("parameters", [])
    }
    assert len(fields) > 300
    assert len(questions) > 30
    assert [name for name in sorted(fields | questions) if NOT_ASKED.search(name)] == []


@pytest.mark.parametrize(
    "name", ["nationality", "legal_status", "citizenship", "immigration_status", "religion"]
)
def test_a_query_that_did_would_be_found(name: str) -> None:
    people = Table("persons", MetaData(), TableColumn("id", Integer), TableColumn(name, Integer))
    column = people.c[name]
    for query in (
        select(column, func.count()).group_by(column), select(people.c.id).order_by(column),
        select(people.c.id).where(column == 1),
    ):  # fmt: skip
        assert sorts_by(str(query)), query
    for fair in (
        "SELECT status, count(*) FROM households GROUP BY status",
        "SELECT id FROM areas ORDER BY code",
    ):
        assert not sorts_by(fair)
    assert re.search(NOT_ASKED, name)


SORTING = (
    "asylum_seeker", "Nationality", "Refugee status", "nationalité", "statut de réfugié", "pays d’origine",
    "país de origen", "situación migratoria", "solicitante de asilo", "الجنسية", "طالب لجوء", "ديانة", "لاجئة",
)  # fmt: skip
FAIR = (
    "marital status", "employment_status", "no papers", "disability", "place of residence", "مكان الإقامة",
    "statut matrimonial", "estado de salud", "newcomer", "no shelter", "lieu de résidence",
)  # fmt: skip


@pytest.mark.parametrize("words", SORTING)
def test_neither_a_scorecard_nor_a_programme_file_sorts_people_by_it(words: str) -> None:
    card = Path("examples/scorecard.yaml").read_text(encoding="utf-8")
    versions.new(card)
    with pytest.raises(ScorecardFileErrors, match="Nobody is assessed by") as refused:
        versions.new(card.replace("Days with smaller portions", words))
    assert "hard" in refused.value.message
    paid = kind_file(
        f'{{per_member: "10", top_ups: [{{name: care, amount: "5", for: {{needs: ["{words}"]}}}}]}}'
    )
    with pytest.raises(ProgrammeFileErrors, match="would sort people by"):
        read_programme(paid, {"post_office"})


def test_what_makes_life_hard_can_be_asked_and_paid_for() -> None:
    assert not any(sorts_people(words) for words in FAIR)
