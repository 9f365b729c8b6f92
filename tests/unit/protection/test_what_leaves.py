"""Every way in which a file leaves: it names nobody, or its work needs it, or it is a list of people with its own rules.

Whoever adds a route or a command that gives a file says here of which sort it is.
"""

import ast
from collections.abc import Iterator
from enum import Enum
from functools import cache
from pathlib import Path
from types import FunctionType

import typer
from fastapi.routing import iter_route_contexts
from typer.core import TyperCommand, TyperGroup

from cbi.app import create_app
from cbi.cli import app as terminal

ROOT = Path(__file__).parents[3] / "cbi"
GIVES_A_FILE = {"StreamingResponse", "FileResponse", "download"}
"""What routes answer with where they give a file; `download` is that of lists of people."""
HEADER = "Content-Disposition"


class Sort(Enum):
    """What is in a file that leaves."""

    NOBODY = "no person is in it"
    WORK = "its work needs it, and it has rules of its own"
    PEOPLE = "a list of people: cbi/protection/exporting"


ROUTES = {
    "GET /approvals/{run_id}/list.xlsx": (Sort.NOBODY, "identifiers and keyed hashes, so that a digest can be checked"),
    "GET /approvals/{run_id}/list.txt": (Sort.NOBODY, "the same, byte for byte as it is signed"),
    "GET /finance/values/rounds/{number}/sheet.xlsx": (Sort.NOBODY, "prices of goods"),
    "GET /api/v1/price-rounds/{number}/file": (Sort.NOBODY, "prices of goods"),
    "POST /api/v1/scorecards/{code}/forms": (Sort.NOBODY, "registration numbers and empty boxes, with row tokens"),
    "GET /api/v1/work-sheets/{number}/file": (
        Sort.WORK, "a group's names, so that they can be called up; each name in it is noted as seen"
    ),
    "GET /cash-for-work/sheets/{number}/sheet.xlsx": (Sort.WORK, "the same on a page"),
    "POST /registry/rows/of/{import_id}/rows.zip": (
        Sort.WORK, "rows that did not land, encrypted, for mending; each is noted as seen"
    ),
    "POST /api/v1/registry/rejected/workbooks": (Sort.WORK, "the same, for programs"),
    "POST /registry/assessing/forms": (Sort.NOBODY, "registration numbers and empty boxes, with row tokens"),
    "POST /registry/assessing/forms/copy": (Sort.WORK, "a copy of the file that its sender handed in, with reasons"),
    "POST /registry/consent/list/copy": (Sort.WORK, "the same"),
    "POST /registry/lists/copy": (Sort.WORK, "the same"),
    "POST /cash-for-work/copy": (Sort.WORK, "the same"),
    "POST /api/v1/registry/imports": (Sort.WORK, "the same, for programs that ask for it"),
    "POST /api/v1/exports/{number}/file": (Sort.PEOPLE, ""),
    "POST /exports/{number}/file": (Sort.PEOPLE, ""),
}  # fmt: skip
COMMANDS = {
    "scorecard form": (Sort.NOBODY, "registration numbers and empty boxes, with row tokens"),
    "work sheet export": (Sort.WORK, "a group's names, so that they can be called up; each is noted as seen"),
    "prices export": (Sort.NOBODY, "prices of goods"),
    "keys export": (Sort.NOBODY, "people's keys, sealed, by an id that says nothing"),
    "registry exchange export": (Sort.NOBODY, "keyed hashes, under a disclosure that the legal officer approved"),
    "registry exchange answer": (Sort.NOBODY, "their hashes with yes or no, under such a disclosure"),
    "export fetch": (Sort.PEOPLE, ""),
    "export open": (Sort.PEOPLE, "what was fetched, opened by whoever has its passphrase"),
}  # fmt: skip
REPORTS = (
    Sort.WORK,
    "a copy of the file that its sender handed in, with reasons beside the rows; or encrypted rows that did not land",
)


@cache
def trees() -> dict[Path, ast.Module]:
    """Every module of the engine."""
    return {
        path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))
    }


def names_in(node: ast.AST) -> set[str]:
    """Every name and text that stands in a piece of code."""
    found = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    found |= {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
    texts = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
    return found | {text for text in texts if isinstance(text, str)}


@cache
def givers(path: Path) -> frozenset[str]:
    """The functions of a module that answer with a file, themselves or through one that does."""
    tree = trees().get(path)
    if tree is None:  # FastAPI's own
        return frozenset()
    signs = {HEADER, *GIVES_A_FILE}
    inside = [
        (each.name, names_in(each)) for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)
    ]
    while (
        more := {name for name, names in inside if name.startswith("_") and names & signs} - signs
    ):
        signs |= more
    return frozenset(name for name, names in inside if names & signs)


def test_every_route_that_gives_a_file_says_what_leaves_in_it() -> None:
    found = set()
    for route in iter_route_contexts(create_app().routes):
        endpoint = getattr(route.original_route, "endpoint", None)
        if not isinstance(endpoint, FunctionType):
            continue
        if endpoint.__name__ in givers(Path(endpoint.__code__.co_filename)):
            found |= {f"{method} {route.path}" for method in (route.methods or set()) - {"HEAD"}}
    assert found == set(ROUTES)


def commands(group: TyperGroup, above: str = "") -> Iterator[tuple[str, TyperCommand]]:
    for name, each in group.commands.items():
        path = f"{above} {name}".strip()
        if isinstance(each, TyperGroup):
            yield from commands(each, path)
        elif isinstance(each, TyperCommand):
            yield path, each


def test_every_command_that_writes_a_file_says_what_leaves_in_it() -> None:
    group = typer.main.get_command(terminal)
    assert isinstance(group, TyperGroup)
    found = {
        f"{path} {parameter.opts[0]}" if parameter.opts[0].startswith("--") else path
        for path, command in commands(group)
        for parameter in command.params
        if (kind := getattr(parameter, "type_descriptor", None))
        and "Path" in str(kind.annotation)
        and not kind.parameter_info.exists
    }
    reports = {each for each in found if each.endswith((" --report", " --copy"))}
    assert found - reports == set(COMMANDS)


def test_a_list_of_people_leaves_by_one_door_only() -> None:
    """What is sealed under somebody's own key is written into a file nowhere else."""
    sealed = {"in_clear", "names"}
    writes = {"write_workbook", "write_csv", "text_cell", "save"}
    both = {
        path.relative_to(ROOT).as_posix()
        for path, tree in trees().items()
        if names_in(tree) & writes
        and any(
            isinstance(each, ast.Attribute) and each.attr in sealed
            and isinstance(each.value, ast.Name) and each.value.id == "personal"
            for each in ast.walk(tree)
        )
    }  # fmt: skip
    assert both <= {"programmes/work_sheets.py", "protection/exporting/fetching.py"}
    for sort, why in (*ROUTES.values(), *COMMANDS.values(), REPORTS):
        assert why or sort is Sort.PEOPLE
