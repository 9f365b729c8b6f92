"""How statements and discrepancies appear over the API."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from cbi.ledger.schemas import Amount
from cbi.money import Money
from cbi.payments.models import Discrepancy
from cbi.payments.outcomes.settling import LONGEST_RESOLUTION
from cbi.reconciliation.matching import Reconciled
from cbi.reconciliation.models import StatementFile
from cbi.reconciliation.queries import KindTotal, StatementSheet, age_days
from cbi.reconciliation.rules import MEANS, DiscrepancyKind
from cbi.reconciliation.statements import TakenIn


class TakenInOut(BaseModel):
    """A statement taken in. `already` is true when this very file was here before: then nothing changed.

    `missing` is what the provider's own balances moved beyond all lines that are here: zero, or a statement is missing.
    """

    statement_id: UUID
    lines: int
    new_lines: int
    already: bool
    total: Amount
    missing: Amount | None

    @classmethod
    def of(cls, taken: TakenIn) -> "TakenInOut":
        return cls(
            statement_id=taken.statement_id, lines=taken.lines, new_lines=taken.new_lines, already=taken.already,
            total=Amount.of(taken.total), missing=Amount.of(taken.missing) if taken.missing else None,
        )  # fmt: skip


class StatementOut(BaseModel):
    """A statement as it came. `total` is what the provider says it paid out."""

    id: UUID
    provider: str
    filename: str
    digest: str
    opening: Amount | None
    closing: Amount | None
    first_day: date | None
    last_day: date | None
    lines: int
    new_lines: int
    total: Amount
    imported_by: UUID | None
    imported_at: datetime
    reconciled_at: datetime | None

    @classmethod
    def of(cls, file: StatementFile) -> "StatementOut":
        def amount(minor: int | None) -> Amount | None:
            return None if minor is None else Amount.of(Money(minor, file.currency))

        return cls(
            id=file.id, provider=file.provider, filename=file.filename, digest=file.file_digest.hex(),
            opening=amount(file.opening_minor), closing=amount(file.closing_minor), first_day=file.first_day,
            last_day=file.last_day, lines=file.line_count, new_lines=file.new_lines,
            total=Amount.of(Money(file.total_minor, file.currency)), imported_by=file.imported_by,
            imported_at=file.imported_at, reconciled_at=file.reconciled_at,
        )  # fmt: skip


class KindOfLineOut(BaseModel):
    """Lines of one kind. Lines that an earlier file brought are counted there."""

    kind: str
    lines: int
    matched: int
    total: Amount


class StatementSheetOut(StatementOut):
    """A statement and what became of its new lines."""

    kinds: list[KindOfLineOut]
    open_discrepancies: int

    @classmethod
    def from_sheet(cls, sheet: StatementSheet) -> "StatementSheetOut":
        return cls(
            **StatementOut.of(sheet.file).model_dump(),
            kinds=[
                KindOfLineOut(kind=one.kind, lines=one.lines, matched=one.matched, total=Amount.of(one.total))
                for one in sheet.kinds
            ],
            open_discrepancies=sheet.open_discrepancies,
        )  # fmt: skip


class Reconcile(BaseModel):
    """Whose statements to compare with our payments."""

    provider: str = Field(min_length=1, max_length=64)


class ReconciledOut(BaseModel):
    """What one reconciliation did; all zero but `lines` when there was nothing new. `suspended` counts the lines that went
    to suspense (account 1900) or left it.
    """

    provider: str
    lines: int
    confirmed: int
    matched: int
    opened: int
    settled: int
    suspended: int
    fees: int

    @classmethod
    def of(cls, done: Reconciled) -> "ReconciledOut":
        return cls(
            provider=done.provider, lines=done.lines, confirmed=done.confirmed, matched=done.matched,
            opened=done.opened, settled=done.settled, suspended=done.suspended,
            fees=done.fees,
        )  # fmt: skip


class DiscrepancyOut(BaseModel):
    """Something that does not agree. `means` says in words what the kind is; `age_days` counts from `since`."""

    id: UUID
    kind: str
    means: str
    provider: str
    payment_id: UUID | None
    line_id: UUID | None
    amount: Amount | None
    details: dict[str, Any]
    since: datetime
    age_days: int
    opened_at: datetime
    owner_id: UUID | None
    settled_at: datetime | None
    settled_by: UUID | None
    resolution: str | None

    @classmethod
    def of(cls, session: Session, found: Discrepancy) -> "DiscrepancyOut":
        known = found.amount_minor is not None and found.currency is not None
        return cls(
            id=found.id, kind=found.kind, means=meaning(found.kind), provider=found.provider,
            payment_id=found.payment_id, line_id=found.line_id,
            amount=Amount.of(Money(found.amount_minor or 0, found.currency or "")) if known else None,
            details=found.details, since=found.since, age_days=age_days(session, found), opened_at=found.opened_at,
            owner_id=found.owner_id, settled_at=found.settled_at, settled_by=found.settled_by,
            resolution=found.resolution,
        )  # fmt: skip


def meaning(kind: str) -> str:
    """What a kind of discrepancy is, in a sentence; kinds that other stages open speak for themselves."""
    if kind in DiscrepancyKind.__members__.values():
        return MEANS[DiscrepancyKind(kind)]
    return f"{kind.replace('_', ' ').capitalize()}."


class KindTotalOut(BaseModel):
    """Open discrepancies of one kind; `ageing` counts those of 0–7, 8–30, 31–60, 61–90 and more than 90 days."""

    kind: str
    means: str
    currency: str | None
    count: int
    total: Amount | None
    oldest_days: int
    ageing: list[int]

    @classmethod
    def of(cls, line: KindTotal) -> "KindTotalOut":
        return cls(
            kind=line.kind, means=meaning(line.kind), currency=line.currency, count=line.count,
            total=Amount.of(line.total) if line.total else None, oldest_days=line.oldest_days,
            ageing=list(line.ageing),
        )  # fmt: skip


class SettleDiscrepancy(BaseModel):
    """What explained it, in words that an auditor can follow."""

    resolution: str = Field(min_length=3, max_length=LONGEST_RESOLUTION)


class AssignDiscrepancy(BaseModel):
    """Who sees to it."""

    owner_id: UUID
