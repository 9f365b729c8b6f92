"""What people decide about money that is owed back: that it came back, or, two of them, that it is lost.

The treasurer also covers what was delivered although its budget had been spent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, NotFound
from cbi.ledger.chart import Entry
from cbi.ledger.models import Transfer
from cbi.ledger.posting import booking, post_payments
from cbi.payments.models import Discrepancy, Payment, PaymentRun
from cbi.payments.moves import book_of
from cbi.payments.outcomes.discrepancies import WITHOUT_COVER, settle_set
from cbi.payments.outcomes.outcomes import UnknownPayment
from cbi.payments.recovery.receivable_models import Receivable, ReceivableEvent, WriteOff
from cbi.payments.recovery.receivables import come_back, end
from cbi.payments.runs.runs import find, programme_of
from cbi.payments.states import PaymentState, ReceivableState
from cbi.programmes.models import Programme

LONGEST_REFERENCE = 100


class UnknownReceivable(NotFound):
    """Nothing of that id is owed back."""

    code = "receivable.unknown"


class ReceivableEnded(Conflict):
    """It came back, was written off, or became the payment."""

    code = "receivable.ended"


class NotYetLost(Conflict):
    """Nothing else was paid for it, so the money may turn out to be the payment."""

    code = "receivable.not_yet_lost"


class NothingProposed(Conflict):
    """Nobody has proposed to write it off."""

    code = "receivable.nothing_proposed"


class OwnProposal(Forbidden):
    """Nobody confirms their own proposal."""

    code = "receivable.own_proposal"


class NothingToCover(Conflict):
    """The payment was not delivered without cover, or has been covered."""

    code = "payment.nothing_to_cover"


@dataclass(frozen=True, slots=True)
class Owed:
    """Something that is or was owed back. `proposal` is what a colleague proposes, or two have decided."""

    receivable: Receivable
    programme: str
    run: int
    proposal: WriteOff | None


def owed_back(session: Session, actor: Actor, *, is_open: bool = True) -> Sequence[Owed]:
    """What is owed back, or all that ever was, oldest first; of the programmes that the actor may know of."""
    programmes = actor.programmes(Permission.DISCREPANCY_READ)
    if programmes is not None and not programmes:
        actor.require(Permission.DISCREPANCY_READ)
    found = (
        select(Receivable, Programme.code, PaymentRun.number, WriteOff)
        .join(Payment, Payment.id == Receivable.payment_id)
        .join(PaymentRun, PaymentRun.id == Payment.run_id)
        .join(Programme, Programme.id == Payment.programme_id)
        .outerjoin(
            WriteOff, (WriteOff.receivable_id == Receivable.id) & WriteOff.refusal_id.is_(None)
        )
        .order_by(Receivable.found_at, Receivable.id)
    )
    if is_open:
        found = found.where(Receivable.state == ReceivableState.OPEN)
    if programmes is not None:
        found = found.where(Programme.code.in_(programmes))
    return [Owed(*row) for row in session.execute(found)]


def recover(
    session: Session, actor: Actor, receivable_id: UUID, reference: str, *, to_bank: bool = False
) -> bool:
    """Book that the provider gave the money back, to its float or to our bank, by the paper's reference.

    False when exactly this is booked already. Raises UnknownReceivable, NotPermitted, UnusableReason, ReceivableEnded.
    """
    owed = _locked(session, actor, receivable_id, Permission.FUND_MOVE)
    paper = reasons.plain(reference, longest=LONGEST_REFERENCE)
    if owed.state is ReceivableState.RECOVERED and _known(session, owed.id, paper):
        return False
    if owed.state not in {ReceivableState.OPEN, ReceivableState.WRITTEN_OFF}:
        raise _ended(owed)
    come_back(session, owed, source=f"user:{actor.id}", reference=paper, to_bank=to_bank)
    record(
        session, actor, "receivable.recovered", "receivable", owed.id, reference=paper, to_bank=to_bank
    )  # fmt: skip
    return True


def propose_write_off(
    session: Session, actor: Actor, receivable_id: UUID, reason: str, evidence: str
) -> None:
    """Propose to give the money up, with the reason and where the evidence can be found. Moves nothing.

    Repeating it changes nothing. Raises UnknownReceivable, NotPermitted, UnusableReason, ReceivableEnded, NotYetLost.
    """
    owed = _losable(session, actor, receivable_id, Permission.DISCREPANCY_SETTLE)
    proposed = session.scalar(
        insert(WriteOff)
        .values(
            receivable_id=owed.id, reason=reasons.plain(reason), evidence=reasons.plain(evidence),
            proposed_by=actor.id, proposed_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(WriteOff.receivable_id)
    )  # fmt: skip
    if proposed is not None:
        record(session, actor, "receivable.write_off_proposed", "receivable", owed.id)


def confirm_write_off(session: Session, actor: Actor, receivable_id: UUID, code: str) -> None:
    """Confirm a colleague's proposal with a fresh one-time code: the budget bears the loss.

    Raises UnknownReceivable, NotPermitted, WrongCode, ReceivableEnded, NotYetLost, NothingProposed, OwnProposal,
    NotCovered.
    """
    owed = _losable(session, actor, receivable_id, Permission.RUN_AUTHORISE)
    totp.step_up(session, actor, code)
    proposal = session.scalar(
        select(WriteOff)
        .where(WriteOff.receivable_id == owed.id, WriteOff.refusal_id.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if proposal is None:
        raise NothingProposed(
            "Nobody has proposed to write this off.",
            next_step="The treasurer proposes it first, with the evidence.",
        )
    if proposal.proposed_by == actor.id:
        raise OwnProposal(
            "You proposed to write this off, so somebody else has to confirm it.",
            next_step="Ask a colleague who may authorise payment runs.",
        )
    session.execute(
        update(WriteOff)
        .where(WriteOff.id == proposal.id, WriteOff.confirmed_by.is_(None))
        .values(confirmed_by=actor.id, confirmed_at=clock.now())
    )
    end(session, owed, ReceivableState.WRITTEN_OFF, Entry.WRITE_OFF, source=f"user:{actor.id}")
    record(session, actor, "receivable.written_off", "receivable", owed.id)


def cover(session: Session, actor: Actor, payment_id: UUID) -> None:
    """Cover a payment that was delivered although its budget had been spent, now that there is money again.

    Raises UnknownPayment, NotPermitted, NothingToCover, NotCovered.
    """
    payment = session.get(Payment, payment_id, with_for_update=True, populate_existing=True)
    if payment is None:
        actor.require(Permission.FUND_MOVE)
        raise UnknownPayment("There is no such payment.")
    run = find(session, payment.run_id)
    actor.require(Permission.FUND_MOVE, programme_of(session, run).code)
    booked = select(Transfer.attempt).where(Transfer.source_id == payment_id, Transfer.leg == 1)
    attempt = session.scalar(
        booked.where(
            Transfer.entry == Entry.LATE_UNCOVERED.value,
            Transfer.attempt.not_in(booked.where(Transfer.entry == Entry.COVER.value)),
        ).limit(1)
    )
    if attempt is None:
        raise NothingToCover(
            "This payment is covered.", next_step="See the open discrepancies for what is not."
        )
    row = select(Payment.id, literal(attempt), Payment.rest_minor).where(
        Payment.id == bindparam("one")
    )
    post_payments(session, Entry.COVER, book_of(run), booking(row), {"one": payment_id})
    settle_set(
        session,
        select(Discrepancy.id, literal("The budget has covered it.")).where(
            Discrepancy.kind == WITHOUT_COVER,
            Discrepancy.subject == f"payment:{payment_id}:{attempt}",
        ),
    )
    record(session, actor, "payment.covered", "payment", payment_id, attempt=attempt)


def _locked(
    session: Session, actor: Actor, receivable_id: UUID, permission: Permission
) -> Receivable:
    """What is owed, with its payment locked, so that news about it waits."""
    payment_id = session.scalar(select(Receivable.payment_id).where(Receivable.id == receivable_id))
    if payment_id is None:
        actor.require(permission)
        raise UnknownReceivable(
            "Nothing of that id is owed back.", next_step="See: cbi receivable list"
        )
    payment = session.get_one(Payment, payment_id, with_for_update=True, populate_existing=True)
    actor.require(permission, programme_of(session, find(session, payment.run_id)).code)
    return session.get_one(Receivable, receivable_id, populate_existing=True)


def _losable(
    session: Session, actor: Actor, receivable_id: UUID, permission: Permission
) -> Receivable:
    owed = _locked(session, actor, receivable_id, permission)
    if owed.state is not ReceivableState.OPEN:
        raise _ended(owed)
    live = select(Payment.id, Payment.state).where(
        Payment.entitlement_id == owed.entitlement_id, Payment.live
    )
    covering = session.execute(live).one_or_none()
    paid = covering is not None and covering.state is PaymentState.PAID
    # A payment that replaces one that was called off is held while the money is owed, and goes out once it is given up.
    if owed.excess:
        return owed  # whatever becomes of the payment, this is not it
    if covering is None or not (paid or covering.id != owed.payment_id):
        raise NotYetLost(
            "Nothing else was paid for it yet: this may turn out to be the payment.",
            next_step="Wait until it is known what became of the later attempt.",
        )
    return owed


def _ended(owed: Receivable) -> ReceivableEnded:
    return ReceivableEnded(
        f"Nothing is owed back any more: it is {owed.state.value.replace('_', ' ')}.",
        next_step="See: cbi receivable list --all",
    )


def _known(session: Session, receivable_id: UUID, reference: str) -> bool:
    booked = select(ReceivableEvent.id).where(
        ReceivableEvent.receivable_id == receivable_id, ReceivableEvent.reference == reference
    )
    return session.scalar(booked) is not None
