"""How the queue of referrals appears over the API: without what identifies anybody, until one is opened."""

from datetime import datetime

from pydantic import BaseModel, Field

from cbi.registry.referrals.deciding import Line, Opened
from cbi.registry.referrals.receiving import Asked
from cbi.registry.referrals.states import Refusal


class ReferralOut(BaseModel):
    """One referral in the queue."""

    number: int
    kind: str
    partner: str | None
    language: str
    received_at: datetime
    state: str
    same_phone: int = Field(
        description="Registered people and other referrals with the same telephone."
    )

    @classmethod
    def of(cls, line: Line) -> "ReferralOut":
        return cls(
            number=line.number, kind=line.kind, partner=line.partner, language=line.language,
            received_at=line.received_at, state=line.state, same_phone=line.same_phone,
        )  # fmt: skip


class AskedOut(BaseModel):
    """What was written."""

    name: str
    phone: str
    size: str
    area: str
    words: str


class OpenedReferral(ReferralOut):
    """One referral in clear. `asked` is absent once its words were destroyed."""

    asked: AskedOut | None
    known_as: list[str] = Field(description="Households whose people have the same telephone.")
    refusal: str | None
    remark: str | None

    @classmethod
    def opened(cls, found: Opened) -> "OpenedReferral":
        asked = found.asked
        return cls(
            **ReferralOut.of(found.line).model_dump(),
            asked=AskedOut(
                name=asked.name, phone=asked.phone, size=asked.size, area=asked.area, words=asked.words
            )
            if asked
            else None,
            known_as=list(found.known_as),
            refusal=found.refusal,
            remark=found.remark,
        )  # fmt: skip


class AcceptReferral(BaseModel):
    """What the officer made of it after asking; without it, as it was written."""

    name: str | None = Field(default=None, max_length=200, examples=["Amina Haddad"])
    phone: str | None = Field(default=None, max_length=40, examples=["0550 12 34 56"])
    size: int | None = Field(default=None, ge=1, le=60)
    area: str | None = Field(default=None, max_length=200)

    def over(self, asked: Asked) -> Asked:
        """What was written, with what was corrected."""
        return Asked(
            name=asked.name if self.name is None else self.name,
            phone=asked.phone if self.phone is None else self.phone,
            size=asked.size if self.size is None else str(self.size),
            area=asked.area if self.area is None else self.area,
            words=asked.words,
        )


class MergeReferral(BaseModel):
    """The household that was registered already."""

    household: str = Field(max_length=200, examples=["partner-oran-2026/0042"])


class RejectReferral(BaseModel):
    """Why not, in words that the sender will read in their language, and a remark for colleagues."""

    refusal: Refusal
    remark: str = Field(default="", max_length=500)


class AnswerQuestion(BaseModel):
    """How a question was answered, for colleagues."""

    remark: str = Field(max_length=500, examples=["Called, told where to register."])


class DecidedOut(BaseModel):
    """The household that came of it."""

    household: str = Field(examples=["self-registration/12"])


class NewPartner(BaseModel):
    """An organisation that may refer people."""

    code: str = Field(max_length=31, examples=["red-crescent-oran"])
    name: str = Field(max_length=100, examples=["Red Crescent, Oran"])


class PartnerKey(BaseModel):
    """A partner's key, shown once."""

    code: str
    key: str
