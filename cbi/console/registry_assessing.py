"""Assessing a household on a page: the questions of a scorecard in the officer's language, and what they came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from fastapi import Form as Typed
from fastapi import Path as InPath
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.finance_parts import day
from cbi.console.languages import N_
from cbi.console.pages import Pages
from cbi.console.refusals import Table
from cbi.console.visit import Entry, ThisVisit, Visit
from cbi.http.requests import OfficeSession
from cbi.registry import naming
from cbi.registry.models import Household
from cbi.registry.scorecards import assessing, telling, versions
from cbi.registry.scorecards.assessing import UnusableAssessment
from cbi.registry.scorecards.definition import Form, Indicator, Kind, Scorecard, told
from cbi.registry.scorecards.models import Assessment

PATH = "/registry/assessing"
router = Pages()
MENU = (Entry(N_("Assessments"), PATH, Permission.ASSESS),)
REFUSALS: Table = {
    "registry.unknown_household": (
        N_("No household has this number, or several have."),
        N_("Check the number. One that two sources use is written with its source: partner-2026/0042."),
    ),
    "assessment.unusable": (
        N_("The assessment cannot be taken so."), N_("Look at each answer, and at the day."),
    ),
    "assessment.unknown": (N_("There is no such assessment."), N_("Look for the household again.")),
}  # fmt: skip

Assessor = Annotated[Actor, Depends(may(Permission.ASSESS))]
Opener = Annotated[Actor, Depends(may(Permission.ASSESSMENT_OPEN))]
Wish = Annotated[str, Query(max_length=200)]
Word = Annotated[str, Typed(max_length=200)]
Words = Annotated[str, Typed(max_length=1000)]
Many = Annotated[list[str], Typed(max_length=300)]
Number = Annotated[int, InPath(ge=1, le=2**53)]


@dataclass(frozen=True, slots=True)
class Question:
    """One question as it is asked: `options` of a choice, and what was typed."""

    name: str
    kind: str
    says: str
    options: list[tuple[str, str]]
    optional: bool
    typed: str
    chosen: frozenset[str]


@router.get(PATH)
def begin(
    visit: ThisVisit, session: OfficeSession, actor: Assessor, household: Wish = ""
) -> Response:
    """Which household by which scorecard; and, of a household that was looked for, its assessments."""
    kept = [versions.find(session, code) for code in _codes(session, actor)]
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
        scorecards=[
            (f"{each.code}.{form.value}", _called(visit, each.scorecard, form))
            for each in kept
            for form in Form
            if form is Form.LONG or each.scorecard.short is not None
        ],
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
    return _asked(visit, session, actor, found, by, {}, {})


@router.post(PATH + "/form")
def assess(
    visit: ThisVisit, session: OfficeSession, actor: Assessor, household: Word = "", by: Word = "", on: Word = "",
    reason: Words = "", question: Many = [], answer: Many = [], many: Many = [],  # noqa: B006 - FastAPI copies them
) -> Response:  # fmt: skip
    """Score what was answered."""
    found = naming.named(session, household.strip())
    card, form_ = _which(session, actor, by)
    said = {name: text for name, text in zip(question, answer, strict=False) if text.strip()}
    several: dict[str, list[str]] = {}
    for each in many:
        name, _, option = each.partition(":")
        several.setdefault(name, []).append(option)
    answers = assessing.typed(
        card, form_, said | {name: ",".join(them) for name, them in several.items()}
    )
    try:
        landed = assessing.assess(
            session,
            actor,
            found,
            card.code,
            form_,
            answers,
            on=day(on),
            reason=reason.strip() or None,
        )
    except UnusableAssessment as refusal:
        kept = said | {"on": on, "reason": reason}
        return _asked(visit, session, actor, found, by, kept, several, refusal)
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
    visit: Visit, session: Session, actor: Actor, household: Household, by: str, said: Mapping[str, str],
    several: Mapping[str, list[str]], refusal: UnusableAssessment | None = None,
) -> Response:  # fmt: skip
    card, form_ = _which(session, actor, by)
    return visit.show(
        "registry_assessing/form.html",
        path=PATH,
        household=household.source_id,
        named=f"{household.source}/{household.source_id}",
        by=by,
        name=_called(visit, card, form_),
        questions=[_question(visit, each, said, several) for each in card.asked(form_)],
        on=said.get("on", ""),
        reason=said.get("reason", ""),
        refusal=refusal,
    )


def _question(
    visit: Visit, asked: Indicator, said: Mapping[str, str], several: Mapping[str, list[str]]
) -> Question:
    options = [(each.code, told(each.say, visit.language)) for each in asked.options]
    if asked.kind is Kind.YES_NO:
        options = [(name, telling.word(name, visit.language)) for name in ("yes", "no")]
    return Question(
        asked.name, asked.kind.value, told(asked.ask, visit.language), options, asked.optional,
        said.get(asked.name, ""), frozenset(several.get(asked.name, ())),
    )  # fmt: skip


def _codes(session: Session, actor: Actor) -> list[str]:
    """The scorecards in use."""
    found = versions.listed(session, actor)
    return sorted({row.code for row in found if row.decision == versions.ACCEPTED})


def _which(session: Session, actor: Actor, by: str) -> tuple[Scorecard, Form]:
    """The scorecard and the form that were chosen. Raises UnknownScorecard, UnusableAssessment."""
    code, _, form_ = by.rpartition(".")
    kept = versions.find(session, code)
    chosen = Form.SHORT if form_ == Form.SHORT else Form.LONG
    assessing.refuse_missing_form(kept.scorecard, chosen)
    return kept.scorecard, chosen


def _called(visit: Visit, card: Scorecard, form_: Form) -> str:
    name = told(card.name, visit.language)
    if form_ is Form.SHORT:
        return visit.gettext("%(scorecard)s, short form", scorecard=name)
    return visit.gettext("%(scorecard)s, long form", scorecard=name)


def _band(visit: Visit, session: Session, row: Assessment) -> str:
    card = versions.find(session, row.scorecard, row.version).scorecard
    return telling.band_name(card, row.band, visit.language)
