"""One line of a provider's statement on a page: what was found of it, and reporting that this, or its match, was wrong."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.overview_findings import read_id
from cbi.console.overview_line_words import VERDICTS
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit, Visit
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.payments.models import Discrepancy
from cbi.reconciliation import line_findings, line_queries
from cbi.reconciliation.line_findings import Said
from cbi.reconciliation.line_queries import LineSheet
from cbi.reconciliation.models import LineFinding, Verdict

PATH = "/lines"
router = Pages()

Reader = Annotated[Actor, Depends(may(Permission.DISCREPANCY_READ))]
Settler = Annotated[Actor, Depends(may(Permission.DISCREPANCY_SETTLE))]
Short = Annotated[str, Form(max_length=64)]
Proof = Annotated[str, Form(max_length=1000)]

STANDING: dict[str, tuple[str, str]] = {
    "waits": (N_("waits for a second person"), "wait"),
    "found": (N_("found by two people"), "good"),
    "refused": (N_("refused"), "bad"),
    "taken back": (N_("taken back by two people"), "plain"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """What was reported of the line, and what became of the report."""

    row: LineFinding
    what: str
    state: str


@router.get(PATH + "/{line_id}")
def one(visit: ThisVisit, session: OfficeSession, actor: Reader, line_id: UUID) -> Response:
    """The line, what explains it, and everything that was ever reported of it."""
    sheet = line_queries.sheet(session, actor, line_id)
    found = [
        Found(each, visit.gettext(VERDICTS[Verdict(each.verdict)]), _state(each))
        for each in sheet.findings
    ]
    return visit.show(
        "overview/line.html",
        sheet=sheet,
        amount=Money(sheet.line.amount_minor, sheet.line.currency),
        found=found,
        open_question=_question(session, line_id),
        standing=STANDING,
        wrong=_may_be_wrong(visit, sheet, found),
        names=names_of(session, [who for each in found for who in (each.row.reported_by, each.row.confirmed_by)]),
        may_settle=actor.may(Permission.DISCREPANCY_SETTLE),
    )  # fmt: skip


@router.post(PATH + "/{line_id}")
def report(
    visit: ThisVisit, session: OfficeSession, actor: Settler, line_id: UUID, verdict: Short = "", proof: Proof = ""
) -> Response:  # fmt: skip
    """Report what was wrong; nothing moves before a colleague confirms it."""
    name, _, which = verdict.partition(":")
    said = Said(Verdict.UNMATCHED)
    if name == Verdict.MISTAKEN:
        said = Said(Verdict.MISTAKEN, finding_id=read_id(which))
    line_findings.report(session, actor, line_id, said, proof)
    return visit.go(
        f"{PATH}/{line_id}",
        visit.gettext("Noted. Nothing has moved yet: a colleague who may authorise runs has to confirm it."),
    )  # fmt: skip


def _question(session: Session, line_id: UUID) -> UUID | None:
    """The discrepancy of a line that nothing explains: what the line is, is reported there."""
    wanted = select(Discrepancy.id).where(
        Discrepancy.line_id == line_id, Discrepancy.settled_at.is_(None)
    )
    return session.scalar(wanted.order_by(Discrepancy.since.desc()).limit(1))


def _state(found: LineFinding) -> str:
    if found.refusal_id is not None:
        return "refused"
    if found.taken_back_by is not None:
        return "taken back"
    return "waits" if found.confirmed_by is None else "found"


def _may_be_wrong(visit: Visit, sheet: LineSheet, found: list[Found]) -> list[tuple[str, str]]:
    """What may be reported as wrong: the match, or what two people found and nobody has taken back."""
    mistaken = visit.gettext(VERDICTS[Verdict.MISTAKEN])
    matched = [(Verdict.UNMATCHED.value, visit.gettext(VERDICTS[Verdict.UNMATCHED]))]
    return [
        *(matched if sheet.match else []),
        *(
            (f"{Verdict.MISTAKEN.value}:{each.row.id}", f"{mistaken}: {each.what}")
            for each in found
            if each.state == "found" and each.row.verdict not in _STAY
        ),
    ]


_STAY = {
    Verdict.ATTEMPT, Verdict.UNMATCHED, Verdict.MISTAKEN, Verdict.FIRST_STORY, Verdict.LATER_STORY,
}  # fmt: skip
"""A match is reported as such; what was wrong with a correction is found anew."""
