"""Many lives, in processes side by side, each process with a database of its own; and what came of all of them."""

import gc
import logging
import multiprocessing
import queue
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from sqlalchemy import URL, make_url

from tests.simulation.checking import check
from tests.simulation.ground import Ground, opened, postgresql
from tests.simulation.life import Broken, Life
from tests.simulation.living import live
from tests.simulation.truth import Moves
from tests.simulation.wrongs import Kind, Wrong

_processes = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one life."""

    seed: int
    numbers: Counter[str]
    faults: Counter[str]
    wrong: tuple[Wrong, ...]
    steps: tuple[str, ...] = ()


@dataclass
class Sum:
    """What came of all of them."""

    numbers: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.numbers += outcome.numbers
        self.faults += outcome.faults
        if outcome.wrong:
            self.broken.append(outcome)

    def wrongs(self) -> Counter[Kind]:
        """How many things of each kind were wrong."""
        return Counter(kind for outcome in self.broken for kind, _ in outcome.wrong)


def one(
    ground: Ground, seed: int, only: frozenset[str] | None = None, *, proved: bool = True
) -> Outcome:
    """Live one life, and check it."""
    try:
        life = live(ground, seed, only)
        found = check(life, proved=proved)
    except Broken as broken:
        why = "".join(traceback.format_exception(broken.__cause__, limit=-4))
        return _outcome(broken.life, Counter(), ((Kind.BROKEN, why),))
    of_payments = Counter(
        {
            "payments": found.payments,
            "attempts": found.attempts,
            "paid": found.paid,
            "paid twice by a provider that had called it failed": found.paid_twice,
            "payments with an open discrepancy": found.open_questions,
            "paid over the counter": len(life.kept.cash),
            "fees that the provider took": sum(
                each.type == Moves.FEE for each in life.provider.movements
            ),
            "lines that nothing explains": found.suspended,
            "acknowledged commands": len(life.kept.acknowledged),
        }
    )
    told = Counter(f"acknowledged: {what}" for what, _ in life.kept.acknowledged)
    by_two = Counter(
        {f"two people found: {what}": times for what, times in life.kept.found.items()}
    )
    return _outcome(life, of_payments + told + by_two, found.wrong)


def _outcome(life: Life, found: Counter[str], wrong: tuple[Wrong, ...]) -> Outcome:
    numbers = found + Counter(
        {
            "lives": 1,
            "steps": len(life.steps),
            "refused commands": sum(life.refusals.values()),
            "points where it could be cut": life.cutter.points,
            "power cuts": life.crashes,
            "faults injected": sum(life.weather.met.values()),
        }
    )
    return Outcome(life.seed, numbers, life.weather.met, wrong, tuple(life.steps))


def many(seeds: Sequence[int], workers: int) -> Iterator[Outcome]:
    """Live all of them, `workers` at a time, on one PostgreSQL; each as it ends."""
    results: multiprocessing.Queue[Outcome] = _processes.Queue()
    with postgresql() as server:
        address = server.render_as_string(hide_password=False)
        running = [
            _processes.Process(target=_share, args=(address, worker, seeds[worker::workers], results))
            for worker in range(workers)
        ]  # fmt: skip
        for process in running:
            process.start()
        try:
            missing = len(seeds)
            while missing:
                try:
                    yield results.get(timeout=5)
                    missing -= 1
                except queue.Empty:
                    if not any(process.is_alive() for process in running):
                        raise RuntimeError(f"{missing} lives were not lived to the end") from None
        finally:
            for process in running:
                process.terminate() if process.is_alive() and missing else process.join()
                process.join()


def _share(
    address: str,
    worker: int,
    seeds: Sequence[int],
    results: "multiprocessing.Queue[Outcome]",
) -> None:
    logging.disable(logging.CRITICAL)
    gc.set_threshold(100_000)  # nearly all of what a life makes is gone without it
    server: URL = make_url(address)
    with ExitStack() as until_the_end:
        ground = until_the_end.enter_context(opened(server, f"lives_{worker}"))
        gc.freeze()
        for seed in seeds:
            results.put(one(ground, seed))
