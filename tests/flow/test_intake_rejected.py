"""Rejected rows are corrected one by one or by sending the list again, and each knows what it was and how it ended."""

import io
from collections.abc import Sequence
from uuid import UUID

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import URL, Engine, func, select

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.audit.models import AuditEntry
from cbi.offices import office_of
from cbi.registry import personal
from cbi.registry.import_models import RejectedRow
from cbi.registry.intake import correcting, endings, rejected, reports
from cbi.registry.intake.correcting import CannotBeCorrected, Corrected, StillWrong, UnknownField
from cbi.registry.intake.models import Ending, RowEnd
from cbi.registry.intake.rejected import RowEnded
from cbi.registry.models import DuplicateFlag, Household, Person
from cbi.registry.purposes import Purpose
from tests.flow.people import Caller, make_user, token_for
from tests.flow.test_intake_submissions import small, submission
from tests.flow.test_registry_import import OFFICER, contents, rows, take

GOOD = "A1;Amina Test;0550123456;ar;4;D0000001;"
TWO_SHEETS = """
source: pairs
households:
  sheet: Households
  columns: {source_id: number, size: size}
individuals:
  sheet: People
  household: household
  columns: {name: name, document: document, phone: {required: false}}
  head: {column: role, is: HEAD}
"""
BAD = "A2;Sara Test;12;ar;99;D0000002;"


def waiting() -> list[RejectedRow]:
    with offices.transaction("dz") as session:
        return list(session.scalars(rejected.waiting_rows(OFFICER).order_by(RejectedRow.id)))


def fix(row: RejectedRow, **values: str) -> Corrected:
    with offices.transaction("dz") as session:
        return correcting.correct(session, OFFICER, row.id, values)


def ends() -> dict[int, str]:
    with offices.transaction("dz") as session:
        return {end.rejected_row_id: str(end.ending) for end in session.scalars(select(RowEnd))}


def test_a_corrected_row_lands_where_it_stood_and_stays_as_it_was(
    database: URL, owner: Engine
) -> None:
    done = take(rows(GOOD, BAD))
    (row,) = waiting()
    with pytest.raises(StillWrong, match="household size") as refusal:
        fix(row, phone="0550777777")
    assert "Sara" not in refusal.value.message
    assert (ends(), len(waiting())) == ({}, 1)
    assert fix(row, phone="0550777777", size="5") == Corrected(Ending.LANDED, "A2", 1, 1)
    assert waiting() == []
    with offices.transaction("dz") as session:
        landed = session.scalars(select(Household).where(Household.source_id == "A2")).one()
        assert (landed.import_id, landed.line, landed.size) == (done.import_id, 3, 5)
        person = session.scalars(select(Person).where(Person.household_id == landed.id)).one()
        assert (personal.name_of(session, person.id), person.line) == ("Sara Test", 3)
        kept = session.get_one(RejectedRow, row.id)
        assert rejected.cells_of(office_of(session).keys, kept)["Phone"] == "12"
        end = session.get_one(RowEnd, row.id)
        assert (end.source_id, end.ended_by) == ("A2", OFFICER.id)
        assert end.cells is not None
        assert b"Sara" not in end.cells
        told = [entry.act for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    assert told[-1] == "registry.row_corrected"
    dumped = "\n".join(line for found in contents(owner).values() for line in found)
    assert "Sara" not in dumped
    with pytest.raises(RowEnded):
        fix(row, size="6")


def test_a_correction_that_names_no_field_of_the_row_says_which_there_are(database: URL) -> None:
    take(rows(GOOD, BAD))
    with pytest.raises(UnknownField) as refusal:
        fix(waiting()[0], telephone="0550777777")
    assert "phone" in refusal.value.next_step
    assert fix(waiting()[0], **{"Phone": "0550777777", "Household size": "5"}).people == 1


def test_a_corrected_household_that_shares_a_document_is_flagged(database: URL) -> None:
    take(rows(GOOD, "A2;Sara Test;0550777777;ar;99;D0000001;"))
    fix(waiting()[0], size="5")
    with offices.transaction("dz") as session:
        assert session.scalars(select(DuplicateFlag.kind)).all() == ["same_document"]


def two_sheets(
    households: Sequence[tuple[object, ...]], people: Sequence[tuple[object, ...]]
) -> bytes:
    book = Workbook()
    for name, lines in {
        "Households": [("number", "size"), *households],
        "People": [("household", "name", "document", "role"), *people],
    }.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(line)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_a_household_of_several_rows_is_corrected_whole(database: URL) -> None:
    people = [
        (1, "Amina Test", None, "HEAD"),
        (2, "Sara Test", "0000", "HEAD"),
        (2, "Lina Test", None, None),
    ]
    assert take(two_sheets([(1, 1), (2, 2)], people), TWO_SHEETS).rejected == 1
    own, sara, lina = waiting()
    assert [row.sheet for row in (own, sara, lina)] == ["Households", "People", "People"]
    with pytest.raises(StillWrong, match="digit repeated"):
        fix(lina, document="D0000003")
    assert fix(sara, document="D0000002") == Corrected(Ending.LANDED, "2", 2, 3)
    assert set(ends()) == {own.id, sara.id, lina.id}
    with offices.transaction("dz") as session:
        placed = session.execute(
            select(Person.sheet, Person.line, Person.is_head).order_by(Person.line)
        ).all()
    assert [tuple(row) for row in placed] == [
        ("People", 2, True), ("People", 3, True), ("People", 4, False),
    ]  # fmt: skip


def test_a_list_sent_again_ends_the_rows_it_corrects(database: URL) -> None:
    first = take(rows(GOOD, BAD, "A3;Lina Test;13;ar;3;D0000003;"))
    two, three = waiting()
    corrected = BAD.replace(";12;", ";0550777777;").replace(";99;", ";5;")
    again = take(rows(GOOD, corrected, "A3;Lina Test;14;ar;3;D0000003;"))
    assert (again.landed, again.unchanged, again.rejected) == (1, 1, 1)
    assert ends() == {two.id: "landed", three.id: "rejected"}
    (left,) = waiting()
    assert (left.source_id, left.import_id) == ("A3", again.import_id)
    with offices.transaction("dz") as session:
        assert session.get_one(RowEnd, two.id).import_id == again.import_id != first.import_id


def test_an_older_list_does_not_end_what_a_later_one_says_otherwise(database: URL) -> None:
    other = "A3;Samir Test;0550123457;ar;4;D0000003;"
    take(rows(GOOD))
    take(rows(GOOD.replace("0550123456", "0550999999"), other))
    (waits,) = waiting()
    assert [reason["code"] for reason in waits.reasons] == ["changed"]
    assert take(rows(other, GOOD)).unchanged == 2
    assert [row.id for row in waiting()] == [waits.id]


def test_the_annotated_workbook_can_be_corrected_and_sent_again(database: URL) -> None:
    content, target = rows(GOOD, BAD), io.BytesIO()
    reports.write_report(take(content), io.BytesIO(content), target)
    book = load_workbook(io.BytesIO(target.getvalue()))
    sheet = book["List"]
    sheet["C3"], sheet["E3"] = "0550777777", "5"
    corrected = io.BytesIO()
    book.save(corrected)
    again = take(corrected.getvalue())
    assert (again.landed, again.unchanged) == (1, 1)
    assert waiting() == []


def test_a_copy_of_rejected_rows_says_by_a_token_which_row_each_was(database: URL) -> None:
    take(rows(GOOD, ";Sara Test;12;ar;4;D0000002;", "A3;Lina Test;13;ar;3;D0000003;"))
    nameless, other = waiting()
    assert nameless.source_id is None
    target = io.BytesIO()
    with offices.transaction("dz") as session:
        keys = office_of(session).keys
        opened = rejected.opened(session, OFFICER, [nameless.id, other.id], Purpose.CORRECTION)
        reports.write_rejected(opened, lambda row: endings.token_of(keys, row), target)
        actions = session.scalars(select(AuditEntry.act)).all()
    assert "registry.rejected_rows_opened" in actions
    book = load_workbook(io.BytesIO(target.getvalue()))
    sheet = book["List"]
    header = [cell.value for cell in next(sheet.iter_rows())]
    sheet.cell(2, header.index("Registration number") + 1).value = "A2"
    sheet.cell(2, header.index("Phone") + 1).value = "0550777777"
    sheet.cell(3, header.index(endings.WHICH_ROW) + 1).value = f"{nameless.id}-1-1-1-AAAAAAAAAA"
    corrected = io.BytesIO()
    book.save(corrected)
    assert take(corrected.getvalue()).landed == 1
    assert ends() == {nameless.id: "landed", other.id: "rejected"}


def test_a_row_is_given_up_with_a_reason_and_once(database: URL) -> None:
    take(rows(GOOD, BAD))
    (row,) = waiting()
    with offices.transaction("dz") as session:
        assert rejected.drop(session, OFFICER, row.id, "left the camp") == 1
    assert (waiting(), ends()) == ([], {row.id: "dropped"})
    with offices.transaction("dz") as session, pytest.raises(RowEnded):
        rejected.drop(session, OFFICER, row.id, "left the camp")


def test_a_rejected_submission_is_corrected_under_the_names_it_had(database: URL) -> None:
    small(submission("a", 1, phone="12"), submission("z", 9))
    assert fix(waiting()[0], phone="0550777777").source_id == "a"
    edited = small(
        submission("b", 1, size="7", **{"meta/deprecatedID": "uuid:a"}), submission("y", 8)
    )
    assert [reason.code for row in edited.rows for reason in row.reasons] == ["edited"]


def test_somebody_without_a_household_cannot_be_corrected_alone(database: URL) -> None:
    people = [(1, "Amina Test", None, "HEAD"), (2, "Sara Test", None, "HEAD")]
    take(two_sheets([(1, 1)], people), TWO_SHEETS)
    with pytest.raises(CannotBeCorrected):
        fix(waiting()[0], name="Sara")


def test_over_http_cells_are_shown_for_a_purpose_only_and_a_row_is_corrected(database: URL) -> None:
    app = create_app()
    officer = Caller(app, token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    officer.post("/registry/imports", files={"file": ("list.csv", rows(GOOD, BAD), "text/csv")})
    listed = officer.get("/registry/rejected").json()["items"]
    assert "Sara" not in str(listed)
    at = f"/registry/rejected/{listed[0]['id']}"
    assert officer.get(at).status_code == 422
    assert officer.get(f"{at}?purpose=correction").json()["cells"]["Name"] == "Sara Test"
    wrong = officer.post(f"{at}/correct", {"values": {"size": "5"}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "registry.still_wrong")
    right = officer.post(f"{at}/correct", {"values": {"size": "5", "phone": "0550777777"}})
    assert (right.status_code, right.json()["source_id"]) == (200, "A2")
    assert officer.post(f"{at}/drop", {"reason": "left the camp"}).status_code == 409
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(Household)) == 2
        seen = session.scalars(
            select(AuditEntry).where(AuditEntry.act == "registry.rejected_rows_opened")
        ).one()
    assert UUID(str(seen.subject_id))
    assert "correction" in str(seen.details)
