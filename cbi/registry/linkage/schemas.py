"""What the API says of pairs: scores and levels, the records by their numbers, and never a name."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from cbi.registry.linkage.models import Finding, Pair, PairState, Thresholds, Verdict
from cbi.registry.linkage.queries import Side
from cbi.registry.linkage.staff import Listed
from cbi.registry.linkage.telling import sentence


class SayOfPair(BaseModel):
    """What was found out about a pair."""

    model_config = ConfigDict(extra="forbid")

    finding: Finding = Field(examples=["different"], description="different, same or ask_again.")
    reason: str = Field(min_length=3, max_length=500, examples=["Seen together at the office"])
    kept: UUID | None = Field(
        default=None, description="For `same`: the person whose record stays."
    )


class TakeBackPair(BaseModel):
    """Why a settled pair is opened again, or why two records stay one."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=3, max_length=500, examples=["Their birth certificates differ"])


class SideOut(BaseModel):
    """One of the two records."""

    person_id: UUID
    household_id: UUID
    household: str
    area: str | None
    size: int
    registered_at: datetime

    @classmethod
    def of(cls, side: Side) -> "SideOut":
        return cls(
            person_id=side.person_id, household_id=side.household_id, household=side.number, area=side.area,
            size=side.size, registered_at=side.registered_at,
        )  # fmt: skip


class VerdictOut(BaseModel):
    """What somebody said of the pair."""

    finding: Finding
    reason: str
    said_by: UUID | None
    said_at: datetime
    settles: bool


class PairOut(BaseModel):
    """Two people who may be the same one, and why."""

    id: UUID
    state: PairState
    per_mille: int = Field(description="The most that it came to while it was open.")
    now_per_mille: int | None = Field(
        description="What it comes to now, where facts were corrected since and it is less."
    )
    levels: dict[str, str]
    because: str
    found_at: datetime
    sides: list[SideOut]
    said: list[VerdictOut]

    @classmethod
    def of(
        cls, pair: Pair, sides: Mapping[UUID, Side], said: Mapping[UUID, Sequence[Verdict]]
    ) -> "PairOut":
        both = (sides.get(pair.first_id), sides.get(pair.second_id))
        return cls(
            id=pair.id, state=pair.state, per_mille=pair.per_mille,
            now_per_mille=pair.now_per_mille, levels=pair.levels,
            because=sentence(pair.levels), found_at=pair.found_at,
            sides=[SideOut.of(side) for side in both if side],
            said=[
                VerdictOut(
                    finding=each.finding, reason=each.reason, said_by=each.said_by, said_at=each.said_at,
                    settles=each.settles,
                )
                for each in said.get(pair.id, ())
            ],
        )  # fmt: skip


class ProposeThresholds(BaseModel):
    """Scores to ask from and to call certain, per mille."""

    model_config = ConfigDict(extra="forbid")

    ask: int = Field(ge=100, le=999, examples=[600])
    certain: int = Field(ge=100, le=1000, examples=[980])
    reason: str = Field(
        min_length=3, max_length=500, examples=["Too many namesakes are asked about"]
    )


class DecideThresholds(BaseModel):
    """Whether a proposed version holds."""

    model_config = ConfigDict(extra="forbid")

    accept: bool = Field(examples=[True])


class ThresholdsOut(BaseModel):
    """One version; without a decision it waits for somebody else."""

    version: int
    ask: int
    certain: int
    reason: str
    proposed_by: UUID
    decision: str | None
    decided_by: UUID | None

    @classmethod
    def of(cls, row: Thresholds) -> "ThresholdsOut":
        return cls(
            version=row.version, ask=row.ask, certain=row.certain, reason=row.reason, proposed_by=row.proposed_by,
            decision=row.decision, decided_by=row.decided_by,
        )  # fmt: skip


class StaffMatchOut(BaseModel):
    """A member of staff or a teller who may be a recipient."""

    id: UUID
    staff_kind: str
    staff_id: UUID
    person_id: UUID
    household: str
    found_at: datetime

    @classmethod
    def of(cls, listed: Listed) -> "StaffMatchOut":
        match = listed.match
        return cls(
            id=match.id, staff_kind=match.staff_kind, staff_id=match.staff_id, person_id=match.person_id,
            household=listed.household, found_at=match.found_at,
        )  # fmt: skip


class DecideStaffMatch(BaseModel):
    """Whether a colleague is that recipient."""

    model_config = ConfigDict(extra="forbid")

    decision: str = Field(examples=["different"], description="different or same.")
    reason: str = Field(min_length=3, max_length=500, examples=["A namesake, 20 years older"])
