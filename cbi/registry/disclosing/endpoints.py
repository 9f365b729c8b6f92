"""Disclosures to somebody outside, over HTTP: proposed, decided by the legal officer, revoked, and their register."""

from typing import Annotated

from fastapi import Depends, Path

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.registry.disclosing import disclosing
from cbi.registry.disclosing.disclosing import Proposal
from cbi.registry.disclosing.schemas import (
    ApproveDisclosure,
    DisclosureOut,
    EndDisclosure,
    ProposeDisclosure,
)

router = Router(tags=["people's data"])
Reader = Annotated[Actor, Depends(may(Permission.DISCLOSURE_READ))]
Proposer = Annotated[Actor, Depends(may(Permission.DISCLOSURE_PROPOSE))]
Approver = Annotated[Actor, Depends(may(Permission.DISCLOSURE_APPROVE))]
Number = Annotated[int, Path(ge=1, le=2**31, description="The disclosure's number.")]


@router.post("/disclosures", status_code=201, summary="Propose that somebody outside is told")
def propose(session: OfficeSession, actor: Proposer, body: ProposeDisclosure) -> DisclosureOut:
    said = Proposal(**body.model_dump(exclude={"columns"}), columns=tuple(body.columns))
    return DisclosureOut.of(disclosing.propose(session, actor, said))


@router.get("/disclosures", summary="The register of disclosures, the latest first")
def list_disclosures(session: OfficeSession, actor: Reader) -> list[DisclosureOut]:
    return [DisclosureOut.of(each) for each in disclosing.listed(session, actor)]


@router.get("/disclosures/{number}", summary="One disclosure of the register")
def show(session: OfficeSession, actor: Reader, number: Number) -> DisclosureOut:
    return DisclosureOut.of(disclosing.find(session, actor, number))


@router.post("/disclosures/{number}/approval", summary="Let somebody outside be told")
def approve(
    session: OfficeSession, actor: Approver, number: Number, body: ApproveDisclosure
) -> DisclosureOut:
    return DisclosureOut.of(
        disclosing.approve(session, actor, number, body.reason, body.one_time_code)
    )


@router.post("/disclosures/{number}/refusal", summary="Refuse a disclosure, and say why")
def refuse(
    session: OfficeSession, actor: Approver, number: Number, body: EndDisclosure
) -> DisclosureOut:
    return DisclosureOut.of(disclosing.refuse(session, actor, number, body.reason))


@router.post("/disclosures/{number}/revocation", summary="End a disclosure at once")
def revoke(
    session: OfficeSession, actor: Reader, number: Number, body: EndDisclosure
) -> DisclosureOut:
    return DisclosureOut.of(disclosing.revoke(session, actor, number, body.reason))
