"""When a provider names another amount than was sent, or denies what our books hold: two people find, on its written
word, what really was taken.

The amount is what left our account with the provider, so that our books and its statement agree. Words alone do not end
such a discrepancy before our books hold what became of the attempt.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid, NotFound
from cbi.fsp.adapter import PaysOverCounter
from cbi.money import Money
from cbi.payments.models import Discrepancy, Payment, PaymentEvent
from cbi.payments.moves import move_one
from cbi.payments.outcomes import differences, late
from cbi.payments.outcomes.discrepancies import settle_set
from cbi.payments.outcomes.disputes import EARLIER_ATTEMPT_PAID, contradiction
from cbi.payments.outcomes.endings import OF_ATTEMPT
from cbi.payments.outcomes.known import found_minor, known_paid, known_returned
from cbi.payments.outcomes.outcomes import UnknownPayment
from cbi.payments.recovery import receivables
from cbi.payments.recovery.amount_models import AmountFinding
from cbi.payments.runs.runs import find, programme_of
from cbi.payments.sending import providers
from cbi.payments.states import ON_ITS_WAY, PaymentState
from cbi.payments.unpaid.unpaid import OwnReport

SOURCE = "amount_finding"
"""What the payment's event names as whoever said so: the finding of that attempt."""


class UnknownFinding(NotFound):
    """Nobody has made this report."""

    code = "amount_finding.unknown"


class NoOtherAmount(Conflict):
    """The provider has said nothing of the attempt that our books do not hold."""

    code = "amount_finding.no_other_amount"


class WhichAttempt(Invalid):
    """The provider named another amount for several attempts."""

    code = "amount_finding.which_attempt"


class AmountNotPossible(Invalid):
    """Less than nothing."""

    code = "amount_finding.not_possible"


class AlreadyFound(Conflict):
    """What the attempt took has been found."""

    code = "amount_finding.already_found"


class BookedOtherwise(Conflict):
    """Our books hold of this attempt what this finding cannot change."""

    code = "amount_finding.booked_otherwise"


class StillOpen(Conflict):
    """The attempt may still be paid in another way."""

    code = "amount_finding.still_open"


def report(
    session: Session,
    actor: Actor,
    payment_id: UUID,
    amount: str,
    proof: str,
    attempt: int | None = None,
) -> AmountFinding:
    """Report what an attempt took from our account, by the provider's written word (`proof`: where it is). Moves nothing.

    `amount` is in the payment's currency; 0: nothing was taken. `attempt` may be left out where only one is in question.
    Raises UnknownPayment, NotPermitted, NoOtherAmount, WhichAttempt, AmountNotPossible, UnusableAmount, UnusableReason,
    AlreadyFound, BookedOtherwise, StillOpen.
    """
    payment = _locked(session, actor, payment_id, Permission.DISCREPANCY_SETTLE)
    paid = Money.parse(amount, payment.currency)
    if paid.minor < 0:
        raise AmountNotPossible(
            "Less than nothing cannot have been paid.", next_step="Report 0 if nothing was paid."
        )
    number = _in_question(session, payment, attempt)
    again = _says_again(session, payment, number, paid.minor)
    if not again:
        check_bookable(session, payment, number, paid.minor)
    reported = session.scalars(
        insert(AmountFinding)
        .values(
            payment_id=payment.id, attempt=number, paid_minor=paid.minor, currency=paid.currency, again=again,
            proof=reasons.plain(proof), reported_by=actor.id, reported_at=clock.now(),
        )
        .returning(AmountFinding)
    ).one()  # fmt: skip
    record(
        session, actor, "payment.amount_reported", "payment", payment.id, attempt=number, paid_minor=paid.minor,
        finding=str(reported.id),
    )  # fmt: skip
    return reported


def confirm(session: Session, actor: Actor, finding_id: UUID, code: str) -> AmountFinding:
    """Confirm a colleague's report with a fresh one-time code: what the attempt took is booked.

    Taken exactly, the payment is paid. Less: it is paid, and the rest is the programme's again. More: it is paid, and the
    excess is owed back. As much as was found before later news: only that news ends. Nothing: where our books hold it as
    paid, its money came back; else only the discrepancy ends.
    Raises UnknownFinding, NotPermitted, WrongCode, OwnReport, AlreadyFound, BookedOtherwise, StillOpen.
    """
    finding = session.get(AmountFinding, finding_id, populate_existing=True)
    if finding is None:
        actor.require(Permission.RUN_AUTHORISE)
        make = "The treasurer makes it first: cbi payment report-amount"
        raise UnknownFinding("There is no such report.", next_step=make)
    payment = _locked(session, actor, finding.payment_id, Permission.RUN_AUTHORISE)
    totp.step_up(session, actor, code)
    if finding.reported_by == actor.id:
        raise OwnReport(
            "You reported this amount, so somebody else has to confirm it.",
            next_step="Ask a colleague who may authorise payment runs.",
        )
    again = _says_again(session, payment, finding.attempt, finding.paid_minor)
    if not (finding.again and again):
        check_bookable(session, payment, finding.attempt, finding.paid_minor)
    confirmed = session.scalar(
        update(AmountFinding)
        .where(
            AmountFinding.id == finding.id, AmountFinding.confirmed_by.is_(None), AmountFinding.refusal_id.is_(None)
        )
        .values(confirmed_by=actor.id, confirmed_at=clock.now())
        .returning(AmountFinding.id)
    )  # fmt: skip
    if confirmed is None:
        raise AlreadyFound("It was confirmed or refused.", next_step="Read the payment's story.")
    if not finding.again:
        _book(session, payment, finding)
    settle_set(session, _explained(payment, finding))
    record(
        session, actor, "payment.amount_confirmed", "payment", payment.id, attempt=finding.attempt,
        paid_minor=finding.paid_minor, finding=str(finding.id),
    )  # fmt: skip
    session.refresh(finding)
    return finding


def reported(session: Session, payment_id: UUID) -> list[AmountFinding]:
    """What was ever reported of a payment, confirmed or not, in order."""
    found = select(AmountFinding).where(AmountFinding.payment_id == payment_id)
    return list(session.scalars(found.order_by(AmountFinding.reported_at, AmountFinding.id)))


def _locked(session: Session, actor: Actor, payment_id: UUID, permission: Permission) -> Payment:
    payment = session.get(Payment, payment_id, with_for_update=True, populate_existing=True)
    if payment is None:
        actor.require(permission)
        raise UnknownPayment("There is no such payment.")
    actor.require(permission, programme_of(session, find(session, payment.run_id)).code)
    return payment


def _in_question(session: Session, payment: Payment, attempt: int | None) -> int:
    """The attempt of which the provider named another amount, also where that discrepancy has been settled."""
    which = func.coalesce(_attempt_of(), payment.attempts)
    attempts = set(
        session.scalars(
            select(which).where(
                Discrepancy.payment_id == payment.id, Discrepancy.kind.in_(OF_ATTEMPT)
            )
        )
    )
    if attempt is None and len(attempts) > 1:
        raise WhichAttempt(
            f"The provider named another amount for the attempts {', '.join(map(str, sorted(attempts)))}.",
            next_step="Say which of them the report is about.",
        )
    number = attempt or next(iter(attempts), 0)
    if number not in attempts:
        raise NoOtherAmount(
            "The provider has named no other amount for this payment.",
            next_step="Read its discrepancies; a payment nobody knows of is reported unpaid instead.",
        )
    return number


def _says_again(session: Session, payment: Payment, attempt: int, paid_minor: int) -> bool:
    """Whether a report says what two people have found, of news that came later and is open: then nothing is booked."""
    if paid_minor <= 0 or found_minor(session, payment.id, attempt) != paid_minor:
        return False
    since = (
        select(func.max(AmountFinding.reported_at))
        .where(
            AmountFinding.payment_id == payment.id, AmountFinding.attempt == attempt,
            AmountFinding.confirmed_by.is_not(None),
        )
        .scalar_subquery()
    )  # fmt: skip
    later = select(Discrepancy.id).where(
        Discrepancy.payment_id == payment.id, Discrepancy.kind.in_(OF_ATTEMPT), Discrepancy.settled_at.is_(None),
        func.coalesce(_attempt_of(), payment.attempts) == attempt, Discrepancy.opened_at > since,
    )  # fmt: skip
    is_later = session.scalar(later.limit(1)) is not None
    return is_later and not known_returned(session, payment.id, attempt)


def check_bookable(session: Session, payment: Payment, attempt: int, paid_minor: int) -> None:
    """Refuse what the books could not hold. The payment is locked."""
    if paid_minor > 0 and found_minor(session, payment.id, attempt) is not None:
        raise AlreadyFound(
            "Two people have found what this attempt took.", next_step="Read the payment's story."
        )
    if known_paid(session, payment.id, attempt):
        at_counter = isinstance(providers.adapter(payment.provider), PaysOverCounter)
        if (
            known_returned(session, payment.id, attempt)
            or not _is_the_payment(session, payment, attempt)
            or (paid_minor == 0 and at_counter)
        ):
            raise BookedOtherwise(
                "This attempt is booked as paid and is not the payment, or has come back, or was paid at a counter.",
                next_step="Book what came back of it, or settle the discrepancy with what explains it.",
            )
    elif attempt == payment.attempts and payment.state in ON_ITS_WAY:
        if isinstance(providers.adapter(payment.provider), PaysOverCounter):
            raise StillOpen(
                "The code of this payment may still be cashed.",
                next_step="Wait until it is cashed or has expired.",
            )
        if paid_minor == 0:
            raise StillOpen(
                "Nobody knows yet whether this payment will be paid.",
                next_step="Report it as unpaid first: cbi payment report-unpaid",
            )


def _is_the_payment(session: Session, payment: Payment, attempt: int) -> bool:
    """Whether the payment is paid, and by this attempt."""
    last = (
        select(PaymentEvent.attempt)
        .where(PaymentEvent.payment_id == payment.id, PaymentEvent.after == PaymentState.PAID.value)
        .order_by(PaymentEvent.id.desc())
        .limit(1)
    )
    return payment.state is PaymentState.PAID and session.scalar(last) == attempt


def hold(
    session: Session, payment: Payment, attempt: int, taken: Money, proof: str, reported: tuple[UUID, datetime],
    confirmed_by: UUID, source: str,
) -> None:  # fmt: skip
    """Hold what a line of a statement, as two people found, says that this attempt took, and book it.

    The payment is locked. Raises AlreadyFound, BookedOtherwise, StillOpen.
    """
    check_bookable(session, payment, attempt, taken.minor)
    finding = session.scalars(
        insert(AmountFinding)
        .values(
            payment_id=payment.id, attempt=attempt, paid_minor=taken.minor, currency=taken.currency, proof=proof,
            reported_by=reported[0], reported_at=reported[1], confirmed_by=confirmed_by, confirmed_at=clock.now(),
        )
        .returning(AmountFinding)
    ).one()  # fmt: skip
    _book(session, payment, finding, source)
    settle_set(session, _explained(payment, finding))


def _book(session: Session, payment: Payment, finding: AmountFinding, source: str = SOURCE) -> None:
    attempt = finding.attempt
    if finding.paid_minor == 0:
        if known_paid(session, payment.id, attempt):
            _take_back(session, payment, attempt, source)
    elif known_paid(session, payment.id, attempt):
        differences.square(session, payment, attempt, source)
    elif attempt == payment.attempts and payment.state in ON_ITS_WAY:
        move_one(
            session, find(session, payment.run_id), payment.id, payment.state, PaymentState.PAID,
            provider=payment.provider, source=source,
        )  # fmt: skip
        session.refresh(payment)
        receivables.note_paid_twice(session, payment, source)
        differences.square(session, payment, attempt, source)
    else:
        late.book_paid(session, payment, attempt, source=source)


def _take_back(session: Session, payment: Payment, attempt: int, source: str) -> None:
    """What our books hold as paid was never taken, or is back: the payment waits for a decision."""
    if not late.book_returned(session, payment, attempt, source=source):
        raise BookedOtherwise(
            "The rest of this payment was given to the programme, and its budget does not hold it any more.",
            next_step="Give the programme that much first (cbi fund allocate).",
        )


def _attempt_of() -> ColumnElement[int]:
    return cast(Discrepancy.details["attempt"].astext, Integer)


def _explained(payment: Payment, finding: AmountFinding) -> Select[UUID, str]:
    """The discrepancies that the finding ends: about the amount, and that it was paid although our books said otherwise."""
    late_kinds = (
        EARLIER_ATTEMPT_PAID,
        *(contradiction(PaymentState.PAID, s) for s in PaymentState),
    )
    words = f"Two people have found what it took: {Money(finding.paid_minor, finding.currency)}."
    # That nothing was paid says nothing of what is claimed after it was reported.
    # Nor does that it took what it had been found to take.
    until = clock.now() if finding.paid_minor and not finding.again else finding.reported_at
    return select(Discrepancy.id, literal(words)).where(
        Discrepancy.opened_at <= until,
        Discrepancy.payment_id == payment.id,
        func.coalesce(_attempt_of(), payment.attempts) == finding.attempt,
        or_(
            Discrepancy.kind.in_(OF_ATTEMPT),
            and_(literal(finding.paid_minor > 0), Discrepancy.kind.in_(late_kinds)),
        ),
    )
