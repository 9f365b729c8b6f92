"""How closing a month appears over the API."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from cbi.ledger.models import MonthClose
from cbi.ledger.schemas import Amount
from cbi.money import Money
from cbi.month_end.checklist import Check, Line
from cbi.month_end.closing import state


class LineOut(BaseModel):
    """One line of the checklist. While a `must` line is open the month cannot be closed; others take a reason."""

    check: Check
    done: bool
    must: bool
    says: str
    next_step: str

    @classmethod
    def of(cls, line: Line) -> "LineOut":
        return cls(
            check=line.check, done=line.done, must=line.must, says=line.says, next_step=line.next_step
        )  # fmt: skip


class ProposeClose(BaseModel):
    """Why each line of the checklist that is open stays open; empty when all is done."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"reasons": {"discrepancies": "The post office answers in December."}}
        }
    )

    reasons: dict[Check, str] = Field(default_factory=dict)


class ConfirmClose(BaseModel):
    """The fresh one-time code of whoever confirms."""

    model_config = ConfigDict(json_schema_extra={"example": {"one_time_code": "123456"}})

    one_time_code: str = Field(pattern=r"^[0-9]{6}$")


class AskReopening(BaseModel):
    """Why a closed month has to be opened again."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"reason": "The auditor asks for the bank's own statement."}}
    )

    reason: str = Field(min_length=3, max_length=500)


class OpenOut(BaseModel):
    """What was open when the month was closed, and why."""

    check: Check
    says: str
    reason: str


class KeptBalanceOut(BaseModel):
    """All accounts of one kind in one currency at the end of the month."""

    code: str
    debits: Amount
    credits: Amount


class CloseOut(BaseModel):
    """One closing of a month: `state` is proposed, closed or reopened."""

    month: str
    number: int
    state: str
    through: date
    balances: list[KeptBalanceOut]
    funds: list[dict[str, Any]]
    open: list[OpenOut]
    waivers: list[str] = Field(description="One sentence for each that held in the month.")
    seal: str
    proposed_by: UUID
    proposed_at: datetime
    confirmed_by: UUID | None
    confirmed_at: datetime | None
    refusal_id: UUID | None
    reopen_reason: str | None
    reopen_asked_by: UUID | None
    reopened_by: UUID | None
    reopened_at: datetime | None

    @classmethod
    def of(cls, close: MonthClose) -> "CloseOut":
        return cls(
            month=f"{close.month:%Y-%m}", number=close.number, state=state(close), through=close.facts["through"],
            balances=[
                KeptBalanceOut(
                    code=line["code"], debits=_amount(line["debits"], line["currency"]),
                    credits=_amount(line["credits"], line["currency"]),
                )
                for line in close.facts["balances"]
            ],
            funds=[_fund(fund) for fund in close.facts["funds"]],
            open=[OpenOut(**line) for line in close.facts["open"]],
            waivers=close.facts.get("waivers", []), seal=close.seal.hex(),
            proposed_by=close.proposed_by, proposed_at=close.proposed_at, confirmed_by=close.confirmed_by,
            confirmed_at=close.confirmed_at, refusal_id=close.refusal_id, reopen_reason=close.reopen_reason,
            reopen_asked_by=close.reopen_asked_by, reopened_by=close.reopened_by, reopened_at=close.reopened_at,
        )  # fmt: skip


def _amount(minor: int, currency: str) -> Amount:
    return Amount.of(Money(minor, currency))


def _fund(kept: dict[str, Any]) -> dict[str, Any]:
    """Where one fund's money was, amounts as text."""
    return {
        name: Money(value, kept["currency"]).decimal if isinstance(value, int) else value
        for name, value in kept.items()
    }
