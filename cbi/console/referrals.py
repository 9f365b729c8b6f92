"""Pages for registration officers: who waits to be registered, and the decision about each."""

from typing import Annotated

from fastapi import Depends, Form
from fastapi.responses import Response

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.referrals_words import KINDS, REASONS, STATES
from cbi.console.referrals_words import REFUSALS as REFUSALS
from cbi.console.visit import Entry, ThisVisit
from cbi.http.requests import OfficeSession
from cbi.registry.referrals import deciding
from cbi.registry.referrals.receiving import Asked

router = Pages()
MENU = (Entry(N_("Requests"), "/referrals", Permission.REFERRAL_DECIDE, Group.REGISTRATION),)

Decider = Annotated[Actor, Depends(may(Permission.REFERRAL_DECIDE))]
Typed = Annotated[str, Form(max_length=500)]


@router.get("/referrals")
def queue(visit: ThisVisit, session: OfficeSession, actor: Decider) -> Response:
    """Who waits, the oldest first."""
    return visit.show(
        "referrals/queue.html", lines=deciding.queue(session, actor), kinds=_said(visit, KINDS)
    )


@router.get("/referrals/{number}")
def one(visit: ThisVisit, session: OfficeSession, actor: Decider, number: int) -> Response:
    """One of them in clear; that it was opened is noted."""
    found = deciding.opened(session, actor, number)
    label, kind = STATES[found.line.state]
    return visit.show(
        "referrals/one.html", found=found, line=found.line, kinds=_said(visit, KINDS),
        label=visit.gettext(label), state_kind=kind,
        reasons=[(reason.value, visit.gettext(text)) for reason, text in REASONS.items()],
    )  # fmt: skip


@router.post("/referrals/{number}/accept")
def accept(
    visit: ThisVisit, session: OfficeSession, actor: Decider, number: int,
    name: Typed = "", phone: Typed = "", size: Typed = "", area: Typed = "",
) -> Response:  # fmt: skip
    """Register a new household, as the form says after asking."""
    corrected = Asked(name=name, phone=phone, size=size, area=area)
    made = deciding.accept(session, actor, number, corrected=corrected)
    return visit.go(
        "/referrals",
        visit.gettext("Registered as %(number)s.", number=f"{made.source}/{made.source_id}"),
    )


@router.post("/referrals/{number}/merge")
def merge(
    visit: ThisVisit, session: OfficeSession, actor: Decider, number: int, household: Typed = ""
) -> Response:
    """Note which household it is."""
    deciding.merge(session, actor, number, household.strip())
    return visit.go("/referrals", visit.gettext("Noted: this household was registered before."))


@router.post("/referrals/{number}/reject")
def reject(
    visit: ThisVisit, session: OfficeSession, actor: Decider, number: int,
    refusal: Typed = "", remark: Typed = "",
) -> Response:  # fmt: skip
    """Say no, with a reason that the sender reads."""
    deciding.reject(session, actor, number, refusal, remark)
    return visit.go("/referrals", visit.gettext("The sender can read the reason now."))


@router.post("/referrals/{number}/answer")
def answer(
    visit: ThisVisit, session: OfficeSession, actor: Decider, number: int, remark: Typed = ""
) -> Response:
    """Note that a question was answered."""
    deciding.answer(session, actor, number, remark)
    return visit.go("/referrals", visit.gettext("The question is answered."))


def _said(visit: ThisVisit, words: object) -> dict[str, str]:
    assert isinstance(words, dict)
    return {str(each): visit.gettext(text) for each, text in words.items()}
