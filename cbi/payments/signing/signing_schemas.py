"""How approval policies and delegations appear over the API."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from cbi.access.permissions import Role
from cbi.ledger.schemas import Amount
from cbi.payments.signing.delegations import limit_of
from cbi.payments.signing.signing_models import ApprovalPolicy, Delegation

_CODE = Field(pattern=r"^[0-9]{6}$", description="The fresh one-time code of whoever does it.")


class OneTimeCode(BaseModel):
    """The fresh one-time code of whoever accepts."""

    one_time_code: str = _CODE


class EndDelegation(BaseModel):
    """Why it ends at once."""

    reason: str = Field(min_length=3, max_length=500, examples=["Back from leave a week early"])


class ProposePolicy(OneTimeCode):
    """A policy as its file has it (YAML)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "file": "rules:\n  - currency: DZD\n    bands:\n      - steps: [certifier, authoriser]\n",
                "one_time_code": "123456",
            }
        }
    )

    file: str = Field(max_length=262_144)


class PolicyOut(BaseModel):
    """One version of the policy; it holds from `accepted_at` until a later one is accepted."""

    version: int
    rules: list[Any]
    controls: dict[str, Any] | None
    digest: str
    proposed_by: UUID
    proposed_at: datetime
    accepted_by: UUID | None
    accepted_at: datetime | None
    refusal_id: UUID | None

    @classmethod
    def of(cls, row: ApprovalPolicy) -> "PolicyOut":
        return cls(
            version=row.version, rules=row.rules, controls=row.controls, digest=row.digest.hex(),
            proposed_by=row.proposed_by, proposed_at=row.proposed_at, accepted_by=row.accepted_by,
            accepted_at=row.accepted_at, refusal_id=row.refusal_id,
        )  # fmt: skip


class Limit(BaseModel):
    """An amount of money."""

    amount: str = Field(max_length=40)
    currency: str = Field(max_length=3)


class Delegate(OneTimeCode):
    """Who may sign in one's place, as what, from the first to the last day; no limit: any amount."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "to": "0b4f2a3e-6c1d-4f0e-9a3b-2d5c8e7f1a60",
                "role": "authoriser",
                "first_day": "2026-12-20",
                "last_day": "2027-01-05",
                "programmes": ["winter-2026"],
                "limit": {"amount": "500000.00", "currency": "DZD"},
                "one_time_code": "123456",
            }
        }
    )

    to: UUID
    role: Role
    first_day: date
    last_day: date
    programmes: list[str] = Field(default_factory=list, max_length=50)
    limit: Limit | None = None


class DelegationOut(BaseModel):
    """Who stands in for whom; in force from `accepted_at`, within its days, until `withdrawn_at`."""

    id: UUID
    from_id: UUID
    to_id: UUID
    role: str
    programmes: list[str]
    limit: Amount | None
    first_day: date
    last_day: date
    accepted_by: UUID | None
    accepted_at: datetime | None
    withdrawn_at: datetime | None

    @classmethod
    def of(cls, given: Delegation) -> "DelegationOut":
        limit = limit_of(given)
        return cls(
            id=given.id, from_id=given.from_id, to_id=given.to_id, role=given.role, programmes=given.programmes,
            limit=limit and Amount.of(limit), first_day=given.first_day, last_day=given.last_day,
            accepted_by=given.accepted_by, accepted_at=given.accepted_at, withdrawn_at=given.withdrawn_at,
        )  # fmt: skip
