"""Mapping files: what can be said, and errors that name the line and the field."""

import re
import textwrap
from pathlib import Path

import pytest

from cbi.registry.intake import vocabulary
from cbi.registry.intake.checks import DateOrder
from cbi.registry.intake.mapping import TEMPLATE, MissingColumns, SheetRule, bind, find_column
from cbi.registry.intake.mapping_files import load_mapping
from cbi.registry.intake.mapping_parts import UnusableMapping
from cbi.registry.models import FactorKind

ONE_SHEET = """
source: partner-oran-2026
region: DZ
dates: day-first
encoding: cp1256
delimiter: tab
second_factor: [card, word]
header_row: 3
columns:
  source_id: {column: National ID, keyed: true}
  name: Full name
  phone: {column: Mobile, required: false}
  language: {constant: ar}
  size: {column: Members, default: 1}
  sex: {column: Sex, values: {1: female, 2: male, 9: unknown}}
  document: National ID
"""


def load(text: str) -> object:
    return load_mapping(textwrap.dedent(text).strip() + "\n")


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(UnusableMapping) as caught:
        load(text)
    found = caught.value.details["problems"]
    assert isinstance(found, list)
    return [(each["line"], each["field"]) for each in found]


def test_a_mapping_of_one_sheet_says_what_it_says() -> None:
    mapping = load_mapping(ONE_SHEET)
    assert (mapping.source, mapping.region, mapping.dates) == (
        "partner-oran-2026",
        "DZ",
        DateOrder.DAY_FIRST,
    )
    assert (mapping.encoding, mapping.delimiter) == ("cp1256", "\t")
    assert mapping.factors == (FactorKind.CARD, FactorKind.WORD)
    fields = mapping.households.fields
    assert mapping.households.header_row == 3
    assert fields["source_id"].keyed
    assert fields["phone"].required is False
    assert fields["language"].constant == "ar"
    assert fields["size"].default == "1"
    assert fields["sex"].values == {"1": "female", "2": "male", "9": "unknown"}


def test_a_mapping_of_two_sheets_links_people_to_households() -> None:
    mapping = load_mapping(
        textwrap.dedent("""
        source: survey
        households:
          sheet: Households
          columns: {source_id: hh, size: {counted: true}}
        individuals:
          sheet: People
          household: hh
          columns: {name: name, phone: {required: false}}
          head: {column: relationship, is: [HEAD, chef]}
          collector: {column: collects, is_filled: true}
        """)
    )
    assert mapping.people is not None
    assert mapping.people.household == "hh"
    assert mapping.people.head is not None
    assert mapping.people.head.fits("Head")
    assert mapping.people.head.fits("CHEF")
    assert not mapping.people.head.fits("child")
    assert mapping.people.collector is not None
    assert mapping.people.collector.fits("x")
    assert not mapping.people.collector.fits("")


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("source: partner-oran-2026", "source: Partner Oran!", (1, "source")),
        ("region: DZ", "region: Algeria", (2, "region")),
        ("dates: day-first", "dates: european", (3, "dates")),
        ("encoding: cp1256", "encoding: arabic-ish", (4, "encoding")),
        ("delimiter: tab", "delimiter: x", (5, "delimiter")),
        ("[card, word]", "[card, fingerprint]", (6, "second_factor")),
        ("header_row: 3", "header_row: third", (7, "header_row")),
        ("header_row: 3", "header_rwo: 3", (7, "header_rwo")),
        ("column: National ID, keyed: true", "column: National ID", (9, "columns.source_id")),
        ("name: Full name", "nmae: Full name", (10, "columns.nmae")),
        ("required: false", "required: perhaps", (11, "columns.phone.required")),
        ("required: false", "requird: false", (11, "columns.phone.requird")),
        ("required: false", "keyed: true", (11, "columns.phone")),
        ("{constant: ar}", "{constant: klingon}", (12, "columns.language.constant")),
        ("{constant: ar}", "{column: Lang, constant: ar}", (12, "columns.language")),
        ("{column: Members, default: 1}", "{counted: true}", (13, "columns.size")),
        ("1: female", "1: feminine-ish", (14, "columns.sex.values.1")),
        ("document: National ID", "sex: again", (15, "columns.sex")),
    ],
)
def test_an_error_names_its_line_and_field(before: str, after: str, where: tuple[int, str]) -> None:
    assert before in ONE_SHEET
    assert where in problems(ONE_SHEET.replace(before, after))


def test_every_problem_is_told_at_once() -> None:
    found = problems(ONE_SHEET.replace("DZ", "Algeria").replace("day-first", "european"))
    assert [field for _, field in found] == ["region", "dates"]


def test_the_examples_in_the_documentation_are_mappings() -> None:
    page = (Path(__file__).parents[4] / "docs" / "registration-files.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert [load_mapping(example).people is not None for example in examples] == [False, True, True]


def test_the_template_in_the_documentation_is_the_one_in_use() -> None:
    page = (Path(__file__).parents[4] / "docs" / "registration-files.md").read_text()
    for name, headers in vocabulary.TEMPLATE_COLUMNS.items():
        assert f"| `{name}` | {' | '.join(headers)} |" in page


def test_what_no_registration_can_do_without_is_missed() -> None:
    with pytest.raises(UnusableMapping, match="`phone` is missing") as caught:
        load("source: here\ncolumns: {source_id: a, name: b, size: c}")
    assert "required: false" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n- b",
        "source: [",
        "a: b: c",
        "just words",
        "source: x\n\tcolumns: y",
        "x" * 300_000,
    ],
)
def test_what_is_no_mapping_at_all_is_refused(text: str) -> None:
    with pytest.raises(UnusableMapping) as caught:
        load_mapping(text)
    assert caught.value.next_step


def test_one_sheet_and_two_sheets_do_not_mix() -> None:
    found = problems("source: here\ncolumns: {}\nhouseholds: {sheet: A, columns: {}}")
    assert (2, "columns") in found
    assert (1, "individuals") in found


@pytest.mark.parametrize(
    "header",
    [
        ("Registration number", "Name", "Phone", "Household size"),
        ("numero d'enregistrement", "NOM", "Telephone", "taille du menage"),
        ("Número de registro", "Nombre", "Teléfono", "Tamaño del hogar"),
        ("رقم التسجيل", "الاسم", "الهاتف", "عدد أفراد الأسرة"),
        ("source_id", "name", "phone", "size"),
    ],
)
def test_the_template_is_known_in_four_languages(header: tuple[str, ...]) -> None:
    bound = bind(TEMPLATE.households, header, None)
    assert [bound[name].index for name in ("source_id", "name", "phone", "size")] == [0, 1, 2, 3]
    assert bound["document"].index is None


def test_a_list_without_a_needed_column_is_refused_by_name() -> None:
    with pytest.raises(MissingColumns, match="'Phone'"):
        bind(TEMPLATE.households, ("Registration number", "Name", "Household size"), None)
    fields = load_mapping(ONE_SHEET).households.fields
    with pytest.raises(MissingColumns, match="'Full name'"):
        bind(SheetRule(fields), ("National ID", "Mobile", "Members", "Sex"), None)


def test_a_column_is_found_by_its_name_or_by_the_only_one_like_it() -> None:
    assert find_column("Full Name", ("full name", "Full-Name")) == 0
    assert find_column("telephone", ("Nom", "Téléphone")) == 1
    assert find_column("children 5", ("children <5", "children >5")) is None
