"""How the books appear over the API: amounts as text with all decimals, never as a JSON number."""

from datetime import date

from pydantic import BaseModel, Field

from cbi.ledger.queries import Balance, FundPosition
from cbi.money import Money


class Amount(BaseModel):
    """An amount of money."""

    amount: str
    currency: str

    @classmethod
    def of(cls, money: Money) -> "Amount":
        return cls(amount=money.decimal, currency=money.currency)


class MoveMoney(BaseModel):
    """An amount and the reference of the paper that proves it."""

    amount: str = Field(max_length=40)
    currency: str = Field(max_length=3)
    reference: str = Field(max_length=100)


class MoveAtTheBank(MoveMoney):
    """Money that moved at the bank: on the day that the paper says, or today."""

    value_date: date | None = Field(None, description="When the bank moved it; today if left out.")


class Moved(BaseModel):
    """`booked` is false when this reference had been booked before: nothing changed."""

    booked: bool


class BalanceOut(BaseModel):
    """One line of the trial balance."""

    code: str
    name: str
    plane: str
    debits: Amount
    credits: Amount
    balance: Amount

    @classmethod
    def of(cls, line: Balance) -> "BalanceOut":
        return cls(
            code=line.code, name=line.name, plane=line.plane, debits=Amount.of(line.debits),
            credits=Amount.of(line.credits), balance=Amount.of(line.balance),
        )  # fmt: skip


class FundPositionOut(BaseModel):
    """Where one fund's money is in one currency. `converted`: what deals took out of it, below zero what they brought."""

    code: str
    name: str
    granted: Amount
    received: Amount
    unallocated: Amount
    available: Amount
    committed: Amount
    in_transit: Amount
    awaiting: Amount
    delivered: Amount
    written_off: Amount
    uncovered: Amount
    converted: Amount
    fx_borne: Amount
    fees: Amount

    @classmethod
    def of(cls, fund: FundPosition) -> "FundPositionOut":
        amounts = {
            name: Amount.of(getattr(fund, name))
            for name in cls.model_fields
            if name not in {"code", "name"}
        }
        return cls(code=fund.code, name=fund.name, **amounts)
