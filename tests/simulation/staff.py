"""What people in the office do at random: make runs, sign them, change their minds, find payments unpaid."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from cbi import clock
from cbi.payments import again, approval, dispatch, recall, runs, unpaid
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.states import PaymentState, RunState
from cbi.programmes import cycles
from tests.factories import Colleague
from tests.simulation.ground import PROGRAMMES
from tests.simulation.life import Life


def make_run(life: Life, programme: str = "") -> None:
    """Open a cycle and build a run for it."""
    programme = programme or life.chance.choice(sorted(PROGRAMMES))
    period = f"{life.weather.now:%Y-%m}"
    maker = _maker(life)

    def work() -> None:
        opened = life.transact(lambda s: cycles.open_cycle(s, maker.actor, programme, period))
        run_id = life.transact(lambda s: runs.build(s, maker.actor, opened.id).id)
        life.kept.runs.append(run_id)

    life.step(f"build a run of {programme} for {period}", work)


def exclude(life: Life, run_id: UUID) -> None:
    """Take one payment out of a draft."""
    numbers = life.look(
        lambda s: s.scalars(
            select(Payment.id)
            .where(Payment.run_id == run_id, Payment.live)
            .order_by(Payment.number)
        ).all()
    )
    if len(numbers) < 2:
        return
    payment_id = life.chance.choice(numbers)
    maker = _maker(life)
    life.step(
        "exclude a payment",
        lambda: life.transact(
            lambda s: runs.exclude(s, maker.actor, run_id, payment_id, "moved away")
        ),
    )


def go_on(life: Life, run_id: UUID, state: RunState) -> None:
    """Do what the run needs next; now and then with the wrong person, or twice."""
    wrong = life.weather.strikes("F45", 0.1)
    who = life.ground.staff["everybody" if wrong else _WHO[state]]
    times = 2 if life.weather.strikes("F45", 0.1) else 1
    for _ in range(times):
        if life.step(
            f"{_NEXT[state]} run {_short(run_id)}", lambda: _act(life, who, run_id, state)
        ):
            life.acknowledge("run", f"{run_id} {_NEXT[state]}")


def _act(life: Life, who: Colleague, run_id: UUID, state: RunState) -> None:
    actor, code = who.actor, who.code()
    match state:
        case RunState.DRAFT:
            life.transact(lambda s: runs.lock(s, actor, run_id))
        case RunState.LOCKED:
            life.transact(lambda s: approval.certify(s, actor, run_id, code))
        case RunState.CERTIFIED:
            life.transact(lambda s: approval.authorise(s, actor, run_id, code))
        case RunState.APPROVED:
            life.transact(lambda s: dispatch.begin_release(s, actor, run_id))


def turn_back(life: Life, run_id: UUID) -> None:
    """Return a run to its maker, or call it off; at whatever moment."""
    who = life.ground.staff[life.chance.choice(("certifier", "authoriser", "maker"))]
    if life.chance.random() < 0.7:
        life.step(
            f"return run {_short(run_id)}",
            lambda: life.transact(lambda s: recall.send_back(s, who.actor, run_id, "look again")),
        )
    elif life.step(
        f"cancel run {_short(run_id)}",
        lambda: life.transact(lambda s: recall.cancel(s, who.actor, run_id, "not this month")),
    ):
        life.acknowledge("run", f"{run_id} cancelled")


def find_unpaid(life: Life) -> None:
    """Two people find a payment unpaid that nobody can tell anything about, on the provider's written word."""
    rows = life.look(
        lambda s: s.execute(
            select(Payment.id, Payment.attempts)
            .where(Payment.state.in_([PaymentState.UNKNOWN, PaymentState.DISPUTED]))
            .order_by(Payment.id)
        ).all()
    )
    for payment_id, attempt in rows:
        reference = f"{payment_id.hex}-{attempt:02d}"
        if not life.provider.letter(reference):
            continue
        treasurer, authoriser = life.ground.staff["treasurer"], life.ground.staff["authoriser"]
        if not life.step(
            f"report {_short(payment_id)} as unpaid",
            lambda: life.transact(
                lambda s: unpaid.report(s, treasurer.actor, payment_id, "letter no. 7")  # noqa: B023 - called now
            ),
        ):
            continue
        life.acknowledge("reported unpaid", f"{payment_id} {attempt}")
        life.weather.now += timedelta(minutes=2)  # a one-time code is good once
        if life.step(
            f"confirm that {_short(payment_id)} is unpaid",
            lambda: life.transact(
                lambda s: unpaid.confirm(s, authoriser.actor, payment_id, authoriser.code())  # noqa: B023
            ),
        ):
            life.acknowledge("confirmed unpaid", f"{payment_id} {attempt}")


def decide(life: Life) -> None:
    """Somebody decides what becomes of payments that failed, came back or expired: once more, or no more in this run."""
    found = life.look(
        lambda s: s.scalars(
            select(PaymentRun.id)
            .where(PaymentRun.state.in_([RunState.RELEASING, RunState.RELEASED]))
            .order_by(PaymentRun.number)
        ).all()
    )
    if not found:
        return
    run_id, actor = life.chance.choice(found), life.ground.staff["authoriser"].actor
    anew = life.chance.random() < 0.7
    remedy = again.try_again if anew else again.give_up
    life.step(
        f"{'try again' if anew else 'give up'} what failed of run {_short(run_id)}",
        lambda: life.transact(lambda s: remedy(s, actor, run_id, "as agreed")),
    )


def open_runs(life: Life) -> list[tuple[UUID, RunState]]:
    """The runs that wait for a person, oldest first."""
    rows = life.look(
        lambda s: s.execute(
            select(PaymentRun.id, PaymentRun.state, PaymentRun.release_after)
            .where(PaymentRun.state.in_(list(_WHO)))
            .order_by(PaymentRun.number)
        ).all()
    )
    now = clock.now()
    return [
        (row.id, row.state)
        for row in rows
        if row.release_after is None or row.release_after <= now or life.chance.random() < 0.1
    ]


def _maker(life: Life) -> Colleague:
    return life.ground.staff["everybody" if life.weather.strikes("F45", 0.1) else "maker"]


def _short(some_id: UUID) -> str:
    return some_id.hex[:6]


_WHO = {
    RunState.DRAFT: "maker",
    RunState.LOCKED: "certifier",
    RunState.CERTIFIED: "authoriser",
    RunState.APPROVED: "authoriser",
}
_NEXT = {
    RunState.DRAFT: "locked",
    RunState.LOCKED: "certified",
    RunState.CERTIFIED: "approved",
    RunState.APPROVED: "releasing",
}
