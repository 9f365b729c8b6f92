"""What a line of a statement may be found to be, and what our books hold of it then."""

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.fsp.adapter import PaysOverCounter
from cbi.ledger.chart import Entry
from cbi.ledger.models import Transfer
from cbi.ledger.posting import Book
from cbi.money import Money
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.moves import move_one
from cbi.payments.outcomes import late, suspense
from cbi.payments.outcomes.discrepancies import (
    CREDIT_NOT_LISTED,
    LINE_CHANGED,
    open_discrepancy,
    settle_set,
)
from cbi.payments.outcomes.known import known_paid, known_returned
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.payments.recovery import amounts
from cbi.payments.recovery.amounts import StillOpen
from cbi.payments.recovery.receivables import note_paid_twice
from cbi.payments.runs.runs import find
from cbi.payments.sending import providers
from cbi.payments.states import ON_ITS_WAY, PaymentState
from cbi.reconciliation import credits, early_debits, early_parts, line_more, remembering
from cbi.reconciliation.line_attempts import SOURCE, DoesNotFit, given, locked
from cbi.reconciliation.line_candidates import booked_alike, is_claimed
from cbi.reconciliation.models import (
    STANDS,
    LineFinding,
    Match,
    StatementLine,
    UndoneMatch,
    Verdict,
)
from cbi.reconciliation.rules import DiscrepancyKind
from cbi.reconciliation.suspending import effect

RULE = "P1.1"
"""Two people named the attempt, by the provider's written word."""


def check(session: Session, line: StatementLine, stay: SuspendedLine, found: LineFinding) -> None:
    """Refuse what our books could not hold of a line in suspense.

    Raises DoesNotFit, and for an attempt AlreadyFound, BookedOtherwise, StillOpen.
    """
    match Verdict(found.verdict):
        case Verdict.ATTEMPT:
            _check_attempt(session, line, stay, found)
        case Verdict.BOOKED:
            same = select(Transfer.id).where(Transfer.id.in_(booked_alike(stay)))
            if session.scalar(same.where(Transfer.id == found.transfer_id)) is None:
                raise DoesNotFit(
                    "This is no movement of the same amount and direction that no line lists yet.",
                    next_step="See which are: cbi statement line",
                )
        case Verdict.OPPOSITE:
            _check_opposite(session, stay, found)
        case Verdict.MORE:
            line_more.check(session, line, stay, found)
        case Verdict.FEE:
            if line.kind in {"payment", "top_up"}:
                raise DoesNotFit(
                    "This line is a payment, or money that was placed, and no fee.",
                    next_step="Report whose it is.",
                )
        case Verdict.REFUNDED | Verdict.LOST:
            if stay.effect_minor > 0:
                raise DoesNotFit(
                    "This line brought money in, so nothing of it can be refunded or lost.",
                    next_step="Report whose money came back, or wait until the provider takes it back.",
                )
        case _:
            pass


def book(session: Session, line: StatementLine, found: LineFinding) -> None:
    """Book what two people found of a line, and end what was open about it."""
    own, by = SuspendedLine.line_id == line.id, f"finding:{found.id}"
    match Verdict(found.verdict):
        case Verdict.UNMATCHED:
            _undo(session, line, found)
            return
        case Verdict.MORE:
            line_more.book(session, line, found)
            suspense.explain(session, line.provider, own, by)
        case Verdict.ATTEMPT:
            _book_attempt(session, line, found)
            suspense.explain(session, line.provider, own, by)
        case Verdict.BOOKED:
            suspense.explain(session, line.provider, own, by)
        case Verdict.OPPOSITE:
            both = SuspendedLine.line_id.in_([line.id, found.other_line_id])
            suspense.explain(session, line.provider, both, by)
        case Verdict.REFUNDED:
            book_ = Book(line.currency, provider=line.provider)
            suspense.end(session, Entry.REFUND_SUSPENSE, book_, (own,), by)
        case Verdict.LOST:
            suspense.end(session, Entry.LOSE_SUSPENSE, bearer(line, found), (own,), by)
        case Verdict.FEE:
            entry = Entry.FEE_BACK if came_in(line) else Entry.FEE_SUSPENSE
            suspense.end(session, entry, bearer(line, found), (own,), by)
        case _:
            pass
    _settle(session, found)


def bearer(line: StatementLine, found: LineFinding) -> Book:
    """The books of the programme that bears a line, or that it is given back to."""
    return Book(
        line.currency, provider=line.provider, programme_id=found.programme_id, fund_id=found.fund_id
    )  # fmt: skip


def came_in(line: StatementLine) -> bool:
    """Whether a line brought money in."""
    return line.kind not in {"payment", "fee"} and line.amount_minor > 0


def _check_opposite(session: Session, stay: SuspendedLine, found: LineFinding) -> None:
    other = suspense.stay(session, found.other_line_id) if found.other_line_id else None
    told = None if other is None else (other.provider, other.currency, -other.effect_minor)
    if told != (stay.provider, stay.currency, stay.effect_minor):
        raise DoesNotFit(
            "The other line is not in suspense, or does not move the same amount the other way.",
            next_step="Wait for the line by which the provider takes it back.",
        )


def _check_attempt(
    session: Session, line: StatementLine, stay: SuspendedLine, found: LineFinding
) -> None:
    payment, sent = given(session, line, found)
    kind, minor = _kind(stay), abs(stay.effect_minor)
    settled = select(Match.line_id).where(
        Match.payment_id == payment.id, Match.attempt == sent.number, Match.kind == kind, STANDS
    )
    claimed = is_claimed(literal(payment.id), literal(sent.number), literal(kind))
    if session.scalar(settled) is not None or session.scalar(select(claimed)):
        raise DoesNotFit(
            "Another line settles this attempt.",
            next_step="If that match is wrong, report it first; else this line is another movement.",
        )
    taken = early_parts.listed(session, payment, sent.number, kind)
    if kind == "payment":
        early_debits.check_ended(session, payment, sent)
        if early_debits.is_open(session, payment, sent.number):
            early_debits.check(payment, whole=minor == taken)
        elif not (known_paid(session, payment.id, sent.number) and taken == minor):
            early_debits.check_not_another(session, line, stay, sent)
            if not known_paid(session, payment.id, sent.number):
                credits.check_given_time(session, line, payment, sent.number)
            amounts.check_bookable(session, payment, sent.number, minor)
        return
    if minor != taken:
        raise DoesNotFit(
            f"The attempt took {Money(taken, line.currency)}, and another amount came back.",
            next_step="Report what stayed taken (cbi payment report-amount); then name the movement that was booked.",
        )
    early_debits.check_taken(session, payment, sent.number)
    at_counter = isinstance(providers.adapter(payment.provider), PaysOverCounter)
    if at_counter and sent.number == payment.attempts and payment.state in ON_ITS_WAY:
        raise StillOpen(
            "The code of this payment may still be cashed.",
            next_step="Wait until it is cashed or has expired.",
        )


def _kind(stay: SuspendedLine) -> str:
    return "payment" if stay.effect_minor < 0 else "return"


def _book_attempt(session: Session, line: StatementLine, found: LineFinding) -> None:
    stay = suspense.stay(session, line.id)
    payment, sent = locked(session, found)
    assert stay is not None
    assert found.attempt is not None
    assert found.confirmed_by is not None
    if sent is None:
        remembering.begin_one(session, payment, SOURCE)
    attempt, minor = found.attempt, abs(stay.effect_minor)
    if _kind(stay) == "payment" and early_debits.is_open(session, payment, attempt):
        early_debits.accept(session, payment, SOURCE)
    elif _kind(stay) == "payment":
        paid = known_paid(session, payment.id, attempt)
        taken = Money(minor, line.currency)
        if minor != early_parts.listed(session, payment, attempt, "payment"):
            amounts.hold(
                session, payment, attempt, taken, found.proof, (found.reported_by, found.reported_at), found.confirmed_by,
                SOURCE,
            )  # fmt: skip
        elif not paid:
            _pay(session, payment, attempt)
    elif not (
        known_returned(session, payment.id, attempt)
        or early_debits.credited_back(session, payment, attempt)
        or late.book_returned(session, payment, attempt, source=SOURCE)
    ):
        raise DoesNotFit(
            "The rest of this payment was given to the programme, and its budget does not hold it any more.",
            next_step="Give the programme that much first (cbi fund allocate).",
        )
    of_line = select(func.count()).where(UndoneMatch.line_id == line.id)
    of_attempt = select(func.count()).where(
        UndoneMatch.payment_id == payment.id, UndoneMatch.attempt == attempt, UndoneMatch.kind == _kind(stay)
    )  # fmt: skip
    session.execute(
        insert(Match).values(
            line_id=line.id, undone=of_line.scalar_subquery(), payment_id=payment.id, attempt=attempt, kind=_kind(stay),
            rule=RULE, amount_minor=minor, matched_at=clock.now(), again=of_attempt.scalar_subquery(),
        )
    )  # fmt: skip


def _pay(session: Session, payment: Payment, attempt: int) -> None:
    if attempt == payment.attempts and payment.state in ON_ITS_WAY:
        move_one(
            session, find(session, payment.run_id), payment.id, payment.state, PaymentState.PAID,
            provider=payment.provider, source=SOURCE,
        )  # fmt: skip
        session.refresh(payment)
        note_paid_twice(session, payment, SOURCE)
    else:
        late.book_paid(session, payment, attempt, source=SOURCE)


def _undo(session: Session, line: StatementLine, found: LineFinding) -> None:
    """Undo a match: the line is in suspense again, and nothing but two people matches it from now on."""
    columns = ("line_id", "undone", "payment_id", "attempt", "kind")
    match_ = select(
        *(getattr(Match, name) for name in columns), literal(found.id), literal(clock.now())
    )
    session.execute(
        insert(UndoneMatch).from_select(
            [*columns, "finding_id", "undone_at"], match_.where(Match.line_id == line.id, STANDS)
        )
    )
    this = select(StatementLine.id, effect(), StatementLine.currency)
    suspense.suspend(session, line.provider, this.where(StatementLine.id == line.id))
    open_discrepancy(
        session, DiscrepancyKind.MATCH_UNDONE.value, f"line:{line.id}:{found.id}", provider=line.provider,
        payment_id=found.payment_id, line_id=line.id, amount=Money(line.amount_minor, line.currency),
        attempt=found.attempt, reference=line.provider_reference,
    )  # fmt: skip


def _settle(session: Session, found: LineFinding) -> None:
    lines = [each for each in (found.line_id, found.other_line_id) if each is not None]
    words = f"Two people have found what it is: {_WORDS[Verdict(found.verdict)]}."
    stay_open = [LINE_CHANGED]
    if found.verdict == Verdict.BOOKED:  # as what was taken, it has not been given back by that
        stay_open.append(CREDIT_NOT_LISTED)
    settle_set(
        session,
        select(Discrepancy.id, literal(words)).where(
            Discrepancy.line_id.in_(lines), Discrepancy.kind.not_in(stay_open)
        ),
    )


_WORDS = {
    Verdict.ATTEMPT: "an attempt of ours",
    Verdict.BOOKED: "a movement that our books hold by another name",
    Verdict.OPPOSITE: "taken back by another line",
    Verdict.NOT_OURS: "not ours; it stays in suspense until the provider takes it back",
    Verdict.REFUNDED: "refunded to our bank",
    Verdict.LOST: "lost, and a programme bears it",
    Verdict.MORE: "more of a payment that another line lists: what was missing of it, or is owed back",
    Verdict.FEE: "a fee that names no payment, or one given back",
}
