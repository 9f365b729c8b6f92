"""Redemption over HTTP: tellers sign in, check codes and confirm payouts; staff keep counters and codes."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Request

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.access.schemas import NewPassword
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession, sign_in_at
from cbi.http.routing import Router
from cbi.money import Money
from cbi.redemption import (
    counter,
    counters,
    parts,
    queries,
    reissuing,
    shortages,
    tellers,
    vouching,
)
from cbi.redemption.models import CounterOffice, Teller
from cbi.redemption.refusals import Refused
from cbi.redemption.schemas import (
    Authorise,
    AuthorisedOut,
    Because,
    CodeStandingOut,
    CounterOfficeOut,
    MoveTeller,
    NewCounterOffice,
    NewTeller,
    NoCash,
    NoCashOut,
    OfficeHasNoCash,
    PartToPay,
    ReceiptOut,
    RefusedOut,
    ReissuedOut,
    ShortageOut,
    TellerDayOut,
    TellerOut,
    TellerSignIn,
    TellersPassword,
    TellerToken,
    VouchedOut,
)

router = Router(tags=["redemption"])
AtCounter = Annotated[Actor, Depends(may(Permission.REDEMPTION_PERFORM))]
Supervisor = Annotated[Actor, Depends(may(Permission.COUNTER_MANAGE))]
Handler = Annotated[Actor, Depends(may(Permission.CODE_REISSUE))]
Reader = Annotated[Actor, Depends(may(Permission.PAYMENT_READ))]
Locator = Annotated[str, Path(pattern="^[0-9]{5,7}$")]


@router.post("/tellers/sign-in", summary="Sign in as a teller")
def sign_in(request: Request, body: TellerSignIn) -> TellerToken:
    password = body.password.get_secret_value()
    token = sign_in_at(
        request, body.office, lambda session: tellers.sign_in(session, body.username, password)
    )
    return TellerToken(token=token)


@router.post("/redemptions/authorise", summary="Check a code and hold it for this teller")
def authorise(
    session: OfficeSession, actor: AtCounter, body: Authorise
) -> AuthorisedOut | RefusedOut:
    answer = counter.authorise(
        session, actor, code=body.code.get_secret_value(), factor=body.factor.get_secret_value()
    )
    return RefusedOut.of(answer) if isinstance(answer, Refused) else AuthorisedOut.of(answer)


@router.post("/redemptions/{authorisation_id}/confirm", summary="Mark as paid, then hand over")
def confirm(session: OfficeSession, actor: AtCounter, authorisation_id: UUID) -> ReceiptOut:
    return ReceiptOut.of(counter.confirm(session, actor, authorisation_id))


@router.post(
    "/redemptions/{authorisation_id}/confirm-part",
    summary="Mark a part as paid, then hand it over; a new code pays the rest",
)
def confirm_part(
    session: OfficeSession, actor: AtCounter, authorisation_id: UUID, body: PartToPay
) -> ReceiptOut:
    return ReceiptOut.of(parts.confirm(session, actor, authorisation_id, body.amount.money()))


@router.post(
    "/redemptions/{authorisation_id}/release", status_code=204, summary="Give a code up unpaid"
)
def release(session: OfficeSession, actor: AtCounter, authorisation_id: UUID) -> None:
    counter.release_hold(session, actor, authorisation_id)


@router.post("/redemptions/no-cash", summary="Say that there is not enough cash here")
def no_cash(session: OfficeSession, actor: AtCounter, body: NoCash) -> NoCashOut:
    office_id = shortages.turn_away(
        session, actor, authorisation_id=body.authorisation_id, asked_for=_asked_for(body)
    )
    return NoCashOut.of(shortages.elsewhere(session, office_id))


@router.get("/redemptions/mine", summary="This teller's day")
def mine(session: OfficeSession, actor: AtCounter, day: date | None = None) -> TellerDayOut:
    return TellerDayOut.of(queries.teller_day(session, actor, day))


@router.post("/counter-offices", status_code=201, summary="Open an office of a provider")
def create_office(
    session: OfficeSession, actor: Supervisor, body: NewCounterOffice
) -> CounterOfficeOut:
    return CounterOfficeOut.of(
        counters.create_office(
            session, actor, provider=body.provider, code=body.code, name=body.name, area=body.area
        )
    )


@router.get("/counter-offices", summary="Offices of providers")
def list_offices(
    session: OfficeSession, actor: Supervisor, limit: Limit = 50, cursor: Cursor = None
) -> Page[CounterOfficeOut]:
    order = [CounterOffice.provider, CounterOffice.code]
    found = queries.counter_offices(actor)
    return page(session, found, CounterOfficeOut.of, by=order, limit=limit, cursor=cursor)


@router.post("/counter-offices/{office_id}/close", summary="Close an office")
def close_office(session: OfficeSession, actor: Supervisor, office_id: UUID) -> CounterOfficeOut:
    return CounterOfficeOut.of(counters.close_office(session, actor, office_id))


@router.get("/counter-offices/short-of-cash", summary="Offices that have not enough cash now")
def short_of_cash(session: OfficeSession, actor: Supervisor) -> list[ShortageOut]:
    return [ShortageOut.of(each) for each in shortages.short_of_cash(session, actor)]


@router.post(
    "/counter-offices/{office_id}/no-cash", summary="Say that an office has not enough cash"
)
def office_has_no_cash(
    session: OfficeSession, actor: Supervisor, office_id: UUID, body: OfficeHasNoCash
) -> NoCashOut:
    shortages.report(session, actor, office_id, _asked_for(body))
    return NoCashOut.of(shortages.elsewhere(session, office_id))


@router.post(
    "/tellers/me/password", status_code=204, summary="Change one's own password, as a teller"
)
def change_password(session: OfficeSession, actor: AtCounter, body: NewPassword) -> None:
    """Every sign-in of the teller ends, this one too."""
    tellers.change_password(
        session, actor, body.old.get_secret_value(), body.new.get_secret_value()
    )


@router.post("/tellers/{teller_id}/password", summary="Give a teller a new password")
def set_password(
    session: OfficeSession, actor: Supervisor, teller_id: UUID, body: TellersPassword
) -> TellerOut:
    """For one who forgot it. Every sign-in of the teller ends, and a pause after wrong passwords too."""
    password = body.password.get_secret_value()
    return TellerOut.of(counters.set_password(session, actor, teller_id, password))


@router.post("/tellers", status_code=201, summary="Register a teller")
def create_teller(session: OfficeSession, actor: Supervisor, body: NewTeller) -> TellerOut:
    return TellerOut.of(
        counters.create_teller(
            session, actor, office_id=body.office_id, username=body.username, full_name=body.full_name,
            password=body.password.get_secret_value(),
        )
    )  # fmt: skip


@router.get("/tellers", summary="Tellers")
def list_tellers(
    session: OfficeSession, actor: Supervisor, limit: Limit = 50, cursor: Cursor = None
) -> Page[TellerOut]:
    found = queries.tellers(actor)
    return page(session, found, TellerOut.of, by=[Teller.username], limit=limit, cursor=cursor)


@router.post("/tellers/{teller_id}/move", summary="Let a teller work at another office")
def move_teller(
    session: OfficeSession, actor: Supervisor, teller_id: UUID, body: MoveTeller
) -> TellerOut:
    return TellerOut.of(counters.move_teller(session, actor, teller_id, body.office_id))


@router.post("/tellers/{teller_id}/disable", summary="Take a teller's sign-in away")
def disable_teller(session: OfficeSession, actor: Supervisor, teller_id: UUID) -> TellerOut:
    return TellerOut.of(counters.disable_teller(session, actor, teller_id))


@router.post("/tellers/{teller_id}/unlock", status_code=204, summary="Let a stopped teller go on")
def unlock_teller(session: OfficeSession, actor: Supervisor, teller_id: UUID) -> None:
    counters.unlock_teller(session, actor, teller_id)


@router.post("/codes/{locator}/vouch", summary="Vouch for a person without a second factor")
def vouch(session: OfficeSession, actor: Supervisor, locator: Locator, body: Because) -> VouchedOut:
    return VouchedOut(until=vouching.vouch(session, actor, locator, body.reason))


@router.get("/payments/{payment_id}/code", summary="How a payment's code stands (never the code)")
def code_standing(session: OfficeSession, actor: Reader, payment_id: UUID) -> CodeStandingOut:
    return CodeStandingOut.of(queries.code_standing(session, actor, payment_id))


@router.post("/payments/{payment_id}/reissue-code", summary="Send a new code; the old one dies")
def reissue_code(
    session: OfficeSession, actor: Handler, payment_id: UUID, body: Because
) -> ReissuedOut:
    return ReissuedOut.of(reissuing.reissue(session, actor, payment_id, body.reason))


@router.post("/payments/{payment_id}/lock-code", status_code=204, summary="Block a lost code")
def lock_code(session: OfficeSession, actor: Handler, payment_id: UUID, body: Because) -> None:
    reissuing.lock_code(session, actor, payment_id, body.reason)


def _asked_for(body: NoCash | OfficeHasNoCash) -> Money | None:
    return body.asked_for.money() if body.asked_for else None
