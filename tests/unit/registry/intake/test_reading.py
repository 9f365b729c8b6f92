"""Lists read into households: one row each, or a sheet of households and one of their people."""

import io
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from openpyxl import Workbook

from cbi.registry.intake.facts import Candidate, HouseholdFacts
from cbi.registry.intake.files import opened
from cbi.registry.intake.mapping import TEMPLATE, ColumnMapping, MissingColumns
from cbi.registry.intake.mapping_files import load_mapping
from cbi.registry.intake.parts import parts_of
from cbi.registry.intake.reading import Rules
from cbi.registry.intake.reading import read as read_part
from cbi.registry.models import FactorKind, Sex

RULES = Rules("DZ", ("ar", "fr", "en"), date(2026, 11, 21), lambda number: f"keyed-{len(number)}")
HEADER = "Registration number;Name;Phone;Language;Household size;Sex;Date of birth;Document number;Memorable word"
SURVEY = """
source: survey
households:
  sheet: Households
  columns: {source_id: id, size: SIZE, consent_on: agreed, word: word}
individuals:
  sheet: People
  household: household
  columns: {name: name, phone: {column: phone, required: false}, document: document, age: age}
  head: {column: relation, is: HEAD}
  collector: {column: collects, is_filled: true}
"""
PERSON = ("household", "name", "phone", "document", "age", "relation", "collects")


def read(
    content: bytes, mapping: ColumnMapping = TEMPLATE, rules: Rules = RULES
) -> list[Candidate]:
    with opened(io.BytesIO(content)) as file:
        return [
            each for part in parts_of(file, mapping) for each in read_part(part, mapping, rules)
        ]


def csv(*rows: str) -> list[Candidate]:
    return read("\n".join((HEADER, *rows)).encode())


def survey(
    households: list[tuple[Any, ...]], people: list[tuple[Any, ...]], size: str = "size"
) -> list[Candidate]:
    book = Workbook()
    for name, header, rows in (
        ("Households", ("id", "size", "agreed", "word"), households), ("People", PERSON, people),
    ):  # fmt: skip
        sheet = book.create_sheet(name)
        for row in (header, *rows):
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return read(stream.getvalue(), load_mapping(SURVEY.replace("SIZE", size)))


def facts(candidate: Candidate) -> HouseholdFacts:
    assert candidate.facts is not None, [row.reasons for row in candidate.rows]
    return candidate.facts


def codes(candidate: Candidate) -> list[str]:
    assert candidate.facts is None
    return [reason.code for row in candidate.rows for reason in row.reasons]


def test_a_row_becomes_a_household_with_its_recipient() -> None:
    household = facts(csv("A1;Amina Benali;0550123456;fr;٤;F;31/05/1990;AB 12-3456;Olive")[0])
    person = household.people[0]
    assert (household.source_id, household.size, household.language) == ("A1", 4, "fr")
    assert (person.name, person.phone, person.sex) == ("Amina Benali", "+213550123456", Sex.FEMALE)
    assert (person.born_on, person.document) == (date(1990, 5, 31), "AB123456")
    assert (person.factor_kind, person.factor) == (FactorKind.DOCUMENT, "3456")
    assert person.is_head
    assert person.is_recipient


def test_without_a_document_the_memorable_word_is_the_second_factor() -> None:
    person = facts(csv("A1;Amina;0550123456;;4;;;;Béjaïa")[0]).people[0]
    assert (person.factor_kind, person.factor) == (FactorKind.WORD, "bejaia")


def test_a_household_without_a_language_gets_the_usual_one() -> None:
    assert facts(csv("A1;Amina;0550123456;;4;;;;")[0]).language == "ar"


def test_every_reason_of_a_row_is_told_with_its_column() -> None:
    found = csv(";12345;2.1E+11;xx;99;F;1900-01-01;0000;=1+1")[0]
    assert {(reason.code, reason.column) for reason in found.own.reasons} == {
        ("missing", "Registration number"), ("name_without_letters", "Name"), ("spreadsheet_number", "Phone"),
        ("language", "Language"), ("household_size", "Household size"), ("date_too_early", "Date of birth"),
        ("document_placeholder", "Document number"), ("formula", "Memorable word"),
    }  # fmt: skip


def test_reasons_never_repeat_what_stood_in_the_cell() -> None:
    found = csv("A1;Amina7Benali;05501234567890123;xx;99;zz;30/02/1990;QQ;WW")[0]
    told = " ".join(reason.message + reason.next_step for reason in found.own.reasons)
    assert found.own.reasons
    assert not [cell for cell in found.own.line.cells if len(cell) > 2 and cell in told]


def test_a_row_with_more_cells_than_columns_is_refused() -> None:
    found = csv("A1;Amina;0550123456;;4;;;;;surplus")[0]
    assert codes(found) == ["too_many_cells"]


def test_a_formula_without_a_result_is_a_reason_and_its_neighbours_still_land() -> None:
    book = Workbook()
    sheet = book.create_sheet("List", 0)
    del book["Sheet"]
    for row in (
        ("source_id", "name", "phone", "size"), ("A1", "Amina", "0550123456", "=2+2"), ("A2", "Sara", "0550123457", 3),
    ):  # fmt: skip
        sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    first, second = read(stream.getvalue())
    assert codes(first) == ["formula_without_value"]
    assert facts(second).size == 3


def test_households_and_people_of_two_sheets_are_linked() -> None:
    found = survey(
        [(1, 2, date(2026, 1, 5), None), (2, 1, None, "olive")],
        [
            (1, "Amina", "0550123456", 12345678, 40, "HEAD", None),
            (1, "Karim", "0550123457", 87654321, 70, "FATHER", "yes"),
            (2, "Sara", None, None, 33, None, None),
        ],
    )
    first, second = facts(found[0]), facts(found[1])
    assert [(p.name, p.is_head, p.is_recipient, p.phone) for p in first.people] == [
        ("Amina", True, False, None), ("Karim", False, True, "+213550123457"),
    ]  # fmt: skip
    assert first.consent_on == date(2026, 1, 5)
    assert [(p.name, p.is_head, p.is_recipient, p.factor) for p in second.people] == [
        ("Sara", True, True, "olive")
    ]


def test_people_can_be_counted_and_a_size_that_differs_is_a_warning() -> None:
    households = [(1, 5, None, None)]
    people = [
        (1, "Amina", "0550123456", None, 40, "HEAD", None),
        (1, "Karim", None, None, 7, "SON", None),
    ]
    stated = survey(households, people)[0]
    assert facts(stated).size == 5
    assert [warning.code for warning in stated.own.warnings] == ["size_differs"]
    counted = survey(households, people, size="{counted: true}")[0]
    assert facts(counted).size == 2
    assert not counted.own.warnings


def test_an_invalid_phone_that_is_not_required_is_a_warning() -> None:
    found = survey([(1, 1, None, None)], [(1, "Amina", "12", None, 40, "HEAD", None)])[0]
    assert facts(found).people[0].phone is None
    assert [warning.code for row in found.rows for warning in row.warnings] == ["phone_impossible"]


@pytest.mark.parametrize(
    ("people", "code"),
    [
        ([(2, "Amina", None, None, 40, "HEAD", None)], "no_people"),
        (
            [
                (1, "Amina", None, None, 40, "SISTER", None),
                (1, "Sara", None, None, 30, "AUNT", None),
            ],
            "no_recipient",
        ),
        (
            [(1, "Amina", None, None, 40, "HEAD", None), (1, "Sara", None, None, 30, "HEAD", None)],
            "several_heads",
        ),
        (
            [(1, "Amina", None, None, 40, "HEAD", 1), (1, "Sara", None, None, 30, "AUNT", 1)],
            "several_collectors",
        ),
        (
            [
                (1, "Amina", None, "X1234", 40, "HEAD", 1),
                (1, "Sara", None, "x-1234", 30, "AUNT", None),
            ],
            "document_repeated",
        ),
        (
            [(1, "Amina", None, None, 40, "HEAD", 1), (1, "Sara", None, None, 400, "AUNT", None)],
            "age",
        ),
    ],
)
def test_a_household_lands_whole_or_not_at_all(people: list[tuple[Any, ...]], code: str) -> None:
    found = survey([(1, 2, None, None)], people)[0]
    assert code in codes(found)
    assert all(row.reasons for row in found.rows)
    assert len(found.rows) == 1 + sum(person[0] == 1 for person in people)


def test_people_without_a_household_are_refused_each() -> None:
    found = survey(
        [(1, 1, None, None)],
        [
            (1, "Amina", None, None, 40, "HEAD", None), (7, "Karim", None, None, 9, "HEAD", None),
            (None, "Sara", None, None, 9, "", ""),
        ],
    )  # fmt: skip
    assert [codes(each) for each in found[1:]] == [["no_household"], ["no_household"]]
    assert facts(found[0]).size == 1


def test_a_sheet_without_a_column_that_the_mapping_names_is_refused() -> None:
    with pytest.raises(MissingColumns, match="'People'"):
        read_survey_without("collects")


def read_survey_without(column: str) -> None:
    book = Workbook()
    book.create_sheet("Households").append(("id", "size", "agreed", "word"))
    book["Households"].append((1, 1, None, None))
    book.create_sheet("People").append([name for name in PERSON if name != column])
    book["People"].append((1, "Amina"))
    stream = io.BytesIO()
    book.save(stream)
    read(stream.getvalue(), load_mapping(SURVEY.replace("SIZE", "size")))


def test_the_same_facts_are_the_same_text_whatever_the_order_of_people() -> None:
    household = facts(csv("A1;Amina Benali;0550123456;fr;4;F;31/05/1990;AB 12-3456;")[0])
    again = facts(csv("A9;Amina  Benali;00213550123456;Français;4;femme;1990-05-31;ab123456;")[0])
    assert household.canonical() == again.canonical()
    pair = replace(household, people=(household.people[0], replace(household.people[0], name="Z")))
    assert pair.canonical() == replace(pair, people=pair.people[::-1]).canonical()
    assert pair.canonical() != household.canonical()
    assert replace(household, size=5).canonical() != household.canonical()
