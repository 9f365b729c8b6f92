"""What people ask about statements and discrepancies: which came, what each settled, what is open and for how long."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import InstrumentedAttribute, Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import NotFound
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.outcomes import suspense
from cbi.payments.outcomes.part_models import PaymentPart
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.payments.states import PaymentState
from cbi.programmes.models import Programme
from cbi.reconciliation.models import STANDS, Match, StatementFile, StatementLine
from cbi.reconciliation.rules import DiscrepancyKind

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
class StatementMatch:
    """How well one statement agrees with our books; before it was compared, `unmatched` is None.

    `unmatched` counts its new lines that settle nothing and that nothing in our books explains.
    """

    file: StatementFile
    unmatched: int | None
    open_discrepancies: int

    @property
    def paid_out(self) -> Money:
        """What the provider says it paid out."""
        return Money(self.file.total_minor, self.file.currency)

    @property
    def per_cent(self) -> int | None:
        """How many of a hundred new lines agree, rounded down; None where there is nothing to compare."""
        if self.unmatched is None or not self.file.new_lines:
            return None
        return (self.file.new_lines - self.unmatched) * 100 // self.file.new_lines


@dataclass(frozen=True, slots=True)
class KindTotal:
    """Open discrepancies of one kind in one currency. `ageing` counts them by `AGES`; days are calendar days."""

    kind: str
    currency: str | None
    count: int
    total: Money | None
    oldest_days: int
    ageing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ProviderTotal:
    """The same for one provider, whatever the kinds."""

    provider: str
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
        .outerjoin(Match, and_(Match.line_id == StatementLine.id, STANDS))
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
    unowned: bool = False,
    statement_id: UUID | None = None,
) -> Select[Discrepancy]:
    """The discrepancies that the actor may see, filtered; of a statement, those about its lines.

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
    if unowned:
        found = found.where(Discrepancy.owner_id.is_(None))
    if statement_id is not None:
        its_lines = select(StatementLine.id).where(StatementLine.statement_id == statement_id)
        found = found.where(Discrepancy.line_id.in_(its_lines))
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
    return [KindTotal(*row) for row in _open_by(session, actor, Discrepancy.kind, provider)]


def by_provider(session: Session, actor: Actor) -> list[ProviderTotal]:
    """What is open, by provider and currency. The counts add up to all that is open."""
    return [ProviderTotal(*row) for row in _open_by(session, actor, Discrepancy.provider)]


def _open_by(
    session: Session,
    actor: Actor,
    column: InstrumentedAttribute[str],
    provider: str | None = None,
) -> Iterator[tuple[str, str | None, int, Money | None, int, tuple[int, ...]]]:
    zone = office_of(session).timezone
    today = clock.today(zone)

    def day_begins(days_ago: int) -> datetime:
        return datetime.combine(today - timedelta(days=days_ago), time(), zone)

    # Compared with instants: to find the calendar day of every row would cost more than all else.
    buckets = [
        func.count().filter(
            *([Discrepancy.since < day_begins(start - 1)] if start else []),
            *([Discrepancy.since >= day_begins(end)] if end is not None else []),
        )
        for start, end in AGES
    ]
    open_now = discrepancies(actor, is_open=True, provider=provider).with_only_columns(
        column,
        Discrepancy.currency,
        func.count(),
        func.sum(Discrepancy.amount_minor),
        func.min(Discrepancy.since),
        *buckets,
    )
    rows = session.execute(
        open_now.group_by(column, Discrepancy.currency).order_by(column, Discrepancy.currency)
    )
    for what, currency, count, total, since, *ageing in rows:
        amount = Money(int(total), currency) if currency and total is not None else None
        oldest = max(0, (today - since.astimezone(zone).date()).days)
        yield what, currency, count, amount, oldest, tuple(ageing)


def matches(session: Session, files: Collection[StatementFile]) -> list[StatementMatch]:
    """How well each of these statements agrees with our books, in their order."""
    line, found = StatementLine, Discrepancy
    suspended = found.line_id.in_(select(SuspendedLine.line_id).where(suspense.OPEN))
    unexplained = found.settled_at.is_(None) | found.settled_by.is_not(None) | suspended
    rows: Mapping[UUID, tuple[int, int]] = {
        statement_id: (unmatched, still_open)
        for statement_id, unmatched, still_open in session.execute(
            select(
                line.statement_id,
                func.count(found.line_id.distinct()).filter(
                    Match.line_id.is_(None), unexplained, found.kind != _CHANGED
                ),
                func.count().filter(found.settled_at.is_(None)),
            )
            .join(found, found.line_id == line.id)
            .outerjoin(Match, and_(Match.line_id == line.id, STANDS))
            .where(line.statement_id.in_([file.id for file in files]))
            .group_by(line.statement_id)
        )
    }
    told = []
    for file in files:
        unmatched, still_open = rows.get(file.id, (0, 0))
        told.append(StatementMatch(file, unmatched if file.reconciled_at else None, still_open))
    return told


def last_statements(session: Session, actor: Actor) -> list[StatementMatch]:
    """The latest statement of each provider."""
    latest = (
        statements(actor)
        .ext(distinct_on(StatementFile.provider))
        .order_by(StatementFile.provider, StatementFile.imported_at.desc(), StatementFile.id)
    )
    return matches(session, session.scalars(latest).all())


def settled_by_run(session: Session, run_ids: Collection[UUID]) -> dict[UUID, tuple[int, int]]:
    """By run, how many of its paid payments a statement settles, and what they add up to in minor units."""
    by_the_last = Match.attempt == Payment.attempts
    took_a_part = select(PaymentPart.attempt).where(PaymentPart.payment_id == Payment.id)
    in_parts = and_(Payment.parts_minor > 0, Match.attempt.in_(took_a_part))
    part = select(PaymentPart.amount_minor).where(
        PaymentPart.payment_id == Payment.id, PaymentPart.attempt == Match.attempt
    )
    # Of a part, the line may list all that the provider had taken when it accepted the payment.
    handed_over = case(
        (Payment.parts_minor > 0, func.coalesce(part.scalar_subquery(), Match.amount_minor)),
        else_=Match.amount_minor,
    )
    rows = session.execute(
        select(Payment.run_id, func.count().filter(by_the_last), func.sum(handed_over))
        .join(Match, and_(Match.payment_id == Payment.id, or_(by_the_last, in_parts)))
        .where(
            Payment.run_id.in_(run_ids), Payment.state == PaymentState.PAID, Match.kind == "payment", STANDS,
        )
        .group_by(Payment.run_id)
    )  # fmt: skip
    return {run_id: (count, int(minor)) for run_id, count, minor in rows}


_CHANGED = DiscrepancyKind.LINE_CHANGED.value
"""Its line may well be matched: only what a later file says of it is in question."""
