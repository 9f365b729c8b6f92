"""How appeals and the clustering of scores appear over the API."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from cbi.registry.scorecards.appeal_words import Words
from cbi.registry.scorecards.clustering import Cluster
from cbi.registry.scorecards.models import Appeal


class LodgeAppeal(BaseModel):
    """What a household does not agree with: an assessment (its latest if left out)."""

    household: str = Field(
        min_length=1, max_length=200, description="The registration number, or source/number.", examples=["H-0042"]
    )  # fmt: skip
    says: str = Field(min_length=3, max_length=500, examples=["The rent was not asked about."])
    assessment: int | None = Field(default=None, ge=1, le=2**53)


class DecideAppeal(BaseModel):
    """`changed` about an assessment says what comes of it: the answers of a new one, or the number of one made since."""

    outcome: Literal["stands", "changed"]
    answer: str = Field(min_length=3, max_length=500, examples=["We visited again."])
    answers: dict[str, str | int | bool | list[str]] | None = Field(default=None, max_length=120)
    on: date | None = None
    reassessment: int | None = Field(default=None, ge=1, le=2**53)


class AppealOut(BaseModel):
    """An appeal, and how it ended. What it says and what was told are null once they were erased."""

    id: int
    household_id: UUID
    assessment_id: int | None
    cycle_id: UUID | None
    against: UUID | None
    says: str | None
    lodged_by: UUID | None
    lodged_at: datetime
    outcome: str | None
    decided_by: UUID | None
    decided_at: datetime | None
    answer: str | None
    reassessment_id: int | None

    @classmethod
    def of(cls, row: Appeal, words: Words) -> "AppealOut":
        told = {"says": words.says, "answer": words.answer}
        return cls(
            **{name: getattr(row, name) for name in cls.model_fields if name not in told}, **told
        )


class ClusterOut(BaseModel):
    """One officer's scores near one threshold, point by point from two below to two above."""

    officer: str
    band: str
    threshold: str
    bins: list[int]
    below: int
    above: int
    one_in: int | None = Field(
        description="So many above are to be expected once in so many officers; none: too few to say."
    )
    flagged: bool

    @classmethod
    def of(cls, one: Cluster) -> "ClusterOut":
        return cls(
            officer=one.officer, band=one.band, threshold=one.threshold, bins=list(one.bins),
            below=one.below, above=one.above, flagged=one.flagged,
            one_in=None if one.likelihood is None else int(1 / one.likelihood),
        )  # fmt: skip
