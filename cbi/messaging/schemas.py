"""What the API shows of texts, and of a simulated telephone."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from cbi.messaging.inbound import LONGEST
from cbi.messaging.states import MessageState, Reason


class TextOut(BaseModel):
    """A text as it stands on the telephone."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    sender: str
    body: str


class InboxOut(BaseModel):
    """The texts on one telephone, oldest first."""

    messages: list[TextOut]


class SayIn(BaseModel):
    """A text that somebody sends to an office."""

    office: str
    text: str = Field(max_length=LONGEST)


class SaidOut(BaseModel):
    """`new` is false when exactly this text came before."""

    new: bool


class TextsOut(BaseModel):
    """How many texts stand where; see `cbi.messaging.queries.Texts`."""

    model_config = ConfigDict(from_attributes=True)

    queued: int
    late: int
    handed_over: int
    delivered: int
    undeliverable: int
    not_sent: int
    unknown: int
    withdrawn: int
    reasons: dict[Reason, int]
    unheard: int


class MessageOut(BaseModel):
    """One text: which, about which payment, and why it did not arrive. Neither its words nor its number."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    template: str
    language: str
    payment_id: UUID | None
    state: MessageState
    reason: Reason | None
    tries: int
    created_at: datetime
    handed_over_at: datetime | None
