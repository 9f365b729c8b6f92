"""A line that is more of a payment which another line lists: what had been missing of it has come after all, and what is
more than was sent is owed back.
"""

from dataclasses import dataclass

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from cbi.errors import Conflict
from cbi.ledger.chart import Entry
from cbi.ledger.posting import NotCovered
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.payments.outcomes import rests
from cbi.payments.outcomes.discrepancies import PAID_MORE, open_discrepancy
from cbi.payments.outcomes.known import known_returned
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.payments.recovery import receivables
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.states import PaymentState, ReceivableState
from cbi.reconciliation.line_attempts import SOURCE, DoesNotFit, given, locked
from cbi.reconciliation.line_candidates import is_listed
from cbi.reconciliation.models import LineFinding, StatementLine, Verdict


def check(session: Session, line: StatementLine, stay: SuspendedLine, found: LineFinding) -> None:
    """Refuse a line that brought money in, and one whose attempt no other line lists. Raises DoesNotFit."""
    payment, sent = given(session, line, found)
    if not session.scalar(select(is_listed("payment", literal(payment.id), literal(sent.number)))):
        raise DoesNotFit(
            "No other line lists this attempt, so this one is not more of it.",
            next_step="Report the line as the payment itself; if it took another amount, that is found with it.",
        )
    if stay.effect_minor > 0:
        raise DoesNotFit(
            "This line brought money in, so nothing more was taken with it.",
            next_step="Report what came back as what it is.",
        )


class SplitChanged(Conflict):
    """What of the line is delivered after all is not what was shown to whoever confirms it."""

    code = "line_finding.split_changed"


@dataclass(frozen=True, slots=True)
class Split:
    """What of a line that is more of a payment is delivered after all, and what is owed back."""

    delivered: Money
    owed: Money


def split(session: Session, found: LineFinding) -> Split | None:
    """What becomes of the line, as it was booked or would be booked now; None: it is not said to be more of a payment."""
    if found.verdict != Verdict.MORE:
        return None
    line = session.get_one(StatementLine, found.line_id)
    if found.confirmed_by is not None:
        return _split(line, rests.came_by(session, found.id))
    return _now(session, line, session.get_one(Payment, found.payment_id), found)


def hold(session: Session, found: LineFinding, delivered_seen: str | None) -> None:
    """Until the transaction ends, what becomes of the line stays as it is. Raises SplitChanged where that is not what was
    shown to whoever confirms it: `delivered_seen`, as `Money.decimal` has it; None: nothing was shown.
    """
    payment, _ = locked(session, found)
    assert found.attempt is not None
    rests.hold(session, payment, found.attempt)
    now = _now(session, session.get_one(StatementLine, found.line_id), payment, found)
    if delivered_seen not in {None, now.delivered.decimal}:
        raise SplitChanged(
            f"By now {now.delivered} of this line would be delivered after all and {now.owed} owed back, which is not what"
            " you were shown. Nothing was done.",
            next_step="Look at it again, and confirm it as it is now: cbi statement line",
        )


def book(session: Session, line: StatementLine, found: LineFinding) -> None:
    """Book what an attempt took in a line of its own, after another had listed it: what is delivered after all, from the
    programme's budget, which had got it back, and what is owed back. The caller holds it. Raises DoesNotFit, MonthClosed.
    """
    payment, _ = locked(session, found)
    assert found.attempt is not None
    now = _now(session, line, payment, found)
    rest, owed = now.delivered.minor, now.owed
    if rest:
        try:
            rests.deliver(session, payment, found.attempt, rest, found.id)
        except NotCovered as error:
            raise DoesNotFit(
                "The rest of this payment was given to the programme, and its budget does not hold it any more.",
                next_step="Give the programme that much first (cbi fund allocate).",
            ) from error
    if not owed.minor:
        return
    receivables.open_excess(session, payment, found.attempt, SOURCE, owed.minor, found.id)
    open_discrepancy(
        session, PAID_MORE, f"payment:{payment.id}:{found.attempt}:{found.id}", provider=line.provider,
        payment_id=payment.id, amount=owed, attempt=found.attempt,
        state=payment.state.value, claimed=PaymentState.PAID.value, source=SOURCE,
        provider_reference=line.provider_reference,
    )  # fmt: skip


def check_mistaken(session: Session, old: LineFinding) -> None:
    """Refuse to take back what has come back since, or was written off. Raises DoesNotFit."""
    payment, _ = locked(session, old)
    assert old.attempt is not None
    owed = _owed(session, old)
    if owed is not None and owed.state not in {ReceivableState.OPEN, ReceivableState.DELIVERED}:
        raise DoesNotFit(
            "What was owed back by this finding has come back or was written off.",
            next_step="What came back of it is found as a line of its own: cbi receivable list --all",
        )
    if rests.came_by(session, old.id) and known_returned(session, payment.id, old.attempt):
        raise DoesNotFit(
            "All that this payment took has come back since, and what came by this line with it.",
            next_step="What did not come back is found as an amount: cbi payment report-amount",
        )


def take_back(session: Session, old: LineFinding) -> None:
    """Book the opposite of what was booked of a line that is not more of the payment. Raises NotCovered, MonthClosed."""
    payment, _ = locked(session, old)
    assert old.attempt is not None
    if rest := rests.came_by(session, old.id):
        rests.undo(session, payment, old.attempt, rest, old.id, SOURCE)
    owed = _owed(session, old)
    if owed is not None and owed.state is ReceivableState.OPEN:
        receivables.end(session, owed, ReceivableState.UNFOUNDED, Entry.OWED_MISTAKEN, source=SOURCE)  # fmt: skip


def _now(session: Session, line: StatementLine, payment: Payment, found: LineFinding) -> Split:
    """Up to what the attempt took less than was sent it is delivered after all; what goes beyond is owed back."""
    assert found.attempt is not None
    missing = rests.missing_minor(session, payment, found.attempt)
    return _split(line, min(abs(line.amount_minor), missing))


def _split(line: StatementLine, delivered: int) -> Split:
    taken = abs(line.amount_minor)
    return Split(Money(delivered, line.currency), Money(taken - delivered, line.currency))


def _owed(session: Session, old: LineFinding) -> Receivable | None:
    owed = select(Receivable).where(Receivable.finding_id == old.id)
    return session.scalars(owed.execution_options(populate_existing=True)).one_or_none()
