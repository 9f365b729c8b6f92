"""How it appears over the API which fund pays what, and what no fund pays."""

from typing import Any

from pydantic import BaseModel

from cbi.ledger.schemas import Amount
from cbi.payments.runs.funding import Funding, Why
from cbi.payments.runs.unfunded import Left, LeftLine, Reason


class PassedOut(BaseModel):
    """An earlier fund that does not pay so many payments of a run, and why."""

    fund: str
    why: Why
    payments: int


class FundingOut(BaseModel):
    """Why a run is paid from its fund: its place in the order of so many, what alone it pays, and who passed."""

    fund: str
    place: int
    of: int
    last_resort: bool
    version: int
    pays: dict[str, Any]
    passed: list[PassedOut]

    @classmethod
    def of_run(cls, funding: Funding) -> "FundingOut":
        return cls(
            fund=funding.fund, place=funding.place, of=funding.of, last_resort=funding.last_resort,
            version=funding.version, pays=dict(funding.pays),
            passed=[
                PassedOut(fund=each.fund, why=each.why, payments=each.payments) for each in funding.passed
            ],
        )  # fmt: skip


class LeftOut(BaseModel):
    """So many entitlements that are in no run, for one reason: a stable word, and a sentence for people."""

    reason: Reason
    sentence: str
    entitlements: int
    total: Amount

    @classmethod
    def of(cls, left: Left) -> "LeftOut":
        return cls(
            reason=left.reason, sentence=left.reason.sentence, entitlements=left.entitlements,
            total=Amount.of(left.total),
        )  # fmt: skip


class LeftLineOut(BaseModel):
    """One of them."""

    household: str
    component: str
    amount: Amount
    reason: Reason

    @classmethod
    def of(cls, line: LeftLine) -> "LeftLineOut":
        return cls(
            household=line.household, component=line.component, amount=Amount.of(line.amount), reason=line.reason
        )  # fmt: skip


class UnfundedOut(BaseModel):
    """What a cycle owes that is in no run, and the first of these entitlements by registration number."""

    left: list[LeftOut]
    entitlements: list[LeftLineOut]
