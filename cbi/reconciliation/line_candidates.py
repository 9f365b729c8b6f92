"""What a line in suspense may be: movements of our float that no line lists, and lines that take it back; and what lines
list already.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import aliased

from cbi.ledger.chart import DELIVERING, FLOAT, Entry
from cbi.ledger.models import Account, FundMovement, Transfer
from cbi.payments.clearing import booked
from cbi.payments.models import Attempt
from cbi.payments.outcomes import suspense
from cbi.payments.outcomes.part_models import PaymentPart
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.payments.recovery.receivable_models import Receivable, ReceivableEvent
from cbi.reconciliation.models import (
    FOUND,
    STANDS,
    LineFinding,
    Match,
    StatementLine,
    stands,
)
from cbi.reconciliation.suspending import effect


def booked_alike(stay: SuspendedLine) -> Select[int]:
    """The movements of our float, by their ids, that are as a line in suspense and that no line lists."""
    ours = aliased(Account)
    out = stay.effect_minor < 0
    side = Transfer.credit_account_id if out else Transfer.debit_account_id
    kind = "payment" if out else "return"
    owed, came = aliased(Receivable), aliased(ReceivableEvent)
    listed = exists().where(
        Match.payment_id == func.coalesce(Transfer.payment_id, owed.payment_id), Match.kind == kind, STANDS,
        Match.attempt == case(
            (Transfer.payment_id.is_not(None), Transfer.attempt), else_=func.coalesce(came.attempt, owed.attempt)
        ),
    )  # fmt: skip
    # What left after it had come back is a movement of its own; what came in a line of its own is no part of another.
    anew = Transfer.entry.not_in(_EARLY) & booked(
        Entry.CREDITED_BACK, func.coalesce(Transfer.payment_id, owed.payment_id),
        case((Transfer.payment_id.is_not(None), Transfer.attempt), else_=owed.attempt),
    )  # fmt: skip
    whole = or_(Transfer.entry.in_(_WHOLE), owed.id.is_not(None) & owed.finding_id.is_(None))
    own = (Transfer.entry == Entry.PAID_MORE.value) & owed.finding_id.is_not(None)
    too_early = (Transfer.entry == Entry.CREDITED_BACK.value) & ~debit_is_listed(
        Transfer.source_id, Transfer.attempt
    )
    return (
        select(Transfer.id)
        .join(ours, ours.id == side)
        .outerjoin(owed, owed.id == Transfer.source_id)
        .outerjoin(
            came, (came.receivable_id == owed.id) & (came.after == "recovered") & literal(not out)
        )
        .where(
            ours.code == FLOAT.code, ours.provider == stay.provider, ours.currency == stay.currency,
            Transfer.amount_minor == abs(stay.effect_minor), Transfer.entry.not_in(_NO_MOVEMENTS), ~(whole & listed & ~anew),
            ~_left_before(), ~too_early,
            ~func.coalesce(own, literal(value=False)),
            Transfer.id.not_in(
                select(LineFinding.transfer_id).where(FOUND, LineFinding.transfer_id.is_not(None))
            ),
            ~_placed_and_listed(stay.provider),
        )
    )  # fmt: skip


_EARLY = [entry.value for entry in (Entry.DEBITED, Entry.CREDITED_BACK)]
_WHOLE = [entry.value for entry in (*DELIVERING, Entry.RETURN, Entry.DEBITED, Entry.CREDITED_BACK)]
"""Entries by which an attempt was paid, or taken for it, or came back."""


def _left_before() -> ColumnElement[bool]:
    """Whether the transfer delivered what the provider had taken before: nothing moved with it."""
    earlier = aliased(Transfer)
    cleared = exists().where(
        earlier.source_id == Transfer.source_id, earlier.attempt == Transfer.attempt,
        earlier.entry == Entry.CLEARED.value, earlier.amount_minor == Transfer.amount_minor,
    )  # fmt: skip
    return case((Transfer.entry.in_([entry.value for entry in DELIVERING]), cleared), else_=False)


_NO_MOVEMENTS = [
    entry.value
    for entry in (
        Entry.SUSPEND_DEBIT, Entry.SUSPEND_CREDIT, Entry.EXPLAIN_DEBIT, Entry.EXPLAIN_CREDIT, Entry.FEE,
        Entry.FEE_UNRESERVED, Entry.OWED_MISTAKEN, Entry.CLEARED, Entry.REST_DELIVERED, Entry.REST_MISTAKEN,
        Entry.ADOPT,
    )
]  # fmt: skip
"""Entries that are made from a line, of which each has its own; and those with which nothing moved."""


def _placed_and_listed(provider: str) -> ColumnElement[bool]:
    """Whether the transfer is money that we placed, and a line of its reference lists it."""
    return exists().where(
        FundMovement.id == Transfer.source_id, StatementLine.provider == provider, StatementLine.kind == "top_up",
        StatementLine.provider_reference == FundMovement.reference, effect() == FundMovement.amount_minor,
        StatementLine.id.not_in(select(SuspendedLine.line_id).where(suspense.OPEN)),
    )  # fmt: skip


def is_claimed(
    payment_id: SQLColumnExpression[Any],
    attempt: SQLColumnExpression[Any],
    kind: SQLColumnExpression[str],
) -> ColumnElement[bool]:
    """Whether two people found that the movement of an attempt is a line already, so that no other line settles it.

    IN: the few that are so are read once, however many lines are asked about.
    """
    credited, owed, came = aliased(Account), aliased(Receivable), aliased(ReceivableEvent)
    left = credited.code == FLOAT.code
    claimed = (
        select(
            func.coalesce(Transfer.payment_id, owed.payment_id),
            case(
                (Transfer.payment_id.is_not(None), Transfer.attempt),
                (left, owed.attempt),
                else_=func.coalesce(came.attempt, owed.attempt),
            ),
            case((left, "payment"), else_="return"),
        )
        .select_from(LineFinding)
        .join(Transfer, Transfer.id == LineFinding.transfer_id)
        .join(credited, credited.id == Transfer.credit_account_id)
        .outerjoin(owed, owed.id == Transfer.source_id)
        .outerjoin(came, (came.receivable_id == owed.id) & (came.after == "recovered"))
        .where(
            FOUND,
            Transfer.entry.in_(_WHOLE) | (owed.id.is_not(None) & owed.finding_id.is_(None)),
        )
    )
    # Nothing is claimed by a line that names no attempt: NULL IN (...) would be neither true nor false.
    return func.coalesce(tuple_(payment_id, attempt, kind).in_(claimed), False)


def is_listed(
    kind: str, payment_id: SQLColumnExpression[Any], attempt: SQLColumnExpression[Any]
) -> ColumnElement[bool]:
    """Whether a line is the debit (`payment`) or the credit (`return`) of an attempt, by a rule or by two people."""
    own = aliased(Match)
    matched = exists().where(
        own.payment_id == payment_id, own.attempt == attempt, own.kind == kind, stands(own)
    )
    return matched | is_claimed(payment_id, attempt, literal(kind))


def debit_is_listed(
    payment_id: SQLColumnExpression[Any], attempt: SQLColumnExpression[Any]
) -> ColumnElement[bool]:
    """Whether a line lists what was taken early for an attempt: its own, or that of the part before it."""
    return is_listed("payment", payment_id, attempt) | listed_with_a_part(payment_id, attempt)


def listed_with_a_part(
    payment_id: SQLColumnExpression[Any], attempt: SQLColumnExpression[Any]
) -> ColumnElement[bool]:
    """Whether the line by which an earlier part was taken early lists this attempt, too: all was taken with it, and
    nothing of that came back since.
    """
    part, since = aliased(PaymentPart), aliased(Attempt)
    of_it = (since.payment_id, since.number)
    came_back = (
        exists()
        .where(
            since.payment_id == payment_id, since.number >= part.attempt, since.number < attempt,
            is_listed("return", *of_it) | booked(Entry.CREDITED_BACK, *of_it),
        )
        .correlate_except(since)
    )  # fmt: skip
    of_the_part = (part.payment_id, part.attempt)
    return (
        exists()
        .where(
            part.payment_id == payment_id, part.attempt < attempt, booked(Entry.DEBITED, *of_the_part),
            is_listed("payment", *of_the_part), ~came_back,
        )
        .correlate_except(part)
    )  # fmt: skip


def claiming_line(
    entry: Entry, payment_id: SQLColumnExpression[Any], attempt: SQLColumnExpression[Any]
) -> ColumnElement[Any]:
    """The line that two people found to be this movement of an attempt; NULL: none is."""
    found = (
        select(LineFinding.line_id)
        .join(Transfer, Transfer.id == LineFinding.transfer_id)
        .where(
            FOUND, Transfer.entry == entry.value, Transfer.source_id == payment_id, Transfer.attempt == attempt
        )
    )  # fmt: skip
    return found.correlate_except(LineFinding, Transfer).scalar_subquery()


def lines_alike(stay: SuspendedLine) -> Select[UUID]:
    """The lines in suspense that take this one back, or that it takes back: as much, the other way."""
    return select(SuspendedLine.line_id).where(
        SuspendedLine.provider == stay.provider, SuspendedLine.currency == stay.currency,
        SuspendedLine.effect_minor == -stay.effect_minor, suspense.OPEN,
    )  # fmt: skip
