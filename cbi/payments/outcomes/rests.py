"""What a payment took less than was sent, and a line of its own lists after all: its household has got it then.

The programme's budget had got it back, so it comes from there. What was missing and came by another way meanwhile, in
words or by a listed top-up, does not come twice: what the line took is owed back.
"""

from uuid import UUID

from sqlalchemy import Select, case, func, literal, or_, select
from sqlalchemy.orm import Session

from cbi.ledger.chart import Entry
from cbi.ledger.models import Transfer
from cbi.ledger.posting import post
from cbi.money import Money
from cbi.payments import notices
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.moves import book_of
from cbi.payments.outcomes.discrepancies import PAID_LESS, open_discrepancy, settle_set
from cbi.payments.outcomes.known import came_since
from cbi.payments.runs.runs import find
from cbi.payments.states import PaymentState
from cbi.programmes.models import Entitlement, Programme
from cbi.programmes.top_up_models import TopUp, TopUpRow
from cbi.programmes.top_ups import ACCEPTED, LIST

ALL_CAME = "All that was missing has come: other lines list it, or a top-up gave it."
"""What ends the discrepancy that less was taken, where nobody has said how the household got the rest."""


def hold(session: Session, payment: Payment, attempt: int) -> None:
    """Until the transaction ends nobody says in words how the household got what an attempt took less, and no top-up of its
    programme is accepted. The caller has locked the payment.
    """
    session.execute(_told(payment, attempt).with_only_columns(Discrepancy.id).with_for_update())
    session.execute(
        select(Programme.id).where(Programme.id == payment.programme_id).with_for_update(read=True)
    )


def missing_minor(session: Session, payment: Payment, attempt: int) -> int:
    """What an attempt took less than was sent and its household has in no way got since, in minor units.

    Nothing once somebody has said in words how the household got it. What a list gave it on top of the same cycle since
    counts, whatever the list was for: its rows name no payment, and its reason is words, so nothing tells a list that made
    up for the shortfall from another one, and what comes twice would be the programme's loss. A top-up by the rules never
    counts: it gives what the household is owed more, by what it was owed before, whatever of that reached it. Nor does a
    follow-up run, which pays only what was given up. Whoever books by it calls `hold` first.
    """
    one, taken_back = Transfer.entry == Entry.PAID_LESS.value, Entry.REST_TAKEN_BACK.value
    less, since = session.execute(
        select(
            func.coalesce(func.sum(case((one, Transfer.amount_minor), else_=-Transfer.amount_minor)), 0),
            func.min(Transfer.recorded_at),
        ).where(
            Transfer.source_id == payment.id, Transfer.attempt == attempt, Transfer.leg == 1,
            one | (Transfer.entry == taken_back),
        )
    ).one()  # fmt: skip
    if since is None:
        return 0
    told = session.scalars(_told(payment, attempt))
    if any(each.settled_at and each.resolution != ALL_CAME for each in told):
        return 0
    given = session.scalar(
        select(func.coalesce(func.sum(TopUpRow.amount_minor), 0))
        .join(TopUp, TopUp.id == TopUpRow.top_up_id)
        .join(Entitlement, Entitlement.cycle_id == TopUp.cycle_id)
        .where(
            Entitlement.id == payment.entitlement_id, TopUpRow.household_id == payment.household_id,
            TopUp.decision == ACCEPTED, TopUp.basis == LIST, TopUp.decided_at > since,
        )
    )  # fmt: skip
    return max(int(less) - came_since(session, payment.id, attempt) - int(given or 0), 0)


def deliver(session: Session, payment: Payment, attempt: int, minor: int, finding_id: UUID) -> None:
    """Book that a line of its own, by this finding of two people, lists what was missing of an attempt, or some of it, and
    tell the household.

    The payment is locked. Raises NotCovered, MonthClosed.
    """
    _post(session, Entry.REST_DELIVERED, payment, attempt, minor, finding_id)
    notices.rest_came(session, payment.id, Money(minor, payment.currency), finding_id)
    if not missing_minor(session, payment, attempt):
        told = _told(payment, attempt).with_only_columns(Discrepancy.id, literal(ALL_CAME))
        settle_set(session, told)


def came_by(session: Session, finding_id: UUID) -> int:
    """What was missing and came in a line by this finding of two people, in minor units."""
    found = select(Transfer.amount_minor).where(
        Transfer.source_id == finding_id, Transfer.entry == Entry.REST_DELIVERED.value, Transfer.leg == 1
    )  # fmt: skip
    return session.scalar(found) or 0


def undo(
    session: Session, payment: Payment, attempt: int, minor: int, finding_id: UUID, source: str
) -> None:
    """What two people had found to be missing and to have come is missing again. What tells of it and waits is not sent.

    The payment is locked. Raises NotCovered, MonthClosed.
    """
    _post(session, Entry.REST_MISTAKEN, payment, attempt, minor, finding_id)
    notices.rest_did_not_come(session, payment.id, finding_id)
    if not any(each.settled_at is None for each in session.scalars(_told(payment, attempt))):
        open_discrepancy(
            session, PAID_LESS, f"{_subject(payment, attempt)}:{finding_id}", provider=payment.provider,
            payment_id=payment.id, amount=Money(minor, payment.currency), attempt=attempt,
            state=payment.state.value, claimed=PaymentState.PAID.value, source=source,
        )  # fmt: skip


def _subject(payment: Payment, attempt: int) -> str:
    return f"payment:{payment.id}:{attempt}"


def _told(payment: Payment, attempt: int) -> Select[Discrepancy]:
    """The discrepancies that an attempt took less, whatever became of them."""
    subject = _subject(payment, attempt)
    return (
        select(Discrepancy)
        .where(
            Discrepancy.payment_id == payment.id, Discrepancy.kind == PAID_LESS,
            or_(Discrepancy.subject == subject, Discrepancy.subject.startswith(f"{subject}:")),
        )
        .execution_options(populate_existing=True)
    )  # fmt: skip


def _post(
    session: Session, entry: Entry, payment: Payment, attempt: int, minor: int, finding_id: UUID
) -> None:
    book = book_of(find(session, payment.run_id), payment.provider)
    post(session, entry, book, Money(minor, payment.currency), finding_id, of=(payment.id, attempt))
