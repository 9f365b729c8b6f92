"""Submissions of a Kobo form come in: a real one through a mapping file alone, edited ones, and the same ones again."""

import io
import json
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from sqlalchemy import URL, func, select

from cbi import offices
from cbi.registry import personal
from cbi.registry.import_models import Import, RejectedRow
from cbi.registry.intake.mapping_files import load_mapping
from cbi.registry.intake.models import SubmissionName
from cbi.registry.intake.reports import write_report
from cbi.registry.intake.results import ImportResult
from cbi.registry.intake.xlsforms import read_form, with_form
from cbi.registry.models import Household, Person
from tests.flow.test_registry_import import take

REAL = """
source: hope
region: PL
labels: en
columns:
  source_id: _uuid
  size: household_questions/size_h_c
  area: household_questions/household_location/admin2_h_c
  language: {constant: fr}
repeat:
  path: individual_questions
  columns:
    name: full_name_i_c
    sex: gender_i_c
    born_on: birth_date_i_c
    document_kind: {column: more_information/id_type_i_c, several: true, label: true}
    document: birth_certificate_no_i_c
    phone: account__mobile__delivery_phone_number_i_c
  head: {column: relationship_i_c, is: head}
  collector: {column: role_i_c, is: primary}
"""
SMALL = """
source: small
columns: {source_id: _uuid, name: name, phone: phone, size: size}
"""


def submission(uuid: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "_uuid": uuid, "_id": number, "_xform_id_string": "f", "name": "Amina Test",
        "phone": f"0550{number:06d}", "size": "3",
    } | more  # fmt: skip


def small(*submissions: dict[str, Any]) -> ImportResult:
    return take(json.dumps(submissions).encode(), SMALL)


def codes(result: ImportResult) -> list[str]:
    return [reason.code for row in result.rows for reason in row.reasons]


def test_a_real_submission_is_one_household_with_its_members(
    database: URL, shared_data: Path
) -> None:
    files = shared_data / "registrations"
    mapping = with_form(load_mapping(REAL), read_form(files / "kobo-xlsform.xlsx"), "fr")
    done = take(files / "kobo-submission-1.json", mapping)
    assert (done.total, done.landed, done.people, done.rejected) == (1, 1, 2, 0)
    with offices.transaction("dz") as session:
        household = session.scalars(select(Household)).one()
        people = session.scalars(select(Person).order_by(Person.line)).all()
        assert household.source_id == "c09130af-6c9c-4dba-8c7f-1b2ff1970d19"
        assert (household.size, household.area) == (2, "SO2502")
        assert [(one.is_head, one.is_recipient, one.sheet) for one in people] == [
            (True, True, "individual_questions"), (False, False, "individual_questions"),
        ]  # fmt: skip
        assert personal.name_of(session, people[0].id) == "Test Testowski"
        assert session.scalars(select(Import.kind)).one() == "submissions"
    assert take(files / "kobo-submission-1.json", mapping).repeated


def test_an_edited_submission_differs_and_overwrites_nothing(database: URL) -> None:
    assert small(submission("a", 1)).landed == 1
    second = small(
        submission("b", 1, size="4", **{"meta/deprecatedID": "uuid:a"}), submission("z", 9)
    )
    assert codes(second) == ["edited"]
    # The third form of it names only the second, which is not registered under its own name.
    third = small(
        submission("c", 1, size="5", **{"meta/deprecatedID": "uuid:b"}), submission("y", 8)
    )
    assert codes(third) == ["edited"]
    # An edit of what nobody asked for is no change.
    fourth = small(submission("d", 1, note="seen", **{"meta/deprecatedID": "uuid:c"}))
    assert (fourth.unchanged, fourth.rejected) == (1, 0)
    with offices.transaction("dz") as session:
        assert sorted(session.scalars(select(Household.source_id))) == ["a", "y", "z"]
        assert set(session.scalars(select(Household.size))) == {3}
        known = select(SubmissionName.name).where(SubmissionName.source_id == "a")
        assert set(session.scalars(known)) == {"a", "f#1", "d", "c"}


def test_a_rejected_submission_that_is_corrected_in_the_form_lands(database: URL) -> None:
    assert codes(small(submission("a", 1, phone="12"), submission("z", 9))) == ["phone_impossible"]
    corrected = submission("b", 1, **{"meta/deprecatedID": "uuid:a", "meta/rootUuid": "uuid:a"})
    assert small(corrected).landed == 1
    with offices.transaction("dz") as session:
        assert sorted(session.scalars(select(Household.source_id))) == ["a", "z"]
        assert session.scalar(select(func.count()).select_from(RejectedRow)) == 1


def test_an_edit_in_the_same_file_as_what_it_edits_is_one_household(database: URL) -> None:
    found = small(
        submission("a", 1), submission("b", 1, size="4", **{"meta/deprecatedID": "uuid:a"})
    )
    assert (found.landed, codes(found)) == (1, ["repeated"])


def test_submissions_come_back_as_a_workbook_with_the_reasons(database: URL) -> None:
    content = json.dumps([submission("a", 1), submission("b", 2, phone="12")]).encode()
    target = io.BytesIO()
    write_report(take(content, SMALL), io.BytesIO(content), target, mapping=load_mapping(SMALL))
    rows = list(load_workbook(io.BytesIO(target.getvalue()))["List"].values)
    assert rows[0][-2:] == ("Reasons", "What next")
    assert rows[1][-1] is None
    assert "phone" in str(rows[2][-2])
