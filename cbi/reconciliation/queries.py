"""What people ask about statements and discrepancies: which came, what each settled, what is open and for how long."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import NotFound
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Discrepancy, Payment
from cbi.programmes.models import Programme
from cbi.reconciliation.models import Match, StatementFile, StatementLine

AGES = ((0, 7), (8, 30), (31, 60), (61, 90), (91, None))
"""The buckets of an ageing table: from and to, in whole days, both included; the last has no end."""


class UnknownStatement(NotFound):
    """No such statement."""

    code = "statement.unknown"


@dataclass(frozen=True, slots=True)
class KindOfLine:
    """How many lines of one kind a statement has, what they add up to, and how many are matched."""

    kind: str
    lines: int
    matched: int
    total: Money


@dataclass(frozen=True, slots=True)
class StatementSheet:
    """One statement: its lines by kind, and what is still open about them."""

    file: StatementFile
    kinds: tuple[KindOfLine, ...]
    open_discrepancies: int


@dataclass(frozen=True, slots=True)
class KindTotal:
    """Open discrepancies of one kind in one currency. `ageing` counts them by `AGES`; days are calendar days."""

    kind: str
    currency: str | None
    count: int
    total: Money | None
    oldest_days: int
    ageing: tuple[int, ...]


def statements(actor: Actor, provider: str | None = None) -> Select[StatementFile]:
    """The statements of all providers, or of one. They are about every programme, so only for the whole office."""
    actor.require(Permission.DISCREPANCY_READ)
    found = select(StatementFile)
    return found if provider is None else found.where(StatementFile.provider == provider)


def sheet(session: Session, actor: Actor, statement_id: UUID) -> StatementSheet:
    """One statement with what became of it. Raises UnknownStatement."""
    actor.require(Permission.DISCREPANCY_READ)
    file = session.get(StatementFile, statement_id, populate_existing=True)
    if file is None:
        raise UnknownStatement(
            "There is no such statement.", next_step="See GET /api/v1/statements."
        )
    kinds = session.execute(
        select(
            StatementLine.kind, StatementLine.currency, func.count(), func.count(Match.line_id),
            func.sum(StatementLine.amount_minor),
        )
        .outerjoin(Match, Match.line_id == StatementLine.id)
        .where(StatementLine.statement_id == statement_id)
        .group_by(StatementLine.kind, StatementLine.currency)
        .order_by(StatementLine.kind, StatementLine.currency)
    )  # fmt: skip
    open_about_it = session.scalar(
        select(func.count())
        .select_from(Discrepancy)
        .join(StatementLine, StatementLine.id == Discrepancy.line_id)
        .where(StatementLine.statement_id == statement_id, Discrepancy.settled_at.is_(None))
    )
    return StatementSheet(
        file,
        tuple(
            KindOfLine(kind, lines, matched, Money(int(total), currency))
            for kind, currency, lines, matched, total in kinds
        ),
        int(open_about_it or 0),
    )


def discrepancies(
    actor: Actor,
    *,
    kind: str | None = None,
    is_open: bool | None = None,
    provider: str | None = None,
    owner_id: UUID | None = None,
) -> Select[Discrepancy]:
    """The discrepancies that the actor may see, filtered.

    Whoever works for some programmes only sees those about their payments.
    """
    found = select(Discrepancy).where(*_visible(actor))
    if kind is not None:
        found = found.where(Discrepancy.kind == kind)
    if is_open is not None:
        found = found.where(
            Discrepancy.settled_at.is_(None) if is_open else Discrepancy.settled_at.is_not(None)
        )
    if provider is not None:
        found = found.where(Discrepancy.provider == provider)
    if owner_id is not None:
        found = found.where(Discrepancy.owner_id == owner_id)
    return found


def _visible(actor: Actor) -> list[ColumnElement[bool]]:
    programmes = actor.programmes(Permission.DISCREPANCY_READ)
    if programmes is not None and not programmes:
        actor.require(Permission.DISCREPANCY_READ)
    if programmes is None:
        return []
    theirs = (
        select(Payment.id)
        .join(Programme, Programme.id == Payment.programme_id)
        .where(Programme.code.in_(programmes))
    )
    return [Discrepancy.payment_id.in_(theirs)]


def age_days(session: Session, found: Discrepancy) -> int:
    """Whole calendar days since it began: until today, or until it was settled."""
    zone = office_of(session).timezone
    until = (found.settled_at or clock.now()).astimezone(zone).date()
    return max(0, (until - found.since.astimezone(zone).date()).days)


def summary(session: Session, actor: Actor, provider: str | None = None) -> list[KindTotal]:
    """What is open, by kind and currency: how many, how much, how old. The counts add up to all that is open."""
    zone = office_of(session).timezone
    today = clock.today(zone)
    began = func.date(func.timezone(zone.key, Discrepancy.since))
    days = func.greatest(today - began, 0)
    buckets = [
        func.count().filter(days >= start, *([days <= end] if end is not None else []))
        for start, end in AGES
    ]
    open_now = discrepancies(actor, is_open=True, provider=provider).with_only_columns(
        Discrepancy.kind,
        Discrepancy.currency,
        func.count(),
        func.sum(Discrepancy.amount_minor),
        func.max(days),
        *buckets,
    )
    rows = session.execute(
        open_now.group_by(Discrepancy.kind, Discrepancy.currency).order_by(
            Discrepancy.kind, Discrepancy.currency
        )
    )
    return [
        KindTotal(
            kind,
            currency,
            count,
            Money(int(total), currency) if currency and total is not None else None,
            oldest,
            tuple(ageing),
        )
        for kind, currency, count, total, oldest, *ageing in rows
    ]
