"""Money that was paid twice over HTTP: what is owed back, that it came back, or that two people give it up."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.ledger.schemas import Amount, Moved
from cbi.money import Money
from cbi.payments.recovery import recovering
from cbi.payments.recovery.recovering import Owed
from cbi.payments.runs.schemas import Signature
from cbi.payments.states import ReceivableState

router = Router(tags=["receivables"])
Treasurer = Annotated[Actor, Depends(may(Permission.FUND_MOVE))]


class Recovery(BaseModel):
    """The paper that shows that the money came back, and whether it came to our bank or to the provider's float."""

    reference: str = Field(min_length=3, max_length=100)
    to_bank: bool = False


class WriteOffProposal(BaseModel):
    """Why the money will not come back, and where the evidence can be found."""

    reason: str = Field(min_length=3, max_length=500)
    evidence: str = Field(min_length=3, max_length=500)


class OwedOut(BaseModel):
    """What one attempt paid a second time or, with `excess`, more than was sent. `proposed_by` proposes
    to write it off, `confirmed_by` has confirmed it.
    """

    id: UUID
    provider: str
    programme: str
    run: int
    payment_id: UUID
    attempt: int
    excess: bool
    amount: Amount
    state: ReceivableState
    found_at: datetime
    proposed_by: UUID | None
    confirmed_by: UUID | None

    @classmethod
    def of(cls, owed: Owed) -> "OwedOut":
        found, proposal = owed.receivable, owed.proposal
        return cls(
            id=found.id, provider=found.provider, programme=owed.programme, run=owed.run, payment_id=found.payment_id,
            attempt=found.attempt, excess=found.excess,
            amount=Amount.of(Money(found.amount_minor, found.currency)), state=found.state,
            found_at=found.found_at, proposed_by=proposal.proposed_by if proposal else None,
            confirmed_by=proposal.confirmed_by if proposal else None,
        )  # fmt: skip


@router.get("/receivables", summary="What was paid twice and is owed back, oldest first")
def list_owed(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.DISCREPANCY_READ))],
    every: Annotated[bool | None, Query(alias="all", description="Also what has ended.")] = None,
) -> list[OwedOut]:
    return [OwedOut.of(owed) for owed in recovering.owed_back(session, actor, is_open=not every)]


@router.post("/receivables/{receivable_id}/recovery", summary="Book that the money came back")
def recover(session: OfficeSession, actor: Treasurer, receivable_id: UUID, body: Recovery) -> Moved:
    booked = recovering.recover(session, actor, receivable_id, body.reference, to_bank=body.to_bank)
    return Moved(booked=booked)


@router.post(
    "/receivables/{receivable_id}/write-off",
    status_code=204,
    summary="Propose to give the money up; nothing moves before a colleague confirms",
)
def propose_write_off(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.DISCREPANCY_SETTLE))],
    receivable_id: UUID,
    body: WriteOffProposal,
) -> None:
    recovering.propose_write_off(session, actor, receivable_id, body.reason, body.evidence)


@router.post(
    "/receivables/{receivable_id}/write-off/confirmation",
    status_code=204,
    summary="Confirm a colleague's proposal: the budget bears the loss",
)
def confirm_write_off(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_AUTHORISE))],
    receivable_id: UUID,
    body: Signature,
) -> None:
    recovering.confirm_write_off(session, actor, receivable_id, body.one_time_code)


@router.post(
    "/payments/{payment_id}/cover",
    status_code=204,
    summary="Cover from the budget what was delivered after its money had been spent",
)
def cover(session: OfficeSession, actor: Treasurer, payment_id: UUID) -> None:
    recovering.cover(session, actor, payment_id)
