"""Refusing over HTTP what a colleague proposed, or taking back what one proposed; and what was refused."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from pydantic import BaseModel, Field

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.refusals import refusing
from cbi.refusals.kinds import KINDS
from cbi.refusals.refusing import Refused

router = Router(tags=["second person"])
Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
ProposalKind = StrEnum("ProposalKind", {each.replace("-", "_").upper(): each for each in KINDS})  # type: ignore[misc]
"""What is refused here; other kinds have a refusal among their own routes."""


class RefuseProposal(BaseModel):
    """Which proposal is refused, as it is called where it waits, and why."""

    kind: ProposalKind = Field(examples=["tariff"])
    key: str = Field(
        min_length=1, max_length=200, examples=["post_office.DZD.2"],
        description="The report's or proposal's id; of a write-off the receivable's, of `unpaid` the payment's; a"
        " month (2026-10), a version of the policy, a tariff (provider.CURRENCY.version), a sheet's number.",
    )  # fmt: skip
    reason: str = Field(min_length=3, max_length=500, examples=["The letter is of another month."])


class RefusalOut(BaseModel):
    """A proposal that never takes effect. It was taken back where both people are the same."""

    id: UUID
    kind: str = Field(examples=["tariff"])
    key: str = Field(examples=["post_office.DZD.2"])
    said: str | None = Field(description="The proposal's own reason or evidence.")
    proposed_by: UUID
    proposed_at: datetime
    refused_by: UUID
    refused_at: datetime
    reason: str

    @classmethod
    def of(cls, found: Refused) -> "RefusalOut":
        return cls.model_validate(found.refusal, from_attributes=True)


@router.get(
    "/refusals", summary="What was refused of what I proposed, and what I refused, latest first"
)
def list_refused(session: OfficeSession, actor: Reader) -> list[RefusalOut]:
    return [RefusalOut.of(each) for each in refusing.listed(session, actor)]


@router.post(
    "/refusals",
    status_code=201,
    summary="Refuse what a colleague proposed, or take back one's own; it can be proposed anew",
)
def refuse(session: OfficeSession, actor: Reader, body: RefuseProposal) -> RefusalOut:
    made = refusing.refuse(session, actor, body.kind.value, body.key, body.reason)
    return RefusalOut.model_validate(made, from_attributes=True)
