"""How complaints appear over the API. The number that complained never does."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from cbi.helpline.handling import ANSWERS
from cbi.helpline.models import Complaint
from cbi.helpline.queries import ComplaintSheet
from cbi.helpline.states import Category, ComplaintState, Outcome
from cbi.messaging.choices import Level


class ComplaintOut(BaseModel):
    """A complaint in a list. Its words are shown one complaint at a time, and every look is on record."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    number: int
    category: Category
    urgent: bool
    sensitive: bool
    state: ComplaintState
    payment_id: UUID | None
    person_id: UUID | None
    opened_at: datetime
    due_at: datetime
    owner_id: UUID | None
    closed_at: datetime | None
    outcome: Outcome | None

    @classmethod
    def of(cls, complaint: Complaint) -> "ComplaintOut":
        return cls.model_validate(complaint)


class WroteOut(BaseModel):
    """What the person wrote, and when it came in."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    words: str


class DoneOut(BaseModel):
    """What was done, by whom, and what they noted."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    act: str
    actor_id: UUID | None
    note: str | None


class PaidByOut(BaseModel):
    """Who handed over the money that it is about."""

    model_config = ConfigDict(from_attributes=True)

    receipt: str
    office: str
    teller: str
    at: datetime


class ComplaintSheetOut(BaseModel):
    """One complaint with its words and its story."""

    complaint: ComplaintOut
    number_ends_in: str
    wrote: list[WroteOut]
    done: list[DoneOut]
    paid_by: PaidByOut | None

    @classmethod
    def from_sheet(cls, sheet: ComplaintSheet) -> "ComplaintSheetOut":
        return cls(
            complaint=ComplaintOut.of(sheet.complaint),
            number_ends_in=sheet.number_ends_in,
            wrote=[WroteOut.model_validate(each) for each in sheet.wrote],
            done=[DoneOut.model_validate(each) for each in sheet.done],
            paid_by=PaidByOut.model_validate(sheet.paid_by) if sheet.paid_by else None,
        )


class HiddenOut(BaseModel):
    """How many open complaints only protection officers see."""

    sensitive: int


class AnswerComplaint(BaseModel):
    """Which answer to send."""

    answer: str = Field(max_length=30, description=f"One of {', '.join(ANSWERS)}.")


class NoteOnComplaint(BaseModel):
    """What was said or found, in a few words; it is sealed."""

    note: str = Field(max_length=2000)


class CloseComplaint(BaseModel):
    """How it ended, and what was found."""

    outcome: Outcome
    note: str = Field(max_length=2000)


class AssignComplaint(BaseModel):
    """Whose it is from now on."""

    owner_id: UUID


class ChoosePrivacy(BaseModel):
    """How much texts may tell the person."""

    level: Level
