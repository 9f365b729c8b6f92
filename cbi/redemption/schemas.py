"""How counters, tellers and redemptions appear over the API. Codes come in and never go out."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field, SecretStr

from cbi.ledger.schemas import Amount
from cbi.money import Money
from cbi.redemption.counter import Receipt
from cbi.redemption.holding import Authorised
from cbi.redemption.models import CounterOffice, Teller
from cbi.redemption.queries import CodeStanding, TellerDay
from cbi.redemption.refusals import Refused
from cbi.redemption.reissuing import Reissued
from cbi.redemption.shortages import Elsewhere, Shortage
from cbi.redemption.states import CollectedAs


class TellerSignIn(BaseModel):
    """A teller's user name and password, and the country office whose money they pay."""

    office: str = Field(max_length=31)
    username: str = Field(max_length=100)
    password: SecretStr = Field(max_length=200)


class TellerToken(BaseModel):
    """What to send with each request as `Authorization: Bearer …`."""

    token: str


class Authorise(BaseModel):
    """What the teller typed: the code, and what the person showed or said."""

    code: SecretStr = Field(max_length=100, description="In any grouping and any digits.")
    factor: SecretStr = Field(
        SecretStr(""),
        max_length=100,
        description="The last four characters of the document or card, or the word; empty where a supervisor vouched.",
    )


class AuthorisedOut(BaseModel):
    """Right: the code is held for this teller. Confirm before the cash leaves the hand."""

    outcome: Literal["authorised"] = "authorised"
    authorisation_id: UUID
    receipt: str
    amount: Amount
    held_until: datetime
    smallest_part: Amount | None = Field(
        None, description="Where it may be handed over in parts: the least that a part may be."
    )
    collected_as: CollectedAs = Field(
        description="Who was recognised: the primary collector, the alternate, or a child's guardian."
    )

    @classmethod
    def of(cls, held: Authorised) -> "AuthorisedOut":
        return cls(
            authorisation_id=held.authorisation_id, receipt=held.receipt, amount=Amount.of(held.amount),
            held_until=held.held_until, smallest_part=Amount.of(held.parts.smallest) if held.parts else None,
            collected_as=held.collected_as,
        )  # fmt: skip


class RefusedOut(BaseModel):
    """Do not pay: why, and what to do. The try was counted."""

    outcome: Literal["refused"] = "refused"
    code: str = Field(description="Stable; programs may rely on it.")
    message: str
    next_step: str
    tries_left: int | None = Field(
        None, description="Wrong tries left before a pause, where that matters."
    )

    @classmethod
    def of(cls, no: Refused) -> "RefusedOut":
        return cls(
            code=no.code, message=no.message, next_step=no.next_step, tries_left=no.tries_left
        )


class ReceiptOut(BaseModel):
    """Paid: hand over exactly this amount."""

    authorisation_id: UUID
    receipt: str
    amount: Amount
    paid_at: datetime
    office: str
    left: Amount | None = Field(
        None,
        description="What is still to be paid, under a new code; none where this was all of it.",
    )
    last_day: date | None = Field(None, description="Until when what is left can be cashed.")
    collected_as: CollectedAs = Field(
        description="Who took it: the primary collector, the alternate, or a child's guardian."
    )

    @classmethod
    def of(cls, receipt: Receipt) -> "ReceiptOut":
        return cls(
            authorisation_id=receipt.authorisation_id, receipt=receipt.receipt, amount=Amount.of(receipt.amount),
            paid_at=receipt.paid_at, office=receipt.office, last_day=receipt.last_day,
            left=Amount.of(receipt.left) if receipt.left else None, collected_as=receipt.collected_as,
        )  # fmt: skip


class PaidOutOut(BaseModel):
    receipt: str
    amount: Amount
    paid_at: datetime


class UnansweredOut(BaseModel):
    """A hold neither confirmed nor given up: say at the end of the day which it was."""

    authorisation_id: UUID
    receipt: str
    amount: Amount
    held_until: datetime


class TellerDayOut(BaseModel):
    """One teller's day: what was paid, its totals by currency, and what was left open."""

    day: date
    count: int
    totals: list[Amount]
    paid: list[PaidOutOut]
    unanswered: list[UnansweredOut]

    @classmethod
    def of(cls, day: TellerDay) -> "TellerDayOut":
        return cls(
            day=day.day,
            count=len(day.paid),
            totals=[Amount.of(total) for total in day.totals],
            paid=[
                PaidOutOut(receipt=each.receipt, amount=Amount.of(each.amount), paid_at=each.paid_at)
                for each in day.paid
            ],
            unanswered=[
                UnansweredOut(
                    authorisation_id=each.authorisation_id, receipt=each.receipt, amount=Amount.of(each.amount),
                    held_until=each.held_until,
                )
                for each in day.unanswered
            ],
        )  # fmt: skip


class NewCounterOffice(BaseModel):
    """An office of a provider to open: `code` is the provider's own number for it."""

    provider: str = Field(max_length=60)
    code: str = Field(max_length=30)
    name: str = Field(max_length=120)
    area: str | None = Field(None, max_length=120)


class CounterOfficeOut(BaseModel):
    id: UUID
    provider: str
    code: str
    name: str
    area: str | None
    closed_at: datetime | None

    @classmethod
    def of(cls, office: CounterOffice) -> "CounterOfficeOut":
        return cls(
            id=office.id, provider=office.provider, code=office.code, name=office.name, area=office.area,
            closed_at=office.closed_at,
        )  # fmt: skip


class NewTeller(BaseModel):
    """A teller to register at an office, with a first password."""

    office_id: UUID
    username: str = Field(max_length=40)
    full_name: str = Field(max_length=120)
    password: SecretStr = Field(max_length=200)


class TellersPassword(BaseModel):
    """A password that a supervisor sets, and tells the teller by another way than this system."""

    password: SecretStr = Field(max_length=200)


class MoveTeller(BaseModel):
    """The office a teller works at from now on."""

    office_id: UUID


class TellerOut(BaseModel):
    id: UUID
    office_id: UUID
    username: str
    full_name: str
    disabled_at: datetime | None

    @classmethod
    def of(cls, teller: Teller) -> "TellerOut":
        return cls(
            id=teller.id, office_id=teller.office_id, username=teller.username, full_name=teller.full_name,
            disabled_at=teller.disabled_at,
        )  # fmt: skip


class Because(BaseModel):
    """Why, in a few words and without anybody's number."""

    reason: str = Field(max_length=400)


class ReissuedOut(BaseModel):
    """The new code's public locator and last day; the code itself goes to the telephone on record."""

    locator: str
    expires_on: date
    reissues: int

    @classmethod
    def of(cls, new: Reissued) -> "ReissuedOut":
        return cls(locator=new.locator, expires_on=new.expires_on, reissues=new.reissues)


class VouchedOut(BaseModel):
    """Until when the code can be paid without a second factor."""

    until: datetime


class CodeStandingOut(BaseModel):
    """How a payment's code stands: never the code."""

    locator: str
    state: str
    issued_at: datetime
    expires_on: date
    held_until: datetime | None
    wrong_secrets: int
    wrong_factors: int
    reissues: int

    @classmethod
    def of(cls, code: CodeStanding) -> "CodeStandingOut":
        return cls(
            locator=code.locator, state=code.state.value, issued_at=code.issued_at, expires_on=code.expires_on,
            held_until=code.held_until, wrong_secrets=code.wrong_secrets, wrong_factors=code.wrong_factors,
            reissues=code.reissues,
        )  # fmt: skip


class AskedFor(BaseModel):
    """What somebody asked for, if it is known: as text, in whole units with the currency's decimals."""

    amount: str = Field(max_length=40, examples=["25000.00"])
    currency: str = Field(max_length=3, examples=["DZD"])

    def money(self) -> Money:
        """The amount. Raises UnusableAmount, UnknownCurrency."""
        return Money.parse(self.amount, self.currency)


class PartToPay(BaseModel):
    """How much is handed over now of what is held. The same hold confirmed again leads to the same receipt."""

    amount: AskedFor


class NoCash(BaseModel):
    """A counter has not enough cash. With `authorisation_id` that hold is given up, and its amount is what counts."""

    authorisation_id: UUID | None = None
    asked_for: AskedFor | None = None


class OfficeHasNoCash(BaseModel):
    """An office has not enough cash."""

    asked_for: AskedFor | None = None


class ElsewhereOut(BaseModel):
    """Another office near by where the person can get the money."""

    code: str
    name: str


class NoCashOut(BaseModel):
    """Noted; nothing was paid, and code and payment are as they were. What to tell the person: they can go elsewhere."""

    elsewhere: list[ElsewhereOut]

    @classmethod
    def of(cls, offices: Sequence[Elsewhere]) -> "NoCashOut":
        return cls(elsewhere=[ElsewhereOut(code=each.code, name=each.name) for each in offices])


class ShortageOut(BaseModel):
    """An office that said it had not enough cash, and has paid nobody since."""

    office_id: UUID
    code: str
    name: str
    provider: str
    times: int
    since: datetime
    last: datetime
    asked_for: list[Amount] = Field(
        description="One amount for each currency; what is not known is not in it."
    )

    @classmethod
    def of(cls, shortage: Shortage) -> "ShortageOut":
        return cls(
            office_id=shortage.office_id, code=shortage.code, name=shortage.name, provider=shortage.provider,
            times=shortage.times, since=shortage.since, last=shortage.last,
            asked_for=[Amount.of(amount) for amount in shortage.asked_for],
        )  # fmt: skip
