"""How baskets, prices and transfer values appear over the API."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from cbi.ledger.schemas import Amount
from cbi.programmes.baskets import AppliedBasket
from cbi.programmes.price_results import Entered
from cbi.programmes.revaluing import Outcome
from cbi.programmes.value_models import BasketVersion, PriceRound
from cbi.programmes.value_queries import PricedItem, ValueLine


class ApplyBasket(BaseModel):
    """A basket file, as text."""

    file: str = Field(
        max_length=262_144, description="The YAML text; docs/transfer-values.md says what it holds."
    )


class AppliedBasketOut(BaseModel):
    """What came of it. `changed` is false when the file said what was on record."""

    basket: str
    version: int
    changed: bool

    @classmethod
    def of(cls, applied: AppliedBasket) -> "AppliedBasketOut":
        return cls(basket=applied.basket, version=applied.version, changed=applied.changed)


class BasketOut(BaseModel):
    """The latest version of a basket, in the shape of its file."""

    basket: str
    version: int
    content: dict[str, Any]
    applied_at: datetime

    @classmethod
    def of(cls, row: BasketVersion) -> "BasketOut":
        return cls(
            basket=row.code, version=row.version, content=row.content, applied_at=row.applied_at
        )


class MakeRound(BaseModel):
    """The name of a round of prices."""

    name: str = Field(min_length=2, max_length=40, examples=["2026-03"])


class RoundOut(BaseModel):
    """A round of prices for one version of a basket; `latest` is 0 while no prices have come back."""

    number: int
    basket: str
    basket_version: int
    name: str
    latest: int
    made_at: datetime

    @classmethod
    def of(cls, row: PriceRound) -> "RoundOut":
        return cls(
            number=row.id, basket=row.basket, basket_version=row.basket_version, name=row.name,
            latest=row.latest, made_at=row.made_at,
        )  # fmt: skip


class RowOut(BaseModel):
    """A row of a price sheet with what is to be looked at: none was taken where there are reasons."""

    line: int
    reasons: list[dict[str, str]]
    warnings: list[dict[str, str]]


class PricesOut(BaseModel):
    """What came of a price sheet. `not_found` counts rows without a price."""

    round: int
    version: int
    taken: int
    not_found: int
    outliers: int
    rows: list[RowOut]
    dry_run: bool
    repeated: bool

    @classmethod
    def of(cls, made: Entered) -> "PricesOut":
        return cls(
            round=made.round_id, version=made.version, taken=made.taken, not_found=made.not_found,
            outliers=made.outliers, dry_run=made.dry_run, repeated=made.repeated,
            rows=[
                RowOut(
                    line=note.line, reasons=[each.as_json() for each in note.reasons],
                    warnings=[each.as_json() for each in note.warnings],
                )
                for note in made.rows
            ],
        )  # fmt: skip


class PriceOut(BaseModel):
    """What one unit cost at one market."""

    market: str
    price: Amount
    on: date
    source: str
    quotes: int


class ItemOut(BaseModel):
    """One item of a round with its prices and their median."""

    item: str
    name: str
    unit: str
    median: Amount | None
    prices: list[PriceOut]
    outliers: list[str]

    @classmethod
    def of(cls, item: PricedItem, currency: str) -> "ItemOut":
        return cls(
            item=item.item, name=item.name, unit=item.unit,
            median=Amount.of(item.median) if item.median else None,
            prices=[
                PriceOut(
                    market=market, price=Amount.of(answer.money(currency)), on=answer.day,
                    source=answer.source, quotes=answer.quotes,
                )
                for market, answer in item.prices.items()
            ],
            outliers=[each.market for each in item.outliers],
        )  # fmt: skip


class RoundDetailOut(RoundOut):
    """A round with its latest prices."""

    items: list[ItemOut]


class ValueOut(BaseModel):
    """A transfer value as a round of prices makes it: how, what it costs, and what was decided."""

    number: int
    programme: str
    basket: str
    basket_version: int
    round: int
    round_name: str
    base: Amount
    per_member: Amount
    base_before: Amount
    per_member_before: Amount
    trace: list[str]
    outliers: list[str]
    cost: dict[str, Any]
    digest: str
    proposed_by: UUID
    proposed_at: datetime
    decision: str | None
    decided_by: UUID | None
    decided_at: datetime | None
    reason: str | None
    made_version: int | None

    @classmethod
    def of(cls, line: ValueLine) -> "ValueOut":
        return cls(
            number=line.number, programme=line.programme, basket=line.basket, basket_version=line.basket_version,
            round=line.round_number, round_name=line.round_name, base=Amount.of(line.base),
            per_member=Amount.of(line.per_member), base_before=Amount.of(line.before[0]),
            per_member_before=Amount.of(line.before[1]), trace=list(line.trace), outliers=list(line.outliers),
            cost=line.cost, digest=line.digest, proposed_by=line.proposed_by, proposed_at=line.proposed_at,
            decision=line.decision, decided_by=line.decided_by, decided_at=line.decided_at, reason=line.reason,
            made_version=line.made_version,
        )  # fmt: skip


class OutcomeOut(BaseModel):
    """What came of a round for one programme: the number of the proposal, or why there is none."""

    programme: str
    number: int | None
    why_not: str | None

    @classmethod
    def of(cls, outcome: Outcome) -> "OutcomeOut":
        return cls(
            programme=outcome.programme, number=outcome.value.id if outcome.value else None,
            why_not=str(outcome.why_not) if outcome.why_not else None,
        )  # fmt: skip


class AcceptValue(BaseModel):
    """The fresh one-time code of whoever accepts."""

    model_config = ConfigDict(json_schema_extra={"example": {"one_time_code": "123456"}})

    one_time_code: str = Field(pattern=r"^[0-9]{6}$")


class RefuseValue(BaseModel):
    """Why it is refused; it is kept, and others read it."""

    reason: str = Field(max_length=500, examples=["The price of rice at the port is a slip."])
