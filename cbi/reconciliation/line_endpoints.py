"""Lines that nothing explains, over HTTP: what stands in suspense, what one person reports a line to be, and that a
colleague confirms it.
"""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.ledger.schemas import Amount
from cbi.money import Money
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.reconciliation import line_findings, line_more, line_queries
from cbi.reconciliation.line_findings import Said
from cbi.reconciliation.line_more import Split
from cbi.reconciliation.line_queries import LineSheet
from cbi.reconciliation.models import LineFinding, Verdict

router = Router(tags=["reconciliation"])
Reader = Annotated[Actor, Depends(may(Permission.DISCREPANCY_READ))]


class SuspendedOut(BaseModel):
    """A line in suspense (account 1900). `effect` is what it did to our float: below zero when money left it."""

    line_id: UUID
    provider: str
    effect: Amount
    since: datetime

    @classmethod
    def of(cls, stay: SuspendedLine) -> "SuspendedOut":
        effect = Amount.of(Money(stay.effect_minor, stay.currency))
        return cls(line_id=stay.line_id, provider=stay.provider, effect=effect, since=stay.since)


class SplitOut(BaseModel):
    """What of a line that is more of a payment is delivered after all, and what is owed back."""

    delivered: Amount
    owed_back: Amount

    @classmethod
    def of(cls, split: Split) -> "SplitOut":
        return cls(delivered=Amount.of(split.delivered), owed_back=Amount.of(split.owed))


class LineFindingOut(BaseModel):
    """What one person reports a line to be. It counts once `confirmed_by` is somebody else, until `taken_back_by` names
    the finding by which two people took it back. `split`, of one that the line is more of a payment: as it was booked, or,
    before that, as it would be booked now.
    """

    id: UUID
    line_id: UUID
    verdict: Verdict
    payment_id: UUID | None
    attempt: int | None
    transfer_id: int | None
    other_line_id: UUID | None
    programme_id: UUID | None
    finding_id: UUID | None
    discrepancy_id: UUID | None
    proof: str
    reported_by: UUID
    reported_at: datetime
    confirmed_by: UUID | None
    confirmed_at: datetime | None
    taken_back_by: UUID | None
    refusal_id: UUID | None
    split: SplitOut | None

    @classmethod
    def of(cls, found: LineFinding, split: Split | None) -> "LineFindingOut":
        named = {name: getattr(found, name) for name in cls.model_fields if name != "split"}
        return cls(**named, split=SplitOut.of(split) if split else None)


class BookedOut(BaseModel):
    """A movement of our float that is as the line and that no line lists."""

    transfer_id: int
    entry: str
    day: date
    payment_id: UUID | None


class LineOut(BaseModel):
    """One line of a statement, what explains it, and what it may be.

    `booked` and `taken_back_by` can be named in a report; the amount of the line is as the provider wrote it.
    """

    id: UUID
    statement_id: UUID
    provider: str
    kind: str
    amount: Amount
    value_date: date
    reference: str | None
    matched_with: UUID | None
    in_suspense_since: datetime | None
    findings: list[LineFindingOut]
    booked: list[BookedOut]
    taken_back_by: list[UUID]

    @classmethod
    def of(cls, sheet: LineSheet) -> "LineOut":
        line = sheet.line
        return cls(
            id=line.id, statement_id=line.statement_id, provider=line.provider, kind=line.kind,
            amount=Amount.of(Money(line.amount_minor, line.currency)), value_date=line.value_date,
            reference=line.provider_reference, matched_with=sheet.match.payment_id if sheet.match else None,
            in_suspense_since=sheet.stay.since if sheet.stay else None,
            findings=[LineFindingOut.of(each, sheet.splits.get(each.id)) for each in sheet.findings],
            booked=[
                BookedOut(transfer_id=t.id, entry=t.entry, day=t.effective_on, payment_id=t.payment_id)
                for t in sheet.booked
            ],
            taken_back_by=[other.id for other in sheet.others],
        )  # fmt: skip


class LineReport(BaseModel):
    """What a line is, and where the provider says so in writing.

    `attempt`: it is this payment's (its present attempt, when none is given). `booked`: our books hold the movement
    `transfer_id`. `opposite`: `other_line_id` takes it back. `not_ours`: it stays in suspense. `refunded`: our bank has the
    money back. `lost`: a programme bears it (of `fund`, or its first). `unmatched`: the match that stands is wrong.
    `more`: more of this payment, which another line lists: what was missing came, and what goes beyond is owed back.
    `fee`: a fee that names no payment, or one that was given back, of a programme. `mistaken`: what two people found
    (`finding_id`) was wrong. `first_story`, `later_story`: which of the two is right that `discrepancy_id` tells of.
    """

    verdict: Verdict
    proof: str = Field(min_length=3, max_length=500, examples=["Letter 55 of the provider"])
    payment_id: UUID | None = None
    attempt: int | None = Field(default=None, ge=1, le=99)
    transfer_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    other_line_id: UUID | None = None
    programme: str | None = Field(default=None, max_length=64)
    fund: str | None = Field(default=None, max_length=64)
    finding_id: UUID | None = None
    discrepancy_id: UUID | None = None

    def said(self) -> Said:
        """The same, as the engine takes it."""
        return Said(**self.model_dump(exclude={"proof"}))


class LineConfirmation(BaseModel):
    """A fresh one-time code; where the line is more of a payment, also what the `split` showed to be delivered."""

    one_time_code: str = Field(pattern=r"^[0-9]{6}$")
    delivered_seen: str | None = Field(
        None, max_length=40,
        description="`split.delivered.amount` of the finding. When it is another by now, nothing is booked.",
    )  # fmt: skip


@router.get("/suspense", summary="Lines of statements that nothing explains yet, oldest first")
def suspended(
    session: OfficeSession,
    actor: Reader,
    provider: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SuspendedOut]:
    return page(
        session,
        line_queries.suspended(actor, provider),
        SuspendedOut.of,
        by=[SuspendedLine.since, SuspendedLine.line_id],
        limit=limit,
        cursor=cursor,
    )


@router.get(
    "/statement-lines/{line_id}", summary="One line, what explains it, and what was reported"
)
def show(session: OfficeSession, actor: Reader, line_id: UUID) -> LineOut:
    return LineOut.of(line_queries.sheet(session, actor, line_id))


@router.post(
    "/statement-lines/{line_id}/findings",
    status_code=201,
    summary="Report what a line is; nothing moves before a colleague confirms",
)
def report(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.DISCREPANCY_SETTLE))],
    line_id: UUID,
    body: LineReport,
) -> LineFindingOut:
    found = line_findings.report(session, actor, line_id, body.said(), body.proof)
    return LineFindingOut.of(found, line_more.split(session, found))


@router.post(
    "/line-findings/{finding_id}/confirmation",
    summary="Confirm a colleague's report: our books hold what the line is",
)
def confirm(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_AUTHORISE))],
    finding_id: UUID,
    body: LineConfirmation,
) -> LineFindingOut:
    found = line_findings.confirm(
        session, actor, finding_id, body.one_time_code, body.delivered_seen
    )
    return LineFindingOut.of(found, line_more.split(session, found))
