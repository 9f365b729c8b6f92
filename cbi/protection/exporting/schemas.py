"""How lists of people that leave the house appear over the API. The list itself is never in JSON."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from cbi.http.replay import ShownOnce
from cbi.protection.exporting.asking import MOST_FETCHES
from cbi.protection.exporting.models import Export, ExportDecision
from cbi.registry.disclosing.models import Column
from cbi.registry.purposes import Purpose


class AskExport(BaseModel):
    """Whom a list is about and what it says of them: a programme (and a period of it), an area, or both."""

    programme: str | None = Field(default=None, max_length=60, examples=["winter-2026"])
    period: str | None = Field(default=None, max_length=22, examples=["2026-11"])
    area: str | None = Field(default=None, max_length=100, examples=["DZ31"])
    everybody: bool = Field(default=False, description="All members, not only those who collect.")
    columns: list[Column] = Field(
        min_length=1, max_length=20, examples=[["number", "name", "phone"]]
    )
    purpose: Purpose
    reason: str = Field(max_length=500, examples=["Call those who have not collected yet."])
    fetches: Annotated[int, Field(ge=1, le=MOST_FETCHES)] = 1
    recipient: str | None = Field(
        default=None, max_length=64, description="User name of who fetches it; absent: you.", examples=["amina.h"]
    )  # fmt: skip
    disclosure: int | None = Field(
        default=None, ge=1, le=2**31, description="Number of the disclosure that lets it go outside.", examples=[3]
    )  # fmt: skip


class ApproveExport(BaseModel):
    """A fresh one-time code of whoever approves."""

    one_time_code: str = Field(max_length=20, examples=["123456"])


class EndExport(BaseModel):
    """Why a list is refused, or revoked."""

    reason: str = Field(max_length=500, examples=["The file was sent to the wrong place."])


class ExportOut(BaseModel):
    """A list of people as it was asked for, and what became of it."""

    number: int
    purpose: Purpose
    reason: str
    columns: list[str]
    programme: str | None
    period: str | None
    area: str | None
    everybody: bool
    people: int
    goes_outside: bool
    needs_approval: bool
    decision: ExportDecision | None
    remark: str | None
    asked_by: UUID
    asked_at: datetime
    recipient: UUID
    expires_at: datetime
    fetches: int
    most_fetches: int
    passphrase_shown_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, one: Export) -> "ExportOut":
        """Shown as it stands now."""
        return cls(
            number=one.number, purpose=one.purpose, reason=one.reason, columns=one.columns, programme=one.programme,
            period=one.period, area=one.area, everybody=one.everybody, people=one.people,
            goes_outside=one.disclosure_id is not None, needs_approval=one.needs_approval, decision=one.decision,
            remark=one.remark, asked_by=one.asked_by, asked_at=one.asked_at, recipient=one.recipient_id,
            expires_at=one.expires_at, fetches=one.fetches, most_fetches=one.most_fetches,
            passphrase_shown_at=one.passphrase_at, revoked_at=one.revoked_at,
        )  # fmt: skip


class PassphraseOut(ShownOnce):
    """The passphrase of a list, in this answer and never again."""

    passphrase: str


class TakeRows(BaseModel):
    """Which rejected rows leave, up to 5,000 in one workbook."""

    import_id: UUID | None = Field(default=None, description="Of this list only; else of all.")
    purpose: Purpose = Purpose.CORRECTION


class RowsPassphraseOut(ShownOnce):
    """The passphrase of a workbook of rejected rows; it is kept nowhere, and made anew for whoever took the rows."""

    passphrase: str
