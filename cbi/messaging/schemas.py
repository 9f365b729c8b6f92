"""What the API shows of a simulated telephone."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class TextOut(BaseModel):
    """A text as it stands on the telephone."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    sender: str
    body: str


class InboxOut(BaseModel):
    """The texts on one telephone, oldest first."""

    messages: list[TextOut]
