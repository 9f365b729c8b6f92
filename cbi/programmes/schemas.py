"""How programmes, cycles and decisions appear over the API."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from cbi.ledger.schemas import Amount
from cbi.programmes.applying import Applied
from cbi.programmes.cycles import OpenedCycle
from cbi.programmes.days_off import DayOff, DaysOff
from cbi.programmes.eligibility import Reason
from cbi.programmes.models import EligibilityDecision, Programme
from cbi.programmes.queries import CycleLine


class ApplyProgramme(BaseModel):
    """A programme file, as text."""

    definition: str = Field(description="The YAML text; docs/programme-file.md says what it holds.")


class AppliedOut(BaseModel):
    """What came of it. `changed` is false when the file said what was on record."""

    programme: str
    version: int
    changed: bool
    what_changed: list[str]

    @classmethod
    def of(cls, applied: Applied) -> "AppliedOut":
        return cls(
            programme=applied.programme,
            version=applied.version,
            changed=applied.changed,
            what_changed=list(applied.what_changed),
        )


class ProgrammeOut(BaseModel):
    """One programme."""

    code: str
    name: str
    kind: str
    currency: str
    version: int
    created_at: datetime

    @classmethod
    def of(cls, programme: Programme) -> "ProgrammeOut":
        return cls(
            code=programme.code,
            name=programme.name,
            kind=programme.kind,
            currency=programme.currency,
            version=programme.version,
            created_at=programme.created_at,
        )


class ProgrammeDetailOut(ProgrammeOut):
    """One programme with its latest rules, in the shape of the programme file."""

    definition: dict[str, Any]


class OpenCycle(BaseModel):
    """The month to open, such as 2026-01."""

    period: str


class OpenedCycleOut(BaseModel):
    """What opening came to. `already_open`: it had been opened before, and nothing was changed."""

    id: UUID
    eligible: int
    ineligible: int
    entitlements: int
    total: Amount
    already_open: bool

    @classmethod
    def of(cls, opened: OpenedCycle) -> "OpenedCycleOut":
        return cls(
            id=opened.id,
            eligible=opened.eligible,
            ineligible=opened.ineligible,
            entitlements=opened.entitlements,
            total=Amount.of(opened.total),
            already_open=opened.already_open,
        )


class CycleOut(BaseModel):
    """One payment cycle, decided under that version of the programme."""

    id: UUID
    programme: str
    period: str
    version: int
    opened_at: datetime
    eligible: int
    ineligible: int
    entitlements: int
    total: Amount

    @classmethod
    def of(cls, line: CycleLine) -> "CycleOut":
        return cls(
            id=line.id,
            programme=line.programme,
            period=line.period,
            version=line.version,
            opened_at=line.opened_at,
            eligible=line.eligible,
            ineligible=line.ineligible,
            entitlements=line.entitlements,
            total=Amount.of(line.total),
        )


class ReasonOut(BaseModel):
    """Why a household is not in: a stable word for programs, a sentence for people."""

    code: Reason
    sentence: str


class DecisionOut(BaseModel):
    """One household's decision. It is eligible when there is no reason against it."""

    household_id: UUID
    eligible: bool
    reasons: list[ReasonOut]
    decided_at: datetime

    @classmethod
    def of(cls, decision: EligibilityDecision) -> "DecisionOut":
        reasons = [Reason(code) for code in decision.reasons]
        return cls(
            household_id=decision.household_id,
            eligible=decision.eligible,
            reasons=[ReasonOut(code=reason, sentence=reason.sentence) for reason in reasons],
            decided_at=decision.decided_at,
        )


Which = Literal["ineligible", "eligible", "all"]


class WorkingWeekOut(BaseModel):
    """Days of the week, in English words."""

    days: list[str] = Field(max_length=7, examples=[["sunday", "monday", "tuesday"]])


class DayOffIn(BaseModel):
    """A day on which the office does not work; with `off` false, one on which it works after all."""

    day: date
    off: bool = True
    reason: str = Field(max_length=500, examples=["The moon was seen a day later"])


class DayOffOut(BaseModel):
    """A public holiday of the country (`holiday`), or what somebody said last of a day: `off` is what holds."""

    day: date
    off: bool
    holiday: str | None
    reason: str | None
    said_by: str | None
    said_at: datetime | None

    @classmethod
    def of(cls, day: DayOff) -> "DayOffOut":
        return cls(**asdict(day))


class DaysOffOut(BaseModel):
    """The days of a year; `known` is false where the public holidays of the country are not known here."""

    country: str
    known: bool
    days: list[DayOffOut]

    @classmethod
    def of(cls, found: DaysOff) -> "DaysOffOut":
        days = [DayOffOut.of(day) for day in found.days]
        return cls(country=found.country, known=found.known, days=days)
