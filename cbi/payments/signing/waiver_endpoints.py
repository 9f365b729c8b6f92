"""Over HTTP: the lists that a signer opens before signing, the controls, and the waivers of them."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Cursor, Limit, Page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.payments.runs import finding_lists, runs
from cbi.payments.runs.sheet_models import FindingKind
from cbi.payments.signing import waiver_register, waivers
from cbi.payments.signing.controls import CONTROLS
from cbi.payments.signing.signing_schemas import OneTimeCode
from cbi.payments.signing.waiver_models import Waiver
from cbi.payments.signing.waiver_schemas import (
    AskWaiver,
    ControlOut,
    EndWaiver,
    FindingOut,
    WaiverOut,
)

router = Router(tags=["payments"])
Reader = Annotated[Actor, Depends(may(Permission.POLICY_READ))]
Asker = Annotated[Actor, Depends(may(Permission.RUN_SIGN))]
Granter = Annotated[Actor, Depends(may(Permission.POLICY_CHANGE))]
Number = Annotated[int, Path(ge=1, le=2**31, description="The waiver's number.")]


def _out(session: OfficeSession, waiver: Waiver) -> WaiverOut:
    return WaiverOut.of(waiver_register.one(session, waiver.id))


@router.get(
    "/payment-runs/{run_id}/findings/{kind}",
    summary="One of the lists behind the run sheet; who has opened those of what is unusual may sign",
)
def findings(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PAYMENT_READ))],
    run_id: UUID,
    kind: FindingKind,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[FindingOut]:
    run = runs.find_for(session, actor, run_id, Permission.PAYMENT_READ)
    found = finding_lists.listed(session, actor, run, kind, limit=limit, cursor=cursor)
    return Page[FindingOut](
        items=[FindingOut.of(line) for line in found.items], next_cursor=found.next_cursor
    )


@router.get("/controls", summary="What can keep a run from being signed")
def list_controls(actor: Reader) -> list[ControlOut]:
    return [ControlOut.of(each) for each in CONTROLS.values()]


@router.get("/waivers", summary="Every waiver of a control, latest first")
def list_waivers(session: OfficeSession, actor: Reader) -> list[WaiverOut]:
    return [WaiverOut.of(line) for line in waiver_register.listed(session, actor)]


@router.post(
    "/waivers",
    status_code=201,
    summary="Ask that a control lets something pass; it holds once a colleague grants it",
)
def ask(session: OfficeSession, actor: Asker, body: AskWaiver) -> WaiverOut:
    return _out(session, waivers.ask(session, actor, body.terms(), body.one_time_code))


@router.post("/waivers/{number}/grant", summary="Let a colleague's waiver hold on its days")
def grant(session: OfficeSession, actor: Granter, number: Number, body: OneTimeCode) -> WaiverOut:
    return _out(session, waivers.grant(session, actor, number, body.one_time_code))


@router.post("/waivers/{number}/refusal", summary="Say no to a colleague's waiver")
def refuse(session: OfficeSession, actor: Granter, number: Number, body: EndWaiver) -> WaiverOut:
    return _out(session, waivers.refuse(session, actor, number, body.reason))


@router.post(
    "/waivers/{number}/revocation",
    summary="End a waiver at once: whoever asked, whoever granted, or the head of finance",
)
def revoke(session: OfficeSession, actor: Asker, number: Number, body: EndWaiver) -> WaiverOut:
    return _out(session, waivers.revoke(session, actor, number, body.reason))
