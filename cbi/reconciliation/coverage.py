"""Payments that the provider's statements should list and do not."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    SQLColumnExpression,
    Uuid,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Session

from cbi.fsp.messages import DeliveryMechanism
from cbi.offices import office_of
from cbi.payments.models import Attempt, Discrepancy, Payment, PaymentEvent, PaymentRun
from cbi.payments.outcomes.discrepancies import UNKNOWN_PAYMENT, open_set, settle_set
from cbi.payments.outcomes.known import HANDED_OVER, expected_minor
from cbi.payments.states import ON_ITS_WAY, RunState
from cbi.reconciliation import balances, early_debits
from cbi.reconciliation.line_candidates import is_claimed, listed_with_a_part
from cbi.reconciliation.models import STANDS, Match, StatementFile, StatementLine
from cbi.reconciliation.rules import DiscrepancyKind, once_more
from cbi.reconciliation.scratch import unexplained

TIME_TO_COLLECT = timedelta(days=14)
"""How long people have to come for their cash before it is asked why they did not (controls §1.2, "unredeemed D+14"), and
a provider that took a payment's money to say what became of it."""


def covered_until(session: Session, provider: str) -> datetime | None:
    """The end of the last day, in the office's calendar, that the provider's statements tell about."""
    last = session.scalar(
        select(func.max(StatementFile.last_day)).where(StatementFile.provider == provider)
    )
    if last is None:
        return None
    return datetime.combine(last + timedelta(days=1), time.min, office_of(session).timezone)


def _named_by_a_line(
    payment_id: SQLColumnExpression[Any], attempt: SQLColumnExpression[int]
) -> ColumnElement[bool]:
    """A line is about it and has a discrepancy of its own: that one is enough."""
    u = unexplained.c
    return exists().where(
        u.payment_id == payment_id, u.attempt == attempt, u.line_kind == "payment"
    )


def open_all(session: Session, provider: str, owner_id: UUID | None) -> int:
    """Open one discrepancy for each attempt that was paid, or sent and not paid, while the statements covered it.

    What waits at a counter is asked about once people have had two weeks to collect it; so is what a provider took when it
    accepted it, and lists.
    """
    until = covered_until(session, provider)
    if until is None:
        return 0
    paid: ColumnElement[bool] = PaymentEvent.at.is_not(None)
    unlisted: ColumnElement[bool] = Match.line_id.is_(None)
    if early_debits.runs_of(session, provider):  # it lists what nobody was paid with yet
        unlisted = or_(unlisted, ~paid)
    missing = or_(
        PaymentEvent.at < until,
        and_(
            ~paid, Attempt.number == Payment.attempts, Payment.state.in_(ON_ITS_WAY),
            Attempt.started_at < until - _time_to_be_paid(),
        ),
    )  # fmt: skip
    kind = case(
        (paid, DiscrepancyKind.PAID_NOT_SETTLED.value), else_=DiscrepancyKind.NOT_COLLECTED.value
    )
    same = and_(Discrepancy.kind == kind, Attempt.number == _ATTEMPT)
    return open_set(
        session,
        select(
            kind.label("kind"),
            func.concat(
                "payment:", Payment.id, ":", Attempt.number,
                once_more(Discrepancy.payment_id, Payment.id, same, Payment.id, Attempt.number),
            ).label("subject"),
            literal(provider).label("provider"),
            Payment.id.label("payment_id"),
            literal(None, Uuid).label("line_id"),
            expected_minor(Attempt.number).label("amount_minor"),
            Payment.currency,
            func.jsonb_build_object("attempt", Attempt.number).label("details"),
            func.coalesce(PaymentEvent.at, Attempt.started_at).label("since"),
            literal(owner_id, Uuid).label("owner_id"),
        )
        .select_from(PaymentRun)
        .join(Payment, Payment.run_id == PaymentRun.id)
        .join(Attempt, Attempt.payment_id == Payment.id)
        .outerjoin(
            Match,
            and_(
                Match.payment_id == Payment.id, Match.attempt == Attempt.number, Match.kind == "payment", STANDS,
            ),
        )
        .outerjoin(
            PaymentEvent,
            and_(
                PaymentEvent.payment_id == Payment.id, PaymentEvent.attempt == Attempt.number,
                PaymentEvent.after.in_(HANDED_OVER),
            ),
        )
        .where(
            Payment.provider == provider, PaymentRun.state.in_([RunState.RELEASING, RunState.RELEASED]),
            unlisted, missing, ~_named_by_a_line(Payment.id, Attempt.number),
            ~is_claimed(Payment.id, Attempt.number, _PAYMENT),
            ~(paid & case((Payment.parts_minor > 0, listed_with_a_part(Payment.id, Attempt.number)), else_=False)),
        ),
    )  # fmt: skip


def _time_to_be_paid() -> ColumnElement[timedelta]:
    """How long after its sending a payment may take without anybody being asked."""
    at_counter = Payment.mechanism == DeliveryMechanism.CASH_OVER_COUNTER.value
    waits = or_(at_counter, Match.line_id.is_not(None))
    return case((waits, literal(TIME_TO_COLLECT)), else_=literal(timedelta()))


def settle(session: Session, provider: str) -> int:
    """Settle what a line, or the payment's own progress, has explained since."""
    return (
        _settle_listed(session, provider)
        + _settle_collected(session, provider)
        + _settle_told(session, provider)
    )


POSTED_WITHIN = timedelta(days=1)
"""How much later than it says that it paid a provider's statement may list it."""


def _settle_told(session: Session, provider: str) -> int:
    """Settle news of payments that are none of ours once statements without a gap tell of the days since."""
    until = covered_until(session, provider)
    if until is None or balances.gaps(session, provider):
        return 0
    words = "The provider's statements tell of the days since: whatever moved is a line of theirs."
    return settle_set(
        session,
        select(Discrepancy.id, literal(words)).where(
            Discrepancy.provider == provider, Discrepancy.kind == UNKNOWN_PAYMENT,
            Discrepancy.settled_at.is_(None), Discrepancy.opened_at <= until - POSTED_WITHIN,
        ),
    )  # fmt: skip


_ATTEMPT = cast(Discrepancy.details["attempt"].astext, Integer)
_PAYMENT = literal("payment")


def _open(provider: str, kind: DiscrepancyKind) -> ColumnElement[bool]:
    return and_(
        Discrepancy.provider == provider, Discrepancy.kind == kind, Discrepancy.settled_at.is_(None)
    )


def _settle_listed(session: Session, provider: str) -> int:
    named = _named_by_a_line(Discrepancy.payment_id, _ATTEMPT)
    found = is_claimed(Discrepancy.payment_id, _ATTEMPT, _PAYMENT)
    with_a_part = listed_with_a_part(Discrepancy.payment_id, _ATTEMPT)
    return settle_set(
        session,
        select(
            Discrepancy.id,
            case(
                (
                    Match.line_id.is_not(None),
                    func.concat(
                        "Line ", StatementLine.number, " of ", StatementFile.filename, " settles it, by rule ",
                        Match.rule, ".",
                    ),
                ),
                (found, "Two people have found which line lists it."),
                (with_a_part, "The line by which an earlier part was taken lists it, too."),
                else_="A line names it without settling it, and has a discrepancy of its own.",
            ),
        )
        .outerjoin(
            Match,
            and_(
                Match.payment_id == Discrepancy.payment_id, Match.attempt == _ATTEMPT, Match.kind == "payment", STANDS,
            ),
        )
        .outerjoin(StatementLine, StatementLine.id == Match.line_id)
        .outerjoin(StatementFile, StatementFile.id == StatementLine.statement_id)
        .where(
            _open(provider, DiscrepancyKind.PAID_NOT_SETTLED),
            or_(Match.line_id.is_not(None), named, found, with_a_part),
        ),
    )  # fmt: skip


def _settle_collected(session: Session, provider: str) -> int:
    named = _named_by_a_line(Discrepancy.payment_id, _ATTEMPT)
    another, closed = Payment.attempts != _ATTEMPT, Payment.state.not_in(ON_ITS_WAY)
    return settle_set(
        session,
        select(
            Discrepancy.id,
            case(
                (another, "Another attempt was made."),
                (closed, func.concat("The payment is now ", Payment.state, ".")),
                else_="A line names it without settling it, and has a discrepancy of its own.",
            ),
        )
        .join(Payment, Payment.id == Discrepancy.payment_id)
        .where(_open(provider, DiscrepancyKind.NOT_COLLECTED), or_(another, closed, named)),
    )
