"""A line that is more of a payment which another line lists: what had been missing of it has come after all, and what is
more than was sent is owed back.
"""

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from cbi.ledger.chart import Entry
from cbi.ledger.posting import NotCovered
from cbi.money import Money
from cbi.payments.outcomes import rests
from cbi.payments.outcomes.discrepancies import PAID_MORE, open_discrepancy
from cbi.payments.outcomes.known import known_returned
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.payments.recovery import receivables
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.states import PaymentState, ReceivableState
from cbi.reconciliation.line_attempts import SOURCE, DoesNotFit, given, locked
from cbi.reconciliation.line_candidates import is_listed
from cbi.reconciliation.models import LineFinding, StatementLine


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


def book(session: Session, line: StatementLine, found: LineFinding) -> None:
    """Book what an attempt took in a line of its own, after another had listed it.

    Up to what it had taken less than was sent it is delivered after all, from the programme's budget, which had got it
    back; what goes beyond is owed back. Raises DoesNotFit, MonthClosed.
    """
    payment, _ = locked(session, found)
    assert found.attempt is not None
    taken = abs(line.amount_minor)
    rest = min(taken, rests.missing_minor(session, payment, found.attempt))
    if rest:
        try:
            rests.deliver(session, payment, found.attempt, rest, found.id)
        except NotCovered as error:
            raise DoesNotFit(
                "The rest of this payment was given to the programme, and its budget does not hold it any more.",
                next_step="Give the programme that much first (cbi fund allocate).",
            ) from error
    if taken == rest:
        return
    receivables.open_excess(session, payment, found.attempt, SOURCE, taken - rest, found.id)
    open_discrepancy(
        session, PAID_MORE, f"payment:{payment.id}:{found.attempt}:{found.id}", provider=line.provider,
        payment_id=payment.id, amount=Money(taken - rest, line.currency), attempt=found.attempt,
        state=payment.state.value, claimed=PaymentState.PAID.value, source=SOURCE,
        provider_reference=line.provider_reference,
    )  # fmt: skip


def check_mistaken(session: Session, old: LineFinding) -> None:
    """Refuse to take back what has come back since, or was written off. Raises DoesNotFit."""
    payment, _ = locked(session, old)
    assert old.attempt is not None
    owed = _owed(session, old)
    if owed is not None and owed.state is not ReceivableState.OPEN:
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
    if (owed := _owed(session, old)) is not None:
        receivables.end(session, owed, ReceivableState.UNFOUNDED, Entry.OWED_MISTAKEN, source=SOURCE)  # fmt: skip


def _owed(session: Session, old: LineFinding) -> Receivable | None:
    owed = select(Receivable).where(Receivable.finding_id == old.id)
    return session.scalars(owed.execution_options(populate_existing=True)).one_or_none()
