"""Deciding an appeal with new answers: the long form of the scorecard in use, and what the household is told."""

from typing import Annotated

from fastapi import Depends
from fastapi import Form as Field
from fastapi import Path as InPath
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.finance_parts import day
from cbi.console.pages import Pages
from cbi.console.registry_assessing_parts import Typed, called, questions
from cbi.console.visit import ThisVisit, Visit
from cbi.http.requests import OfficeSession
from cbi.registry.models import Household
from cbi.registry.scorecards import appeal_words, appeals, assessing, versions
from cbi.registry.scorecards.assessing import UnusableAssessment
from cbi.registry.scorecards.definition import Form, Scorecard

PATH = "/registry/appeals"
router = Pages()

Decider = Annotated[Actor, Depends(may(Permission.APPEAL_DECIDE))]
Number = Annotated[int, InPath(ge=1, le=2**53)]
Word = Annotated[str, Field(max_length=200)]
Words = Annotated[str, Field(max_length=1000)]
Many = Annotated[list[str], Field(max_length=300)]


@router.get(PATH + "/{number}/answers")
def ask(visit: ThisVisit, session: OfficeSession, actor: Decider, number: Number) -> Response:
    """The questions, for whoever visited the household again."""
    return _page(visit, session, actor, number, Typed())


@router.post(PATH + "/{number}/answers")
def decide(
    visit: ThisVisit, session: OfficeSession, actor: Decider, number: Number, told: Words = "", on: Word = "",
    question: Many = [], answer: Many = [], many: Many = [],  # noqa: B006 - FastAPI copies them
) -> Response:  # fmt: skip
    """Change the assessment to what was answered now, with a reason that the household is told."""
    typed = Typed(question, answer, many)
    answers = typed.answers(_card(session, number), Form.LONG)
    try:
        with session.begin_nested():
            row = appeals.decide(
                session, actor, number, appeals.CHANGED, told, answers=answers, on=day(on)
            )
    except UnusableAssessment as refusal:
        return _page(visit, session, actor, number, typed, told, on, refusal)
    said = visit.gettext(
        "Appeal %(number)s is decided: assessment %(new)s takes the place of the old one.",
        number=number, new=row.reassessment_id,
    )  # fmt: skip
    return visit.go(PATH, said)


def _card(session: Session, number: int) -> Scorecard:
    """The scorecard in use whose assessment was appealed. Raises UnknownAppeal, UnusableOutcome."""
    row = appeals.find(session, number)
    if row.assessment_id is None:
        raise appeals.UnusableOutcome(
            "This appeal is about being left out of a cycle, and no assessment comes of it.",
            next_step="Decide it on its own page.",
        )
    return versions.find(session, assessing.find(session, row.assessment_id).scorecard).scorecard


def _page(
    visit: Visit, session: Session, actor: Actor, number: int, typed: Typed, told: str = "", on: str = "",
    refusal: UnusableAssessment | None = None,
) -> Response:  # fmt: skip
    card, row = _card(session, number), appeals.find(session, number)
    return visit.show(
        "registry_appeals/answers.html",
        path=f"{PATH}/{number}",
        row=row,
        says=appeal_words.shown(session, actor, [row])[row.id].says,
        household=session.get_one(Household, row.household_id).source_id,
        name=called(visit, card, Form.LONG),
        questions=questions(visit, card, Form.LONG, typed),
        told=told,
        on=on,
        refusal=refusal,
    )
