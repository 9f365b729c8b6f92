"""What somebody outside may be told, on pages: proposed, decided by the legal officer, revoked, and the register."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.console.exports_words import COLUMNS, REQUESTERS, answer_of
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.refusals import Table
from cbi.console.visit import Entry, ThisVisit
from cbi.http.requests import OfficeSession
from cbi.offices import office_of
from cbi.programmes.models import Programme
from cbi.registry.disclosing import disclosing
from cbi.registry.disclosing.disclosing import LONGEST_DAYS, Proposal, UnusableDisclosure
from cbi.registry.disclosing.models import Disclosure, DisclosureDecision
from cbi.registry.disclosing.models import Form as Told

PATH = "/disclosures"
router = Pages()
MENU = (Entry(N_("Disclosures"), PATH, Permission.DISCLOSURE_READ, Group.DATA),)
REFUSALS: Table = {}
"""They stand with those of the lists."""
_USUAL_DAYS = 30

Reader = Annotated[Actor, Depends(may(Permission.DISCLOSURE_READ))]
Proposer = Annotated[Actor, Depends(may(Permission.DISCLOSURE_PROPOSE))]
Approver = Annotated[Actor, Depends(may(Permission.DISCLOSURE_APPROVE))]
Code = Annotated[str, Form(max_length=20)]
Word = Annotated[str, Form(max_length=200)]
Words = Annotated[str, Form(max_length=1000)]
Several = Annotated[list[str] | None, Form(max_length=20)]


@router.get(PATH)
def register(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """The register, and the form to propose by."""
    found = disclosing.listed(session, actor)
    codes = actor.programmes(Permission.DISCLOSURE_PROPOSE)
    listed = session.execute(select(Programme.code, Programme.name).order_by(Programme.code))
    today = clock.today(office_of(session).timezone)
    return visit.show(
        "exports/disclosures.html",
        lines=[(each, answer_of(visit, each)) for each in found],
        requesters=REQUESTERS,
        columns=COLUMNS,
        programmes=[
            (code, f"{code}: {name}") for code, name in listed if codes is None or code in codes
        ],
        until=(today + timedelta(days=_USUAL_DAYS)).isoformat(),
        longest=LONGEST_DAYS,
    )


@router.post(PATH)
def propose(
    visit: ThisVisit, session: OfficeSession, actor: Proposer, requester_kind: Word = "", requester: Word = "",
    legal_ground: Words = "", wanted_for: Words = "", necessity: Words = "", risk: Words = "", form: Word = "",
    column: Several = None, programme: Word = "", period: Word = "", area: Word = "", most_people: Word = "",
    until: Word = "", silence: Words = "",
) -> Response:  # fmt: skip
    """Propose that somebody outside is told."""
    try:
        said = Proposal(
            requester_kind, requester, legal_ground, wanted_for, necessity, risk, form, int(most_people),
            date.fromisoformat(until), tuple(column or ()) if form == Told.FILE else (), programme or None,
            period.strip() or None, area.strip() or None, silence.strip() or None,
        )  # fmt: skip
    except ValueError as error:
        raise UnusableDisclosure("Something in the form is missing, or cannot be read.") from error
    made = disclosing.propose(session, actor, said)
    told = visit.gettext("Disclosure %(number)s waits for the legal officer.", number=made.number)
    return visit.go(f"{PATH}/{made.number}", told)


@router.get(PATH + "/{number}")
def one(visit: ThisVisit, session: OfficeSession, actor: Reader, number: int) -> Response:
    """One disclosure, whole, and what can be done with it."""
    found = disclosing.find(session, actor, number)
    is_live = found.revoked_at is None and found.decision is not DisclosureDecision.REFUSED
    may_approve = actor.may(Permission.DISCLOSURE_APPROVE)
    is_own = actor.id == found.proposed_by
    return visit.show(
        "exports/disclosure.html",
        it=found,
        state=answer_of(visit, found),
        requesters=REQUESTERS,
        columns=COLUMNS,
        names=_names(session, found),
        may_decide=may_approve and is_live and not is_own and found.decision is None,
        may_revoke=is_live and (is_own or (may_approve and found.decision is not None)),
    )


@router.post(PATH + "/{number}/approve")
def approve(
    visit: ThisVisit, session: OfficeSession, actor: Approver, number: int, reason: Words = "", code: Code = ""
) -> Response:  # fmt: skip
    """Let it be told."""
    disclosing.approve(session, actor, number, reason, code)
    told = visit.gettext("Disclosure %(number)s is approved.", number=number)
    return visit.go(f"{PATH}/{number}", told)


@router.post(PATH + "/{number}/refuse")
def refuse(
    visit: ThisVisit, session: OfficeSession, actor: Approver, number: int, reason: Words = ""
) -> Response:
    """Say no, and why."""
    disclosing.refuse(session, actor, number, reason)
    told = visit.gettext("Disclosure %(number)s is refused.", number=number)
    return visit.go(f"{PATH}/{number}", told)


@router.post(PATH + "/{number}/revoke")
def revoke(
    visit: ThisVisit, session: OfficeSession, actor: Reader, number: int, reason: Words = ""
) -> Response:
    """End it at once."""
    disclosing.revoke(session, actor, number, reason)
    told = visit.gettext("Disclosure %(number)s is revoked.", number=number)
    return visit.go(f"{PATH}/{number}", told)


def _names(session: Session, found: Disclosure) -> dict[str, str]:
    people = {
        "proposed": found.proposed_by,
        "decided": found.decided_by,
        "revoked": found.revoked_by,
    }
    known = session.execute(select(User.id, User.full_name).where(User.id.in_(people.values())))
    names = dict(known.all())
    return {part: names.get(who, "") if who else "" for part, who in people.items()}
