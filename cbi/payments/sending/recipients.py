"""Whether, at the moment of sending, a payment still goes where its approvers saw it go; and what if not."""

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from cbi.money import Money
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.moves import move
from cbi.payments.outcomes.discrepancies import open_discrepancy
from cbi.payments.states import PaymentState
from cbi.registry.models import PaymentAccount

ACCOUNT_CHANGED = "account_changed"


def goes_where_approved() -> ColumnElement[bool]:
    """Whether a payment's account is in use and has the number that it had when the run was made."""
    return exists().where(
        PaymentAccount.id == Payment.account_id,
        PaymentAccount.value_index == Payment.account_index,
        PaymentAccount.replaced_at.is_(None),
    )


def hold_back(
    session: Session, run: PaymentRun, chosen: ColumnElement[bool], *, provider: str, source: str
) -> int:
    """Fail the chosen payments that are about to be sent, each with a discrepancy; returns how many there were.

    What is sent to a number that nobody approved could reach somebody else.
    """
    found = session.execute(
        select(Payment.id, Payment.rest_minor, Payment.currency).where(
            Payment.run_id == run.id, Payment.state == PaymentState.SENDING, chosen
        )
    ).all()
    for payment_id, minor, currency in found:
        open_discrepancy(
            session, ACCOUNT_CHANGED, f"payment:{payment_id}", provider=provider, payment_id=payment_id,
            amount=Money(minor, currency),
        )  # fmt: skip
    if found:
        these = Payment.id.in_([row.id for row in found])
        move(
            session, run, these, PaymentState.SENDING, PaymentState.FAILED, provider=provider, source=source,
            failure=ACCOUNT_CHANGED,
        )  # fmt: skip
    return len(found)
