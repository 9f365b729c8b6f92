"""Assessing a household on a page: the questions of a scorecard in the officer's language, and what they came to."""

from typing import Annotated

from fastapi import Depends, Query
from fastapi import Form as Field
from fastapi import Path as InPath
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console import registry_assessing_forms
from cbi.console.finance_parts import day
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.refusals import Table
from cbi.console.registry_assessing_parts import Typed, called, choices, questions, which
from cbi.console.visit import Entry, ThisVisit, Visit
from cbi.http.requests import OfficeSession
from cbi.registry import naming
from cbi.registry.models import Household
from cbi.registry.scorecards import assessing, telling, versions
from cbi.registry.scorecards.assessing import UnusableAssessment
from cbi.registry.scorecards.definition import told
from cbi.registry.scorecards.models import Assessment

PATH = "/registry/assessing"
router = Pages()
router.routes.extend(registry_assessing_forms.router.routes)
MENU = (Entry(N_("Assessments"), PATH, Permission.ASSESS, Group.REGISTRATION),)
REFUSALS: Table = {
    "registry.unknown_household": (
        N_("No household has this number, or several have."),
        N_("Check the number. One that two sources use is written with its source: partner-2026/0042."),
    ),
    "assessment.unusable": (
        N_("The assessment cannot be taken so."), N_("Look at each answer, and at the day."),
    ),
    "assessment.nobody": (
        N_("No household would be on this form, or too many."), N_("Name the households, or an area."),
    ),
    "assessment.not_a_form": (
        N_("No row of this file has the token of an assessment form."),
        N_("Hand in the form as it was handed out, filled in."),
    ),
    "assessment.unknown_form": (
        N_("There is no form of this number in this office."), N_("Check that it is one of this office."),
    ),
    "assessment.unknown": (N_("There is no such assessment."), N_("Look for the household again.")),
}  # fmt: skip

Assessor = Annotated[Actor, Depends(may(Permission.ASSESS))]
Opener = Annotated[Actor, Depends(may(Permission.ASSESSMENT_OPEN))]
Wish = Annotated[str, Query(max_length=200)]
Word = Annotated[str, Field(max_length=200)]
Words = Annotated[str, Field(max_length=1000)]
Many = Annotated[list[str], Field(max_length=300)]
Number = Annotated[int, InPath(ge=1, le=2**53)]


@router.get(PATH)
def begin(
    visit: ThisVisit, session: OfficeSession, actor: Assessor, household: Wish = ""
) -> Response:
    """Which household by which scorecard; and, of a household that was looked for, its assessments."""
    rows: list[tuple[Assessment, str]] = []
    if household.strip() and visit.may(Permission.ASSESSMENT_OPEN):
        found = naming.named(session, household.strip())
        rows = [
            (row, _band(visit, session, row))
            for row in assessing.of_household(session, actor, found)
        ]
    return visit.show(
        "registry_assessing/begin.html",
        path=PATH,
        scorecards=choices(visit, session, actor),
        household=household.strip(),
        rows=rows,
        shown_score=telling.shown_score,
        may_look=visit.may(Permission.ASSESSMENT_OPEN),
    )


@router.get(PATH + "/form")
def form(
    visit: ThisVisit, session: OfficeSession, actor: Assessor, household: Wish = "", by: Wish = ""
) -> Response:
    """The questions."""
    found = naming.named(session, household.strip())
    return _asked(visit, session, actor, found, by, Typed())


@router.post(PATH + "/form")
def assess(
    visit: ThisVisit, session: OfficeSession, actor: Assessor, household: Word = "", by: Word = "", on: Word = "",
    reason: Words = "", question: Many = [], answer: Many = [], many: Many = [],  # noqa: B006 - FastAPI copies them
) -> Response:  # fmt: skip
    """Score what was answered."""
    found = naming.named(session, household.strip())
    card, form_ = which(session, by)
    typed = Typed(question, answer, many)
    try:
        landed = assessing.assess(
            session,
            actor,
            found,
            card.code,
            form_,
            typed.answers(card, form_),
            on=day(on),
            reason=reason.strip() or None,
        )
    except UnusableAssessment as refusal:
        return _asked(visit, session, actor, found, by, typed, on, reason, refusal)
    notice = visit.gettext(
        "Noted: %(band)s, score %(score)s.", band=telling.band_name(card, landed.band, visit.language),
        score=telling.shown_score(landed.score),
    )  # fmt: skip
    if landed.waits:
        notice += " " + visit.gettext("It counts once somebody else has accepted it.")
    where = f"{PATH}/{landed.id}" if visit.may(Permission.ASSESSMENT_OPEN) else PATH
    return visit.go(where, notice)


@router.get(PATH + "/{number}")
def one(visit: ThisVisit, session: OfficeSession, actor: Opener, number: Number) -> Response:
    """One assessment with what was answered, and why its score is what it is; that somebody looked is noted."""
    opened = assessing.open_(session, actor, number)
    content = opened.content or {}
    answers = content.get("answers") or {}
    household = session.get_one(Household, opened.row.household_id)
    return visit.show(
        "registry_assessing/one.html",
        path=PATH,
        row=opened.row,
        household=household.source_id,
        named=f"{household.source}/{household.source_id}",
        scorecard=told(opened.scorecard.name, visit.language),
        band=telling.band_name(opened.scorecard, opened.row.band, visit.language),
        score=telling.shown_score(opened.row.score_hundredths),
        is_there=opened.content is not None,
        reasons=list(telling.reasons(opened.scorecard, content.get("reasons", []), visit.language)),
        answers=[
            (
                told(each.ask, visit.language),
                telling.answer(each, answers[each.name], visit.language),
            )
            for each in opened.scorecard.indicators
            if each.name in answers
        ],
        may_appeal=visit.may(Permission.APPEAL_LODGE),
    )


def _asked(
    visit: Visit, session: Session, actor: Actor, household: Household, by: str, typed: Typed, on: str = "",
    reason: str = "", refusal: UnusableAssessment | None = None,
) -> Response:  # fmt: skip
    card, form_ = which(session, by)
    return visit.show(
        "registry_assessing/form.html",
        path=PATH,
        household=household.source_id,
        named=f"{household.source}/{household.source_id}",
        by=by,
        name=called(visit, card, form_),
        questions=questions(visit, card, form_, typed),
        on=on,
        reason=reason,
        refusal=refusal,
    )


def _band(visit: Visit, session: Session, row: Assessment) -> str:
    card = versions.find(session, row.scorecard, row.version).scorecard
    return telling.band_name(card, row.band, visit.language)
