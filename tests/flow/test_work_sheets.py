"""Work sheets out and back: who stands on them, what is taken in, and the copy with reasons."""

import io
from collections.abc import Iterator
from datetime import date

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor, NotPermitted
from cbi.access.models import User
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.programmes import (
    queries,
    work_arranging,
    work_entering,
    work_lists,
    work_queries,
    work_sheets,
)
from cbi.programmes.work_arranging import (
    DescribedOtherwise,
    InAnotherGroup,
    NotASupervisor,
    NotInGroup,
    NotWork,
    Place,
    UnusableActivity,
)
from cbi.programmes.work_entering import (
    NotASheet,
    NothingDiffers,
    ReasonNeeded,
)
from cbi.programmes.work_lists import UnusableList
from cbi.programmes.work_models import Basis, WorkRow, WorkVersion
from cbi.programmes.work_people import AmbiguousWorker, Named, UnknownWorker
from cbi.programmes.work_results import SheetRefused
from cbi.registry.intake.mapping import MissingColumns
from tests.factories import EVERYTHING, START, colleague, funded_programme
from tests.work_factory import (
    CODE,
    JANUARY,
    NOW,
    another_person,
    days,
    exported,
    filled,
    handed_in,
    programme,
    sheet_of,
    signed,
    site,
)


@pytest.fixture(autouse=True)
def _february() -> Iterator[None]:
    with clock.frozen(NOW):
        yield


def test_a_sheet_lists_whoever_was_in_the_group(session: Session) -> None:
    programme(session)
    at = site(session, workers=4)
    work_arranging.leave(session, EVERYTHING, at.group, at.named(0), date(2026, 1, 20))
    february = sheet_of(session, at, period="2026-02")
    assert [each.number for each in work_sheets.paper(session, february).workers] == [2, 3, 4]
    january = work_sheets.paper(session, sheet_of(session, at))
    assert [each.number for each in january.workers] == [1, 2, 3, 4]
    assert sheet_of(session, at).id == january.sheet  # asked for again, it is the same


def test_people_are_in_one_group_of_an_activity_at_a_time(session: Session) -> None:
    programme(session)
    at = site(session)
    other = work_arranging.add_group(session, EVERYTHING, CODE, "well", "group-b", "Group B")
    with pytest.raises(InAnotherGroup, match="another group"):
        work_arranging.join(session, EVERYTHING, other, [at.named(0)], date(2026, 1, 12))
    work_arranging.leave(session, EVERYTHING, at.group, at.named(0), date(2026, 1, 11))
    assert work_arranging.join(session, EVERYTHING, other, [at.named(0)], date(2026, 1, 12)) == 1
    assert work_arranging.join(session, EVERYTHING, other, [at.named(0)], date(2026, 1, 12)) == 0
    with pytest.raises(NotInGroup):
        work_arranging.leave(session, EVERYTHING, at.group, at.named(0), date(2026, 1, 30))


def test_who_moved_to_another_group_works_in_each_on_its_days(session: Session) -> None:
    programme(session)
    at = site(session)
    work_arranging.leave(session, EVERYTHING, at.group, at.named(0), date(2026, 1, 11))
    with pytest.raises(SheetRefused) as refusal:
        handed_in(session, at, sheet_of(session, at), {at.numbers[0]: {"Day 9": 1, "Day 12": 1}})
    (row,) = refusal.value.result.rows
    assert [(each.column, each.code) for each in row.reasons] == [("Day 12", "not_in_group")]


def test_activities_and_groups_are_added_once(session: Session) -> None:
    programme(session)
    at = site(session)
    place = Place("The well", "Harbour", Basis.DAYS, *JANUARY)
    arrange = work_arranging.add_activity
    same = arrange(session, EVERYTHING, CODE, "well", place, "other-well")
    assert same.id == at.group.activity_id
    with pytest.raises(DescribedOtherwise):
        arrange(
            session, EVERYTHING, CODE, "well", Place("A", "B", Basis.DAYS, *JANUARY), "other-well"
        )
    with pytest.raises(DescribedOtherwise):
        work_arranging.add_group(session, EVERYTHING, CODE, "well", "group-a", "Another name")
    for wrong, kind in (
        (Place("A", "B", Basis.DAYS, JANUARY[1], JANUARY[0]), "ends before"),
        (Place("", "B", Basis.DAYS, *JANUARY), "1 to 120"),
    ):
        with pytest.raises(UnusableActivity, match=kind):
            arrange(session, EVERYTHING, CODE, "road", wrong, "other-well")
    with pytest.raises(UnusableActivity, match="cannot be a code"):
        arrange(session, EVERYTHING, CODE, "The Road", place, "other-well")
    work_arranging.change_supervisor(session, EVERYTHING, CODE, "well", "other-well")
    session.refresh(same)
    assert same.supervisor_id == at.other.actor.id


def test_only_who_may_sign_is_named_supervisor(session: Session) -> None:
    programme(session)
    site(session)
    clerk = colleague(session, Role.REGISTRATION_OFFICER)
    name = session.scalars(select(User.username).where(User.id == clerk.actor.id)).one()
    with pytest.raises(NotASupervisor, match="work_supervisor"):
        work_arranging.change_supervisor(session, EVERYTHING, CODE, "well", name)


def test_a_stipend_has_no_activities(session: Session) -> None:
    with clock.frozen(START):
        code = funded_programme(session)
    place = Place("The well", "Harbour", Basis.DAYS, *JANUARY)
    with pytest.raises(NotWork):
        work_arranging.add_activity(session, EVERYTHING, code, "well", place, "nobody")


def test_work_that_has_no_rate_is_not_arranged(session: Session) -> None:
    programme(session, work='{day_rate: "1200.00", max_days: 20}')
    place = Place("Sewing", "Harbour", Basis.PIECES, *JANUARY)
    with pytest.raises(UnusableActivity, match="no rate for pieces"):
        work_arranging.add_activity(session, EVERYTHING, CODE, "sewing", place, "nobody")


def test_people_are_found_by_number_and_name(session: Session) -> None:
    programme(session)
    at = site(session, workers=1)
    number = at.numbers[0]
    name = another_person(session, number, "Zoé  Ould-Amar")
    join = work_arranging.join
    assert (
        join(session, EVERYTHING, at.group, [Named(number, "zoe ould amar")], date(2026, 1, 6)) == 1
    )
    assert [each.number for each, _ in work_queries.members(session, at.group)] == [1, 2]
    with pytest.raises(UnknownWorker, match="of that name"):
        join(session, EVERYTHING, at.group, [Named(number, "Nobody")], date(2026, 1, 6))
    with pytest.raises(UnknownWorker, match="registration number"):
        join(session, EVERYTHING, at.group, [Named("H-unknown")], date(2026, 1, 6))
    another_person(session, number, name)
    with pytest.raises(AmbiguousWorker):
        join(session, EVERYTHING, at.group, [Named(number, name)], date(2026, 1, 6))
    with pytest.raises(UnusableActivity, match="runs from"):
        join(session, EVERYTHING, at.group, [Named(number)], date(2025, 12, 31))


def test_a_list_of_people_is_read_whole_or_not_at_all() -> None:
    text = "Numéro d'enregistrement,Nom\nH-1,\nH-2,Amina\n"
    people = work_lists.read(io.BytesIO(text.encode()))
    assert people == [Named("H-1"), Named("H-2", "Amina")]
    with pytest.raises(UnusableList, match="3"):
        work_lists.read(io.BytesIO(b"Registration number,Name\nH-1,\n,Amina\n"))
    with pytest.raises(MissingColumns):
        work_lists.read(io.BytesIO(b"Number,Name\nH-1,\n"))


def test_the_whole_sheet_or_no_row_is_taken(session: Session) -> None:
    programme(session)
    at = site(session)
    sheet = sheet_of(session, at)
    content = filled(
        exported(session, at, sheet),
        {at.numbers[0]: days(5), at.numbers[1]: {"Day 6": "sick"}, at.numbers[2]: days(21)},
    )
    with pytest.raises(SheetRefused, match=r"nothing was changed") as refusal:
        work_entering.take_in(session, at.clerk.actor, io.BytesIO(content))
    assert [row["line"] for row in refusal.value.details["rows"]] == [3, 4]  # type: ignore[attr-defined]
    assert session.scalar(select(func.count()).select_from(WorkVersion)) == 0
    target = io.BytesIO()
    work_entering.write_report(refusal.value.result, io.BytesIO(content), target)
    book = load_workbook(target)
    assert book.sheetnames == ["Summary", "About", "Sheet"]
    rows = [[cell.value for cell in row] for row in book["Sheet"].iter_rows()]
    assert rows[0][-2:] == ["Reasons", "What next"]
    assert rows[1][-1] is None
    assert rows[2][-2] == "Day 6: A number belongs here, not words or marks."
    assert rows[3][-2] is not None
    assert "21 days here" in str(rows[3][-2])
    # The copy with its reasons, put right, comes back like any other.
    mended = filled(
        target.getvalue(), {at.numbers[1]: {"Day 6": 1}, at.numbers[2]: {"Day 25": None}}
    )
    taken = work_entering.take_in(session, at.clerk.actor, io.BytesIO(mended))
    assert (taken.version, taken.taken, taken.half_days) == (1, 3, 2 * (5 + 1 + 20))


def test_a_row_that_was_left_out_keeps_the_sheet_out(session: Session) -> None:
    programme(session)
    at = site(session)
    content = filled(
        exported(session, at, sheet_of(session, at)), {}, lambda sheet: sheet.delete_rows(3)
    )
    with pytest.raises(SheetRefused, match="1 of the rows that went out are missing"):
        work_entering.take_in(session, at.clerk.actor, io.BytesIO(content))


def test_a_dry_run_changes_nothing(session: Session) -> None:
    programme(session)
    at = site(session)
    content = filled(exported(session, at, sheet_of(session, at)), {at.numbers[0]: days(5)})
    tried = work_entering.take_in(session, at.clerk.actor, io.BytesIO(content), dry_run=True)
    assert (tried.version, tried.half_days, tried.dry_run) == (1, 10, True)
    assert session.scalar(select(func.count()).select_from(WorkVersion)) == 0


def test_the_same_file_again_changes_nothing(session: Session) -> None:
    programme(session)
    at = site(session)
    content = filled(exported(session, at, sheet_of(session, at)), {at.numbers[0]: days(5)})
    first = work_entering.take_in(session, at.clerk.actor, io.BytesIO(content))
    again = work_entering.take_in(session, at.clerk.actor, io.BytesIO(content))
    assert again.repeated
    assert (again.version, again.earned, again.half_days) == (1, first.earned, first.half_days)
    assert session.scalar(select(func.count()).select_from(WorkRow)) == 3


def test_an_older_copy_is_refused_once_the_sheet_has_come_back(session: Session) -> None:
    programme(session)
    at = site(session)
    sheet = sheet_of(session, at)
    old = exported(session, at, sheet)
    handed_in(session, at, sheet, {at.numbers[0]: days(5)})
    content = filled(old, {at.numbers[0]: days(6)})
    with pytest.raises(SheetRefused) as refusal:
        work_entering.take_in(session, at.clerk.actor, io.BytesIO(content))
    assert {row.reasons[0].code for row in refusal.value.result.rows} == {"old_copy"}
    # Before the signature a new copy replaces the whole sheet; it goes out with what is known.
    second = handed_in(session, at, sheet, {at.numbers[0]: {"Day 10": 1}})
    assert (second.version, second.corrects, second.half_days) == (2, None, 12)


def test_a_day_is_worked_once_whatever_the_sheet(session: Session) -> None:
    programme(session)
    at = site(session)
    road = site(session, code="road", numbers=at.numbers)
    handed_in(session, at, sheet_of(session, at), {at.numbers[0]: {"Day 5": 1, "Day 6": 0.5}})
    there = sheet_of(session, road, activity="road")
    with pytest.raises(SheetRefused) as refusal:
        handed_in(session, road, there, {at.numbers[0]: {"Day 5": 0.5, "Day 6": 0.5}})
    (row,) = refusal.value.result.rows
    assert [(each.column, each.code) for each in row.reasons] == [("Day 5", "on_another_sheet")]
    assert handed_in(session, road, there, {at.numbers[0]: {"Day 6": 0.5}}).half_days == 1


def test_the_most_days_count_over_all_sheets_of_a_period(session: Session) -> None:
    programme(session)
    at = site(session)
    road = site(session, code="road", numbers=at.numbers)
    handed_in(session, at, sheet_of(session, at), {at.numbers[0]: days(15)})
    there = sheet_of(session, road, activity="road")
    with pytest.raises(SheetRefused, match="6 days here, and 15 days on other sheets"):
        handed_in(session, road, there, {at.numbers[0]: days(6, first=20)})
    assert handed_in(session, road, there, {at.numbers[0]: days(5, first=20)}).half_days == 10


def test_a_correction_that_nobody_signed_frees_no_day(session: Session) -> None:
    programme(session)
    at = site(session)
    road = site(session, code="road", numbers=at.numbers)
    sheet = sheet_of(session, at)
    signed(session, at, sheet, {at.numbers[0]: {"Day 5": 1}})
    handed_in(session, at, sheet, {at.numbers[0]: {"Day 5": None}}, reason="Was not there")
    with pytest.raises(SheetRefused):
        handed_in(
            session, road, sheet_of(session, road, activity="road"), {at.numbers[0]: {"Day 5": 1}}
        )


def test_after_the_signature_only_corrections_with_a_reason(session: Session) -> None:
    programme(session)
    at = site(session)
    sheet = sheet_of(session, at)
    signed(session, at, sheet, {number: days(5) for number in at.numbers})
    change = {at.numbers[1]: {"Day 9": None}}
    with pytest.raises(ReasonNeeded):
        handed_in(session, at, sheet, change)
    with pytest.raises(NothingDiffers):
        handed_in(session, at, sheet, {}, reason="Nothing is wrong")
    made = handed_in(session, at, sheet, change, reason="One day was entered twice")
    assert (made.version, made.corrects, made.taken) == (2, 1, 1)
    (row,) = work_queries.rows(session, sheet.id, 2)
    assert row.before is not None
    assert (row.number, row.earned.minor) == (2, 480_000)
    first = session.scalars(select(WorkRow).where(WorkRow.version == 1, WorkRow.number == 2)).one()
    correction = session.scalars(select(WorkRow).where(WorkRow.version == 2)).one()
    assert (correction.corrects_id, first.half_days) == (first.id, 10)


def test_the_sheets_of_a_programme_are_listed_with_what_waits(session: Session) -> None:
    programme(session)
    at = site(session)
    sheet = sheet_of(session, at)
    signed(session, at, sheet, {at.numbers[0]: days(5)})
    (line,) = work_queries.sheets(session, queries.find(session, CODE))
    assert (line.number, line.version, line.rows, line.unpaid.minor) == (sheet.id, 1, 3, 600_000)
    assert line.signed_by == at.supervisor.actor.id
    assert line.earned.minor == 600_000


def test_a_file_without_tokens_is_no_sheet(session: Session) -> None:
    for content in (b"Name,Day 5\nA,1\n", b"Token,Name\n,A\n"):
        with pytest.raises(NotASheet):
            work_entering.take_in(session, EVERYTHING, io.BytesIO(content))


def test_sheets_go_out_and_come_back_through_people_who_may(session: Session) -> None:
    programme(session)
    at = site(session)
    sheet = sheet_of(session, at)
    content = exported(session, at, sheet)
    stranger = Actor("user", at.other.actor.id, "a stranger")
    with pytest.raises(NotPermitted):
        work_sheets.export(session, stranger, sheet, io.BytesIO(), form="csv", language="en")
    with pytest.raises(NotPermitted):
        work_entering.take_in(session, stranger, io.BytesIO(content))
    acts = session.scalars(
        select(AuditEntry.act)
        .where(AuditEntry.subject_kind == "work_sheet")
        .order_by(AuditEntry.id)
    ).all()
    assert list(acts) == ["work.sheet_made", "work.sheet_taken_out"]


def test_there_are_sheets_only_for_days_with_work(session: Session) -> None:
    programme(session)
    at = site(session)
    for period in ("2026-07", "2027-01"):
        with pytest.raises(work_sheets.NoWorkThen):
            sheet_of(session, at, period=period)
    empty = work_arranging.add_group(session, EVERYTHING, CODE, "well", "group-z", "Nobody")
    sheet = work_sheets.make(session, at.clerk.actor, CODE, "well", empty.code, "2026-01")
    with pytest.raises(work_sheets.NobodyWorks):
        work_sheets.paper(session, sheet)
