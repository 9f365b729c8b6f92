"""Reasons are told in the language of whoever corrects the list, every one of them."""

import ast
import io
import itertools
import re
from pathlib import Path

import pytest
from openpyxl import load_workbook

import cbi.registry
from cbi.registry.intake.checks import Reason, Unusable, household_size
from cbi.registry.intake.facts import Outcome
from cbi.registry.intake.reports import write_report
from cbi.registry.intake.results import ImportResult, RowNote
from cbi.registry.intake.wording import told
from cbi.registry.intake.words import ar, es, fr

WORDS = {"fr": fr, "es": es, "ar": ar}
REGISTRY = Path(str(cbi.registry.__file__)).parent
ELSEWHERE = {"area_ambiguous", "answers"}
"""Told with the names of the areas that may be meant, or with the question that it is about."""


def codes() -> set[str]:
    """Every code that is written down for a reason, in the intake and what it calls, and where forms come back."""
    found = {
        "household_size",
        "number",
        "age",
        "several_heads",
        "several_collectors",
        "phone_not_in_plan",
        "phone_landline",
    }
    folders = [(REGISTRY / each).glob("*.py") for each in ("intake", "scorecards")]
    for path in [*itertools.chain(*folders), REGISTRY / "numbers.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                if node.func.id in {"Unusable", "Reason"} and isinstance(first, ast.Constant):
                    found.add(str(first.value))
    return found


@pytest.mark.parametrize("language", WORDS)
def test_every_reason_has_words_in_every_language(language: str) -> None:
    assert codes() - ELSEWHERE - WORDS[language].REASONS.keys() == set()


@pytest.mark.parametrize("language", WORDS)
def test_all_languages_leave_the_same_places_for_numbers(language: str) -> None:
    for code, (message, _) in WORDS[language].REASONS.items():
        assert set(re.findall(r"{\w+}", message)) == set(
            re.findall(r"{\w+}", fr.REASONS[code][0])
        ), code
    assert WORDS[language].COPY.keys() == fr.COPY.keys()


def test_numbers_and_places_stand_in_the_sentence() -> None:
    with pytest.raises(Unusable) as refusal:
        household_size("99")
    problem = refusal.value
    size = told(Reason(problem.code, "Taille", problem.message, problem.next_step), "fr")
    assert size.message == "La taille du ménage n'est pas un nombre entier de 1 à 60."
    repeated = Reason("repeated", "", "The same registration number stands in line 12 already.", "")
    assert told(repeated, "es").message == "El mismo número de registro ya está en la línea 12."
    sheet = Reason(
        "household_incomplete",
        "",
        "The household cannot be taken because of row 7 of the sheet 'A'.",
        "",
    )
    assert "الصف 7 من الورقة «A»" in told(sheet, "ar").message


def test_what_has_no_words_is_told_in_english() -> None:
    unknown = Reason("no_such_code", "", "A sentence.", "Advice.")
    assert told(unknown, "fr") == unknown
    assert told(Reason("repeated", "", "Without a place.", ""), "fr").message == "Without a place."


def test_a_copy_speaks_the_language_that_was_asked_for() -> None:
    wrong = Reason("missing", "Name", "The cell is empty, and this is needed.", "Fill it in.")
    result = ImportResult(
        import_id=None, filename="a.csv", dry_run=False, total=1, landed=0, unchanged=0, rejected=1, warnings=0,
        people=0, rows=(RowNote(None, 2, Outcome.REJECTED, (wrong,), ()),),
    )  # fmt: skip
    content = b"Registration number;Name;Phone;Household size\nA1;;0550123456;3\n"
    target = io.BytesIO()
    write_report(result, io.BytesIO(content), target, language="ar")
    book = load_workbook(io.BytesIO(target.getvalue()))
    assert book["List"].sheet_view.rightToLeft
    rows = list(book["List"].values)
    assert rows[0][-2:] == ("الأسباب", "ما العمل")
    assert rows[1][-1] == "املأها."
