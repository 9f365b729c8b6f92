"""Payments that were not paid, on pages: what of a run waits for a decision, and trying it anew or giving it up."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console import decisions_withdrawing
from cbi.console.languages import N_
from cbi.console.overview_words import STATES
from cbi.console.pages import Pages
from cbi.console.refusals import Table
from cbi.console.visit import ThisVisit, Visit
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.payments.models import PaymentRun
from cbi.payments.outcomes.story import Story
from cbi.payments.runs import runs
from cbi.payments.runs.progress import UNDECIDED
from cbi.payments.runs.queries import run_of
from cbi.payments.states import PaymentState
from cbi.payments.unpaid import again, undecided
from cbi.payments.unpaid.again import Decided
from cbi.payments.unpaid.decision_models import Remedy
from cbi.payments.unpaid.undecided import AGES, Chosen, Line, Obstacle

router = Pages()
router.routes.extend(decisions_withdrawing.router.routes)
MENU = ()
REFUSALS: Table = {
    "payment_decision.only_people": (
        N_("A person decides what becomes of payments that were not paid."), N_("Sign in yourself."),
    ),
    "payment_decision.own_run": (
        N_("You made run %(number)s, so somebody else decides about its payments."),
        N_("Ask a colleague who may release payment runs."),
    ),
    "payment_decision.nothing_waits": (
        N_("Nothing of the kind waits for a decision in run %(number)s any more."), N_("See below how things stand."),
    ),
    "payment_decision.none_may": (
        N_("Nothing was done: something keeps each of these payments of run %(number)s from being decided so."),
        N_("See below what it is. What cannot be tried anew can be given up, unless it is in dispute."),
    ),
}  # fmt: skip

OBSTACLES: dict[Obstacle, str] = {
    Obstacle.IN_DISPUTE: N_("No: it may have been paid. Settle the discrepancy first."),
    Obstacle.PAID_IN_ITS_PLACE: N_(
        "No: a payment that was given up before was paid after all. Give this one up."
    ),
    Obstacle.FUND_NOT_VALID: N_("No: the fund may not be spent today."),
    Obstacle.PROVIDER_NOT_IN_USE: N_("No: the provider is not in use here any more."),
    Obstacle.ATTEMPTS_USED_UP: N_("No: it was tried too often."),
    Obstacle.PERSON_ERASED: N_("No: the recipient's data was erased."),
    Obstacle.HOUSEHOLD_LEFT: N_("No: the household is not active any more."),
    Obstacle.PAYEE_CHANGED: N_("No: the recipient or the number is not the one that was approved."),
    Obstacle.SAID_NO: N_("No: the recipient has said no to what it takes."),
    Obstacle.PAID_ELSEWHERE: N_(
        "No: somebody of the household was on record twice and is paid with another household."
    ),
    Obstacle.ON_RECORD_TWICE: N_(
        "No: somebody of the household may be on record twice. Find that out first."
    ),
}
"""Whether payments can be tried anew, and what keeps them from it."""

Reader = Annotated[Actor, Depends(may(Permission.PAYMENT_READ))]
Releaser = Annotated[Actor, Depends(may(Permission.RUN_RELEASE))]
Canceller = Annotated[Actor, Depends(may(Permission.RUN_CANCEL))]
Typed = Annotated[str, Form(max_length=1000)]
State = Annotated[str, Form(max_length=20)]


@dataclass(frozen=True, slots=True)
class Standing:
    """What may be done about one payment that was not paid, by whoever looks."""

    waits: bool
    obstacle: str
    may_try: bool
    may_give_up: bool


@router.get("/runs/{run_id}/undecided")
def waiting(visit: ThisVisit, session: OfficeSession, actor: Reader, run_id: UUID) -> Response:
    """What of a run was not paid, since when, and the two decisions."""
    lines = again.waits(session, actor, run_id)
    run = runs.find(session, run_id)
    total = sum((line.total for line in lines), Money.zero(run.currency))
    return visit.show(
        "decisions/undecided.html",
        run=run,
        programme=runs.programme_of(session, run).code,
        rows=[_row(visit, line) for line in lines],
        payments=sum(line.payments for line in lines),
        total=total,
        states=[
            (state.value, visit.gettext(STATES[state][0]))
            for state in sorted(UNDECIDED)
            if any(line.state is state for line in lines)
        ],
        able={remedy.value for remedy in Remedy if again.may_decide(session, actor, run, remedy)},
        may_read_run=actor.may_somewhere(Permission.RUN_READ),
    )


@router.post("/runs/{run_id}/try-again")
def try_run_again(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Releaser,
    run_id: UUID,
    state: State = "",
    reason: Typed = "",
) -> Response:
    """Send what was not paid once more."""
    done = again.try_again(session, actor, run_id, reason, _chosen(state))
    return visit.go(_path(visit, done.run), _said(visit, done))


@router.post("/runs/{run_id}/give-up")
def give_run_up(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Canceller,
    run_id: UUID,
    which: State = "",
    why: Typed = "",
) -> Response:
    """Pay it no more in this run."""
    done = again.give_up(session, actor, run_id, why, _chosen(which))
    return visit.go(_path(visit, done.run), _said(visit, done))


@router.post("/payments/{payment_id}/try-again")
def try_one_again(
    visit: ThisVisit, session: OfficeSession, actor: Releaser, payment_id: UUID, reason: Typed = ""
) -> Response:
    """Send one payment once more."""
    chosen = Chosen(payments=(payment_id,))
    done = again.try_again(session, actor, run_of(session, payment_id), reason, chosen)
    return visit.go(f"/payments/{payment_id}", _said(visit, done))


@router.post("/payments/{payment_id}/give-up")
def give_one_up(
    visit: ThisVisit, session: OfficeSession, actor: Canceller, payment_id: UUID, why: Typed = ""
) -> Response:
    """Pay one payment no more in its run."""
    chosen = Chosen(payments=(payment_id,))
    done = again.give_up(session, actor, run_of(session, payment_id), why, chosen)
    return visit.go(f"/payments/{payment_id}", _said(visit, done))


def standing(visit: Visit, session: Session, actor: Actor, told: Story) -> Standing:
    """What may be done about the payment of a story."""
    if told.payment.state not in UNDECIDED:
        return Standing(waits=False, obstacle="", may_try=False, may_give_up=False)
    lines = undecided.weigh(session, told.run, Chosen(payments=(told.payment.id,)))
    kept = next((line.obstacle for line in lines), None)
    return Standing(
        waits=bool(lines),
        obstacle=visit.gettext(OBSTACLES[kept]) if kept else "",
        may_try=kept is None and again.may_decide(session, actor, told.run, Remedy.TRY_AGAIN),
        may_give_up=kept is not Obstacle.IN_DISPUTE
        and again.may_decide(session, actor, told.run, Remedy.GIVE_UP),
    )


def _chosen(state: str) -> Chosen:
    wanted = frozenset(each for each in UNDECIDED if each.value == state)
    return Chosen(wanted or UNDECIDED)


def _path(visit: Visit, run: PaymentRun) -> str:
    return f"/runs/{run.id}/undecided" if visit.may(Permission.PAYMENT_READ) else "/"


def _row(visit: Visit, line: Line) -> tuple[tuple[str, str], str, str, int, Money, str]:
    start, end = AGES[line.age]
    age = (
        visit.gettext("over %(start)s days", start=start - 1)
        if end is None
        else visit.gettext("%(start)s to %(end)s days", start=start, end=end)
    )
    kept = OBSTACLES[line.obstacle] if line.obstacle else N_("Yes")
    provider = line.provider.replace("_", " ")
    return (
        STATES[PaymentState(line.state)], provider, age, line.payments, line.total, visit.gettext(kept)
    )  # fmt: skip


def _said(visit: Visit, done: Decided) -> str:
    """What was decided, and how much of what waited was left."""
    if done.remedy is Remedy.TRY_AGAIN:
        said = visit.ngettext(
            "%(num)s payment is sent again by a worker, as a new attempt.",
            "%(num)s payments are sent again by a worker, each as a new attempt.",
            done.payments,
        )
    else:
        said = visit.ngettext(
            "%(num)s payment is given up; its money is back in the budget.",
            "%(num)s payments are given up; their money is back in the budget.",
            done.payments,
        )
    left = sum(line.payments for line in done.left)
    if not left:
        return said
    return f"{said} " + visit.ngettext(
        "%(num)s was left as it is: see why below.",
        "%(num)s were left as they are: see why below.",
        left,
    )
