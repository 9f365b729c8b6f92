"""What the build promises about the tree itself, so that nobody has to remember it."""

import ast
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Float, Numeric

from cbi.errors import CbiError
from cbi.helpline.states import COMPLAINT
from cbi.lifecycle import Lifecycle
from cbi.messaging.states import MESSAGE
from cbi.models import metadata
from cbi.payments.states import PAYMENT, RECEIVABLE, RUN
from cbi.redemption.states import CODE
from cbi.settings import Settings

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("cbi", "adapters") for path in (ROOT / folder).rglob("*.py"))
LONGEST_FILE = 350
APPEND_ONLY = {
    "transfers", "approvals", "run_events", "payment_events", "audit_entries", "audit_seals", "payouts",
    "entitlements", "eligibility_decisions", "programme_versions", "matches", "statement_lines",
    "counter_tries", "fund_movements", "run_parts", "rejected_rows",
    "rejected_row_ends", "submission_names", "pulls",
    "run_summaries", "run_findings", "complaint_texts", "complaint_events",
    "work_versions", "work_rows", "work_signatures", "work_pay", "work_ties",
    "decided_facts", "enrolments", "arrears_paid", "household_needs", "household_bands",
    "basket_versions", "price_versions", "prices",
    "waivers", "waiver_decisions", "control_checks", "list_openings",
    "assessments", "assessment_decisions", "assessment_forms",
}  # fmt: skip


def _names(path: Path) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}


def test_no_file_is_too_long_to_read() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FILE} == {}


def test_every_module_opens_with_a_sentence() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_column_is_a_floating_number() -> None:
    columns = [(t.name, c.name, c.type) for t in metadata.sorted_tables for c in t.columns]
    assert [(t, c) for t, c, kind in columns if isinstance(kind, Float | Numeric)] == []


def test_every_amount_stands_beside_a_currency_or_in_a_row_that_has_one() -> None:
    for table in metadata.sorted_tables:
        amounts = [c.name for c in table.columns if c.name.endswith("_minor")]
        if amounts and table.name != "matches":  # a match's currency is its line's
            named = [c.name for c in table.columns if c.name.endswith("currency")]
            assert named, (table.name, amounts)


def test_the_engine_computes_with_no_floats() -> None:
    allowed = {
        "cbi/http/requests.py",  # seconds of a clock that only measures
        "cbi/registry/linkage/scoring.py",  # how likely two people are one; kept as a whole number of per mille
        "cbi/registry/intake/delimited.py",  # how well a delimiter fits
        "cbi/registry/intake/workbooks.py",  # what a spreadsheet stores; turned into text exactly
    }
    found = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if "float" in _names(path) and str(path.relative_to(ROOT)) not in allowed
    ]
    assert found == []


EMPTIED = {
    "assessment_decisions": ("reason",),
    "assessments": ("content", "reason"),
    "complaint_events": ("note",),
    "rejected_row_ends": ("cells",),
    "rejected_rows": ("cells",),
}
"""Words of people, or about them, in tables that are append-only otherwise: they go when the person's data is destroyed."""
DECIDED = {"enrolments": ("confirmed_by", "confirmed_at", "refusal_id")}
"""What a second person says of a row, and nothing of what the first one wrote."""


def test_what_must_be_append_only_declares_no_change() -> None:
    tables = {table.name: table.info for table in metadata.sorted_tables}
    assert set(tables) >= APPEND_ONLY
    declared = {name: tables[name].get("may_update", ()) for name in APPEND_ONLY}
    assert {name: columns for name, columns in declared.items() if columns} == EMPTIED | DECIDED
    assert {name for name in APPEND_ONLY if set(tables[name]) - {"may_update"}} == set()


def test_whoever_proves_knows_every_table() -> None:
    # `cbi verify` is a process of its own: a table that it has not heard of would look like one nobody may change.
    asked = (
        "import cbi.proofs.verify; from cbi.db import Base; known = set(Base.metadata.tables);"
        "import cbi.models; print(*sorted(set(Base.metadata.tables) - known))"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []


def test_no_table_says_which_office_it_is_in() -> None:
    forbidden = {"tenant", "tenant_id", "country_office_id", "schema_name"}
    named = {
        (t.name, c.name) for t in metadata.sorted_tables for c in t.columns if c.name in forbidden
    }
    assert named == set()
    assert {table.schema for table in metadata.sorted_tables} == {None}


def test_no_trigger_and_no_schema_is_named_in_code() -> None:
    trigger = re.compile(r"create\s+(or\s+replace\s+|constraint\s+)?trigger", re.IGNORECASE)
    qualified = re.compile(r"(?:from|join|into|update)\s+public\.", re.IGNORECASE)
    files = [*SOURCES, *sorted((ROOT / "alembic").rglob("*.py"))]
    guilty = [
        str(path.relative_to(ROOT))
        for path in files
        if trigger.search(path.read_text())
        or qualified.search(path.read_text())
        or any(
            isinstance(node, ast.keyword) and node.arg == "schema"
            for node in ast.walk(ast.parse(path.read_text()))
        )
    ]
    assert guilty == []


@pytest.mark.parametrize(
    ("title", "lifecycle"),
    [
        ("A payment run", RUN),
        ("A payment", PAYMENT),
        ("Money that was paid twice", RECEIVABLE),
        ("A code", CODE),
        ("A text", MESSAGE),
        ("A complaint", COMPLAINT),
    ],
)
def test_the_diagrams_in_the_architecture_are_the_tables_in_the_code(
    title: str, lifecycle: Lifecycle[Any]
) -> None:
    drawn = f"### {title}\n\n```mermaid\n{lifecycle.as_mermaid()}\n```"
    assert drawn in (ROOT / "ARCHITECTURE.md").read_text()


def test_every_built_in_adapter_runs_the_contract_suite() -> None:
    built_in = {
        entry.name for entry in entry_points(group="cbi.fsp") if entry.value.startswith("adapters.")
    }
    folders = {
        path.name for path in (ROOT / "adapters").iterdir() if (path / "adapter.py").exists()
    }
    assert built_in == folders
    for name in built_in:
        assert "(AdapterContract)" in (ROOT / "tests" / "adapters" / f"test_{name}.py").read_text()


def test_the_example_environment_lists_every_setting_and_nothing_else() -> None:
    text = (ROOT / ".env.example").read_text()
    listed = set(re.findall(r"^#?(CBI_[A-Z_]+)=", text, re.MULTILINE))
    assert listed == {f"CBI_{name.upper()}" for name in Settings.model_fields}


def test_every_error_has_a_code_of_its_own() -> None:
    codes: dict[str, str] = {}
    todo = list(CbiError.__subclasses__())
    while todo:
        error = todo.pop()
        todo += error.__subclasses__()
        if "code" in vars(error) and not error.__module__.startswith("tests"):
            assert codes.setdefault(error.code, error.__qualname__) == error.__qualname__, (
                error.code
            )


def test_no_machine_path_and_no_registry_address_is_in_the_tree() -> None:
    forbidden = re.compile(
        r"/work/|/root/|pypi\.org|files\.pythonhosted|registry\.npmjs", re.IGNORECASE
    )
    guilty = [
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*")
        if path.is_file()
        and not {".git", ".venv", "__pycache__", "node_modules"} & set(path.parts)
        and path.suffix in {".py", ".md", ".toml", ".lock", ".yaml", ".json", ".txt", ""}
        and not path.parts[len(ROOT.parts)].startswith(".")
        and path != Path(__file__)
        and forbidden.search(path.read_text(errors="ignore"))
    ]
    assert guilty == []
