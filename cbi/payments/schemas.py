"""How runs and payments appear over the API."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from cbi.ledger.schemas import Amount
from cbi.payments.queries import RouteLine, RunLine, RunSheet


class BuildRun(BaseModel):
    """Which cycle to build a run for."""

    cycle_id: UUID


class Reason(BaseModel):
    """Why, in words that the others will read."""

    reason: str = Field(min_length=3, max_length=500)


class Signature(BaseModel):
    """The signer's fresh one-time code."""

    one_time_code: str = Field(pattern=r"^[0-9]{6}$")


class UnpaidReport(BaseModel):
    """Where the provider's written word can be found: a letter, a message, a ticket."""

    proof: str = Field(min_length=3, max_length=500)


class RunOut(BaseModel):
    """A payment run."""

    id: UUID
    number: int
    programme: str
    period: str
    providers: list[str]
    state: str
    payments: int
    total: Amount

    @classmethod
    def of(cls, line: RunLine) -> "RunOut":
        return cls(
            id=line.id, number=line.number, programme=line.programme, period=line.period,
            providers=list(line.providers), state=line.state, payments=line.payments, total=Amount.of(line.total),
        )  # fmt: skip


class RouteOut(BaseModel):
    """The part of a run that goes out by one provider; one that took nothing `waits_until` it is tried again."""

    provider: str
    mechanism: str
    payments: int
    total: Amount
    waits_until: datetime | None

    @classmethod
    def of(cls, route: RouteLine) -> "RouteOut":
        return cls(
            provider=route.provider, mechanism=route.mechanism, payments=route.payments,
            total=Amount.of(route.total), waits_until=route.waits_until,
        )  # fmt: skip


class ChangesOut(BaseModel):
    """Households that differ from the last run that went out; `against` is its period."""

    against: str | None
    new: int
    gone: int
    amount_changed: int
    account_changed: int


class RunSheetOut(RunOut):
    """What an approver signs."""

    routes: list[RouteOut]
    digest: str | None
    smallest: Amount
    median: Amount
    largest: Amount
    budget_now: Amount
    budget_after: Amount
    changes: ChangesOut
    signed: dict[str, UUID]

    @classmethod
    def from_sheet(cls, sheet: RunSheet) -> "RunSheetOut":
        changes = sheet.changes
        return cls(
            **RunOut.of(sheet.line).model_dump(), routes=[RouteOut.of(route) for route in sheet.routes],
            digest=sheet.digest, smallest=Amount.of(sheet.smallest),
            median=Amount.of(sheet.median), largest=Amount.of(sheet.largest),
            budget_now=Amount.of(sheet.budget_now), budget_after=Amount.of(sheet.budget_after),
            changes=ChangesOut(
                against=changes.against, new=changes.new, gone=changes.gone, amount_changed=changes.amount_changed,
                account_changed=changes.account_changed,
            ),
            signed=dict(sheet.signed),
        )  # fmt: skip


class StateTotalOut(BaseModel):
    """How many payments are in a state, and what they add up to."""

    state: str
    payments: int
    total: Amount


class PaymentOut(BaseModel):
    """One payment, without anything that says who it is for."""

    id: UUID
    number: int
    household_id: UUID
    amount: Amount
    state: str
    attempts: int


class EventOut(BaseModel):
    """One thing that happened to a payment."""

    at: datetime
    what: str
