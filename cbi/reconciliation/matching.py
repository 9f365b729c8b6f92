"""Comparing a provider's statements with our payments: what agrees is matched, all else is kept as a discrepancy."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import KeyedColumnElement

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.db import planned_for_sets
from cbi.fsp.adapter import PaysOverCounter
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import Outcome, ProviderUpdate
from cbi.payments.models import Attempt, Discrepancy, Payment
from cbi.payments.moves import move
from cbi.payments.outcomes import disputes, suspense
from cbi.payments.outcomes.outcomes import apply
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.runs.runs import find
from cbi.payments.sending import providers
from cbi.payments.states import ON_ITS_WAY, PaymentState, ReceivableState
from cbi.reconciliation import (
    closing_balances,
    coverage,
    credits,
    early_debits,
    fees,
    leftovers,
    monthly_fees,
    remembering,
    suspending,
)
from cbi.reconciliation.early_parts import listed_minor
from cbi.reconciliation.line_candidates import is_claimed
from cbi.reconciliation.models import STANDS, Match, StatementFile, StatementLine, UndoneMatch
from cbi.reconciliation.rules import LADDER, REVISITED, contradicts, reached
from cbi.reconciliation.scratch import added, fill, open_lines
from cbi.reconciliation.statements import one_at_a_time


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one reconciliation did: lines read and matched, payments confirmed, discrepancies opened and settled; and how
    many lines went to suspense or left it.
    """

    provider: str
    lines: int
    confirmed: int
    matched: int
    opened: int
    settled: int
    suspended: int
    fees: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything is other than it was before."""
        return any(
            (self.confirmed, self.matched, self.opened, self.settled, self.suspended, self.fees)
        )


def reconcile(session: Session, actor: Actor, provider: str) -> Reconciled:
    """Match the provider's lines with our payments, and keep a discrepancy for all that does not agree.

    Twice changes nothing. Where the engine itself checks the codes, a line never makes a payment paid; elsewhere it is
    the provider's word that a payment was, or, where it debits at acceptance, that it was accepted. Raises
    AdapterUnavailable.
    """
    actor.require(Permission.STATEMENT_IMPORT)
    we_know_better = isinstance(providers.adapter(provider), PaysOverCounter)
    one_at_a_time(session, provider)
    # Sets of a million rows are joined in memory or not at all; the setting lasts until whole tables are asked last.
    session.execute(text("SET LOCAL work_mem = '128MB'"))
    remembering.remember(session, provider)
    lines = _gather(session, provider)
    fees.take_apart(session, provider)
    early = early_debits.runs_of(session, provider)
    if early:
        early_debits.book_what_went_and_came_back(session, provider, early)
    confirmed = 0
    if not we_know_better:
        confirmed = _confirm(session, early) + _book_facts(session, provider, early)
    matched = _match(session, early)
    if early:  # what came back is settled once the line is by which it was taken
        matched += _match(session, early, open_lines.c.kind == "return")
    charged = fees.book(session, provider)
    leftovers.judge(session, provider, early)
    suspended = suspending.book(session, provider)
    charged += monthly_fees.book(session, provider)
    owner_id = actor.id if actor.kind == "user" else None
    settled = leftovers.settle(session, provider) + coverage.settle(session, provider)
    settled += credits.settle(session, provider)
    opened = leftovers.open_all(session, provider, owner_id)
    with planned_for_sets(session):
        opened += coverage.open_all(session, provider, owner_id)
    opened += credits.open_all(session, provider, early, owner_id)
    opened += fees.open_all(session, provider, owner_id) if charged else 0
    with planned_for_sets(session):
        differ, agree = closing_balances.compare(session, provider, owner_id)
    opened, settled = opened + differ, settled + agree
    session.execute(
        update(StatementFile)
        .where(StatementFile.provider == provider, StatementFile.reconciled_at.is_(None))
        .values(reconciled_at=clock.now())
    )
    done = Reconciled(provider, lines, confirmed, matched, opened, settled, suspended, charged)
    if done.changed:
        record(
            session, actor, "statement.reconciled", "provider", provider, lines=lines, confirmed=confirmed,
            matched=matched, opened=opened, settled=settled, suspended=suspended,
            fees=charged,
        )  # fmt: skip
    return done


def _gather(session: Session, provider: str) -> int:
    """Find the attempt that each open line names: lines never compared before, and those that stayed alone."""
    fresh = StatementLine.statement_id.in_(
        select(StatementFile.id).where(
            StatementFile.provider == provider, StatementFile.reconciled_at.is_(None)
        )
    )
    alone = and_(
        StatementLine.id.in_(
            select(Discrepancy.line_id).where(
                Discrepancy.provider == provider, Discrepancy.line_id.is_not(None), Discrepancy.kind.in_(REVISITED)
            ).union_all(
                select(SuspendedLine.line_id).where(SuspendedLine.provider == provider, suspense.OPEN)
            )
        ),
        ~exists().where(Match.line_id == StatementLine.id, STANDS),
        ~suspending.found_by_people(),
        ~fresh,
    )  # fmt: skip
    return fill(session, open_lines, _named(provider, fresh), _named(provider, alone))


def _named(provider: str, lines: ColumnElement[bool]) -> Select[Any]:
    rungs = [(rule, aliased(Attempt)) for rule in LADDER]
    attempts = [attempt for _, attempt in rungs]
    query = select(
        StatementLine.id, StatementLine.statement_id, StatementLine.line_id, StatementLine.kind,
        StatementLine.amount_minor, StatementLine.currency, StatementLine.value_date,
        StatementLine.provider_reference,
        case(*((attempt.payment_id.is_not(None), rule.name) for rule, attempt in rungs)),
        func.coalesce(*(attempt.payment_id for attempt in attempts)),
        func.coalesce(*(attempt.number for attempt in attempts)),
        contradicts(
            func.coalesce(*(attempt.idempotency_key for attempt in attempts)),
            func.coalesce(*(attempt.provider_reference for attempt in attempts)),
        ),
        literal(0),
    ).where(lines)  # fmt: skip
    higher: list[ColumnElement[bool]] = []
    for rule, attempt in rungs:
        query = query.outerjoin(
            attempt, and_(attempt.provider == provider, rule.finds(attempt), *higher)
        )
        higher.append(attempt.payment_id.is_(None))
    return query


def _settling(condition: ColumnElement[bool], early: Collection[UUID]) -> Select[Any]:
    """The open lines that settle the attempt they name: one for each attempt, whatever order they came in.

    Copies of one movement (same attempt, same reference) count as one, and the earliest of them settles; several
    movements that claim one attempt by the same rule settle nothing.
    """
    o = open_lines.c
    attempt = (o.payment_id, o.attempt, o.kind)
    reference = func.coalesce(o.provider_reference, "")
    by_rule = (*attempt, o.rule)
    fitting = (
        select(
            o.id, o.statement_id, o.payment_id, o.attempt, o.kind, o.rule, o.amount_minor,
            Payment.run_id, Payment.provider, Payment.state,
            func.row_number()
            .over(partition_by=attempt, order_by=(o.rule, o.value_date, o.line_id.collate("C")))
            .label("place"),
            func.min(reference).over(partition_by=by_rule).label("lowest"),
            func.max(reference).over(partition_by=by_rule).label("highest"),
        )
        .join(Payment, Payment.id == o.payment_id)
        .where(
            o.kind.in_(["payment", "return"]), ~o.contrary,
            o.amount_minor == listed_minor(o.kind, o.attempt, early),
            o.currency == Payment.currency, ~is_claimed(o.payment_id, o.attempt, o.kind), condition,
        )
        .subquery("fitting")
    )  # fmt: skip
    return select(fitting).where(fitting.c.place == 1, fitting.c.lowest == fitting.c.highest)


def _confirm(session: Session, early: list[UUID]) -> int:
    """Book the provider's word that payments were made, for those whose outcome was still open.

    In the runs `early` it is its word that it has accepted those of which nobody knew; what is being sent at this moment
    has its answer yet to come.
    """
    is_early = Payment.run_id.in_(early)
    unknown = and_(is_early, Payment.state == PaymentState.UNKNOWN)
    done = _go_on(session, unknown, PaymentState.ACCEPTED) if early else 0
    return done + _go_on(session, and_(~is_early, Payment.state.in_(ON_ITS_WAY)), PaymentState.PAID)


def _go_on(session: Session, open_ones: ColumnElement[bool], after: PaymentState) -> int:
    """Move those of these payments that a line settles, and that are not held."""
    o = open_lines.c
    still_open = and_(
        o.kind == "payment",
        Payment.attempts == o.attempt,
        open_ones,
        Payment.entitlement_id.not_in(disputes.owed_back()),
    )
    settling = _settling(still_open, ()).subquery()
    groups = session.execute(
        select(settling.c.statement_id, settling.c.run_id, settling.c.provider, settling.c.state)
        .distinct()
        .order_by(settling.c.run_id, settling.c.statement_id, settling.c.provider, settling.c.state)
    ).all()
    confirmed = 0
    for statement_id, run_id, provider, state in groups:
        chosen = select(settling.c.payment_id, settling.c.attempt).where(
            settling.c.statement_id == statement_id
        )
        confirmed += move(
            session, find(session, run_id), tuple_(Payment.id, Payment.attempts).in_(chosen), state,
            after, provider=provider, source=f"statement:{statement_id}",
        )  # fmt: skip
    return confirmed


def _book_facts(session: Session, provider: str, early: list[UUID]) -> int:
    """Book what lines say of which our books hold the contrary: paid after all, paid twice, what is owed back came back.

    One after the other: these are few, and each is looked at by somebody. In the runs `early` a line says neither: money
    may have gone and come back before.
    """
    owed_back = exists().where(
        Receivable.payment_id == open_lines.c.payment_id,
        Receivable.state == ReceivableState.OPEN,
        ~Receivable.excess,
    )
    known = reached(open_lines.c.kind, early)
    says_so = (open_lines.c.kind == "payment") | owed_back
    facts = _settling(and_(~known, says_so, Payment.run_id.not_in(early)), early).subquery()
    rows = session.execute(
        select(facts.c.payment_id, facts.c.attempt, facts.c.kind, facts.c.statement_id).order_by(
            facts.c.payment_id, facts.c.attempt, facts.c.kind
        )
    ).all()
    outcome = {"payment": Outcome.PAID, "return": Outcome.RETURNED}
    for payment_id, attempt, kind, statement_id in rows:
        news = ProviderUpdate(idempotency_key(payment_id, attempt), outcome[kind])
        apply(session, news, provider=provider, source=f"statement:{statement_id}")
    return len(rows)


def _match(session: Session, early: list[UUID], which: ColumnElement[bool] | None = None) -> int:
    """Append a match for every line (`which`, or all) that settles an attempt of which our books say the same."""
    known = reached(open_lines.c.kind, early)
    settling = _settling(known if which is None else and_(which, known), early).subquery()
    columns = ("payment_id", "attempt", "kind", "rule", "amount_minor")
    return added(
        session,
        upsert(Match)
        .from_select(
            ["line_id", *columns, "matched_at", "undone", "again"],
            select(
                settling.c.id,
                *(settling.c[name] for name in columns),
                literal(clock.now()),
                literal(0),
                _undone_before(settling.c),
            ),
            include_defaults=False,
        )
        .on_conflict_do_nothing(),
    )


def _undone_before(
    settling: ReadOnlyColumnCollection[str, KeyedColumnElement[Any]],
) -> ColumnElement[int]:
    """How many matches of the attempt were undone; counted only where one was."""
    u = UndoneMatch
    these = select(func.count()).where(
        u.payment_id == settling.payment_id, u.attempt == settling.attempt, u.kind == settling.kind
    )
    was_undone = settling.payment_id.in_(select(u.payment_id))
    return case((was_undone, these.scalar_subquery()), else_=0)
