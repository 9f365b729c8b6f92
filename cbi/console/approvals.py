"""Approving payment runs: what waits for a signature, the sheet of a run, and everything that is decided on it."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form
from fastapi import Path as InPath
from fastapi.responses import Response

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console import approvals_lists, approvals_policy
from cbi.console.approvals_sheet import STATES, ReadOff, read_off
from cbi.console.approvals_words import (
    HAD,
    MECHANISMS,
    NEEDED,
    PARTS,
    REFUSALS,
    SIGNED,
    SIGNED_LAST,
    SIGNED_NEXT,
    STEPS,
    step_name,
)
from cbi.console.languages import N_
from cbi.console.pages import Pages
from cbi.console.visit import Entry, ThisVisit, Visit
from cbi.errors import Conflict
from cbi.http.requests import OfficeSession
from cbi.lifecycle import MoveNotAllowed
from cbi.payments.models import PaymentRun
from cbi.payments.runs import queries, runs, waiting
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval, blocking, openings, recall
from cbi.payments.states import RUN, RunState
from cbi.proofs.payments import guards_are_there

PATH = "/approvals"
router = Pages()
router.routes.extend(approvals_lists.router.routes)
router.routes.extend(approvals_policy.router.routes)

MENU = (Entry(N_("Approvals"), PATH, Permission.RUN_READ),)
__all__ = ["MENU", "REFUSALS", "router"]

Reader = Annotated[Actor, Depends(may(Permission.RUN_READ))]
Maker = Annotated[Actor, Depends(may(Permission.RUN_LOCK))]
Signer = Annotated[Actor, Depends(may(Permission.RUN_SIGN))]
Returner = Annotated[Actor, Depends(may(Permission.RUN_RETURN))]
Canceller = Annotated[Actor, Depends(may(Permission.RUN_CANCEL))]
Releaser = Annotated[Actor, Depends(may(Permission.RUN_RELEASE))]
Code = Annotated[str, Form(max_length=20)]
Name = Annotated[str, InPath(max_length=40)]
Seen = Annotated[str, Form(max_length=64)]
Reason = Annotated[str, Form(max_length=1000)]


class MovedOn(Conflict):
    """Somebody else was quicker."""

    code = "payment_run.moved_on"


@router.get(PATH)
def inbox(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """What waits for me, what waits for others, and what was decided lately."""
    found = waiting.inbox(session, actor)
    return visit.show(
        "approvals/inbox.html",
        found=found,
        sums={
            "mine": waiting.totals(each.line for each in found.mine),
            "others": waiting.totals(each.line for each in found.others),
            "decided": waiting.totals(line for line, _ in found.decided),
        },
        needed=NEEDED,
        states=STATES,
        steps=STEPS,
        step_name=partial(step_name, visit),
        now=clock.now(),
    )


@router.get(PATH + "/{run_id}")
def sheet(visit: ThisVisit, session: OfficeSession, actor: Reader, run_id: UUID) -> Response:
    """Everything that an approver has to see, and what this one can do."""
    run = runs.find_for(session, actor, run_id, Permission.RUN_READ)
    programme = runs.programme_of(session, run)
    can = {
        name
        for name, permission, state in (
            ("return", Permission.RUN_RETURN, RunState.DRAFT),
            ("cancel", Permission.RUN_CANCEL, RunState.CANCELLED),
        )
        if actor.may(permission, programme.code) and RUN.allows(run.state, state)
    }
    openings.note(session, actor, run)
    found = queries.sheet(session, run_id)
    waits = waiting.waits(session, actor, found)
    read: ReadOff = read_off(visit, found)
    return visit.show(
        "approvals/sheet.html",
        run=read,
        programme=programme.name,
        waits=waits,
        part=visit.gettext(PARTS.get(waits.had, HAD)) if waits and waits.had else "",
        step_name=partial(step_name, visit),
        can=can,
        unopened=blocking.unopened(session, actor, run),
        may_list=actor.may(Permission.PAYMENT_READ, programme.code),
        guarded=not any(guards_are_there(session)),
        needed=NEEDED,
        mechanisms=MECHANISMS,
        minutes=_minutes_left(run),
    )


@router.get(PATH + "/{run_id}/check")
def check(visit: ThisVisit, session: OfficeSession, actor: Reader, run_id: UUID) -> Response:
    """Compute the digest of the list as it is now; a refusal says when it is not what was locked."""
    run = runs.find_for(session, actor, run_id, Permission.RUN_READ)
    approval.check_unaltered(session, run)
    return visit.go(
        f"{PATH}/{run_id}",
        visit.gettext(
            "The digest was computed again just now: the list is exactly what was locked."
        ),
    )


@router.post(PATH + "/{run_id}/lock")
def lock(visit: ThisVisit, session: OfficeSession, actor: Maker, run_id: UUID) -> Response:
    """Fix a draft's content, so that it can be signed."""
    run = runs.lock(session, actor, run_id)
    said = visit.gettext("Run %(number)s is locked. Now others sign it.", number=run.number)
    return _done(visit, run, said)


@router.post(PATH + "/{run_id}/exclude")
def exclude(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_BUILD))],
    run_id: UUID,
    number: Annotated[int, Form(ge=1, le=10_000_000)],
    reason: Reason = "",
) -> Response:
    """Take one payment out of a draft, by its number in the list; what is owed stays owed."""
    runs.find_for(session, actor, run_id, Permission.RUN_BUILD)
    run = runs.exclude(session, actor, run_id, runs.numbered(session, run_id, number), reason)
    said = visit.gettext(
        "Payment %(number)s is not in the run any more. What is owed stays owed.", number=number
    )
    return _done(visit, run, said)


@router.post(PATH + "/{run_id}/sign/{step}")
def sign(
    visit: ThisVisit, session: OfficeSession, actor: Signer, run_id: UUID, step: Name, code: Code = "",
    seen: Seen = "",
) -> Response:  # fmt: skip
    """Take the run's next step, over the very digest that the page showed; the last one commits the money."""
    try:
        run = approval.sign(session, actor, run_id, step, code, seen=_bytes(seen))
    except MoveNotAllowed as error:
        raise _moved_on() from error
    said = SIGNED_LAST if run.state is RunState.APPROVED else SIGNED.get(step, SIGNED_NEXT)
    return _done(visit, run, visit.gettext(said, number=run.number))


@router.post(PATH + "/{run_id}/return")
def send_back(
    visit: ThisVisit, session: OfficeSession, actor: Returner, run_id: UUID, reason: Reason = ""
) -> Response:
    """Back to its maker, with the reason."""
    run = recall.send_back(session, actor, run_id, reason)
    said = visit.gettext("Run %(number)s went back to its maker.", number=run.number)
    return _done(visit, run, said)


@router.post(PATH + "/{run_id}/cancel")
def cancel(
    visit: ThisVisit, session: OfficeSession, actor: Canceller, run_id: UUID, reason: Reason = ""
) -> Response:
    """Call the whole run off before it is released."""
    run = recall.cancel(session, actor, run_id, reason)
    said = visit.gettext("Run %(number)s is called off. Nothing of it is paid.", number=run.number)
    return _done(visit, run, said)


@router.post(PATH + "/{run_id}/release")
def release(visit: ThisVisit, session: OfficeSession, actor: Releaser, run_id: UUID) -> Response:
    """Let it go out, once the time for calling it off is over."""
    run = dispatch.begin_release(session, actor, run_id)
    return _done(
        visit,
        run,
        visit.gettext("Run %(number)s is released: its payments go out now.", number=run.number),
    )


def _done(visit: Visit, run: PaymentRun, said: str) -> Response:
    return visit.go(f"{PATH}/{run.id}", said)


def _bytes(seen: str) -> bytes:
    """The digest that the page showed; whatever is no digest is that of no run."""
    try:
        return bytes.fromhex(seen)
    except ValueError:
        return b""


def _moved_on() -> MovedOn:
    return MovedOn(
        "Somebody else was quicker: this run is not where it was when you opened the page.",
        next_step="See below how it stands now.",
    )


def _minutes_left(run: PaymentRun) -> int:
    """Whole minutes until an approved run can be released, rounded up; 0 when it can."""
    if run.state is not RunState.APPROVED or run.release_after is None:
        return 0
    left = (run.release_after - clock.now()).total_seconds()
    return max(0, -int(-left // 60))
