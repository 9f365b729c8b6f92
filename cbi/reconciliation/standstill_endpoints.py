"""Standing still over HTTP: whether the office does, stopping it, and the two people who let it go on."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.audit import standstill
from cbi.audit.standstill_models import Standstill
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.ledger.schemas import Amount
from cbi.reconciliation import going_on
from cbi.reconciliation.going_on import Told

router = Router(tags=["standstill"])
Reader = Annotated[Actor, Depends(may(Permission.FUND_READ))]
Closer = Annotated[Actor, Depends(may(Permission.BOOKS_CLOSE))]


class StopOffice(BaseModel):
    """Why nothing may leave the office."""

    model_config = ConfigDict(json_schema_extra={"example": {"reason": "The disk was replaced."}})

    reason: str = Field(min_length=3, max_length=500)


class AskToGoOn(BaseModel):
    """What was looked at before the office goes on."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"reason": "All statements until today agree with the books."}
        }
    )

    reason: str = Field(min_length=3, max_length=500)


class ConfirmGoingOn(BaseModel):
    """The fresh one-time code of whoever lets the office go on."""

    model_config = ConfigDict(json_schema_extra={"example": {"one_time_code": "123456"}})

    one_time_code: str = Field(pattern=r"^[0-9]{6}$")


class ToldOut(BaseModel):
    """What one provider has told since. `enough`: nothing of this provider keeps the office from going on."""

    provider: str
    enough: bool
    gives_statements: bool
    taken_in: datetime | None = Field(description="When its last statement came since.")
    through: date | None = Field(description="The last day that it tells about.")
    reconciled: bool
    lacking: list[Amount] = Field(description="What lines are missing by its own balances.")
    undecided: int = Field(description="Lines of it that nobody has explained yet.")

    @classmethod
    def of(cls, each: Told) -> "ToldOut":
        return cls(
            provider=each.provider, enough=each.is_enough, gives_statements=each.reads, taken_in=each.taken_in,
            through=each.through, reconciled=each.compared, undecided=each.undecided,
            lacking=[Amount.of(gap) for gap in each.lacking],
        )  # fmt: skip


class StandstillOut(BaseModel):
    """One standstill. Nobody began it where the engine found that the database had been restored from a backup."""

    id: UUID
    began_at: datetime
    begun_by: UUID | None
    reason: str | None
    asked_because: str | None
    asked_by: UUID | None
    asked_at: datetime | None
    ended_by: UUID | None
    ended_at: datetime | None

    @classmethod
    def of(cls, still: Standstill) -> "StandstillOut":
        return cls.model_validate(still, from_attributes=True)


class StandingOut(BaseModel):
    """Whether the office stands still at present, and what the providers have told since."""

    standstill: StandstillOut | None
    told: list[ToldOut]


@router.get("/standstill", summary="Whether nothing may leave the office now, and what is missing")
def show(session: OfficeSession, actor: Reader) -> StandingOut:
    still = standstill.now(session)
    if still is None:
        return StandingOut(standstill=None, told=[])
    told = [ToldOut.of(each) for each in going_on.told(session, still)]
    return StandingOut(standstill=StandstillOut.of(still), told=told)


@router.post(
    "/standstill",
    status_code=201,
    summary="Stop the office: no payment leaves, no code is paid, until two people let it go on",
)
def stop(session: OfficeSession, actor: Closer, body: StopOffice) -> StandstillOut:
    return StandstillOut.of(going_on.stop(session, actor, body.reason))


@router.post("/standstill/end", summary="Ask to let the office go on")
def ask(session: OfficeSession, actor: Closer, body: AskToGoOn) -> StandstillOut:
    return StandstillOut.of(going_on.ask(session, actor, body.reason))


@router.post("/standstill/end/confirmation", summary="Let the office go on as a colleague asked")
def confirm(session: OfficeSession, actor: Closer, body: ConfirmGoingOn) -> StandstillOut:
    return StandstillOut.of(going_on.confirm(session, actor, body.one_time_code))
