"""How exchange rates and deals appear over the API: rates as text, exact, never as a JSON number."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from cbi.ledger import deals, reference_rates
from cbi.ledger.fx_models import Deal, ReferenceRate
from cbi.ledger.fx_positions import Changed, Holding
from cbi.ledger.schemas import Amount

_CURRENCY = Field(pattern="^[A-Z]{3}$", description="ISO 4217 code.")
_RATE = "Digits with at most one full stop, or a fraction such as `1000/7`."


class FxCode(BaseModel):
    """The fresh one-time code of whoever confirms."""

    model_config = ConfigDict(json_schema_extra={"example": {"one_time_code": "123456"}})

    one_time_code: str = Field(pattern=r"^[0-9]{6}$")


class Withdraw(BaseModel):
    """Why it is dropped; whoever proposed it reads it."""

    reason: str = Field(min_length=3, max_length=500, examples=["The ticket says another amount"])


class ConfirmRate(FxCode):
    """The fresh one-time code, and the rate typed once more from the paper where it is far from the last one."""

    rate: str = Field(default="", max_length=40, description=_RATE)


class EnterRate(BaseModel):
    """What one unit of `base` was worth in `quote` on a day (today when it is left out), and who says so."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "base": "EUR", "quote": "DZD", "rate": "145.2035", "source": "Bank of Algeria", "day": "2026-11-20",
            }
        }
    )  # fmt: skip

    base: str = _CURRENCY
    quote: str = _CURRENCY
    rate: str = Field(max_length=40, description=_RATE)
    source: str = Field(min_length=3, max_length=500)
    day: date | None = None


class RateOut(BaseModel):
    """An exchange rate; it counts once it is `confirmed`. While it waits: the `last` one, and the `change` against it."""

    id: UUID
    base: str
    quote: str
    rate: str
    day: date
    source: str
    state: str
    proposed_by: UUID
    proposed_at: datetime
    confirmed_by: UUID | None
    confirmed_at: datetime | None
    last: str | None = None
    change: str | None = None

    @classmethod
    def of(cls, row: ReferenceRate, change: reference_rates.Change | None = None) -> "RateOut":
        return cls(
            id=row.id, base=row.base, quote=row.quote, rate=reference_rates.rate_of(row).written, day=row.day,
            source=row.source, state=reference_rates.state(row), proposed_by=row.proposed_by,
            proposed_at=row.proposed_at, confirmed_by=row.confirmed_by, confirmed_at=row.confirmed_at,
            last=str(change.last) if change else None, change=change.percent if change else None,
        )  # fmt: skip


class AmountIn(BaseModel):
    """An amount of money, with at most the decimals that the currency has."""

    amount: str = Field(max_length=40)
    currency: str = _CURRENCY


class ProposeDeal(BaseModel):
    """What the bank's ticket says. Without a rate it is worked out from the amounts; without a day it is of today."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "fund": "echo-26",
                "reference": "BNA-FX-2026-0077",
                "sold": {"amount": "10000.00", "currency": "EUR"},
                "bought": {"amount": "1452035.00", "currency": "DZD"},
                "rate": "145.2035",
                "dealt_on": "2026-11-20",
            }
        }
    )

    fund: str = Field(max_length=40)
    reference: str = Field(max_length=100)
    sold: AmountIn
    bought: AmountIn
    rate: str | None = Field(None, max_length=40, description=_RATE)
    dealt_on: date | None = None
    value_date: date | None = Field(
        None,
        description="When the bank moved the money; if left out, the day on which the deal is confirmed.",
    )


class DealOut(BaseModel):
    """A deal; it is booked once it is `confirmed`. `spread` and `residual` above zero are a loss."""

    id: UUID
    reference: str
    fund_id: UUID
    sold: Amount
    bought: Amount
    rate: str
    dealt_on: date
    value_date: date | None
    reference_rate_id: UUID
    spread: Amount
    residual: Amount
    state: str
    proposed_by: UUID
    proposed_at: datetime
    confirmed_by: UUID | None
    confirmed_at: datetime | None

    @classmethod
    def of(cls, deal: Deal) -> "DealOut":
        bought = deals.bought_of(deal)
        return cls(
            id=deal.id, reference=deal.reference, fund_id=deal.fund_id, sold=Amount.of(deals.sold_of(deal)),
            bought=Amount.of(bought), rate=deals.rate_of(deal).written, dealt_on=deal.dealt_on,
            value_date=deal.value_date, reference_rate_id=deal.reference_rate_id, spread=Amount.of(deals.spread_of(deal)),
            residual=Amount.of(deals.residual_of(deal)), state=deals.state(deal), proposed_by=deal.proposed_by,
            proposed_at=deal.proposed_at, confirmed_by=deal.confirmed_by, confirmed_at=deal.confirmed_at,
        )  # fmt: skip


class HoldingOut(BaseModel):
    """Money in one currency, and what it would be worth in the office's; `why_not` where that cannot be said."""

    bank: Amount
    floats: Amount
    position: Amount
    worth: Amount | None
    rate: str | None
    why_not: str

    @classmethod
    def of(cls, held: Holding) -> "HoldingOut":
        return cls(
            bank=Amount.of(held.bank), floats=Amount.of(held.floats), position=Amount.of(held.position),
            worth=held.worth and Amount.of(held.worth), rate=str(held.rate) if held.rate else None,
            why_not=held.why_not,
        )  # fmt: skip


class ChangedOut(BaseModel):
    """All deals from one currency into another, and what they have cost beside the reference rates."""

    deals: int
    sold: Amount
    bought: Amount
    average: str
    spread: Amount
    residual: Amount

    @classmethod
    def of(cls, pair: Changed) -> "ChangedOut":
        return cls(
            deals=pair.deals, sold=Amount.of(pair.sold), bought=Amount.of(pair.bought), average=pair.average.about,
            spread=Amount.of(pair.spread), residual=Amount.of(pair.residual),
        )  # fmt: skip


class FxPositions(BaseModel):
    """What is held in each currency, and what was changed."""

    holdings: list[HoldingOut]
    changed: list[ChangedOut]
