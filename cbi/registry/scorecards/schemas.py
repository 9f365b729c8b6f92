"""How scorecards and assessments appear over the API: scores and bands; answers and reasons only where they are opened."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from cbi.registry.purposes import Purpose
from cbi.registry.schemas import RowOut
from cbi.registry.scorecards import telling
from cbi.registry.scorecards.assessing import Opened
from cbi.registry.scorecards.forms import TakenIn
from cbi.registry.scorecards.landing import Landed
from cbi.registry.scorecards.models import Assessment, ScorecardVersion
from cbi.registry.scorecards.versions import Proposed

SHOWN_ROWS = 200


class ProposeScorecard(BaseModel):
    """A scorecard file (YAML), as docs/scorecards.md describes it."""

    file: str = Field(min_length=1, max_length=256 * 1024, examples=["scorecard: vulnerability\n…"])


class ProposedOut(BaseModel):
    """The version that waits for a second person; `changed` is false when the file says what is there already."""

    code: str
    version: int
    changed: bool
    warnings: list[str]

    @classmethod
    def of(cls, made: Proposed) -> "ProposedOut":
        return cls(
            code=made.code, version=made.version, changed=made.changed, warnings=list(made.warnings)
        )


class RefuseWith(BaseModel):
    """Why it is refused."""

    reason: str = Field(min_length=3, max_length=500, examples=["the field has not tried it"])


class ScorecardOut(BaseModel):
    """One version of a scorecard, without its text."""

    code: str
    version: int
    digest: str
    proposed_by: UUID
    proposed_at: datetime
    decision: str | None
    decided_by: UUID | None
    decided_at: datetime | None
    reason: str | None

    @classmethod
    def of(cls, row: ScorecardVersion) -> "ScorecardOut":
        return cls(
            code=row.code, version=row.version, digest=row.digest.hex(), proposed_by=row.proposed_by,
            proposed_at=row.proposed_at, decision=row.decision, decided_by=row.decided_by,
            decided_at=row.decided_at, reason=row.reason,
        )  # fmt: skip


class ScorecardTextOut(ScorecardOut):
    """One version with its text, word for word."""

    text: str

    @classmethod
    def of(cls, row: ScorecardVersion) -> "ScorecardTextOut":
        return cls(**ScorecardOut.of(row).model_dump(), text=row.text)


class Assess(BaseModel):
    """What one household answered, by the names of the scorecard's questions."""

    household: str = Field(
        min_length=1, max_length=200, description="The registration number, or source/number.", examples=["H-0042"]
    )  # fmt: skip
    scorecard: str = Field(min_length=2, max_length=40, examples=["vulnerability"])
    form: Literal["short", "long"] = "long"
    answers: dict[str, str | int | bool | list[str]] = Field(
        max_length=120, examples=[{"rent": "late", "days_hungry": 3, "health": ["chronic"]}]
    )
    on: date | None = Field(default=None, description="The day of the visit; today if left out.")
    source: str = Field(default="visit", min_length=3, max_length=100)
    reason: str | None = Field(
        default=None, max_length=500, description="Why it puts an earlier assessment right."
    )


class LandedOut(BaseModel):
    """What came of it. Without a band the household is for the long form; `waits`: a second person has to accept it."""

    id: int
    score: str
    band: str | None
    waits: bool

    @classmethod
    def of(cls, landed: Landed) -> "LandedOut":
        return cls(
            id=landed.id,
            score=telling.shown_score(landed.score),
            band=landed.band,
            waits=landed.waits,
        )


class TakenInOut(BaseModel):
    """What came of a filled form, with the first rows that could not be taken."""

    form_id: int
    scorecard: str
    version: int
    form: str
    dry_run: bool
    taken: int
    unchanged: int
    empty: int
    flagged: int
    waiting: int
    refused: int
    bands: dict[str, int]
    rows: list[RowOut]

    @classmethod
    def of(cls, result: TakenIn, language: str) -> "TakenInOut":
        return cls(
            form_id=result.form_id, scorecard=result.scorecard, version=result.version,
            form=result.form, dry_run=result.dry_run, **result.counts(), bands=result.bands,
            rows=[RowOut.of(note, language) for note in result.rows[:SHOWN_ROWS]],
        )  # fmt: skip


class AssessmentOut(BaseModel):
    """An assessment without what was answered."""

    id: int
    household_id: UUID
    scorecard: str
    version: int
    form: str
    assessed_on: date
    source: str
    score: str
    band: str | None
    corrects: int | None
    reason: str | None
    needs_second: bool
    noted_by: UUID | None
    noted_at: datetime

    @classmethod
    def of(cls, row: Assessment) -> "AssessmentOut":
        return cls(
            id=row.id, household_id=row.household_id, scorecard=row.scorecard, version=row.version,
            form=row.form, assessed_on=row.assessed_on, source=row.source,
            score=telling.shown_score(row.score_hundredths), band=row.band, corrects=row.corrects,
            reason=row.reason, needs_second=row.needs_second, noted_by=row.noted_by,
            noted_at=row.noted_at,
        )  # fmt: skip


class OpenAssessment(BaseModel):
    """For what the answers are opened, and in which language the reasons are told; the look is written down."""

    purpose: Purpose = Purpose.ASSESSMENT
    language: Literal["en", "fr", "ar", "es"] = "en"


class OpenedOut(AssessmentOut):
    """An assessment with answers and reasons: without both once the person's data was erased, without answers in time."""

    band_name: str
    answers: dict[str, Any] | None
    reasons: list[str]

    @classmethod
    def told(cls, opened: Opened, language: str) -> "OpenedOut":
        """In that language."""
        content = opened.content
        return cls(
            **AssessmentOut.of(opened.row).model_dump(),
            band_name=telling.band_name(opened.scorecard, opened.row.band, language),
            answers=content.get("answers") if content else None,
            reasons=list(telling.reasons(opened.scorecard, content["reasons"], language))
            if content
            else [],
        )
