"""A provider does not come back: two people take back what waits for it."""

from uuid import UUID

from sqlalchemy import select

from cbi.payments.models import Payment, PaymentRun
from cbi.payments.states import PaymentState, RunState
from cbi.payments.unpaid import withdrawing
from tests.simulation.finance import FRESH
from tests.simulation.first_day import MODEL
from tests.simulation.life import Life


def withdraw(life: Life) -> None:
    """What of a run waits to be sent, or one payment of it, is taken back, if a second person agrees."""
    waiting = life.look(
        lambda s: s.execute(
            select(PaymentRun.id, Payment.id)
            .join(Payment, Payment.run_id == PaymentRun.id)
            .where(
                PaymentRun.state == RunState.RELEASING,
                Payment.live,
                Payment.provider == MODEL,
                Payment.state == PaymentState.READY,
            )
            .order_by(PaymentRun.number, Payment.id)
        ).all()
    )
    if not waiting:
        return
    run_id, payment_id = life.chance.choice(waiting)
    one_alone = payment_id if life.chance.random() < 0.4 else None
    one, other = life.who("head_of_finance"), life.who("authoriser")
    made: list[UUID] = []
    if not life.step(
        "propose to take back what waits",
        lambda: made.append(
            life.transact(
                lambda s: (
                    withdrawing.propose(s, one.actor, run_id, MODEL, "it is closed", one_alone).id
                )
            )
        ),
    ):
        return
    life.acknowledge("withdrawal", made[-1])
    life.did("withdrawal", made[-1], "proposed", one)
    life.weather.now += FRESH
    if life.step(
        "confirm to take back what waits",
        lambda: life.transact(
            lambda s: withdrawing.confirm(s, other.actor, made[-1], other.code()).id
        ),
    ):
        life.acknowledge("withdrawal confirmed", made[-1])
        life.did("withdrawal", made[-1], "confirmed", other)
