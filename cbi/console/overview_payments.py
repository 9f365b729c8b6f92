"""One payment's story on a page, what two people find when nobody can say what became of it, and lists of such payments."""

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Form, Query
from fastapi.responses import Response
from sqlalchemy import Select

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console.decisions import standing
from cbi.console.languages import N_
from cbi.console.overview_discrepancies import lines_about
from cbi.console.overview_words import CODES, EVENTS, FAILURES, RUNS, SOURCES, STATES
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit, Visit
from cbi.http.pages import Cursor, page
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.payments.models import Payment, PaymentEvent
from cbi.payments.outcomes import story as stories
from cbi.payments.outcomes.story import Story
from cbi.payments.runs.queries import run_of
from cbi.payments.runs.runs import find, programme_of
from cbi.payments.states import PaymentState
from cbi.payments.unpaid import unpaid
from cbi.redemption import queries as codes
from cbi.redemption import reissuing
from cbi.redemption.reissuing import NoCode
from cbi.redemption.states import CodeState

router = Pages()
SHOWN = 25
CODE_LOCKED = "code_locked"

WHICH: dict[str, str] = {
    PaymentState.UNKNOWN: N_("Payments of which nobody knows whether they were paid"),
    PaymentState.FAILED: N_("Payments that failed: no money moved"),
    PaymentState.RETURNED: N_("Payments whose money came back"),
    PaymentState.EXPIRED: N_("Payments that were not collected in time"),
    CODE_LOCKED: N_("Payments whose code is locked"),
}
"""The lists of payments that somebody looks into."""

Reader = Annotated[Actor, Depends(may(Permission.PAYMENT_READ))]
Wish = Annotated[str, Query(max_length=64)]
Typed = Annotated[str, Form(max_length=1000)]


@router.get("/payments")
def listed(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Reader,
    state: Wish = "",
    provider: Wish = "",
    cursor: Cursor = None,
) -> Response:
    """Payments that somebody looks into, a part at a time, in the order of their runs."""
    state = state if state in WHICH else PaymentState.UNKNOWN.value
    found = page(
        session,
        _which(actor, state, provider or None),
        lambda each: (each, Money(each.amount_minor, each.currency)),
        by=[Payment.run_id, Payment.number],
        limit=SHOWN,
        cursor=cursor,
    )
    asked = {"state": state, **({"provider": provider} if provider else {})}
    more = found.next_cursor and f"/payments?{urlencode(asked | {'cursor': found.next_cursor})}"
    return visit.show(
        "overview/payments.html",
        title=visit.gettext(WHICH[state]),
        which=[(name, visit.gettext(text), name == state) for name, text in WHICH.items()],
        payments=found.items,
        states=STATES,
        provider=provider.replace("_", " "),
        more=more,
    )


def _which(actor: Actor, state: str, provider: str | None) -> Select[Payment]:
    if state == CODE_LOCKED:
        return codes.with_locked_codes(actor)
    return stories.in_state(actor, PaymentState(state), provider)


@router.get("/payments/{payment_id}")
def one(visit: ThisVisit, session: OfficeSession, actor: Reader, payment_id: UUID) -> Response:
    """One payment with every move and attempt, its discrepancies, and what may be done about it."""
    told = stories.story(session, actor, payment_id)
    try:
        code = codes.code_standing(session, actor, payment_id)
    except NoCode:
        code = None
    finding = told.finding
    people = [_person(event) for event in told.events]
    names = names_of(session, [*people, *((finding.reported_by, finding.confirmed_by) if finding else ())])  # fmt: skip
    in_doubt = unpaid.may_be_found(session, told.payment)
    may_settle = actor.may(Permission.DISCREPANCY_SETTLE, told.programme)
    may_confirm = actor.may(Permission.RUN_AUTHORISE, told.programme)
    return visit.show(
        "overview/payment.html",
        told=told,
        state=STATES[told.payment.state],
        run_state=RUNS[told.run.state],
        may_read_run=actor.may(Permission.RUN_READ, told.programme),
        events=[_event(visit, told, event, names) for event in told.events],
        standing=standing(visit, session, actor, told),
        code=code,
        code_state=CODES[code.state] if code else None,
        discrepancies=lines_about(visit, session, actor, payment_id),
        finding=finding,
        names=names,
        may_report=in_doubt and may_settle and finding is None,
        may_confirm=in_doubt and may_confirm and finding is not None and finding.reported_by != actor.id,
        in_doubt=in_doubt,
        accepted=told.payment.state is PaymentState.ACCEPTED,
        may_lock=code is not None
        and code.state is CodeState.ISSUED
        and actor.may(Permission.CODE_REISSUE, told.programme),
        may_reissue=code is not None
        and code.state in {CodeState.ISSUED, CodeState.LOCKED}
        and actor.may(Permission.CODE_REISSUE, told.programme),
    )  # fmt: skip


@router.post("/payments/{payment_id}/unpaid")
def report(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.DISCREPANCY_SETTLE))],
    payment_id: UUID,
    proof: Typed = "",
) -> Response:
    """Report that the provider says in writing that it did not pay; nothing moves yet."""
    unpaid.report(session, actor, payment_id, proof)
    return visit.go(
        f"/payments/{payment_id}",
        visit.gettext("Noted. Nothing has moved yet: a colleague who may authorise runs has to confirm it."),
    )  # fmt: skip


@router.post("/payments/{payment_id}/unpaid/confirm")
def confirm(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_AUTHORISE))],
    payment_id: UUID,
    code: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Confirm a colleague's report with a one-time code: the payment has failed."""
    unpaid.confirm(session, actor, payment_id, code)
    return visit.go(
        f"/payments/{payment_id}",
        visit.gettext("The payment has failed; its money is back in the run's committed funds."),
    )


@router.post("/payments/{payment_id}/code")
def send_new_code(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.CODE_REISSUE))],
    payment_id: UUID,
    reason: Typed = "",
) -> Response:
    """Send the recipient a new code; the old one is dead from now on."""
    actor.require(
        Permission.CODE_REISSUE, programme_of(session, find(session, run_of(session, payment_id))).code
    )  # fmt: skip
    reissuing.reissue(session, actor, payment_id, reason)
    to = f"/payments/{payment_id}" if visit.may(Permission.PAYMENT_READ) else "/"
    return visit.go(to, visit.gettext("A new code is on its way to the recipient's telephone."))


@router.post("/payments/{payment_id}/code/lock")
def lock_code(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.CODE_REISSUE))],
    payment_id: UUID,
    why: Typed = "",
) -> Response:
    """Lock a code that was lost or seen by others: nobody can cash it any more."""
    reissuing.lock_code(session, actor, payment_id, why)
    to = f"/payments/{payment_id}" if visit.may(Permission.PAYMENT_READ) else "/"
    return visit.go(
        to,
        visit.gettext(
            "The code is locked: nobody can cash it. If the recipient has the telephone on record in hand, send a new "
            "code. If that telephone is gone, the money waits until the code's last day, and is then paid anew."
        ),
    )


def _person(event: PaymentEvent) -> UUID | None:
    kind, _, who = event.source.partition(":")
    return UUID(who) if kind == "user" and who else None


def _event(
    visit: Visit, told: Story, event: PaymentEvent, names: dict[UUID, str]
) -> dict[str, object]:
    """One move as a sentence: what happened, who said so, and why it failed."""
    source = event.source.partition(":")[0]
    person = _person(event)
    failure = FAILURES.get(event.failure or "")
    decided = told.decided.get(event.source)
    return {
        "at": event.at,
        "attempt": event.attempt,
        "what": visit.gettext(EVENTS[event.after]),
        "who": visit.gettext(SOURCES.get(source, SOURCES["system"])),
        "name": decided.by if decided else names.get(person) if person else None,
        "reason": decided.reason if decided else None,
        "why": visit.gettext(failure) if failure else None,
        "code": event.provider_code,
    }
