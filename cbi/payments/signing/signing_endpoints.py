"""Over HTTP: the approval policy, and who stands in for whom."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.money import Money
from cbi.payments.signing import delegations, policies
from cbi.payments.signing.delegations import Terms
from cbi.payments.signing.signing_schemas import (
    Delegate,
    DelegationOut,
    EndDelegation,
    OneTimeCode,
    PolicyOut,
    ProposePolicy,
)

router = Router(tags=["payments"])
Reader = Annotated[Actor, Depends(may(Permission.POLICY_READ))]
Changer = Annotated[Actor, Depends(may(Permission.POLICY_CHANGE))]
Signer = Annotated[Actor, Depends(may(Permission.RUN_SIGN))]


@router.get("/approval-policies", summary="The versions of the approval policy, latest first")
def list_policies(session: OfficeSession, actor: Reader) -> list[PolicyOut]:
    return [PolicyOut.of(row) for row in policies.versions(session, actor)]


@router.post("/approval-policies", status_code=201, summary="Propose a policy; nothing changes yet")
def propose(session: OfficeSession, actor: Changer, body: ProposePolicy) -> PolicyOut:
    return PolicyOut.of(policies.propose(session, actor, body.file, body.one_time_code))


@router.post(
    "/approval-policies/{version}/acceptance", summary="Let a colleague's proposal hold from now on"
)
def accept(session: OfficeSession, actor: Changer, version: int, body: OneTimeCode) -> PolicyOut:
    return PolicyOut.of(policies.accept(session, actor, version, body.one_time_code))


@router.get("/delegations", summary="Who stands in for whom, latest first")
def list_delegations(session: OfficeSession, actor: Reader) -> list[DelegationOut]:
    return [DelegationOut.of(given) for given in delegations.listed(session, actor)]


@router.post(
    "/delegations",
    status_code=201,
    summary="Let a colleague sign in one's place; it holds once a third person accepts it",
)
def delegate(session: OfficeSession, actor: Signer, body: Delegate) -> DelegationOut:
    terms = Terms(
        body.to, body.role, body.first_day, body.last_day, tuple(body.programmes),
        Money.parse(body.limit.amount, body.limit.currency) if body.limit else None,
    )  # fmt: skip
    return DelegationOut.of(delegations.make(session, actor, terms, body.one_time_code))


@router.post("/delegations/{delegation_id}/acceptance", summary="Agree to what two others arranged")
def accept_delegation(
    session: OfficeSession, actor: Changer, delegation_id: UUID, body: OneTimeCode
) -> DelegationOut:
    return DelegationOut.of(delegations.accept(session, actor, delegation_id, body.one_time_code))


@router.post("/delegations/{delegation_id}/withdrawal", summary="End a delegation at once")
def withdraw(
    session: OfficeSession, actor: Signer, delegation_id: UUID, body: EndDelegation
) -> DelegationOut:
    return DelegationOut.of(delegations.withdraw(session, actor, delegation_id, body.reason))
