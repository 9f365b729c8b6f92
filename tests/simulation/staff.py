"""What people in the office do at random: make runs, sign them, change their minds, find payments unpaid."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import and_, select

from cbi import clock
from cbi.payments.models import Attempt, Payment, PaymentRun
from cbi.payments.runs import runs
from cbi.payments.sending import dispatch
from cbi.payments.signing import recall
from cbi.payments.states import IN_DOUBT, PaymentState, RunState
from cbi.payments.unpaid import again, unpaid
from cbi.programmes import cycles
from tests.factories import Colleague
from tests.simulation import assistance, signing
from tests.simulation.first_day import MODEL, PROGRAMMES
from tests.simulation.life import Life


def make_run(life: Life, programme: str = "") -> None:
    """Open a cycle and build a run for it."""
    programme = programme or life.chance.choice(sorted(PROGRAMMES))
    period = f"{life.weather.now:%Y-%m}"
    maker = _maker(life)
    assistance.before_opening(life, programme, period)

    def work() -> None:
        opened = life.transact(lambda s: cycles.open_cycle(s, maker.actor, programme, period))
        for run_id in life.transact(
            lambda s: [r.id for r in runs.build_all(s, maker.actor, opened.id)]
        ):
            life.kept.runs.append(run_id)
            _made(life, run_id, maker)

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
    if life.step(
        "exclude a payment",
        lambda: life.transact(
            lambda s: runs.exclude(s, maker.actor, run_id, payment_id, "moved away")
        ),
    ):
        _made(life, run_id, maker)


def _made(life: Life, run_id: UUID, maker: Colleague) -> None:
    assert maker.actor.id is not None
    life.kept.makers.setdefault(run_id, set()).add(maker.actor.id)


def go_on(life: Life, run_id: UUID, state: RunState) -> None:
    """Do what the run needs next; now and then with the wrong person, or twice."""
    step = "" if state in _WHO else signing.next_step(life, run_id)
    wrong = life.weather.strikes("F45", 0.1)
    who = life.anybody() if wrong else life.who(_WHO.get(state, step))
    if step == "authoriser" and life.chance.random() < 0.2:
        who = life.who("treasurer")  # who may stand in
    times = 2 if life.weather.strikes("F45", 0.1) else 1
    for _ in range(times):
        name = f"{_NEXT.get(state, f'sign as {step}')} run {_short(run_id)}"
        life.step(name, lambda: _act(life, who, run_id, state, step))


def _act(life: Life, who: Colleague, run_id: UUID, state: RunState, step: str) -> None:
    actor = who.actor
    if state is RunState.DRAFT:
        signing.locked(life, who, run_id)
        _made(life, run_id, who)
    elif state is RunState.APPROVED:
        life.transact(lambda s: dispatch.begin_release(s, actor, run_id))
        life.acknowledge("run", f"{run_id} {RunState.RELEASING}")
    else:
        signing.sign(life, run_id, step, who)


def turn_back(life: Life, run_id: UUID) -> None:
    """Return a run to its maker, or call it off; at whatever moment."""
    who = life.who(life.chance.choice(("certifier", "authoriser", "maker")))
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
    """Two people find a payment unpaid that nobody can tell anything about, on the provider's written word; so also one
    that it accepted and has been silent about for two weeks.
    """
    long_ago = life.weather.now - unpaid.SILENT
    accepted = and_(Payment.provider == MODEL, Payment.state == PaymentState.ACCEPTED)
    rows = life.look(
        lambda s: s.execute(
            select(Payment.id, Payment.attempts, Payment.state)
            .join(
                Attempt, (Attempt.payment_id == Payment.id) & (Attempt.number == Payment.attempts)
            )
            .where(Payment.state.in_(IN_DOUBT) | and_(accepted, Attempt.started_at < long_ago))
            .order_by(Payment.id)
        ).all()
    )
    for payment_id, attempt, state in rows:
        reference = f"{payment_id.hex}-{attempt:02d}"
        if not life.provider.letter(reference):
            continue
        treasurer = life.who("treasurer")
        authoriser = life.who("authoriser", but=treasurer)
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
            if state is PaymentState.ACCEPTED:
                life.kept.found["accepted in silence, and not paid"] += 1


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
    run_id, actor = life.chance.choice(found), life.who("authoriser").actor
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
            .where(PaymentRun.state.in_(WAITING))
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
    return life.anybody() if life.weather.strikes("F45", 0.1) else life.who("maker")


def _short(some_id: UUID) -> str:
    return some_id.hex[:6]


WAITING = (RunState.DRAFT, RunState.LOCKED, RunState.CERTIFIED, RunState.APPROVED)
_WHO = {RunState.DRAFT: "maker", RunState.APPROVED: "authoriser"}
_NEXT = {RunState.DRAFT: "lock", RunState.APPROVED: "release"}
