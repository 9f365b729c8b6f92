"""How it appears over the API who looked at whose data, and whose data is destroyed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from cbi.protection.erasing import Obstacle
from cbi.protection.models import Erasure
from cbi.protection.retention import Due
from cbi.registry.purposes import Purpose
from cbi.registry.viewing import Opened, Seen


class OpenedOut(BaseModel):
    """One person in clear, for as long as the answer is looked at."""

    person_id: UUID
    is_head: bool
    is_recipient: bool
    name: str | None
    phone: str | None
    document: str | None
    born_on: str | None
    erased: bool

    @classmethod
    def of(cls, one: Opened) -> "OpenedOut":
        return cls(
            person_id=one.person_id, is_head=one.is_head, is_recipient=one.is_recipient, name=one.name,
            phone=one.phone, document=one.document, born_on=one.born_on, erased=one.erased,
        )  # fmt: skip


class SeenOut(BaseModel):
    """One look at the data of a household's people."""

    seen_at: datetime
    who: str | None = Field(description="Only for whoever audits.")
    roles: list[str]
    fields: list[str]
    purpose: Purpose
    left_house: bool = Field(description="It left in a list, and was not only looked at.")
    told_to: str | None = Field(description="Who outside was told, under an approved disclosure.")

    @classmethod
    def of(cls, one: Seen) -> "SeenOut":
        return cls(
            seen_at=one.seen_at,
            who=one.who,
            roles=list(one.roles),
            fields=list(one.fields),
            purpose=one.purpose,
            left_house=one.left_house,
            told_to=one.told_to,
        )


class AskErasure(BaseModel):
    """Whose data is to be destroyed, by the numbers of their households; without numbers, whatever is due."""

    households: list[str] = Field(
        default=[], max_length=1000, examples=[["partner-oran-2026/0042"]]
    )
    reason: str = Field(max_length=500, examples=["They asked for it in their letter of 3 March."])


class ConfirmErasure(BaseModel):
    """A fresh one-time code of whoever confirms."""

    one_time_code: str = Field(max_length=20, examples=["123456"])


class RefuseErasure(BaseModel):
    """Why it is refused, or taken back."""

    reason: str = Field(max_length=500, examples=["An investigation still needs it."])


class ObstacleOut(BaseModel):
    """Why some people's data stays for now."""

    why: str
    people: int

    @classmethod
    def of(cls, one: Obstacle) -> "ObstacleOut":
        return cls(why=one.why, people=one.people)


class ErasureOut(BaseModel):
    """One proposal to destroy data, and what came of it."""

    number: int
    ground: str
    reason: str
    asked_by: UUID
    asked_at: datetime
    decision: str | None
    decided_by: UUID | None
    decided_at: datetime | None
    remark: str | None
    certificate: dict[str, Any] | None
    obstacles: list[ObstacleOut]

    @classmethod
    def of(cls, erasure: Erasure, obstacles: list[ObstacleOut] | None = None) -> "ErasureOut":
        return cls(
            number=erasure.number, ground=erasure.ground, reason=erasure.reason, asked_by=erasure.asked_by,
            asked_at=erasure.asked_at, decision=erasure.decision, decided_by=erasure.decided_by,
            decided_at=erasure.decided_at, remark=erasure.remark, certificate=erasure.certificate,
            obstacles=obstacles or [],
        )  # fmt: skip


class DueOut(BaseModel):
    """What was kept as long as it may be."""

    households: int
    people: int
    texts: int
    rows: int
    answers: int = Field(
        description="Assessments whose answers are due; score, band and reasons stay."
    )

    @classmethod
    def of(cls, due: Due) -> "DueOut":
        return cls(
            households=due.households, people=due.people, texts=due.texts, rows=due.rows, answers=due.answers
        )  # fmt: skip
