"""When nobody can say any more what became of a payment: two people find, on the provider's written word, that it was
not paid. So they may where the provider accepted a payment and for two weeks has not said whether it made it.

This is the only way out of `unknown` that is not the provider's own message. A machine never takes it.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden
from cbi.fsp.adapter import PaysOverCounter, QueriesStatus
from cbi.fsp.errors import AdapterUnavailable
from cbi.fsp.messages import FailureReason
from cbi.payments.models import Attempt, Payment, PaymentEvent, UnpaidFinding
from cbi.payments.moves import move_one
from cbi.payments.outcomes import late
from cbi.payments.outcomes.outcomes import UnknownPayment
from cbi.payments.runs.runs import find, programme_of
from cbi.payments.sending import providers
from cbi.payments.states import IN_DOUBT, PaymentState

QUIET = timedelta(hours=24)
"""So long after its attempt began nobody may find a payment unpaid: the money may still be on its way."""

SILENT = timedelta(days=14)
"""So long after a provider accepted a payment nobody may find it unpaid: as long as it has until it is asked about."""

MAY_BE_FOUND = IN_DOUBT | {PaymentState.ACCEPTED}
"""What a payment is that two people may find unpaid: accepted, only where its code is not ours."""


class NotInDoubt(Conflict):
    """What became of the payment is known."""

    code = "payment.not_in_doubt"


class TooSoon(Conflict):
    """The payment may still be on its way, or the provider has not been asked since."""

    code = "payment.too_soon"


class NothingReported(Conflict):
    """Nobody has reported that this attempt was not paid, or it has been confirmed already."""

    code = "payment.nothing_reported"


class OwnReport(Forbidden):
    """Nobody confirms their own report."""

    code = "payment.own_report"


def report(session: Session, actor: Actor, payment_id: UUID, proof: str) -> UnpaidFinding:
    """Report that the provider says in writing (`proof`: where that can be found) that it did not pay. Moves nothing.

    Repeating it changes nothing. Raises UnknownPayment, NotPermitted, NotInDoubt, TooSoon, UnusableReason.
    """
    payment = _in_doubt(session, actor, payment_id, Permission.DISCREPANCY_SETTLE)
    _check_quiet(session, payment)
    _check_asked(session, payment)
    reported = session.scalar(
        insert(UnpaidFinding)
        .values(
            payment_id=payment.id, attempt=payment.attempts, proof=reasons.plain(proof), reported_by=actor.id,
            reported_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(UnpaidFinding.attempt)
    )  # fmt: skip
    if reported is not None:
        record(session, actor, "payment.reported_unpaid", "payment", payment.id, attempt=reported)
    return session.scalars(_standing(payment)).one()


def confirm(session: Session, actor: Actor, payment_id: UUID, code: str) -> None:
    """Confirm a colleague's report with a fresh one-time code: the payment has failed, and its money is not in transit.

    Should the provider say later that it paid after all, that is booked (`late`). Raises UnknownPayment, NotPermitted,
    WrongCode, NotInDoubt, TooSoon, NothingReported, OwnReport.
    """
    payment = _in_doubt(session, actor, payment_id, Permission.RUN_AUTHORISE)
    totp.step_up(session, actor, code)
    finding = session.scalar(_standing(payment))
    if finding is not None and finding.reported_by == actor.id:
        raise OwnReport(
            "You reported this payment as unpaid, so somebody else has to confirm it.",
            next_step="Ask a colleague who may authorise payment runs.",
        )
    _check_not_overtaken(session, payment, finding)
    confirmed = session.scalar(
        update(UnpaidFinding)
        .where(
            UnpaidFinding.payment_id == payment.id, UnpaidFinding.attempt == payment.attempts,
            UnpaidFinding.confirmed_by.is_(None), UnpaidFinding.refusal_id.is_(None),
        )
        .values(confirmed_by=actor.id, confirmed_at=clock.now())
        .returning(UnpaidFinding.attempt)
    )  # fmt: skip
    if confirmed is None:
        raise NothingReported(
            "Nobody has reported this payment as unpaid.",
            next_step="The treasurer reports it first, with the provider's written word.",
        )
    move_one(
        session, find(session, payment.run_id), payment.id, payment.state, PaymentState.FAILED,
        provider=payment.provider, source=SOURCE, failure=FailureReason.PROVIDER_ERROR,
    )  # fmt: skip
    session.refresh(payment)
    late.adopt(session, payment)
    record(session, actor, "payment.confirmed_unpaid", "payment", payment.id, attempt=confirmed)


SOURCE = "finding"
"""What the payment's event names as whoever said so: the finding of that attempt."""


def may_be_found(session: Session, payment: Payment) -> bool:
    """Whether a payment is one that two people may find unpaid by now, if the provider says so in writing."""
    if payment.state is PaymentState.ACCEPTED:
        return not _is_by_code(payment) and clock.now() >= quiet_until(session, payment)
    return payment.state in IN_DOUBT


def quiet_until(session: Session, payment: Payment) -> datetime:
    """Until when nobody may find a payment unpaid: since it was last accepted, or else since its attempt began."""
    event = PaymentEvent
    accepted = select(func.max(event.at)).where(
        event.payment_id == payment.id, event.attempt == payment.attempts, event.after == PaymentState.ACCEPTED
    )  # fmt: skip
    if payment.state is PaymentState.ACCEPTED and (since := session.scalar(accepted)) is not None:
        return since + SILENT
    return session.get_one(Attempt, (payment.id, payment.attempts)).started_at + QUIET


def _is_by_code(payment: Payment) -> bool:
    """Whether the engine itself checks the code: then it knows that nobody cashed it, until its last day."""
    try:
        return isinstance(providers.adapter(payment.provider), PaysOverCounter)
    except AdapterUnavailable:
        return False


def _standing(payment: Payment) -> Select[UnpaidFinding]:
    """What was reported of the present attempt and not refused."""
    return select(UnpaidFinding).where(
        UnpaidFinding.payment_id == payment.id, UnpaidFinding.attempt == payment.attempts,
        UnpaidFinding.refusal_id.is_(None),
    )  # fmt: skip


def _in_doubt(session: Session, actor: Actor, payment_id: UUID, permission: Permission) -> Payment:
    payment = session.get(Payment, payment_id, with_for_update=True, populate_existing=True)
    if payment is None:
        actor.require(permission)
        raise UnknownPayment("There is no such payment.")
    actor.require(permission, programme_of(session, find(session, payment.run_id)).code)
    if payment.state not in MAY_BE_FOUND:
        raise NotInDoubt(
            f"What became of this payment is known: it is {payment.state}.",
            next_step="Read its events; only a payment that is unknown, or accepted, can be found unpaid.",
        )
    if payment.state is PaymentState.ACCEPTED and _is_by_code(payment):
        raise NotInDoubt(
            "What became of this payment is known: its code was not cashed.",
            next_step="Wait until it is cashed, or until its last day is over.",
        )
    return payment


def _check_quiet(session: Session, payment: Payment) -> None:
    until = quiet_until(session, payment)
    if clock.now() < until:
        raise TooSoon(
            "This payment was sent less than a day ago, or accepted less than two weeks ago, and may still be on its way.",
            next_step=f"Report it after {until:%d/%m/%Y %H:%M} UTC, if nothing was heard by then.",
        )


def _check_not_overtaken(session: Session, payment: Payment, finding: UnpaidFinding | None) -> None:
    accepted = payment.state is PaymentState.ACCEPTED
    if accepted and finding is not None and finding.reported_at < quiet_until(session, payment):
        raise TooSoon(
            "The provider has accepted this payment since it was reported as unpaid.",
            next_step="Wait for its answer. If none comes, refuse this report (page /waiting); it is made anew.",
        )


def _check_asked(session: Session, payment: Payment) -> None:
    asked = session.get_one(
        Attempt, (payment.id, payment.attempts), populate_existing=True
    ).asked_at
    if isinstance(providers.adapter(payment.provider), QueriesStatus) and (
        asked is None or asked < quiet_until(session, payment)
    ):
        raise TooSoon(
            f"{payment.provider} has not been asked about this payment since the time was over in which it may be made.",
            next_step="Wait until a worker has asked (every few minutes), or see why none does: cbi doctor",
        )
