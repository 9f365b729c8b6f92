"""Another amount than was sent, over HTTP: one person reports what was taken, a colleague confirms it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from pydantic import BaseModel, Field

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.ledger.schemas import Amount
from cbi.money import Money
from cbi.payments.recovery import amounts
from cbi.payments.recovery.amount_models import AmountFinding
from cbi.payments.runs import queries, runs
from cbi.payments.runs.schemas import Signature

router = Router(tags=["payments"])


class AmountReport(BaseModel):
    """What left our account with the provider, in the payment's currency (0: nothing), and where it says so in writing.

    `attempt` may be left out where the provider named another amount for one attempt only.
    """

    amount: str = Field(max_length=40, examples=["400.00"])
    proof: str = Field(min_length=3, max_length=500, examples=["Letter 55 of the provider"])
    attempt: int | None = Field(default=None, ge=1, le=99)


class AmountFindingOut(BaseModel):
    """What one person reports that an attempt took. It counts once `confirmed_by` is somebody else."""

    id: UUID
    payment_id: UUID
    attempt: int
    taken: Amount
    proof: str
    reported_by: UUID
    reported_at: datetime
    confirmed_by: UUID | None
    confirmed_at: datetime | None
    refusal_id: UUID | None

    @classmethod
    def of(cls, found: AmountFinding) -> "AmountFindingOut":
        return cls(
            id=found.id, payment_id=found.payment_id, attempt=found.attempt,
            taken=Amount.of(Money(found.paid_minor, found.currency)), proof=found.proof,
            reported_by=found.reported_by, reported_at=found.reported_at, confirmed_by=found.confirmed_by,
            confirmed_at=found.confirmed_at, refusal_id=found.refusal_id,
        )  # fmt: skip


@router.get(
    "/payments/{payment_id}/amount-findings", summary="What was reported that a payment took, in order"
)  # fmt: skip
def list_reported(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PAYMENT_READ))],
    payment_id: UUID,
) -> list[AmountFindingOut]:
    runs.find_for(session, actor, queries.run_of(session, payment_id), Permission.PAYMENT_READ)
    return [AmountFindingOut.of(each) for each in amounts.reported(session, payment_id)]


@router.post(
    "/payments/{payment_id}/amount-findings",
    status_code=201,
    summary="Report what the provider says in writing that it paid; nothing moves before a colleague confirms",
)
def report_amount(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.DISCREPANCY_SETTLE))],
    payment_id: UUID,
    body: AmountReport,
) -> AmountFindingOut:
    return AmountFindingOut.of(
        amounts.report(session, actor, payment_id, body.amount, body.proof, body.attempt)
    )


@router.post(
    "/amount-findings/{finding_id}/confirmation",
    summary="Confirm a colleague's report: what the payment took is booked",
)
def confirm_amount(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_AUTHORISE))],
    finding_id: UUID,
    body: Signature,
) -> AmountFindingOut:
    return AmountFindingOut.of(amounts.confirm(session, actor, finding_id, body.one_time_code))
