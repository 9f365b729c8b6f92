"""Lists of people that leave the house, on pages: asked for, approved, fetched encrypted, and their passphrase read out."""

from typing import Annotated

from fastapi import Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access import users
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.console.exports_words import COLUMNS, PURPOSES, REFUSALS, state_of
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.visit import Entry, ThisVisit
from cbi.http.requests import OfficeSession
from cbi.programmes.models import Programme
from cbi.protection.exporting import asking, fetching
from cbi.protection.exporting.asking import MOST_FETCHES, Wish
from cbi.protection.exporting.choosing import Whom
from cbi.protection.exporting.endpoints import download
from cbi.protection.exporting.models import Export, ExportDecision
from cbi.registry.disclosing.models import Disclosure
from cbi.settings import settings

PATH = "/exports"
router = Pages()
MENU = (Entry(N_("Lists of people"), PATH, Permission.EXPORT_READ, Group.DATA),)
__all__ = ["MENU", "REFUSALS", "router"]

Reader = Annotated[Actor, Depends(may(Permission.EXPORT_READ))]
Asker = Annotated[Actor, Depends(may(Permission.EXPORT_ASK))]
Approver = Annotated[Actor, Depends(may(Permission.EXPORT_APPROVE))]
Code = Annotated[str, Form(max_length=20)]
Word = Annotated[str, Form(max_length=100)]
Words = Annotated[str, Form(max_length=1000)]
Several = Annotated[list[str] | None, Form(max_length=20)]


@router.get(PATH)
def register(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """What was asked for, and the form to ask by."""
    found = asking.listed(session, actor)
    return visit.show(
        "exports/list.html",
        lines=[(each, state_of(visit, each)) for each in found],
        purposes=PURPOSES,
        columns=COLUMNS,
        programmes=_programmes(session, actor),
        limits=settings(),
        most_fetches=MOST_FETCHES,
    )


@router.post(PATH)
def ask(
    visit: ThisVisit, session: OfficeSession, actor: Asker, column: Several = None, programme: Word = "",
    period: Word = "", area: Word = "", who: Word = "", purpose: Word = "", reason: Words = "", fetches: Word = "1",
    recipient: Word = "", disclosure: Word = "",
) -> Response:  # fmt: skip
    """Ask for a list; what becomes of it stands on its own page."""
    wish = Wish(
        Whom(programme or None, period.strip() or None, area.strip() or None, who == "everybody"),
        tuple(column or ()), purpose, reason, _number(fetches),
        users.id_of(session, recipient) if recipient.strip() else None,
        _number(disclosure) if disclosure.strip() else None,
    )  # fmt: skip
    made = asking.ask(session, actor, wish)
    said = (
        visit.gettext("List %(number)s waits for a colleague's approval.", number=made.number)
        if made.needs_approval
        else visit.gettext("List %(number)s can be fetched.", number=made.number)
    )
    return visit.go(f"{PATH}/{made.number}", said)


@router.get(PATH + "/{number}")
def one(visit: ThisVisit, session: OfficeSession, actor: Reader, number: int) -> Response:
    """One list: who asked for what, and what can be done with it."""
    found = asking.find(session, actor, number)
    hands = {found.asked_by, found.recipient_id}
    is_live = found.revoked_at is None and found.decision is not ExportDecision.REFUSED
    is_cleared = is_live and not (found.needs_approval and found.decision is None)
    may_approve = actor.may(Permission.EXPORT_APPROVE) and actor.id not in hands
    return visit.show(
        "exports/one.html",
        it=found,
        state=state_of(visit, found),
        purposes=PURPOSES,
        columns=COLUMNS,
        names=_names(session, found),
        disclosure=session.get(Disclosure, found.disclosure_id) if found.disclosure_id else None,
        fetches=fetching.fetches(session, actor, found),
        may_fetch=is_cleared
        and actor.id == found.recipient_id
        and found.fetches < found.most_fetches,
        may_decide=may_approve and is_live and found.needs_approval and found.decision is None,
        may_read_out=may_approve and is_cleared and found.passphrase_at is None,
        may_revoke=is_live and (actor.id == found.asked_by or (may_approve and is_cleared)),
    )


@router.post(PATH + "/{number}/approve")
def approve(
    visit: ThisVisit, session: OfficeSession, actor: Approver, number: int, code: Code = ""
) -> Response:
    """Let it be fetched."""
    asking.approve(session, actor, number, code)
    return visit.go(
        f"{PATH}/{number}", visit.gettext("List %(number)s can be fetched.", number=number)
    )


@router.post(PATH + "/{number}/refuse")
def refuse(
    visit: ThisVisit, session: OfficeSession, actor: Approver, number: int, reason: Words = ""
) -> Response:
    """Say no, and why."""
    asking.refuse(session, actor, number, reason)
    return visit.go(PATH, visit.gettext("List %(number)s is refused.", number=number))


@router.post(PATH + "/{number}/revoke")
def revoke(
    visit: ThisVisit, session: OfficeSession, actor: Reader, number: int, reason: Words = ""
) -> Response:
    """Let it be fetched no more."""
    asking.revoke(session, actor, number, reason)
    return visit.go(f"{PATH}/{number}", visit.gettext("List %(number)s is revoked.", number=number))


@router.post(PATH + "/{number}/file")
def fetch(session: OfficeSession, actor: Asker, number: int) -> Response:
    """The encrypted file. It is not kept, and neither is this answer."""
    return download(fetching.fetch(session, actor, number))


@router.get(PATH + "/{number}/passphrase")
def before(visit: ThisVisit, session: OfficeSession, actor: Approver, number: int) -> Response:
    """What it means to be shown a passphrase, before it is."""
    return visit.show("exports/passphrase.html", it=asking.find(session, actor, number), words=None)


@router.post(PATH + "/{number}/passphrase")
def passphrase(visit: ThisVisit, session: OfficeSession, actor: Approver, number: int) -> Response:
    """The passphrase, in this answer and never again."""
    words = fetching.passphrase(session, actor, number)
    answer = visit.show(
        "exports/passphrase.html", it=asking.find(session, actor, number), words=words
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _programmes(session: Session, actor: Actor) -> list[tuple[str, str]]:
    codes = actor.programmes(Permission.EXPORT_ASK)
    found = session.execute(select(Programme.code, Programme.name).order_by(Programme.code))
    return [(code, f"{code}: {name}") for code, name in found if codes is None or code in codes]


def _names(session: Session, found: Export) -> dict[str, str]:
    people = {
        "asked": found.asked_by, "recipient": found.recipient_id, "decided": found.decided_by,
        "read_out": found.passphrase_by, "revoked": found.revoked_by,
    }  # fmt: skip
    known = session.execute(select(User.id, User.full_name).where(User.id.in_(people.values())))
    names = dict(known.all())
    return {part: names.get(who, "") if who else "" for part, who in people.items()}


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() and len(text) < 10 else 0
