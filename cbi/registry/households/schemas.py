"""How households and their changes appear over the API: numbers, roles and initials, never a name or a number in full."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from cbi.registry.households.asked import Asked, read_personal
from cbi.registry.households.models import ChangeKind, HouseholdRequest
from cbi.registry.households.queries import ChangeShown, HouseholdShown, MemberShown
from cbi.registry.households.requests import Said
from cbi.registry.households.troubles import NEXT_STEPS, Trouble


class PersonalIn(BaseModel):
    """What identifies somebody. It is sealed, and never comes back over the API."""

    name: str = Field(default="", max_length=300)
    sex: str = Field(default="", max_length=40)
    born_on: str = Field(default="", max_length=40, examples=["2024-05-31"])
    age: str = Field(default="", max_length=10)
    document_kind: str = Field(default="", max_length=100)
    document: str = Field(default="", max_length=100)
    phone: str = Field(default="", max_length=100)
    word: str = Field(
        default="", max_length=100, description="What a collector without a document says."
    )


class ChangeIn(BaseModel):
    """A change of a household. Which of the rest must be said depends on the kind; docs/households.md has the table."""

    kind: ChangeKind = Field(examples=["born"])
    reason: str = Field(min_length=3, max_length=500, examples=["seen on a visit"])
    happened_on: date | None = Field(default=None, description="Today if left out.")
    evidence: str | None = Field(
        default=None, max_length=200, examples=["certificate seen on 3 March"]
    )
    version: int | None = Field(
        default=None,
        ge=0,
        description="The version that you looked at; refused if it has changed since.",
    )
    person: UUID | None = Field(default=None, description="The member concerned.")
    other: UUID | None = Field(
        default=None,
        description="Of a merge the other household, of its undoing the merge, of a guardian the guardian.",
    )
    people: list[UUID] = Field(default=[], max_length=60, description="Who leaves in a split.")
    head: UUID | None = None
    collector: UUID | None = None
    same: dict[UUID, UUID] = Field(
        default={},
        description="Of a merge: people of the other household, and who they are in this one.",
    )
    needs: dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=4)]] = Field(
        default={},
        max_length=100,
        description="Of a split: of each named need how many of those concerned leave, or `both`.",
        examples=[{"disability": "1", "no shelter": "both"}],
    )
    size: int | None = Field(default=None, ge=1, le=60)
    area: str | None = Field(default=None, max_length=100)
    language: str | None = Field(default=None, max_length=40)
    reference: str | None = Field(default=None, max_length=100)
    decided_on: date | None = None
    decided_by: str | None = Field(default=None, max_length=100)
    consent_on: date | None = None
    personal: PersonalIn = Field(default_factory=PersonalIn, repr=False)

    def asked(self, session: Session, household: UUID) -> Asked:
        """The change as the use case takes it. Raises UnusableChange."""
        told = self.model_dump(exclude={"personal", "people"})
        return Asked(
            household=household, people=tuple(self.people),
            personal=read_personal(session, self.personal.model_dump()), **told,
        )  # fmt: skip


class SaidOut(BaseModel):
    """What became of it: made at once, or waiting under a number until a second person has confirmed it."""

    kind: ChangeKind
    change_id: UUID | None
    request: int | None
    lapses_at: datetime | None

    @classmethod
    def of(cls, said: Said) -> "SaidOut":
        return cls(
            kind=said.kind, change_id=said.change_id, request=said.request, lapses_at=said.lapses_at
        )


class ConfirmIn(BaseModel):
    """The second person's word."""

    again: str = Field(
        default="",
        max_length=60,
        description="The new telephone, else the new document, as you read it from the paper, where there is one.",
    )
    face_to_face: bool = Field(
        default=False,
        description="The person stood before you, so a code may go to a new telephone at once.",
    )


class RefuseIn(BaseModel):
    """Why not."""

    remark: str = Field(min_length=3, max_length=500, examples=["no certificate"])


class ConfirmedOut(BaseModel):
    """The change that was made."""

    change_id: UUID


class MemberOut(BaseModel):
    """Somebody in a household."""

    id: UUID
    initials: str | None
    sex: str
    born_year: int | None
    roles: list[str]
    gone: str | None
    guardian: str | None

    @classmethod
    def of(cls, shown: MemberShown) -> "MemberOut":
        return cls(
            id=shown.id, initials=shown.initials, sex=shown.sex, born_year=shown.born_year, roles=list(shown.roles),
            gone=shown.gone, guardian=shown.guardian,
        )  # fmt: skip


class ChangeOut(BaseModel):
    """One thing that happened to a household."""

    id: UUID
    version: int
    kind: ChangeKind
    happened_on: date
    reason: str
    evidence: str | None
    details: dict[str, Any]
    recorded_by: UUID | None
    confirmed_by: UUID | None
    recorded_at: datetime

    @classmethod
    def of(cls, shown: ChangeShown) -> "ChangeOut":
        return cls(
            id=shown.id, version=shown.version, kind=ChangeKind(shown.kind), happened_on=shown.happened_on,
            reason=shown.reason, evidence=shown.evidence, details=dict(shown.details), recorded_by=shown.recorded_by,
            confirmed_by=shown.confirmed_by, recorded_at=shown.recorded_at,
        )  # fmt: skip


class HouseholdStoryOut(BaseModel):
    """A household as it is, or was at the end of a day, with its people and all its changes."""

    id: UUID
    source: str
    source_id: str
    on: date | None
    status: str
    size: int
    area: str | None
    language: str
    version: int
    members: list[MemberOut]
    changes: list[ChangeOut]

    @classmethod
    def of(cls, shown: HouseholdShown) -> "HouseholdStoryOut":
        return cls(
            id=shown.id, source=shown.source, source_id=shown.source_id, on=shown.on, status=shown.status,
            size=shown.size, area=shown.area, language=shown.language, version=shown.version,
            members=[MemberOut.of(each) for each in shown.members],
            changes=[ChangeOut.of(each) for each in shown.changes],
        )  # fmt: skip


class WaitingOut(BaseModel):
    """A change that waits for a second person. What it says of somebody is sealed, and only named here."""

    request: int
    kind: ChangeKind
    household: str
    household_id: UUID
    person: UUID | None
    happened_on: date
    reason: str
    evidence: str | None
    details: dict[str, Any]
    asked_by: UUID
    asked_at: datetime
    lapses_at: datetime

    @classmethod
    def of(cls, row: HouseholdRequest, number: str) -> "WaitingOut":
        return cls(
            request=row.id, kind=row.kind, household=number, household_id=row.household_id, person=row.person_id,
            happened_on=row.happened_on, reason=row.reason, evidence=row.evidence, details=row.details,
            asked_by=row.asked_by, asked_at=row.asked_at, lapses_at=row.lapses_at,
        )  # fmt: skip


class TroubleOut(BaseModel):
    """A household that nobody can be paid for, or a child whom nobody answers for."""

    household: str
    household_id: UUID
    trouble: Trouble
    next_step: str

    @classmethod
    def of(cls, household_id: UUID, number: str, trouble: str) -> "TroubleOut":
        what = Trouble(trouble)
        return cls(
            household=number, household_id=household_id, trouble=what, next_step=NEXT_STEPS[what]
        )


class ReassessmentOut(BaseModel):
    """A household that went through a split or merge: so many needs and bands are carried over, and when to look again."""

    household: str
    household_id: UUID
    reassess_by: date
    carried_over: int

    @classmethod
    def of(cls, household_id: UUID, number: str, by: date, rows: int) -> "ReassessmentOut":
        return cls(household=number, household_id=household_id, reassess_by=by, carried_over=rows)
