"""The queue of referrals over HTTP."""

from typing import Annotated

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.registry.referrals import deciding
from cbi.registry.referrals.schemas import (
    AcceptReferral,
    AnswerQuestion,
    DecidedOut,
    MergeReferral,
    NewPartner,
    OpenedReferral,
    PartnerKey,
    ReferralOut,
    RejectReferral,
)

router = Router(tags=["referrals"])
Decider = Annotated[Actor, Depends(may(Permission.REFERRAL_DECIDE))]
Changer = Annotated[Actor, Depends(may(Permission.PARTNER_CHANGE))]


@router.get("/referrals", summary="Who asks to be registered, is referred, or has a question")
def list_referrals(
    session: OfficeSession, actor: Decider, *, waiting: bool = True
) -> list[ReferralOut]:
    return [ReferralOut.of(line) for line in deciding.queue(session, actor, waiting=waiting)]


@router.get("/referrals/{number}", summary="One referral in clear; that it was opened is noted")
def open_referral(session: OfficeSession, actor: Decider, number: int) -> OpenedReferral:
    return OpenedReferral.opened(deciding.opened(session, actor, number))


@router.post("/referrals/{number}/acceptance", summary="Register a new household from a referral")
def accept(session: OfficeSession, actor: Decider, number: int, body: AcceptReferral) -> DecidedOut:
    asked = deciding.opened(session, actor, number).asked
    household = deciding.accept(
        session, actor, number, corrected=body.over(asked) if asked else None
    )
    return DecidedOut(household=f"{household.source}/{household.source_id}")


@router.post("/referrals/{number}/merge", summary="Note that the household is registered already")
def merge(session: OfficeSession, actor: Decider, number: int, body: MergeReferral) -> DecidedOut:
    household = deciding.merge(session, actor, number, body.household)
    return DecidedOut(household=f"{household.source}/{household.source_id}")


@router.post("/referrals/{number}/rejection", summary="Say no, with a reason for the sender")
def reject(session: OfficeSession, actor: Decider, number: int, body: RejectReferral) -> None:
    deciding.reject(session, actor, number, body.refusal, body.remark)


@router.post("/referrals/{number}/answer", summary="Note that a question was answered")
def answer(session: OfficeSession, actor: Decider, number: int, body: AnswerQuestion) -> None:
    deciding.answer(session, actor, number, body.remark)


@router.post("/referral-partners", status_code=201, summary="Let an organisation refer people")
def add_partner(session: OfficeSession, actor: Changer, body: NewPartner) -> PartnerKey:
    return PartnerKey(
        code=body.code, key=deciding.add_partner(session, actor, body.code, body.name)
    )


@router.delete("/referral-partners/{code}", status_code=204, summary="Take no more from a partner")
def stop_partner(session: OfficeSession, actor: Changer, code: str) -> None:
    deciding.stop_partner(session, actor, code)
