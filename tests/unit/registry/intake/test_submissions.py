"""Submissions of a form read into households: pages, groups, repeats, edits, choices and labels."""

import io
import json
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from openpyxl import Workbook

from cbi.keys import Keyring
from cbi.registry.intake.drafts import draft
from cbi.registry.intake.facts import Candidate, HouseholdFacts
from cbi.registry.intake.mapping import ColumnMapping, MissingColumns
from cbi.registry.intake.mapping_files import load_mapping
from cbi.registry.intake.mapping_parts import UnusableMapping
from cbi.registry.intake.opening import opened_list
from cbi.registry.intake.parts import WrongKindOfMapping, packed, unpacked
from cbi.registry.intake.reading import Rules, read
from cbi.registry.intake.tables import DamagedFile
from cbi.registry.intake.xlsforms import FormDiffers, NotAForm, read_form, with_form

RULES = Rules("DZ", ("ar", "fr", "en"), date(2026, 11, 21), lambda number: f"keyed-{len(number)}")
MAPPING = """
source: kobo
labels: fr
columns:
  source_id: _uuid
  size: home/size
  area: {column: district, AREA}
  needs: {column: needs, several: true}
repeat:
  path: members
  columns:
    name: name
    sex: {column: sex, values: {w: female}}
    phone: {column: details/phone, required: false}
  head: {column: role, is: head}
"""
PLAIN = MAPPING.replace(", AREA", "")
LABELLED = MAPPING.replace("AREA", "label: true")


def submission(number: int = 1, /, **more: Any) -> dict[str, Any]:
    return {
        "_id": number,
        "_uuid": f"uuid-{number}",
        "_xform_id_string": "form",
        "home/size": "2",
        "home/place/district": "d1",
        "needs": "pregnancy disability",
        "_attachments": [{"download_url": "https://example.org/a.png"}],
        "_geolocation": [1.5, None],
        "members": [
            {"members/name": "Amina B", "members/sex": "w", "members/role": "head",
             "members/details/phone": "0550123456"},
            {"members/name": "Sara B", "members/sex": "w"},
        ],
    } | more  # fmt: skip


def candidates(content: object, mapping: str | ColumnMapping = PLAIN) -> list[Candidate]:
    chosen = load_mapping(mapping) if isinstance(mapping, str) else mapping
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    with opened_list(io.BytesIO(text), chosen) as source:
        return [each for part in source.parts() for each in read(part, chosen, RULES)]


def facts(candidate: Candidate) -> HouseholdFacts:
    assert candidate.facts is not None, [row.reasons for row in candidate.rows]
    return candidate.facts


def form(*, title: str = "Household survey") -> io.BytesIO:
    book = Workbook()
    rows: dict[str, list[tuple[object, ...]]] = {
        "survey": [
            ("type", "name", "label::English (en)", "label:Français(FR)", "hint", "hint"),
            ("begin_group", "home", "", "", "", ""),
            ("integer", "size", "Household size", "Taille du ménage", "", ""),
            ("select_one places", "district", "District", "Daïra", "", ""),
            ("end_group", "", "", "", "", ""),
            ("select_multiple needs", "needs", "Which needs?", "Quels besoins ?", "", ""),
            ("note", "thanks", "Thank you", "Merci", "", ""),
            ("begin repeat", "members", "", "", "", ""),
            ("text", "name", "Full name", "Nom complet", "", ""),
            ("select_one roles", "role", "Role", "Rôle", "", ""),
            ("end repeat", "", "", "", "", ""),
        ],
        "choices": [
            ("list_name", "name", "label::English (en)", "label:Français(FR)"),
            ("places", "d1", "First", "Premier"),
            ("places", 2, "Second", ""),
            ("roles", "head", "Head", "Chef"),
            ("needs", "pregnancy", "Pregnancy", "Grossesse"),
        ],
        "settings": [("form_title",), (title,)],
    }
    for name, lines in rows.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(line)
    stream = io.BytesIO()
    book.save(stream)
    return stream


def test_a_submission_with_a_repeat_is_a_household_with_its_members() -> None:
    household = facts(candidates(submission())[0])
    assert (household.source_id, household.size, household.area) == ("uuid-1", 2, "d1")
    assert household.needs == (("pregnancy", 1), ("disability", 1))
    head, other = household.people
    assert (head.name, head.phone, head.is_head, head.is_recipient) == (
        "Amina B", "+213550123456", True, True,
    )  # fmt: skip
    assert (other.name, str(other.sex), other.is_recipient) == ("Sara B", "female", False)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda each: each,
        lambda each: {"count": 2, "next": None, "results": each, "previous": None},
        lambda each: {"@odata.context": "x", "value": each},
    ],
)
def test_lists_and_pages_come_to_the_same(wrap: Any) -> None:
    found = candidates(wrap([submission(1), submission(2)]))
    assert [facts(each).source_id for each in found] == ["uuid-1", "uuid-2"]


def test_nested_groups_as_odk_central_sends_them_come_to_the_same() -> None:
    nested = {
        "__id": "uuid:abc", "home": {"size": 2, "place": {"district": "d1"}}, "needs": None,
        "members": [{"name": "Amina B", "role": "head", "details": {"phone": "0550123456"}}],
        "__system": {"edits": 0},
    }  # fmt: skip
    found = candidates([nested])[0]
    assert (facts(found).source_id, facts(found).size, found.edited) == ("abc", 2, False)
    assert facts(found).people[0].phone == "+213550123456"


def test_people_of_a_repeat_within_a_repeat_belong_to_the_one_household() -> None:
    mapping = PLAIN.replace("path: members", "path: families/members")
    families = [
        {"families/camp": camp, "families/members": [
            {"families/members/name": name, "families/members/role": role}
        ]}
        for camp, name, role in (("A", "Amina B", "head"), ("B", "Sara B", ""))
    ]  # fmt: skip
    found = facts(candidates([submission(families=families)], mapping)[0])
    assert [person.name for person in found.people] == ["Amina B", "Sara B"]


def test_an_edited_submission_knows_what_it_was_called_before() -> None:
    edited = submission(1, **{"_uuid": "b", "meta/deprecatedID": "uuid:a"})
    rooted = submission(
        1, **{"_uuid": "c", "meta/deprecatedID": "uuid:b", "meta/rootUuid": "uuid:a"}
    )
    first, second = candidates([edited])[0], candidates([rooted])[0]
    assert (first.number, first.names, first.edited) == ("b", ("b", "a", "form#1"), True)
    assert (second.number, second.names, second.edited) == ("a", ("c", "a", "b", "form#1"), True)


def test_what_a_form_could_not_work_out_is_an_empty_answer() -> None:
    found = candidates([submission(**{"home/size": "NaN"})])[0]
    assert [reason.code for reason in found.own.reasons] == ["missing"]


def test_a_question_that_nobody_answered_does_not_refuse_the_file() -> None:
    bare = {key: each for key, each in submission().items() if key != "needs"}
    assert facts(candidates([bare])[0]).needs == ()


def test_with_the_form_a_misspelt_question_refuses_the_file() -> None:
    mapping = with_form(
        load_mapping(PLAIN.replace("home/size", "home/sise")), read_form(form()), "fr"
    )
    with pytest.raises(MissingColumns, match="sise"):
        candidates([submission()], mapping)


def test_choices_get_their_labels_in_the_language_asked_for_or_the_forms_own() -> None:
    mapping = with_form(load_mapping(LABELLED), read_form(form()), "en")
    first, second = (
        candidates([submission(**{"home/place/district": name})], mapping)[0]
        for name in ("d1", "2")
    )
    assert (facts(first).area, facts(second).area) == ("Premier", "Second")


def test_labels_without_the_form_are_refused() -> None:
    with pytest.raises(UnusableMapping, match="only the form has"):
        candidates([submission()], LABELLED)


def test_a_question_with_several_answers_must_be_said_to_be_one() -> None:
    with pytest.raises(FormDiffers, match="several"):
        with_form(load_mapping(PLAIN.replace(", several: true", "")), read_form(form()), "fr")


@pytest.mark.parametrize(
    "content", [b"{", b'[{"a": 1}', b'[{"a": 1}] x', b'{"results": [1]}', b'[{"a": "\xff"}]']
)
def test_a_file_that_breaks_off_is_refused(content: bytes) -> None:
    with pytest.raises(DamagedFile):
        candidates(content)


def test_submissions_are_read_across_the_borders_of_blocks() -> None:
    long = "x" * 400_000
    found = candidates([submission(number, note=long) for number in range(1, 8)])
    assert [facts(each).source_id for each in found] == [f"uuid-{number}" for number in range(1, 8)]


def test_a_mapping_for_another_kind_of_file_is_refused() -> None:
    sheets = """
source: ab
households: {sheet: A, columns: {source_id: a, size: b}}
individuals: {sheet: B, household: a, columns: {name: c, phone: d}}
"""
    with pytest.raises(WrongKindOfMapping):
        candidates([submission()], sheets)
    with pytest.raises(WrongKindOfMapping):
        candidates(b"a;b\n1;2\n")


def test_a_part_is_the_same_after_it_was_sealed_and_opened() -> None:
    mapping, keys, this = load_mapping(PLAIN), Keyring(b"k" * 32, "dz"), uuid4()
    with opened_list(io.BytesIO(json.dumps([submission()]).encode()), mapping) as source:
        (part,) = source.parts()
    sealed = packed(keys, part, this, 1)
    assert b"Amina" not in sealed
    assert unpacked(keys, sealed, this, 1) == part


def test_a_draft_can_be_read_as_a_mapping_and_holds_every_question() -> None:
    text = draft(read_form(form()), "fr")
    assert "size: home/size   # Taille du ménage (integer)" in text
    assert "# home/district   # Daïra (select_one)" in text
    assert "d1 = Premier; 2 = Second" in text
    assert "name: name" in text
    assert "head: {column: role, is: head}" in text
    assert "thanks" not in text
    with pytest.raises(UnusableMapping, match="`phone` is missing"):
        load_mapping(text)
    assert (
        load_mapping(text.replace("  columns:", "  columns:\n    phone: {required: false}")).source
        == "household-survey"
    )


def test_a_workbook_that_is_no_form_is_refused() -> None:
    stream = io.BytesIO()
    book = Workbook()
    book.active.append(("a", "b"))  # type: ignore[union-attr]
    book.save(stream)
    with pytest.raises(NotAForm):
        read_form(stream)
