"""Waivers of controls on pages: the register that everybody in finance sees, asking, granting, refusing and revoking."""

from datetime import date, timedelta
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form
from fastapi.responses import Response
from sqlalchemy import select

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import holding
from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.visit import Entry, ThisVisit
from cbi.console.waivers_words import NAMES, REFUSALS, Told, told
from cbi.http.requests import OfficeSession
from cbi.offices import office_of
from cbi.payments.signing import waiver_register, waivers
from cbi.payments.signing.controls import CONTROLS
from cbi.payments.signing.waiver_models import LONGEST_DAYS
from cbi.payments.signing.waiver_register import State
from cbi.payments.signing.waivers import Terms, UnusableWaiver
from cbi.programmes.models import Programme

PATH = "/waivers"
router = Pages()
MENU = (Entry(N_("Waivers"), PATH, Permission.POLICY_READ, Group.FINANCE),)
__all__ = ["MENU", "REFUSALS", "router"]

_STANDING = (State.ASKED, State.COMING, State.OPEN)
_USUAL_DAYS = 7
_SHOWN = 100
"""How many that are over are listed; the terminal and the API give them all."""

Reader = Annotated[Actor, Depends(may(Permission.POLICY_READ))]
Asker = Annotated[Actor, Depends(may(Permission.RUN_SIGN))]
Granter = Annotated[Actor, Depends(may(Permission.POLICY_CHANGE))]
Code = Annotated[str, Form(max_length=20)]
Word = Annotated[str, Form(max_length=200)]
Words = Annotated[str, Form(max_length=1000)]


@router.get(PATH)
def register(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """What is asked for and what is open, then everything that is over."""
    lines = [told(visit, each) for each in waiver_register.listed(session, actor)]
    today = clock.today(office_of(session).timezone)
    may_ask = actor.may_somewhere(Permission.RUN_SIGN)
    return visit.show(
        "waivers/register.html",
        standing=[each for each in lines if each.line.state in _STANDING],
        over=[each for each in lines if each.line.state not in _STANDING][:_SHOWN],
        can=partial(_can, actor),
        may_ask=may_ask,
        controls=[
            (code, visit.gettext(NAMES[code])) for code, each in CONTROLS.items() if each.waivable
        ],
        programmes=_programmes(session, actor) if may_ask else [],
        owners=_owners(session) if may_ask else [],
        today=today.isoformat(),
        until=(today + timedelta(days=_USUAL_DAYS - 1)).isoformat(),
        longest=LONGEST_DAYS,
    )


@router.post(PATH)
def ask(
    visit: ThisVisit, session: OfficeSession, actor: Asker, control: Word = "", programme: Word = "", run: Word = "",
    period: Word = "", households: Words = "", at_most: Word = "", reason: Words = "", evidence: Words = "",
    owner: Word = "", first: Word = "", last: Word = "", code: Code = "",
) -> Response:  # fmt: skip
    """Ask that a control lets something pass."""
    try:
        terms = Terms(
            control, programme, reason, evidence, UUID(owner), date.fromisoformat(first), date.fromisoformat(last),
            _number(run), period.strip() or None, tuple(households.replace(",", " ").split()), _number(at_most),
        )  # fmt: skip
    except ValueError as error:
        raise UnusableWaiver("Something in the form is missing, or cannot be read.") from error
    made = waivers.ask(session, actor, terms, code)
    said = visit.gettext("Waiver %(number)s is asked for. Somebody else grants it.", number=made.number)  # fmt: skip
    return visit.go(PATH, said)


@router.post(PATH + "/{number}/grant")
def grant(
    visit: ThisVisit, session: OfficeSession, actor: Granter, number: int, code: Code = ""
) -> Response:
    """Let it hold on its days."""
    waivers.grant(session, actor, number, code)
    return visit.go(PATH, visit.gettext("Waiver %(number)s is granted.", number=number))


@router.post(PATH + "/{number}/refuse")
def refuse(
    visit: ThisVisit, session: OfficeSession, actor: Granter, number: int, reason: Words = ""
) -> Response:
    """Say no, and why."""
    waivers.refuse(session, actor, number, reason)
    return visit.go(PATH, visit.gettext("Waiver %(number)s is refused.", number=number))


@router.post(PATH + "/{number}/revoke")
def revoke(
    visit: ThisVisit, session: OfficeSession, actor: Asker, number: int, reason: Words = ""
) -> Response:
    """End it at once."""
    waivers.revoke(session, actor, number, reason)
    return visit.go(PATH, visit.gettext("Waiver %(number)s has ended.", number=number))


def _can(actor: Actor, each: Told) -> frozenset[str]:
    """What this reader can do with a waiver that stands."""
    line = each.line
    acts: set[str] = set()
    is_own = actor.id == line.asked_by_id
    if line.state is State.ASKED and not is_own:
        acts |= (
            {"grant", "refuse"} if actor.may(Permission.POLICY_CHANGE, line.programme) else set()
        )
    is_theirs = is_own or actor.id == line.granted_by_id
    if is_theirs or actor.may(Permission.RUN_SIGN_FINANCE, line.programme):
        acts.add("revoke")
    return frozenset(acts)


def _programmes(session: OfficeSession, actor: Actor) -> list[tuple[str, str]]:
    codes = actor.programmes(Permission.RUN_SIGN)
    found = session.execute(select(Programme.code, Programme.name).order_by(Programme.code))
    return [(code, f"{code}: {name}") for code, name in found if codes is None or code in codes]


def _owners(session: OfficeSession) -> list[tuple[str, str]]:
    """Whose risk it can be: whoever may sign runs."""
    held = holding(session, Permission.RUN_SIGN)
    return sorted({(str(each.user_id), each.full_name) for each in held}, key=lambda pair: pair[1])


def _number(text: str) -> int | None:
    return int(text) if text.strip() else None
