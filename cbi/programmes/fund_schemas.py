"""How the moving of funds between programmes and donors appears over the API."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from cbi.ledger.request_models import Decision, RequestKind
from cbi.ledger.schemas import Amount, MoveMoney
from cbi.programmes.fund_requests import Request


class Allocate(MoveMoney):
    """An amount, its paper, and the code of the fund where the programme draws on several."""

    fund: str | None = Field(None, max_length=40)


class AskRefund(BaseModel):
    """Unspent money in the fund's currency, the donor's letter that asks for it, and why."""

    amount: str = Field(max_length=40)
    reference: str = Field(max_length=100)
    reason: str = Field(min_length=3, max_length=500)


class AskReturn(AskRefund):
    """Unspent budget in the programme's currency, with its paper and why: back to its fund, or to another programme."""

    to_programme: str | None = Field(None, max_length=40)
    fund: str | None = Field(None, max_length=40)


class AskLoss(AskRefund):
    """Money that is lost with a provider, in the currency of the programme that bears it, its paper, and why."""

    provider: str = Field(min_length=1, max_length=64)
    fund: str | None = Field(None, max_length=40)


class AskRecovery(AskLoss):
    """What came back after it was given up: to our account with the provider, or to our bank."""

    to_bank: bool = False
    value_date: date | None = Field(None, description="When it came back, as the paper says.")


class Confirmation(BaseModel):
    """A fresh one-time code."""

    one_time_code: str = Field(pattern=r"^[0-9]{6}$")


class Refusal(BaseModel):
    """Why not, in words that the others will read."""

    reason: str = Field(min_length=3, max_length=500)


class RequestOut(BaseModel):
    """One request to move a fund's money. Nothing has moved while there is no `decision`."""

    number: int
    kind: RequestKind
    fund: str
    from_programme: str | None
    to_programme: str | None
    provider: str | None
    """With whom money was lost, of a request to give it up or to take it back into the books."""
    amount: Amount
    reference: str
    reason: str
    value_date: date | None
    """When it came back, of what was lost with a provider."""
    asked_by: str
    asked_at: datetime
    decision: Decision | None
    decided_by: str | None
    decided_at: datetime | None
    remark: str | None

    @classmethod
    def of(cls, request: Request) -> "RequestOut":
        told = {name: getattr(request, name) for name in cls.model_fields if name != "amount"}
        return cls(amount=Amount.of(request.amount), **told)
