"""What keeps a run from being signed is waived by two people, for some days, and one of them may end it."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi.payments.models import PaymentRun
from cbi.payments.signing import waivers
from cbi.payments.signing.waivers import Terms
from cbi.programmes.models import Programme
from tests.simulation.finance import FRESH
from tests.simulation.life import Life
from tests.simulation.signing import LARGEST, OUT
from tests.simulation.wrongs import Kind, Wrong

CONTROL = "amount_bounds"


def waive(life: Life) -> None:
    """One asks that larger payments pass in a programme, or in one run; another grants it, refuses, or somebody ends it."""
    one, other, owner = (
        life.who("certifier"),
        life.who("head_of_finance"),
        life.who("country_director"),
    )
    waiting = life.look(
        lambda s: s.execute(
            select(PaymentRun.number, Programme.code)
            .join(Programme, Programme.id == PaymentRun.programme_id)
            .where(PaymentRun.id.in_(life.kept.runs))
            .order_by(PaymentRun.number)
        ).all()
    )
    if not waiting:
        return
    run, programme = life.chance.choice(waiting)
    today = life.weather.now.date()
    assert owner.actor.id is not None
    terms = Terms(
        CONTROL, programme, "Large families", "list 7", owner.actor.id, today + timedelta(days=1),
        today + timedelta(days=life.chance.randint(1, 20)), run=life.chance.choice((None, run)),
    )  # fmt: skip
    made: list[int] = []
    if not life.step(
        f"ask that larger payments pass in {programme}",
        lambda: made.append(life.transact(lambda s: waivers.ask(s, one.actor, terms, one.code()).number)),
    ):  # fmt: skip
        return
    number = made[-1]
    life.acknowledge("waiver", number)
    life.did("waiver", number, "asked", one)
    life.weather.now += FRESH
    if life.chance.random() < 0.15:
        life.step(
            "refuse the waiver",
            lambda: life.transact(lambda s: waivers.refuse(s, other.actor, number, "too many").id),
        )
        return
    life.kept.waived = True
    if not life.step(
        "grant the waiver",
        lambda: life.transact(lambda s: waivers.grant(s, other.actor, number, other.code()).id),
    ):
        return
    life.acknowledge("waiver granted", number)
    life.did("waiver", number, "granted", other)
    if life.chance.random() < 0.2 and life.step(
        "end the waiver",
        lambda: life.transact(lambda s: waivers.revoke(s, one.actor, number, "they were visited").id),
    ):  # fmt: skip
        life.acknowledge("waiver ended", number)


def wrong(life: Life, session: Session) -> Iterator[Wrong]:
    """Where nobody ever waived it, no run went out with a payment above what the policy of its signatures allowed."""
    if life.kept.waived:
        return
    for run_id, number, largest in session.execute(_OUT, {"states": [str(state) for state in OUT]}):
        if run_id in life.kept.bounded and largest > LARGEST:
            yield (
                Kind.ALONE,
                f"run {number} went out with a payment of {largest}, and nobody waived the limit",
            )


_OUT = text(
    "SELECT r.id, r.number, max(p.amount_minor) FROM payment_runs r JOIN payments p ON p.run_id = r.id"
    " WHERE r.state = ANY(:states) AND NOT (p.state = 'cancelled' AND p.attempts = 0) GROUP BY r.id, r.number"
)
