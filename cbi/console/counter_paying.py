"""A teller's pages: the code and the person are checked, the payment is confirmed, and the cash follows its receipt."""

from datetime import date, timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Form
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console import counter_queries, counter_refusals, counter_words
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit, Visit
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.offices import office_of
from cbi.redemption import codes, counter, parts, queries, refusals, shortages
from cbi.redemption.codes import SECRET_DIGITS, SHORTEST_LOCATOR
from cbi.redemption.refusals import Refused

router = Pages()
COUNTER = "/counter"
NO_CASH = "/counter/no-cash"
LATEST = 5
"""How many receipts of today are at hand for printing again."""

LOST_WITHIN = timedelta(minutes=15)
"""How long after a payment its own teller is shown the receipt when the code is typed again."""
ALREADY_PAID = frozenset({refusals.already_paid("", "").code, refusals.part_paid("", "").code})
EARLIEST = date(2000, 1, 1)
"""No sheet is older."""

AtCounter = Annotated[Actor, Depends(may(Permission.REDEMPTION_PERFORM))]
Typed = Annotated[str, Form(max_length=200)]


@router.get(COUNTER)
def code_box(
    visit: ThisVisit, session: OfficeSession, actor: AtCounter, vouched: str = ""
) -> Response:
    """Where a code is typed; holds that were left open; and what was paid today."""
    day = queries.teller_day(session, actor)
    checked = SECRET_DIGITS + 1
    return show(
        visit,
        "counter/code.html",
        place=counter_queries.place(session, actor),
        day=day,
        latest=day.paid[: -LATEST - 1 : -1],
        open_holds=counter_queries.open_holds(session, actor),
        vouched=vouched == "yes",
        digits=(SHORTEST_LOCATOR + checked, office_of(session).locator_digits + checked),
    )


@router.post(COUNTER)
def check(
    visit: ThisVisit,
    session: OfficeSession,
    actor: AtCounter,
    code: Typed = "",
    factor: Typed = "",
) -> Response:
    """Check the code and what the person showed, and hold the code. Neither is kept, and neither is shown again."""
    answer = counter.authorise(session, actor, code=code, factor=factor)
    if isinstance(answer, Refused):
        if answer.code in ALREADY_PAID and (mine := _lost_receipt(session, actor, code)):
            return visit.go(_address(mine))
        return visit.say_no(COUNTER, counter_refusals.problem(answer))
    return visit.go(_address(answer.authorisation_id))


@router.get("/counter/holds/{hold_id}")
def hold(visit: ThisVisit, session: OfficeSession, actor: AtCounter, hold_id: UUID) -> Response:
    """How much to pay; once that is confirmed, its receipt; or why nothing may be paid."""
    slip = counter_queries.slip(session, actor, hold_id=hold_id)
    if slip.standing == "paid":
        return show(visit, "counter/receipt.html", slip=slip, is_copy=False)
    near = shortages.elsewhere(session, slip.office_id) if slip.standing == "no_cash" else ()
    return show(
        visit, "counter/hold.html", slip=slip, held=slip.standing == "held", near=near,
        most_in_part=slip.parts.largest(slip.amount) if slip.parts else None,
    )  # fmt: skip


@router.post("/counter/holds/{hold_id}/confirm")
def confirm(visit: ThisVisit, session: OfficeSession, actor: AtCounter, hold_id: UUID) -> Response:
    """Mark the money paid, before it is handed over. Doing it again leads to the same receipt."""
    counter.confirm(session, actor, hold_id)
    return visit.go(_address(hold_id))


@router.post("/counter/holds/{hold_id}/confirm-part")
def confirm_part(
    visit: ThisVisit, session: OfficeSession, actor: AtCounter, hold_id: UUID, amount: Typed = ""
) -> Response:
    """Mark a part paid, before it is handed over; the rest has a new code. Again, it leads to the same receipt."""
    held = counter_queries.slip(session, actor, hold_id=hold_id)
    parts.confirm(session, actor, hold_id, Money.parse(amount, held.amount.currency))
    return visit.go(_address(hold_id))


@router.post("/counter/holds/{hold_id}/release")
def release(visit: ThisVisit, session: OfficeSession, actor: AtCounter, hold_id: UUID) -> Response:
    """Give the code up unpaid."""
    counter.release_hold(session, actor, hold_id)
    return visit.go(
        COUNTER,
        visit.gettext("Given up: nothing was paid. The code can be used at any counter at once."),
    )


@router.post("/counter/holds/{hold_id}/no-cash")
def no_cash_for(
    visit: ThisVisit, session: OfficeSession, actor: AtCounter, hold_id: UUID
) -> Response:
    """There is not enough cash for this amount: give the code up, and say so to whoever places money here."""
    shortages.turn_away(session, actor, authorisation_id=hold_id)
    return visit.go(_address(hold_id), _noted(visit))


@router.get(NO_CASH)
def come_back(visit: ThisVisit, session: OfficeSession, actor: AtCounter) -> Response:
    """What to say to a person who is sent away without cash."""
    place = counter_queries.place(session, actor)
    return show(visit, "counter/no_cash.html", near=shortages.elsewhere(session, place.office_id))


@router.post(NO_CASH)
def no_cash(
    visit: ThisVisit, session: OfficeSession, actor: AtCounter, amount: Typed = ""
) -> Response:
    """There is not enough cash, whoever asks: no code is needed to say so."""
    currency = office_of(session).currency
    asked_for = Money.parse(amount, currency) if amount.strip() else None
    shortages.turn_away(session, actor, asked_for=asked_for)
    return visit.go(NO_CASH, _noted(visit))


@router.get("/counter/receipts/{receipt}")
def copy(visit: ThisVisit, session: OfficeSession, actor: AtCounter, receipt: str) -> Response:
    """A receipt of this teller's once more, marked as a copy."""
    slip = counter_queries.slip(session, actor, receipt=receipt[:40])
    return show(visit, "counter/receipt.html", slip=slip, is_copy=True)


@router.get("/counter/day")
def sheet(visit: ThisVisit, session: OfficeSession, actor: AtCounter, of: str = "") -> Response:
    """The sheet of a day, to be printed, compared with the till and signed."""
    today = clock.today(office_of(session).timezone)
    wanted = min(_day(of) or today, today)
    return show(
        visit,
        "counter/day.html",
        place=counter_queries.place(session, actor),
        day=queries.teller_day(session, actor, wanted),
        before=wanted - timedelta(days=1),
        printed_at=clock.now(),
    )


def show(visit: Visit, template: str, **values: Any) -> Response:
    """A page of the counter, whose templates write amounts and times in the counter's way."""
    assert visit.office is not None
    return visit.show(
        template,
        big=partial(counter_words.big, language=visit.language),
        in_full=partial(counter_words.in_full, language=visit.language),
        hour=partial(counter_words.hour, timezone=visit.office.timezone),
        spaced=counter_words.spaced,
        **values,
    )


def _lost_receipt(session: Session, actor: Actor, code: str) -> UUID | None:
    """The hold of a right code that this teller confirmed a moment ago, when the answer may have been lost on the way.

    Otherwise the person would go without cash because of a bad line.
    """
    locator = codes.read(code, office_of(session).locator_digits).locator
    return counter_queries.just_paid(session, actor, locator, clock.now() - LOST_WITHIN)


def _noted(visit: Visit) -> str:
    return visit.gettext("Noted: whoever sees to the cash of this office is told.")


def _address(hold_id: UUID) -> str:
    return f"/counter/holds/{hold_id}"


def _day(typed: str) -> date | None:
    try:
        found = date.fromisoformat(typed)
    except ValueError:
        return None
    return found if found >= EARLIEST else None
