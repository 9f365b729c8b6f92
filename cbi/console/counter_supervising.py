"""The pages of a post office's supervisor: who pays where, who must be unlocked, and whom the supervisor vouches for."""

import unicodedata
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form
from fastapi.responses import Response

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console import counter_office_queries as office_queries
from cbi.console.counter_paying import show
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.errors import Invalid
from cbi.http.pages import page
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.offices import office_of
from cbi.redemption import counters, queries, reissuing, shortages, vouching
from cbi.redemption.models import CounterOffice

router = Pages()
OFFICES, HELP = "/post-offices", "/counter-help"
A_PAGE = 50
"""Offices on one page."""
LONGEST_LOCATOR = 7

Supervisor = Annotated[Actor, Depends(may(Permission.COUNTER_MANAGE))]
Typed = Annotated[str, Form(max_length=500)]
Password = Annotated[str, Form(max_length=200)]


class WholeCode(Invalid):
    """More was typed than the public digits of a code."""

    code = "console.whole_code"


@router.get(OFFICES)
def offices(
    visit: ThisVisit, session: OfficeSession, actor: Supervisor, cursor: str | None = None
) -> Response:
    """Every office, and what its tellers paid today."""
    found = page(
        session,
        queries.counter_offices(actor),
        lambda office: office,
        by=[CounterOffice.provider, CounterOffice.code],
        limit=A_PAGE,
        cursor=cursor,
    )
    days = office_queries.days_of(session, actor, [each.id for each in found.items])
    return show(visit, "counter/offices.html", found=found, days=days)


@router.get("/post-offices/{office_id}")
def office(
    visit: ThisVisit, session: OfficeSession, actor: Supervisor, office_id: UUID
) -> Response:
    """The tellers of one office and their day."""
    place = office_queries.office(session, actor, office_id)
    at_work = office_queries.at_work(session, actor, place)
    short = office_queries.shortage_of(session, actor, office_id)
    return show(visit, "counter/office.html", place=place, at_work=at_work, short=short)


@router.post("/post-offices/{office_id}/tellers")
def add_teller(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Supervisor,
    office_id: UUID,
    username: Typed = "",
    full_name: Typed = "",
    password: Password = "",
) -> Response:
    """Register a teller, with a first password that the supervisor tells them."""
    counters.create_teller(
        session, actor, office_id=office_id, username=username.strip(), full_name=full_name, password=password
    )  # fmt: skip
    return visit.go(_address(office_id), visit.gettext("The teller can sign in now."))


@router.post("/post-offices/{office_id}/tellers/{teller_id}/unlock")
def unlock(
    visit: ThisVisit, session: OfficeSession, actor: Supervisor, office_id: UUID, teller_id: UUID
) -> Response:
    """Let a teller go on who typed too many wrong codes or passwords."""
    counters.unlock_teller(session, actor, teller_id)
    return visit.go(_address(office_id), visit.gettext("The teller can go on."))


@router.get("/post-offices/{office_id}/tellers/{teller_id}/password")
def password(
    visit: ThisVisit, session: OfficeSession, actor: Supervisor, office_id: UUID, teller_id: UUID
) -> Response:
    """The form for the new password of a teller who forgot it."""
    place = office_queries.office(session, actor, office_id)
    teller = office_queries.teller(session, actor, teller_id)
    return show(visit, "counter/password.html", place=place, teller=teller)


@router.post("/post-offices/{office_id}/tellers/{teller_id}/password")
def set_password(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Supervisor,
    office_id: UUID,
    teller_id: UUID,
    password: Password = "",
) -> Response:
    """Give the teller the new password; what they had open ends."""
    counters.set_password(session, actor, teller_id, password)
    return visit.go(
        _address(office_id), visit.gettext("The teller can sign in with the new password now.")
    )


@router.post("/post-offices/{office_id}/no-cash")
def no_cash(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Supervisor,
    office_id: UUID,
    amount: Typed = "",
) -> Response:
    """Say for the whole office that there is not enough cash."""
    asked_for = Money.parse(amount, office_of(session).currency) if amount.strip() else None
    shortages.report(session, actor, office_id, asked_for)
    return visit.go(
        _address(office_id),
        visit.gettext("Noted: whoever sees to the cash of this office is told."),
    )


@router.post("/post-offices/{office_id}/tellers/{teller_id}/disable")
def disable(
    visit: ThisVisit, session: OfficeSession, actor: Supervisor, office_id: UUID, teller_id: UUID
) -> Response:
    """Take a teller's sign-in away."""
    counters.disable_teller(session, actor, teller_id)
    return visit.go(_address(office_id), visit.gettext("The teller can no longer sign in."))


@router.get(HELP)
def help_at_a_counter(visit: ThisVisit, actor: Supervisor) -> Response:
    """Where the supervisor vouches for a person, or has a new code sent to them."""
    return show(visit, "counter/help.html")


@router.post(f"{HELP}/vouch")
def vouch(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Supervisor,
    locator: Typed = "",
    reason: Typed = "",
) -> Response:
    """Let a code be paid without a second factor for some minutes."""
    until = vouching.vouch(session, actor, _public_digits(locator), reason)
    timezone = office_of(session).timezone
    return visit.go(
        HELP,
        visit.gettext(
            "You vouched for this person. Until %(time)s a teller can pay them with the whole code alone.",
            time=f"{until.astimezone(timezone):%H:%M}",
        ),
    )


@router.post(f"{HELP}/new-code")
def new_code(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Supervisor,
    digits: Typed = "",
    why: Typed = "",
) -> Response:
    """Have a new code sent to the telephone on record; the old one dies."""
    payment_id = office_queries.payment_of(session, actor, _public_digits(digits))
    reissuing.reissue(session, actor, payment_id, why)
    return visit.go(
        HELP,
        visit.gettext("A new code is on its way to the telephone on record. The old one is dead."),
    )


@router.post(f"{HELP}/lost-code")
def lost_code(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Supervisor,
    begins: Typed = "",
    because: Typed = "",
) -> Response:
    """Lock a code that was lost or seen by others; the person is told by text, and nobody can cash it."""
    payment_id = office_queries.payment_of(session, actor, _public_digits(begins))
    reissuing.lock_code(session, actor, payment_id, because)
    return visit.go(
        HELP,
        visit.gettext(
            "The code is locked: nobody can cash it. Once the person has the telephone on record in hand, send a new code."
        ),
    )


def _public_digits(typed: str) -> str:
    """The first digits of a code in any script. Raises WholeCode, so that nobody types a secret where none belongs."""
    digits = "".join(str(unicodedata.decimal(sign)) for sign in typed if sign.isdecimal())
    if len(digits) > LONGEST_LOCATOR:
        raise WholeCode(
            "These are too many digits: a whole code is for the teller only.",
            next_step="Type the first digits of the code, without the last seven.",
        )
    return digits


def _address(office_id: UUID) -> str:
    return f"{OFFICES}/{office_id}"
