"""How disclosures to somebody outside appear over the API."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from cbi.registry.disclosing.models import (
    Column,
    Disclosure,
    DisclosureDecision,
    Form,
    RequesterKind,
)


class ProposeDisclosure(BaseModel):
    """Who outside is to be told what, on which ground, and why nothing less would do."""

    requester_kind: RequesterKind
    requester: str = Field(max_length=200, examples=["National audit office"])
    legal_ground: str = Field(
        max_length=1000, examples=["Grant agreement, article 11: access for audits"]
    )
    wanted_for: str = Field(max_length=1000, examples=["Checking a sample of payments on the spot"])
    necessity: str = Field(
        max_length=1000, examples=["They visit people at home; numbers alone do not find them"]
    )
    risk: str = Field(
        max_length=1000, examples=["The list could be passed on; it holds one town and no document"]
    )
    form: Form = Form.FILE
    columns: list[Column] = Field(default=[], max_length=20, examples=[["number", "name", "area"]])
    programme: str | None = Field(default=None, max_length=60, examples=["winter-2026"])
    period: str | None = Field(default=None, max_length=22, examples=["2026-11"])
    area: str | None = Field(default=None, max_length=100, examples=["DZ31"])
    most_people: int = Field(ge=1, le=10_000_000, examples=[60])
    until: date = Field(examples=["2026-12-31"])
    silence: str | None = Field(
        default=None, max_length=1000, description="Why the people may not be told of it; absent: they are.",
        examples=["The court's order forbids it until the hearing"],
    )  # fmt: skip


class ApproveDisclosure(BaseModel):
    """Why, and a fresh one-time code of the legal officer."""

    reason: str = Field(
        max_length=1000, examples=["The agreement asks for it, and the sample is small."]
    )
    one_time_code: str = Field(max_length=20, examples=["123456"])


class EndDisclosure(BaseModel):
    """Why a disclosure is refused, or revoked."""

    reason: str = Field(max_length=1000, examples=["The letter names no law."])


class DisclosureOut(BaseModel):
    """One line of the register."""

    number: int
    requester_kind: RequesterKind
    requester: str
    legal_ground: str
    wanted_for: str
    necessity: str
    risk: str
    form: Form
    columns: list[str]
    programme: str | None
    period: str | None
    area: str | None
    most_people: int
    until: date
    silence: str | None
    proposed_by: UUID
    proposed_at: datetime
    decision: DisclosureDecision | None
    decided_by: UUID | None
    decided_at: datetime | None
    remark: str | None
    revoked_at: datetime | None
    revoked_because: str | None

    @classmethod
    def of(cls, one: Disclosure) -> "DisclosureOut":
        """Shown as it stands now."""
        return cls.model_validate(one, from_attributes=True)
