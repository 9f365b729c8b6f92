"""Assessment forms that go out with numbers and no names, and come back row by row."""

import csv
import io
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.registry import bands, needs
from cbi.registry.linkage import staff
from cbi.registry.linkage.staff import OwnRecord
from cbi.registry.models import Household, Person
from cbi.registry.scorecards import assessing, forms
from cbi.registry.scorecards.definition import Form
from cbi.registry.scorecards.forms import TakenIn
from cbi.registry.scorecards.models import Assessment
from tests.factories import EVERYTHING, Colleague
from tests.scorecard_factory import CARD, NEEDY, fill, in_use, made, officer

FULL: dict[str, str | int | None] = {
    "Days hungry": 5, "Rent": "Late, or not at all", "Health: Chronic illness": "Yes", "Children alone": "No",
}  # fmt: skip


def written(
    session: Session, who: Colleague, people: list[Household], form: Form = Form.LONG, **more: str
) -> bytes:
    """The bytes of a form for these households."""
    target = io.BytesIO()
    forms.write(
        session,
        who.actor,
        "need",
        form,
        target,
        numbers=[each.source_id for each in people],
        **more,
    )
    return target.getvalue()


def codes(result: TakenIn) -> dict[int, list[str]]:
    """Why rows were refused, by the row that the spreadsheet shows."""
    return {note.line: [reason.code for reason in note.reasons] for note in result.rows}


def test_a_form_comes_back_row_by_row(session: Session) -> None:
    in_use(session)
    who, people = officer(session), made(session, 4)
    form = written(session, who, people)
    filled = fill(
        form,
        {
            1: FULL,
            2: FULL | {"Days hungry": 9},
            3: FULL | {"Rent": "perhaps", "Children alone": None},
        },
    )
    result = forms.take_in(session, who.actor, filled)
    assert (result.taken, result.empty, result.bands) == (1, 1, {"high": 1})
    assert codes(result) == {3: ["number"], 4: ["answer", "missing"]}
    assert [word for _, _, word, _ in bands.words_of(session, people[0].id)] == ["high"]
    row = session.scalars(select(Assessment).where(Assessment.household_id == people[0].id)).one()
    opened = assessing.open_(session, who.actor, row.id)
    assert opened.content is not None
    assert opened.content["answers"] == NEEDY


def test_the_same_form_again_changes_nothing_and_the_rest_is_taken(session: Session) -> None:
    in_use(session)
    who, people = officer(session), made(session, 3)
    form = written(session, who, people)
    forms.take_in(session, who.actor, fill(form, {1: FULL, 2: FULL | {"Days hungry": 9}}))
    again = forms.take_in(
        session, who.actor, fill(form, {1: FULL, 2: FULL, 3: FULL | {"Rent": "payé"}})
    )
    assert (again.taken, again.unchanged, again.rows) == (2, 1, ())
    changed = forms.take_in(session, who.actor, fill(form, {1: FULL | {"Days hungry": 1}}))
    assert (changed.taken, codes(changed)) == (0, {2: ["taken"]})
    assert session.scalar(select(func.count()).select_from(Assessment)) == 3


def test_nobody_brings_in_how_their_own_household_answered(session: Session) -> None:
    in_use(session)
    who, people = officer(session), made(session, 2)
    assert who.actor.id is not None
    form = written(session, who, people)
    head = session.scalars(select(Person.id).where(Person.household_id == people[0].id)).first()
    assert head is not None
    staff.keep(session, [(staff.Colleague("user", who.actor.id, ""), head)])
    result = forms.take_in(session, who.actor, fill(form, {1: FULL, 2: FULL}))
    assert (result.taken, codes(result)) == (1, {2: ["own_record"]})
    mine = Actor("user", who.actor.id, "me", EVERYTHING.grants)
    for note in (needs.note, bands.note):
        with pytest.raises(OwnRecord):
            note(session, mine, people[0], "severe")
        note(session, mine, people[1], "severe")


def test_a_trial_changes_nothing(session: Session) -> None:
    in_use(session)
    who, people = officer(session), made(session, 2)
    form = written(session, who, people)
    trial = forms.take_in(session, who.actor, fill(form, {1: FULL, 2: FULL}), dry_run=True)
    assert (trial.taken, trial.dry_run) == (2, True)
    assert session.scalar(select(func.count()).select_from(Assessment)) == 0


def test_a_form_names_nobody_and_holds_nothing_that_runs(session: Session) -> None:
    in_use(
        session,
        CARD.replace("{en: Days hungry, fr: Jours de faim}", "{en: '=1+1 hungry', fr: '-1'}"),
    )
    who, people = officer(session), made(session, 2)
    book = load_workbook(io.BytesIO(written(session, who, people)))
    sheet = book["Assessment"]
    texts = [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value]
    assert not any("Somebody" in text for text in texts)
    assert sheet["C1"].value == "=1+1 hungry"
    assert sheet["C1"].data_type == "s"
    rules = {str(rule.sqref): rule for rule in sheet.data_validations.dataValidation}
    assert (rules["C2:C3"].type, rules["C2:C3"].formula2) == ("whole", "7")
    assert rules["D2:D3"].formula1 == "Lists!$A$1:$A$2"
    assert [row[0].value for row in book["Lists"]["A1:A2"]] == ["Paid", "Late, or not at all"]
    assert book["Lists"].sheet_state == "hidden"
    assert sheet["C2"].protection.locked is False
    assert sheet["A2"].protection.locked is True
    text = written(session, who, people, kind="csv").decode("utf-8-sig")
    assert next(csv.reader(io.StringIO(text)))[2] == "'=1+1 hungry"


def test_a_csv_form_in_another_language_comes_back_too(session: Session) -> None:
    in_use(session)
    who, people = officer(session), made(session, 1)
    rows = list(
        csv.reader(
            io.StringIO(
                written(session, who, people, kind="csv", language="fr").decode("utf-8-sig")
            )
        )
    )
    answers = {
        "Jours de faim": "٣",
        "Loyer": "en retard",
        "Santé: Besoin grave": "oui",
        "Enfants seuls": "non",
        "Évalué le": "2026-01-31",
    }
    for heading, answer in answers.items():
        rows[1][rows[0].index(heading)] = answer
    target = io.StringIO()
    csv.writer(target).writerows(rows)
    result = forms.take_in(session, who.actor, io.BytesIO(target.getvalue().encode()))
    assert (result.taken, result.bands, result.rows) == (1, {"high": 1}, ())


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"Token": "1-1-1-2-AAAAAAAAAA"}, "foreign_token"), ({"Token": ""}, "no_token"), ({"Token": "x"}, "wrong_token"),
        ({"Registration number": "H-9999"}, "household"), ({"Assessed on": "2999-01-01"}, "date_in_future"),
        ({"Corrected because": "+213 555 123 456 78"}, "reason"), ({"Children alone": "perhaps"}, "yes_or_no"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_told_is_refused(
    session: Session, cells: dict[str, str | int | None], code: str
) -> None:
    in_use(session)
    who, people = officer(session), made(session, 2)
    result = forms.take_in(
        session, who.actor, fill(written(session, who, people), {1: FULL, 2: FULL | cells})
    )
    assert (result.taken, codes(result)) == (1, {3: [code]})


def test_rows_that_were_swapped_or_copied_are_named(session: Session) -> None:
    in_use(session)
    who, people = officer(session), made(session, 3)
    form = written(session, who, people)
    sheet = load_workbook(io.BytesIO(form))["Assessment"]
    tokens = [str(sheet.cell(row, sheet.max_column).value) for row in (2, 3)]
    swapped = fill(form, {1: FULL | {"Token": tokens[1]}, 2: FULL | {"Token": tokens[0]}})
    assert codes(forms.take_in(session, who.actor, swapped)) == {
        2: ["token_of_another"],
        3: ["token_of_another"],
    }
    copied = fill(form, {1: FULL, 2: FULL | {"Token": tokens[0]}})
    assert codes(forms.take_in(session, who.actor, copied)) == {3: ["repeated"]}
    with pytest.raises(forms.NotAnAssessmentForm):
        forms.take_in(session, who.actor, fill(form, {row: {"Token": "?"} for row in (1, 2, 3)}))


def test_the_long_form_is_for_those_whom_the_short_one_flagged(session: Session) -> None:
    in_use(session)
    who, people = officer(session), made(session, 3)
    short = written(session, who, people, Form.SHORT)
    result = forms.take_in(
        session, who.actor,
        fill(short, {1: {"Days hungry": 0, "Children alone": "no"}, 2: {"Days hungry": 4, "Children alone": "no"}}),
    )  # fmt: skip
    assert (result.taken, result.flagged, result.bands) == (2, 1, {"low": 1})
    target = io.BytesIO()
    paper = forms.write(session, who.actor, "need", Form.LONG, target)
    assert [row.household_id for row in paper.rows] == [people[1].id]
    due = forms.write(session, who.actor, "need", Form.SHORT, io.BytesIO())
    assert {row.household_id for row in due.rows} >= {people[2].id}
    assert not {row.household_id for row in due.rows} & {people[0].id, people[1].id}


def test_a_correction_by_form_takes_a_reason_and_later_a_second_person(session: Session) -> None:
    in_use(session)
    who, people = officer(session), made(session, 2)
    start = clock.now()
    with clock.frozen(start):
        forms.take_in(session, who.actor, fill(written(session, who, people), {1: FULL, 2: FULL}))
    with clock.frozen(start + timedelta(days=20)):
        again = written(session, who, people)
        result = forms.take_in(
            session,
            who.actor,
            fill(again, {1: FULL | {"Corrected because": "second visit"}, 2: FULL}),
        )
    assert (result.taken, result.waiting, codes(result)) == (1, 1, {3: ["assessed_already"]})


def test_the_copy_with_the_reasons_is_theirs(session: Session, tmp_path: Path) -> None:
    in_use(session)
    who, people = officer(session), made(session, 2)
    filled = fill(written(session, who, people), {1: FULL | {"Days hungry": 9}, 2: FULL})
    result = forms.take_in(session, who.actor, filled)
    forms.write_report(result, filled, tmp_path / "checked.xlsx", cover=["Waived: nothing."])
    book = load_workbook(tmp_path / "checked.xlsx")
    said = [
        str(cell.value)
        for row in book["Assessment"].iter_rows(min_row=2, max_row=2)
        for cell in row
    ]
    assert any("whole number from 0 to 7" in text for text in said)
    assert book["Summary"]["A2"].value == "Taken in"
    forms.write_report(result, filled, tmp_path / "arabic.xlsx", language="ar")
    arabic = load_workbook(tmp_path / "arabic.xlsx")
    assert arabic["Summary"]["A2"].value == "سُجّلت"
    told = [str(cell.value) for cell in arabic["Assessment"][2]]
    assert any("من 0 إلى 7" in text for text in told), told[-4:]


def test_a_form_for_nobody_is_not_written(session: Session) -> None:
    in_use(session)
    who = officer(session)
    with pytest.raises(forms.NobodyToAssess):
        forms.write(session, who.actor, "need", Form.LONG, io.BytesIO(), area="nowhere")


def test_facts_are_those_of_the_day_of_the_visit(session: Session) -> None:
    in_use(session, CARD.replace('is: "size >= 6"', 'is: "age_unknown == listed and size >= 6"'))
    who, people = officer(session), made(session, 1, size=7)
    forms.take_in(session, who.actor, fill(written(session, who, people), {1: FULL}))
    row = session.scalars(select(Assessment)).one()
    assert row.score_hundredths == 1600
    content = assessing.open_(session, who.actor, row.id).content
    assert content is not None
    people_listed = session.scalar(
        select(func.count()).select_from(Person).where(Person.household_id == people[0].id)
    )
    assert (content["facts"]["size"], content["facts"]["listed"]) == (7, people_listed)
