"""How a line is told to be about a payment, and what is wrong with a line or a payment that stays alone: as data.

A ladder of rules, the surest first. A rule matches by itself only where one attempt and one movement fit each other
and everything else that the line says agrees; copies of one movement count as one, and the first of them settles.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    SQLColumnExpression,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from cbi import clock
from cbi.ledger.chart import Entry
from cbi.offices import office_of
from cbi.payments import clearing
from cbi.payments.models import Attempt, Discrepancy, Payment, PaymentEvent
from cbi.payments.recovery.amount_models import AmountFinding
from cbi.payments.recovery.receivable_models import Receivable, ReceivableEvent
from cbi.payments.states import PaymentState, ReceivableState
from cbi.reconciliation.early_parts import listed_minor, rest_given_back
from cbi.reconciliation.line_candidates import debit_is_listed, is_claimed
from cbi.reconciliation.models import Match, StatementLine
from cbi.reconciliation.scratch import open_lines


@dataclass(frozen=True, slots=True)
class Rule:
    """One rung: a name with a version (raised whenever what it does changes), what it says, and how it finds.

    `finds` is given the table of attempts to search and says which of them a line names.
    """

    name: str
    says: str
    finds: Callable[[type[Attempt]], ColumnElement[bool]]


LADDER = (
    Rule(
        "R1.1",
        "The provider's own reference is that of the attempt; amount and currency are equal.",
        lambda attempt: attempt.provider_reference == StatementLine.provider_reference,
    ),
    Rule(
        "R2.1",
        "The line carries our idempotency key of the attempt; amount and currency are equal.",
        lambda attempt: attempt.idempotency_key == func.lower(StatementLine.idempotency_key),
    ),
)


def contradicts(key: ColumnElement[Any], reference: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a line says something else than the attempt (key, reference) that it was found to name.

    A line that names a known payment never settles another; what one of the two leaves open contradicts nothing.
    """
    return func.coalesce(
        or_(
            func.lower(StatementLine.idempotency_key) != key,
            StatementLine.provider_reference != reference,
        ),
        False,
    )


def reached(line_kind: ColumnElement[str], early: Collection[UUID] = ()) -> ColumnElement[bool]:
    """Whether our own books say of the line's attempt what a line of that kind says: paid, or come back.

    In the runs `early`, whose provider debits at acceptance: that it took the money, or gave it back, all of it or what
    was not handed over.
    """
    o, state = open_lines.c, case((line_kind == "payment", "paid"), else_="returned")
    now = and_(
        # A payment that was tried again may be paid by any of its attempts; the events say by which.
        Payment.attempts == 1,
        o.attempt == 1,
        or_(
            Payment.state == PaymentState.RETURNED,
            and_(Payment.state == PaymentState.PAID, line_kind == "payment"),
        ),
    )
    once = exists().where(
        PaymentEvent.payment_id == o.payment_id,
        PaymentEvent.attempt == o.attempt,
        or_(
            PaymentEvent.after == state,
            and_(line_kind == "payment", PaymentEvent.after == PaymentState.PARTLY_PAID.value),
        ),
    )
    twice = exists().where(
        Receivable.payment_id == o.payment_id, Receivable.attempt == o.attempt, ~Receivable.excess
    )
    came_back = exists().where(
        Receivable.payment_id == o.payment_id,
        ~Receivable.excess,
        ReceivableEvent.receivable_id == Receivable.id,
        ReceivableEvent.after == ReceivableState.RECOVERED.value,
        ReceivableEvent.attempt == o.attempt,
    )
    # The events are read only where the payment has moved on since: CASE, unlike OR, fixes the order.
    paid = case(
        (now, literal(value=True)),
        (line_kind == "payment", once | twice),
        else_=once | came_back,
    )
    if not early:
        return paid
    debited, credited = (
        clearing.booked(entry, o.payment_id, o.attempt)
        for entry in (Entry.DEBITED, Entry.CREDITED_BACK)
    )
    was_paid = exists().where(
        PaymentEvent.payment_id == o.payment_id, PaymentEvent.attempt == o.attempt,
        PaymentEvent.after == PaymentState.PAID.value,
    )  # fmt: skip
    # What came back of an attempt that was paid after all may be either of two movements.
    # Nor is it that credit before a line lists the debit: nobody would ask for that one any more.
    given_back = credited | rest_given_back(o.payment_id, o.attempt)
    gave_back = given_back & debit_is_listed(o.payment_id, o.attempt)
    taken = case((line_kind == "payment", debited), else_=gave_back & ~was_paid & ~twice)
    return paid | case((Payment.run_id.in_(early), taken), else_=False)


class DiscrepancyKind(StrEnum):
    """What can be wrong between a statement and our books."""

    UNKNOWN_LINE = "unknown_line"
    CONTRADICTORY_LINE = "contradictory_line"
    CURRENCY_DIFFERS = "currency_differs"
    DUPLICATE_LINE = "duplicate_line"
    AMOUNT_DIFFERS = "amount_differs"
    SETTLED_NOT_PAID = "settled_not_paid"
    RETURN_LINE = "return_line"
    AMBIGUOUS_LINE = "ambiguous_line"
    FEE_LINE = "fee_line"
    FEE_ABOVE_TARIFF = "fee_above_tariff"
    FEE_BELOW_TARIFF = "fee_below_tariff"
    FEES_NOT_RESERVED = "fees_not_reserved"
    TOP_UP_LINE = "top_up_line"
    OTHER_LINE = "other_line"
    LINE_CHANGED = "line_changed"
    MATCH_UNDONE = "match_undone"
    FINDING_MISTAKEN = "finding_mistaken"
    PAID_NOT_SETTLED = "paid_not_settled"
    NOT_COLLECTED = "not_collected"
    UNKNOWN_FOR_DAYS = "unknown_for_days"
    CREDIT_NOT_LISTED = "credit_not_listed"
    CLOSING_DIFFERS = "closing_differs"


_K = DiscrepancyKind

REVISITED = (
    _K.UNKNOWN_LINE, _K.CONTRADICTORY_LINE, _K.CURRENCY_DIFFERS, _K.DUPLICATE_LINE, _K.AMOUNT_DIFFERS,
    _K.SETTLED_NOT_PAID, _K.RETURN_LINE, _K.AMBIGUOUS_LINE, _K.TOP_UP_LINE,
    _K.FEE_LINE,
)  # fmt: skip
"""What is wrong with a line and may be explained by what happens later; about the rest, only a person can tell."""

MEANS: dict[DiscrepancyKind, str] = {
    _K.UNKNOWN_LINE: "The line names no payment that we gave to this provider.",
    _K.CONTRADICTORY_LINE: "The line's reference and key are not those of one payment.",
    _K.CURRENCY_DIFFERS: "The line names a payment, in another currency.",
    _K.DUPLICATE_LINE: "The line names a payment that another line has settled.",
    _K.AMOUNT_DIFFERS: "The line names a payment, with another amount.",
    _K.SETTLED_NOT_PAID: (
        "The provider lists that it paid, or that it took the money for the payment; our books say neither."
    ),
    _K.RETURN_LINE: (
        "The provider says that the money came back; our books say that it did not, or no line lists that it was taken."
    ),
    _K.AMBIGUOUS_LINE: "Several movements of the provider claim one payment.",
    _K.FEE_LINE: "The provider took a fee that nothing here explains.",
    _K.FEE_ABOVE_TARIFF: "The provider took a higher fee than its tariff says.",
    _K.FEE_BELOW_TARIFF: "The provider took a lower fee than its tariff says.",
    _K.FEES_NOT_RESERVED: "Fees that the tariff allows, for which the run had set nothing aside.",
    _K.TOP_UP_LINE: "The provider says that we placed money; our books do not say so under that reference.",
    _K.OTHER_LINE: "The line is of no kind that we know.",
    _K.LINE_CHANGED: "A later file tells something else about a line that we had.",
    _K.MATCH_UNDONE: "Two people found that the line is not about the payment that it was matched with.",
    _K.FINDING_MISTAKEN: "Two people took back what two people had found of the line.",
    _K.PAID_NOT_SETTLED: "Our books say that it was paid; the provider's statements do not list it.",
    _K.CREDIT_NOT_LISTED: (
        "The provider took the money when it accepted the payment; nobody was paid with it, and no statement lists it as"
        " given back."
    ),
    _K.CLOSING_DIFFERS: (
        "The provider's statement says that another amount is left with it than our books do, once what is on its way is"
        " counted."
    ),
    _K.UNKNOWN_FOR_DAYS: (
        "Nobody has known for days whether the provider paid it. Its money is set apart in the books."
    ),
    _K.NOT_COLLECTED: "It was sent on or before the last day of the statements, and is not paid yet.",
}


def verdicts(early: Collection[UUID] = ()) -> list[tuple[ColumnElement[bool], DiscrepancyKind]]:
    """What is wrong with an open line that stays unmatched: the first that holds, and one always does.

    Reads the open line, its payment, and the match that settled the same attempt (the latter two may be absent). In the
    runs `early` the provider debits at acceptance.
    """
    o = open_lines.c
    return [
        (o.kind == "fee", _K.FEE_LINE),
        (o.kind == "top_up", _K.TOP_UP_LINE),
        (o.kind == "other", _K.OTHER_LINE),
        (o.payment_id.is_(None), _K.UNKNOWN_LINE),
        (o.contrary, _K.CONTRADICTORY_LINE),
        (o.currency != Payment.currency, _K.CURRENCY_DIFFERS),
        (
            Match.line_id.is_not(None) | is_claimed(o.payment_id, o.attempt, o.kind),
            _K.DUPLICATE_LINE,
        ),
        (o.amount_minor != listed_minor(o.kind, o.attempt, early), _K.AMOUNT_DIFFERS),
        (_rivalled(early), _K.AMBIGUOUS_LINE),
        (o.kind == "return", _K.RETURN_LINE),
        (o.kind == "payment", _K.SETTLED_NOT_PAID),
    ]


def _rivalled(early: Collection[UUID]) -> ColumnElement[bool]:
    """Whether another movement, too, fits the attempt that the line names.

    Looks along the lines that stay unmatched: if one of the rivals had settled the attempt, the others were duplicates.
    """
    o = open_lines.c
    fitting = case(
        (
            and_(
                ~o.contrary,
                o.amount_minor == listed_minor(o.kind, o.attempt, early),
                o.currency == Payment.currency,
            ),
            func.coalesce(o.provider_reference, ""),
        )
    )
    of_one_attempt = (o.payment_id, o.attempt, o.kind)
    return func.min(fitting).over(partition_by=of_one_attempt) != func.max(fitting).over(
        partition_by=of_one_attempt
    )


def once_more(
    about: InstrumentedAttribute[UUID | None], subject: SQLColumnExpression[Any], same: ColumnElement[bool],
    payment_id: SQLColumnExpression[Any], attempt: SQLColumnExpression[Any],
) -> ColumnElement[str]:  # fmt: skip
    """What the subject of a discrepancy ends with that the engine settled before and that holds again: how many times.

    NULL the first time; and where two people have found what the attempt took, because they ended it. `about` is the
    column of discrepancies that names the subject, `same` says which of those are of the same kind.
    """
    settled = Discrepancy.settled_at.is_not(None) & Discrepancy.settled_by.is_(None)
    # Counted only for the few that are in this set, which is read once.
    some = subject.in_(select(about).where(settled, about.is_not(None)))
    earlier = (
        select(func.count())
        .where(about == subject, same, settled)
        .correlate_except(Discrepancy)
        .scalar_subquery()
    )
    found = exists().where(
        AmountFinding.payment_id == payment_id, AmountFinding.attempt == attempt,
        AmountFinding.confirmed_by.is_not(None),
    )  # fmt: skip
    times = case((some, case((~found, func.nullif(earlier, 0)))))
    return literal(":").concat(cast(times, String))


def began(session: Session, day: SQLColumnExpression[date]) -> ColumnElement[Any]:
    """The beginning of a day in the office's calendar, as an instant, and never later than now."""
    zone = office_of(session).timezone.key
    return func.least(func.timezone(zone, cast(day, DateTime)), literal(clock.now()))
