"""How a run that pays a top-up says so over the API."""

from uuid import UUID

from pydantic import BaseModel

from cbi.ledger.schemas import Amount
from cbi.payments.runs.top_ups import OnTop


class OnTopOut(BaseModel):
    """Which top-up a run pays, on top of which runs of its cycle, and who decided it."""

    top_up_id: UUID
    number: int
    total: Amount
    reason: str
    reference: str
    proposed_by: str
    accepted_by: str | None
    runs: list[int]

    @classmethod
    def of(cls, top: OnTop) -> "OnTopOut":
        return cls(
            top_up_id=top.id, number=top.number, total=Amount.of(top.total), reason=top.reason,
            reference=top.reference, proposed_by=top.proposed_by, accepted_by=top.accepted_by, runs=list(top.runs),
        )  # fmt: skip
