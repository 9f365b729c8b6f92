"""How waivers, and the lists behind a run's sheet, appear over the API."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from cbi.ledger.schemas import Amount
from cbi.payments.runs.finding_lists import FindingLine
from cbi.payments.signing.controls import CONTROLS, MEASURES, Control
from cbi.payments.signing.signing_schemas import OneTimeCode
from cbi.payments.signing.waiver_register import Line
from cbi.payments.signing.waivers import Terms

_WHY = Field(min_length=3, max_length=500)


class AskWaiver(OneTimeCode):
    """What should pass, why, where the evidence is, whose risk it is, and from which day to which (both included)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "control": "shared_account", "programme": "winter-2026", "run": 12, "at_most": 4,
                "reason": "One family, visited on Monday", "evidence": "visit report FV-118",
                "risk_owner": "6f7a3f4e-32a5-4a52-9c35-5bb1d5c0b6a1", "first_day": "2026-11-23",
                "last_day": "2026-12-04", "one_time_code": "123456",
            }
        }
    )  # fmt: skip

    control: str = Field(max_length=40)
    programme: str = Field(max_length=40)
    run: int | None = Field(None, ge=1, le=2**31, description="The run's number; none: every run.")
    period: str | None = Field(None, max_length=22)
    households: list[str] = Field(
        [], max_length=200, description="Registration numbers. Kept as keyed hashes only."
    )
    at_most: int | None = Field(None, ge=0, le=10**9, description="In the control's measure.")
    reason: str = _WHY
    evidence: str = _WHY
    risk_owner: UUID
    first_day: date
    last_day: date

    def terms(self) -> Terms:
        """The same, as the use case takes it."""
        return Terms(
            control=self.control, programme=self.programme, reason=self.reason, evidence=self.evidence,
            risk_owner=self.risk_owner, first_day=self.first_day, last_day=self.last_day, run=self.run,
            period=self.period, households=tuple(self.households), at_most=self.at_most,
        )  # fmt: skip


class EndWaiver(BaseModel):
    """Why it is refused or revoked."""

    reason: str = _WHY


class ControlOut(BaseModel):
    """One control, as the engine comes: whether it blocks, and up to what passes, in its measure."""

    code: str
    sentence: str
    measure: str
    blocks: bool
    at_most: int
    waivable: bool

    @classmethod
    def of(cls, control: Control) -> "ControlOut":
        return cls(
            code=control.code, sentence=control.sentence, measure=MEASURES[control.measure], blocks=control.blocks,
            at_most=control.at_most, waivable=control.waivable,
        )  # fmt: skip


class WaiverOut(BaseModel):
    """One waiver and how it stands: asked, coming, open, expired, refused or revoked. `households`: how many it is for."""

    id: UUID
    number: int
    state: str
    control: str
    sentence: str
    programme: str
    run: int | None
    period: str | None
    households: int
    at_most: int | None
    reason: str
    evidence: str
    risk_owner: str
    first_day: date
    last_day: date
    asked_by: str
    asked_at: datetime
    answered_by: str | None
    answered_at: datetime | None
    revoked_by: str | None
    why: str | None

    @classmethod
    def of(cls, line: Line) -> "WaiverOut":
        return cls(
            id=line.id, number=line.number, state=line.state, control=line.control,
            sentence=CONTROLS[line.control].sentence, programme=line.programme, run=line.run, period=line.period,
            households=len(line.concerns), at_most=line.at_most, reason=line.reason, evidence=line.evidence,
            risk_owner=line.risk_owner, first_day=line.first_day, last_day=line.last_day, asked_by=line.asked_by,
            asked_at=line.asked_at, answered_by=line.granted_by, answered_at=line.answered_at,
            revoked_by=line.revoked_by, why=line.why,
        )  # fmt: skip


class FindingOut(BaseModel):
    """One payment in a list behind the sheet; its number is null where it is no longer paid. Never a name."""

    number: int | None
    household: str
    area: str | None
    together: int | None
    before: Amount | None
    after: Amount | None

    @classmethod
    def of(cls, line: FindingLine) -> "FindingOut":
        return cls(
            number=line.number, household=line.household, area=line.area, together=line.together,
            before=line.before and Amount.of(line.before), after=line.after and Amount.of(line.after),
        )  # fmt: skip
