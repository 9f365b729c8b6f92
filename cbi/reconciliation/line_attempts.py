"""The attempt of a payment that two people name for a line: locked, and refused where the provider was given no such."""

from sqlalchemy.orm import Session

from cbi.errors import Conflict
from cbi.payments.models import Attempt, Payment
from cbi.reconciliation import remembering
from cbi.reconciliation.models import LineFinding, StatementLine

SOURCE = "line_finding"
"""What the payment's event names as whoever said so: the finding of a line."""


class DoesNotFit(Conflict):
    """The line cannot be what it is said to be."""

    code = "line_finding.does_not_fit"


def locked(session: Session, found: LineFinding) -> tuple[Payment, Attempt | None]:
    """The payment that a finding names, until the transaction ends, and its attempt, if there is one. Raises DoesNotFit."""
    payment = session.get(Payment, found.payment_id, with_for_update=True, populate_existing=True)
    if payment is None:
        raise DoesNotFit("There is no such payment.", next_step="Name it by its id.")
    return payment, session.get(Attempt, (payment.id, found.attempt))


def given(session: Session, line: StatementLine, found: LineFinding) -> tuple[Payment, Attempt]:
    """`locked`, of an attempt that the line's provider was given in its currency. Raises DoesNotFit.

    One that the books have forgotten since they were restored is made up here, and written down by whoever books it.
    """
    payment, sent = locked(session, found)
    if sent is None and found.attempt and remembering.is_forgotten(session, payment, found.attempt):
        sent = Attempt(payment_id=payment.id, number=found.attempt, provider=payment.provider)
    if sent is None or sent.provider != line.provider or payment.currency != line.currency:
        raise DoesNotFit(
            f"{line.provider} was given no such attempt in {line.currency}.",
            next_step="Look at the payment's attempts: cbi payment show",
        )
    return payment, sent
