"""One payment's whole story: what it is, every attempt and every move; and lists of payments that somebody looks into."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.money import Money
from cbi.payments.models import Attempt, Payment, PaymentEvent, PaymentRun, UnpaidFinding
from cbi.payments.runs.queries import run_of
from cbi.payments.runs.runs import find_for, programme_of
from cbi.payments.states import IN_DOUBT, PaymentState, RunState
from cbi.payments.unpaid.decisions import Told, behind
from cbi.programmes.models import Programme


@dataclass(frozen=True, slots=True)
class Story:
    """A payment with all that happened to it. `finding` is what colleagues found about its present attempt.

    `decided`: who decided to try it anew or to give it up, and why, by the event's source.
    """

    payment: Payment
    run: PaymentRun
    programme: str
    attempts: Sequence[Attempt]
    events: Sequence[PaymentEvent]
    finding: UnpaidFinding | None
    decided: Mapping[str, Told]

    @property
    def amount(self) -> Money:
        """What the household is to get."""
        return Money(self.payment.amount_minor, self.payment.currency)


def story(session: Session, actor: Actor, payment_id: UUID) -> Story:
    """The payment's story. Raises UnknownRun, NotPermitted."""
    run = find_for(session, actor, run_of(session, payment_id), Permission.PAYMENT_READ)
    payment = session.get_one(Payment, payment_id, populate_existing=True)
    events = session.scalars(
        select(PaymentEvent).where(PaymentEvent.payment_id == payment_id).order_by(PaymentEvent.id)
    ).all()
    attempts = session.scalars(
        select(Attempt).where(Attempt.payment_id == payment_id).order_by(Attempt.number)
    ).all()
    finding = session.scalar(
        select(UnpaidFinding)
        .where(
            UnpaidFinding.payment_id == payment_id, UnpaidFinding.attempt == payment.attempts,
            UnpaidFinding.refusal_id.is_(None),
        )
        .execution_options(populate_existing=True)
    )  # fmt: skip
    return Story(
        payment,
        run,
        programme_of(session, run).code,
        attempts,
        events,
        finding,
        behind(session, events),
    )


def in_state(actor: Actor, state: PaymentState, provider: str | None = None) -> Select[Payment]:
    """The payments in that state, of runs that are not closed, that the actor may see."""
    # A payment that nobody has known about for days is listed with those that nobody knows about.
    states = IN_DOUBT if state in IN_DOUBT else {state}
    found = select(Payment).where(Payment.state.in_(states), *released(actor))
    return found if provider is None else found.where(Payment.provider == provider)


def released(actor: Actor) -> list[ColumnElement[bool]]:
    """What narrows payments to those of released runs that are not closed, and that the actor may see."""
    programmes = actor.programmes(Permission.PAYMENT_READ)
    if programmes is not None and not programmes:
        actor.require(Permission.PAYMENT_READ)
    runs = select(PaymentRun.id).where(PaymentRun.state.in_(_OUT))
    if programmes is not None:
        runs = runs.join(Programme, Programme.id == PaymentRun.programme_id).where(
            Programme.code.in_(programmes)
        )
    return [Payment.run_id.in_(runs)]


_OUT = (RunState.RELEASING, RunState.RELEASED)
