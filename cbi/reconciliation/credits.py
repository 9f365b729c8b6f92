"""What a provider took when it accepted a payment, and has not given back although nobody was paid with it."""

from collections.abc import Collection
from datetime import datetime, time, timedelta
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    SQLColumnExpression,
    Subquery,
    Uuid,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from cbi.errors import Conflict
from cbi.fsp.adapter import PaysOverCounter
from cbi.ledger.chart import Entry
from cbi.ledger.models import Transfer
from cbi.payments import clearing
from cbi.payments.models import Discrepancy, Payment, PaymentEvent
from cbi.payments.outcomes.discrepancies import CREDIT_NOT_LISTED, open_set, settle_set
from cbi.payments.outcomes.part_models import PaymentPart
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.runs.runs import find
from cbi.payments.sending import providers
from cbi.payments.states import PaymentState
from cbi.reconciliation.coverage import covered_until
from cbi.reconciliation.line_candidates import claiming_line, is_listed
from cbi.reconciliation.models import STANDS, Match, StatementLine
from cbi.reconciliation.rules import once_more
from cbi.reconciliation.scratch import unexplained


class MayComeBack(Conflict):
    """The provider may still give back what the line took."""

    code = "line_finding.may_come_back"


_ATTEMPT = cast(Discrepancy.details["attempt"].astext, Integer)


def open_all(
    session: Session, provider: str, early: Collection[UUID], owner_id: UUID | None
) -> int:
    """Open one discrepancy for each attempt of the runs `early` whose debit is listed and whose credit should be by now.

    It is about the line of the debit, which holds the payment: what a provider keeps it may have paid out. Not where the
    engine itself checks the codes, and knows that nobody was paid.
    """
    until = covered_until(session, provider) if early else None
    if until is None:
        return 0
    adapter, owed = providers.adapter(provider), _owed(early)
    attempt = (owed.c.payment_id, owed.c.attempt)
    knows_better = isinstance(adapter, PaysOverCounter)
    claimed = claiming_line(Entry.DEBITED, *attempt)
    same = and_(Discrepancy.kind == CREDIT_NOT_LISTED, owed.c.attempt == _ATTEMPT)
    return open_set(
        session,
        select(
            literal(CREDIT_NOT_LISTED).label("kind"),
            func.concat(
                "payment:", owed.c.payment_id, ":", owed.c.attempt,
                once_more(Discrepancy.payment_id, Payment.id, same, *attempt),
            ).label("subject"),
            literal(provider).label("provider"),
            Payment.id.label("payment_id"),
            (literal(None, Uuid) if knows_better else func.coalesce(Match.line_id, claimed)).label("line_id"),
            owed.c.minor.label("amount_minor"),
            Payment.currency,
            func.jsonb_build_object("attempt", owed.c.attempt).label("details"),
            owed.c.since,
            literal(owner_id, Uuid).label("owner_id"),
        )
        .select_from(owed)
        .join(Payment, Payment.id == owed.c.payment_id)
        .outerjoin(
            Match,
            and_(
                Match.payment_id == owed.c.payment_id, Match.attempt == owed.c.attempt, Match.kind == "payment", STANDS,
            ),
        )
        .where(
            Payment.provider == provider, owed.c.since < until - adapter.profile.gives_back_within,
            is_listed("payment", *attempt), ~is_listed("return", *attempt), ~_was_paid(*attempt), ~_is_named(*attempt),
        ),
    )  # fmt: skip


def check_given_time(session: Session, line: StatementLine, payment: Payment, attempt: int) -> None:
    """Refuse that a line by which a provider took a payment's money early makes an attempt paid that was refused before it
    was accepted, while the money may still be given back: that it was taken shows nothing of who got it. Raises
    MayComeBack.

    Once the statements tell of as many days after the line as the provider has for that, two people may know by its written
    word that it paid all the same. Its own news that it paid is booked at once.
    """
    if payment.provider not in find(session, payment.run_id).debits_early:
        return
    if clearing.holds(session, Entry.DEBITED, payment, attempt):
        return  # asked about as what was taken and not given back
    until = covered_until(session, payment.provider)
    if until is not None:
        day = datetime.combine(line.value_date + timedelta(days=1), time.min, until.tzinfo)
        if day < until - providers.adapter(payment.provider).profile.gives_back_within:
            return
    raise MayComeBack(
        "The provider took this money when it was given the payment, and then called the payment failed. It may still give"
        " the money back, so the line does not show that anybody was paid.",
        next_step="Wait for the line that gives it back, or until the statements tell of the days that the provider has for"
        " it. If it says that it paid, that is booked at once.",
    )


def settle(session: Session, provider: str) -> int:
    """Settle what the credit, or what became of the payment, has explained since."""
    attempt = (Discrepancy.payment_id, _ATTEMPT)
    taken = is_listed("payment", *attempt)
    reasons = (
        (is_listed("return", *attempt), "A line of a statement lists that it was given back."),
        (_was_paid(*attempt), "The payment was paid after all."),
        (_came_back_with_the_next(*attempt), "A line lists that it was given back under the next attempt."),
        (_is_named(*attempt), "A line names it without settling it, and has a discrepancy of its own."),
        (~taken, "The line by which it was taken is explained otherwise, or has a discrepancy of its own."),
    )  # fmt: skip
    return settle_set(
        session,
        select(Discrepancy.id, case(*reasons)).where(
            Discrepancy.provider == provider, Discrepancy.kind == CREDIT_NOT_LISTED, Discrepancy.settled_at.is_(None),
            or_(*(holds for holds, _ in reasons)),
        ),
    )  # fmt: skip


def _owed(early: Collection[UUID]) -> Subquery:
    """What should have come back, since when: all of an attempt that ended unpaid, and what a part had left of it.

    The rest of a part goes on under the next attempt: it comes back once it was taken for that one, or that one ended.
    """
    part, t = PaymentPart, Transfer
    # Written out, so that the index of those few is found whatever the statement's values are.
    given_back = t.entry == literal_column(f"'{Entry.CREDITED_BACK.value}'")
    ended = select(
        t.source_id.label("payment_id"), t.attempt, t.amount_minor.label("minor"), t.recorded_at.label("since")
    ).where(given_back)  # fmt: skip
    following = (part.payment_id, part.attempt + 1)
    parted = (
        select(part.payment_id, part.attempt, t.amount_minor - part.amount_minor, part.handed_over_at)
        .join(Payment, Payment.id == part.payment_id)
        .join(
            t,
            and_(
                t.source_id == part.payment_id, t.attempt == part.attempt, t.entry == Entry.DEBITED.value, t.leg == 1,
            ),
        )
        .where(
            Payment.run_id.in_(early),
            is_listed("payment", *following)
            | (clearing.booked(Entry.CREDITED_BACK, *following) & ~_came_back_with_the_next(part.payment_id, part.attempt)),
        )
    )  # fmt: skip
    return union_all(ended, parted).subquery("owed")


def _came_back_with_the_next(
    payment_id: SQLColumnExpression[UUID | None], attempt: SQLColumnExpression[int]
) -> ColumnElement[bool]:
    """Whether a line gives back, under the name of the next attempt, what a part had left and was not taken anew."""
    following = (payment_id, attempt + 1)
    part = exists().where(PaymentPart.payment_id == payment_id, PaymentPart.attempt == attempt)
    return part & is_listed("return", *following) & ~is_listed("payment", *following)


def _was_paid(
    payment_id: SQLColumnExpression[UUID | None], attempt: SQLColumnExpression[int]
) -> ColumnElement[bool]:
    """Whether all of an attempt was paid after all: with what the provider kept."""
    once = exists().where(
        PaymentEvent.payment_id == payment_id, PaymentEvent.attempt == attempt,
        PaymentEvent.after == PaymentState.PAID.value,
    )  # fmt: skip
    twice = exists().where(
        Receivable.payment_id == payment_id, Receivable.attempt == attempt, ~Receivable.excess
    )
    return once | twice


def _is_named(
    payment_id: SQLColumnExpression[UUID | None], attempt: SQLColumnExpression[int]
) -> ColumnElement[bool]:
    """A line of money that came in names it and has a discrepancy of its own: that one is enough."""
    u = unexplained.c
    return exists().where(u.payment_id == payment_id, u.attempt == attempt, u.line_kind == "return")
