"""Whether, at the moment of sending, a payment still goes where its approvers saw it go; and what if not."""

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from cbi.money import Money
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.moves import move
from cbi.payments.outcomes.discrepancies import open_discrepancy
from cbi.payments.runs.sheet_models import FindingKind, RunFinding
from cbi.payments.states import PaymentState
from cbi.registry.linkage.queries import in_question
from cbi.registry.models import Household, PaymentAccount, Person
from cbi.registry.queries import ACTIVE

ACCOUNT_CHANGED, PAYEE_GONE = "account_changed", "payee_gone"


def goes_where_approved() -> ColumnElement[bool]:
    """Whether a payment's account is in use and has the number that it had when the run was made."""
    return exists().where(
        PaymentAccount.id == Payment.account_id,
        PaymentAccount.value_index == Payment.account_index,
        PaymentAccount.replaced_at.is_(None),
    )


def payee_stands() -> ColumnElement[bool]:
    """Whether a payment's person still collects for its household, and the household still receives.

    Not while a member may be on record twice. A household that was not active when the run was locked was shown to
    everybody who signed, and let pass by a waiver.
    """
    payee, home = aliased(Person), aliased(Household)
    collects = exists().where(
        payee.id == Payment.person_id,
        payee.household_id == Payment.household_id,
        payee.is_recipient,
    )
    active = exists().where(home.id == Payment.household_id, home.status == ACTIVE)
    waived = exists().where(
        RunFinding.run_id == Payment.run_id,
        RunFinding.kind == FindingKind.INACTIVE,
        RunFinding.household_id == Payment.household_id,
    )
    return and_(collects, or_(active, waived), ~in_question(Payment.household_id))


def hold_back(
    session: Session, run: PaymentRun, within: ColumnElement[bool], *, provider: str, source: str
) -> int:
    """Fail what is about to be sent and may not be, each with a discrepancy; returns how many there were.

    What is sent to a number that nobody approved could reach somebody else; what is sent to who died or left, too.
    """
    stops = ((ACCOUNT_CHANGED, goes_where_approved()), (PAYEE_GONE, payee_stands()))
    return sum(
        _hold_back(session, run, and_(within, ~may), kind, provider=provider, source=source)
        for kind, may in stops
    )


def _hold_back(
    session: Session, run: PaymentRun, chosen: ColumnElement[bool], kind: str, *, provider: str, source: str
) -> int:  # fmt: skip
    found = session.execute(
        select(Payment.id, Payment.rest_minor, Payment.currency).where(
            Payment.run_id == run.id, Payment.state == PaymentState.SENDING, chosen
        )
    ).all()
    for payment_id, minor, currency in found:
        open_discrepancy(
            session, kind, f"payment:{payment_id}", provider=provider, payment_id=payment_id,
            amount=Money(minor, currency),
        )  # fmt: skip
    if found:
        these = Payment.id.in_([row.id for row in found])
        move(
            session, run, these, PaymentState.SENDING, PaymentState.FAILED, provider=provider, source=source,
            failure=kind,
        )  # fmt: skip
    return len(found)
