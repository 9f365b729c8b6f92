"""Appeals against assessments on pages, decided by somebody else; and whose scores stand just above a threshold."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Query
from fastapi import Path as InPath
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console import registry_appeals_answers
from cbi.console.finance_parts import unusable
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.refusals import Table
from cbi.console.visit import Entry, ThisVisit
from cbi.http.requests import OfficeSession
from cbi.programmes import appealing
from cbi.programmes.models import Cycle, Programme
from cbi.registry import naming
from cbi.registry.models import Household
from cbi.registry.scorecards import appeal_words, appeals, clustering, versions
from cbi.registry.scorecards.appeal_schemas import ClusterOut
from cbi.registry.scorecards.definition import told
from cbi.registry.scorecards.models import Appeal, Assessment, ScorecardVersion

PATH = "/registry/appeals"
CLUSTERS = "/registry/clusters"
router = Pages()
router.routes.extend(registry_appeals_answers.router.routes)
MENU = (
    Entry(N_("Appeals"), PATH, Permission.APPEAL_LODGE, Group.REGISTRATION),
    Entry(N_("Scores near thresholds"), CLUSTERS, Permission.PROOF_READ, Group.REGISTRATION),
)
REFUSALS: Table = {
    "appeal.unknown": (N_("There is no such appeal."), N_("Choose one from the list.")),
    "appeal.open": (N_("The same was appealed already, and waits for a decision."), N_("Look at the list.")),
    "appeal.decided": (N_("This appeal was decided before."), N_("A new reason is a new appeal.")),
    "appeal.own": (
        N_("You made or accepted what this appeal is about, or lodged it, so somebody else decides."),
        N_("Ask a colleague who may decide appeals."),
    ),
    "appeal.nothing": (
        N_("There is no such assessment of this household that counts."), N_("Look at the household's assessments."),
    ),
    "appeal.not_decided": (
        N_("Nothing was decided about this household in that cycle."), N_("Check the programme and the period."),
    ),
    "appeal.unusable_outcome": (
        N_("The outcome does not say what comes of it."),
        N_("A changed assessment needs the number of one that another person made since, and that counts."),
    ),
}  # fmt: skip
SHOWN = 100

Lodger = Annotated[Actor, Depends(may(Permission.APPEAL_LODGE))]
Decider = Annotated[Actor, Depends(may(Permission.APPEAL_DECIDE))]
Prover = Annotated[Actor, Depends(may(Permission.PROOF_READ))]
Number = Annotated[int, InPath(ge=1, le=2**53)]
Word = Annotated[str, Form(max_length=200)]
Words = Annotated[str, Form(max_length=1000)]


@dataclass(frozen=True, slots=True)
class Line:
    """One appeal: of which household, about what."""

    row: Appeal
    words: appeal_words.Words
    household: str
    scorecard: str
    cycle: str


@router.get(PATH)
def listed(
    visit: ThisVisit, session: OfficeSession, actor: Lodger, ended: Annotated[str, Query(max_length=5)] = "",
    household: Annotated[str, Query(max_length=200)] = "",
) -> Response:  # fmt: skip
    """What waits for a decision, or what was decided, and the form for a new one."""
    wanted = appeals.listed(actor, open_only=not ended)
    if ended:
        wanted = wanted.where(Appeal.outcome.is_not(None))
    if household.strip():
        naming.named(session, household.strip())
    rows = session.scalars(wanted.order_by(Appeal.id.desc()).limit(SHOWN)).all()
    return visit.show(
        "registry_appeals/list.html",
        path=PATH,
        lines=_lines(session, actor, list(rows)),
        ended=bool(ended),
        household=household,
    )


@router.post(PATH)
def lodge(
    visit: ThisVisit, session: OfficeSession, actor: Lodger, household: Word = "", says: Words = "", programme: Word = "",
    period: Word = "",
) -> Response:  # fmt: skip
    """Write an appeal down: against an assessment or, with a programme and a period, against being left out."""
    about = naming.named(session, household.strip())
    if programme.strip() or period.strip():
        made = appealing.lodge(session, actor, about, programme.strip(), period.strip(), says)
    else:
        made = appeals.lodge(session, actor, about, says)
    said = visit.gettext(
        "Appeal %(number)s is written down. Somebody else decides it.", number=made.id
    )
    return visit.go(PATH, said)


@router.get(PATH + "/{number}")
def one(visit: ThisVisit, session: OfficeSession, actor: Lodger, number: Number) -> Response:
    """One appeal, and the decision for whoever may take it."""
    row = appeals.find(session, number)
    (line,) = _lines(session, actor, [row])
    return visit.show(
        "registry_appeals/one.html",
        path=PATH,
        line=line,
        names=names_of(session, [row.lodged_by, row.against, row.decided_by]),
        may_decide=row.outcome is None
        and visit.may(Permission.APPEAL_DECIDE)
        and actor.id not in {row.against, row.lodged_by},
        may_open=visit.may(Permission.ASSESSMENT_OPEN),
    )


@router.post(PATH + "/{number}")
def decide(
    visit: ThisVisit, session: OfficeSession, actor: Decider, number: Number, outcome: Word = "", answer: Words = "",
    reassessment: Word = "",
) -> Response:  # fmt: skip
    """Decide it, with a reason that the household is told."""
    if reassessment.strip() and not (reassessment.strip().isdecimal() and len(reassessment) < 16):
        raise unusable()
    new = int(reassessment) if reassessment.strip() else None
    appeals.decide(session, actor, number, outcome, answer, reassessment=new)
    return visit.go(PATH, visit.gettext("Appeal %(number)s is decided.", number=number))


@router.get(CLUSTERS)
def clusters(visit: ThisVisit, session: OfficeSession, actor: Prover) -> Response:
    """For each scorecard in use, how the scores of each officer lie around its thresholds."""
    rows = session.scalars(
        select(ScorecardVersion.code)
        .where(ScorecardVersion.decision == versions.ACCEPTED)
        .distinct()
    ).all()
    found = []
    for code in sorted(rows):
        card = versions.find(session, code).scorecard
        lines = [
            (ClusterOut.of(each), told(card.band(each.band).say, visit.language))
            for each in clustering.clusters(session, actor, code)
        ]
        found.append((told(card.name, visit.language), lines))
    return visit.show("registry_appeals/clusters.html", scorecards=found)


def _lines(session: Session, actor: Actor, rows: list[Appeal]) -> list[Line]:
    households = dict(
        session.execute(
            select(Household.id, Household.source_id).where(
                Household.id.in_({row.household_id for row in rows})
            )
        ).all()
    )
    scorecards = dict(
        session.execute(
            select(Assessment.id, Assessment.scorecard).where(
                Assessment.id.in_({row.assessment_id for row in rows if row.assessment_id})
            )
        ).all()
    )
    cycles = {
        cycle_id: f"{code} {period}"
        for cycle_id, code, period in session.execute(
            select(Cycle.id, Programme.code, Cycle.period)
            .join(Programme, Programme.id == Cycle.programme_id)
            .where(Cycle.id.in_({row.cycle_id for row in rows if row.cycle_id}))
        )
    }
    words = appeal_words.shown(session, actor, rows)
    return [
        Line(
            row, words[row.id], households.get(row.household_id, ""), scorecards.get(row.assessment_id or 0, ""),
            cycles.get(row.cycle_id, "") if row.cycle_id else "",
        )
        for row in rows
    ]  # fmt: skip
