"""Payments that wait for a provider which never comes back, over HTTP: one person proposes to take them back, a colleague
confirms it.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from pydantic import Field

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.ledger.schemas import Amount
from cbi.money import Money
from cbi.payments.outcomes.suspense_models import Withdrawal
from cbi.payments.runs.schemas import Reason, Signature
from cbi.payments.unpaid import withdrawing

router = Router(tags=["payments"])


class Withdraw(Reason):
    """From which provider, why, and perhaps one payment only."""

    provider: str = Field(min_length=1, max_length=64, examples=["post_office"])
    payment_id: UUID | None = None


class WithdrawalOut(Reason):
    """What is taken back from a provider. It counts once `confirmed_by` is somebody else."""

    id: UUID
    run_id: UUID
    provider: str
    payment_id: UUID | None
    payments: int
    total: Amount
    proposed_by: UUID
    proposed_at: datetime
    confirmed_by: UUID | None
    confirmed_at: datetime | None
    refusal_id: UUID | None

    @classmethod
    def of(cls, found: Withdrawal) -> "WithdrawalOut":
        return cls(
            id=found.id, run_id=found.run_id, provider=found.provider, payment_id=found.payment_id, reason=found.reason,
            payments=found.payment_count, total=Amount.of(Money(found.total_minor, found.currency)),
            proposed_by=found.proposed_by, proposed_at=found.proposed_at, confirmed_by=found.confirmed_by,
            confirmed_at=found.confirmed_at, refusal_id=found.refusal_id,
        )  # fmt: skip


@router.get(
    "/payment-runs/{run_id}/withdrawals", summary="What was proposed to be taken back, in order"
)
def list_proposed(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PAYMENT_READ))],
    run_id: UUID,
) -> list[WithdrawalOut]:
    return [WithdrawalOut.of(each) for each in withdrawing.proposed(session, actor, run_id)]


@router.post(
    "/payment-runs/{run_id}/withdrawals",
    status_code=201,
    summary="Propose to take back what waits for a provider; nothing moves before a colleague confirms",
)
def propose(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_CANCEL))],
    run_id: UUID,
    body: Withdraw,
) -> WithdrawalOut:
    return WithdrawalOut.of(
        withdrawing.propose(session, actor, run_id, body.provider, body.reason, body.payment_id)
    )


@router.post(
    "/withdrawals/{withdrawal_id}/confirmation",
    summary="Confirm a colleague's proposal: what still waits has failed, and waits for a decision",
)
def confirm(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_AUTHORISE))],
    withdrawal_id: UUID,
    body: Signature,
) -> WithdrawalOut:
    return WithdrawalOut.of(withdrawing.confirm(session, actor, withdrawal_id, body.one_time_code))
