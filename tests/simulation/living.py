"""A life from its first day to its last: random acts in random weather, then calm until all that can be known is known."""

from collections.abc import Callable
from datetime import timedelta

from cbi import jobs
from cbi.payments.states import RunState
from tests.simulation import (
    assistance,
    charging,
    counter,
    dealing,
    finance,
    funding,
    keeping,
    lines,
    months,
    papers,
    pricing,
    signing,
    staff,
    topping,
    waiving,
    withdrawing,
)
from tests.simulation.faults import APART
from tests.simulation.first_day import GRANTS, OFFICE, ROADS
from tests.simulation.ground import Ground
from tests.simulation.life import Broken, Life

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEPS, FEW_STEPS = (18, 48), (8, 16)
BOTH_RAILS = ("wallets-6", "counters-4")
FIRST_RUNS = (
    (), ("wallets-3",), ("wallets-6",), ("wallets-12",), ("euros-3",), ("both-8",), ("counters-4",), ("counters-4",),
    (GRANTS,), (ROADS,), BOTH_RAILS, BOTH_RAILS,
)  # fmt: skip
WORK: dict[str, tuple[Callable[[str], object], int]] = {
    "releases": (jobs.releases, 8),
    "poll": (jobs.poll, 4),
    "read_inbox": (jobs.read_inbox, 1),
    "hand_over": (jobs.hand_over, 1),
    "answer": (jobs.answer, 1),
    "expire": (jobs.expire, 1),
    "adopt": (jobs.adopt, 1),
    "age": (jobs.age, 1),
    "close": (jobs.close, 1),
    "seal": (jobs.seal, 1),
}


def live(ground: Ground, seed: int, only: frozenset[str] | None = None) -> Life:
    """Live one life, with the faults that the seed draws or with `only` these; as it is when all is settled.

    Raises Broken when something came out that no caller could have expected.
    """
    life = Life(ground, seed, only)
    with life.lived():
        try:
            live_on(life)
            settle(life)
        except Exception as error:
            raise Broken(life) from error
    return life


def live_on(life: Life) -> None:
    """The random part."""
    life.meanwhile = lambda: _meanwhile(life)
    any_life = life.weather.only is None
    for programme in life.chance.choice(FIRST_RUNS) if any_life else BOTH_RAILS:
        if programme == ROADS:
            for _ in range(4):
                assistance.work(life)
        _run(life, programme)
    acts = _ACTS | (keeping.ACTS if life.provider.early and life.weather.enabled & APART else {})
    for _ in range(life.chance.randint(*(STEPS if any_life else FEW_STEPS))):
        _time_passes(life)
        act = life.chance.choices(list(acts), list(acts.values()))[0]
        act(life)
        life.provider.deliver_post()
    life.meanwhile = None


def _run(life: Life, programme: str) -> None:
    """A run that is made and signed without delay, as most are."""
    staff.make_run(life, programme)
    for _ in range(4):
        life.pass_time(20 * MINUTE)
        for run_id, state in staff.open_runs(life):
            staff.go_on(life, run_id, state)


def settle(life: Life) -> None:
    """No more faults. Time passes, jobs run, people do their part, the last statement is whole."""
    w = life.weather
    w.calm, life.provider.down_until = True, w.now
    counter.ask_again(life)
    for wait in (HOUR, DAY, 2 * DAY, 2 * DAY):
        life.pass_time(wait)
        life.provider.deliver_post()
        if life.chance.random() < 0.3:
            staff.decide(life)
        for name in ("read_inbox", "releases", "poll"):
            _job(life, name)
    staff.find_unpaid(life)
    finance.find_amounts(life)
    _codes_end(life)
    funding.book_arrived(life)
    papers.whole_statement(life)
    keeping.wait_it_out(life)
    _go_on(life, "adopt", "releases", "poll")
    finance.find_amounts(life)
    lines.find_all(life)
    _go_on(life, "releases", "poll")  # what a question about a line had held back
    if life.provider.early:
        papers.whole_statement(life)  # compared once more, with what was found of its lines
    for _ in range(life.chance.randint(0, 4)):
        finance.owed_back(life)
    finance.book_papers(life)
    for name in ("hand_over", "answer", "expire", "age", "close", "seal"):
        _job(life, name)


def _go_on(life: Life, *names: str) -> None:
    """Some jobs run once more, and what moved by them is listed."""
    for name in names:
        life.pass_time(2 * HOUR)
        _job(life, name)
    if {each.id for each in life.provider.movements} - life.kept.listed:
        papers.whole_statement(life)


def _codes_end(life: Life) -> None:
    """In half of the lives the last day of every code passes before the end."""
    if life.chance.random() < 0.5:
        life.pass_time(50 * DAY)
        _job(life, "expire")


def _time_passes(life: Life) -> None:
    w = life.weather
    if w.strikes("F42", 0.05):
        w.now += w.chance.choice((-HOUR, -5 * MINUTE, 3 * HOUR, DAY))
    if w.strikes("F43", 0.03):
        w.now += 3 * DAY
    life.pass_time(timedelta(seconds=w.chance.choice((40, 120, 900, 3600, 6 * 3600))))


def _work(life: Life) -> None:
    """A worker takes up some job."""
    names = list(WORK)
    _job(life, life.chance.choices(names, [weight for _, weight in WORK.values()])[0])


def _job(life: Life, name: str) -> None:
    work, _ = WORK[name]
    life.step(f"job {name}", lambda: work(OFFICE))


def _office(life: Life) -> None:
    """Somebody in the office does what waits; or something else."""
    waiting = staff.open_runs(life)
    if not waiting:
        if len(life.kept.runs) < 4:
            staff.make_run(life)
        return
    run_id, state = life.chance.choice(waiting)
    if state is RunState.DRAFT and life.chance.random() < 0.3:
        staff.exclude(life, run_id)
    if life.chance.random() < 0.05:
        staff.turn_back(life, run_id)
    else:
        staff.go_on(life, run_id, state)


def _turn_back(life: Life) -> None:
    if life.kept.runs and life.weather.strikes("F45", 0.5):
        staff.turn_back(life, life.chance.choice(life.kept.runs))


def _meanwhile(life: Life) -> None:
    """Another process, in between."""
    life.chance.choice(
        (_work, _work, _turn_back, staff.decide, papers.model_statement, counter.recipient_comes)
    )(life)


_ACTS: dict[Callable[[Life], None], int] = {
    _office: 20,
    _work: 15,
    counter.recipient_comes: 14,
    counter.ask_again: 1,
    counter.recipient_texts: 1,
    papers.model_statement: 4,
    papers.counter_statement: 1,
    staff.find_unpaid: 1,
    staff.decide: 6,
    _turn_back: 1,
    finance.owed_back: 3,
    finance.find_amounts: 1,
    months.close: 2,
    months.reopen: 1,
    signing.change_policy: 1,
    signing.stand_in: 1,
    assistance.meet_condition: 2,
    assistance.work: 2,
    assistance.suspend: 1,
    counter.cash_is_short: 1,
    funding.arrive: 1,
    funding.book_arrived: 1,
    funding.fill: 1,
    funding.move: 2,
    dealing.quote: 1,
    dealing.deal: 1,
    charging.tariff: 2,
    lines.find: 2,
    lines.undo: 1,
    topping.top_up: 2,
    pricing.survey: 1,
    waiving.waive: 1,
    withdrawing.withdraw: 2,
}
