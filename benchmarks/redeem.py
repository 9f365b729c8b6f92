"""Redemptions: through the use cases alone, and over HTTP as tellers' screens send them, each beside its floor."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import reduce
from itertools import islice

import uvicorn

from benchmarks import bare, between, floors, steps
from benchmarks.ground import OFFICE, Ground
from benchmarks.measure import Figure, Target, alone, percentile
from benchmarks.processes import apart, context
from benchmarks.tellers import Desk, Paid, pay
from cbi import offices
from cbi.access import tokens
from cbi.redemption.counters import TELLER
from tests.peers.kannel import free_port, listening, until

MOST = 1000
"""Codes at each number of tellers, at most; a fifth for one teller alone."""

TARGET = Target(ratio=2, p99=3)
ROUNDS = 2
"""How often floor and engine take turns at each number of tellers."""


def figures(ground: Ground, tellers: int, at_once: Sequence[int]) -> Iterator[Figure]:
    """By the use cases with so many tellers, then over HTTP with each of these numbers of tellers."""
    yield _by_use_cases(ground, tellers)
    yield from _over_http(ground, at_once)


def _by_use_cases(ground: Ground, tellers: int) -> Figure:
    given = steps.AtTheCounter(between.people_come(ground.sample), ground.tellers[:tellers])
    floor_seconds, floor_each = floors.redeeming(given)
    run = alone(steps.redeem, given, OFFICE, connections=tellers)
    return Figure(
        f"redeem, {tellers} tellers", "codes", run.rows, run.seconds, run.peak_mb, TARGET,
        "UPDATE + INSERT, as many at once", floor_seconds, percentile(run.each, 0.5), percentile(run.each, 0.99),
        percentile(floor_each, 0.5), percentile(floor_each, 0.99),
    )  # fmt: skip


def _over_http(ground: Ground, at_once: Sequence[int]) -> Iterator[Figure]:
    """A process each for the engine, the floor and the tellers, who go to one and then to the other, twice."""
    most = min(ground.sample, MOST)
    counts = {count: most // (5 if count == 1 else 1) for count in at_once}
    people = iter(between.people_come(most // 2 + sum(counts.values())))
    with ExitStack() as opened:
        bare.fill(opened.enter_context(floors.copies(*bare.WRITES)))
        ports = (opened.enter_context(_floor()), opened.enter_context(_engine(ground)))
        screens = opened.enter_context(ProcessPoolExecutor(1, mp_context=context()))

        def come(count: int, tellers: int) -> list[Paid]:
            """So many people, to as many tellers, once at the floor and once at the engine."""
            these, in_hand = list(islice(people, count)), _signed_in(ground, tellers)
            desks = [Desk(token, these[n::tellers]) for n, token in enumerate(in_hand)]
            return [screens.submit(pay, port, desks).result() for port in ports]

        come(most // 2, max(at_once))  # connections, statements and plans are made by then
        for tellers, count in counts.items():
            rounds = [come(count // ROUNDS, tellers) for _ in range(ROUNDS)]
            floor, engine = (reduce(Paid.and_then, turns) for turns in zip(*rounds, strict=True))
            assert (floor.errors, floor.refused) == ([], 0), floor.errors
            yield Figure(
                f"redeem over HTTP, {tellers} at once", "codes", len(engine.each), engine.seconds, None, TARGET,
                "two bare routes", floor.seconds, percentile(engine.each, 0.5), percentile(engine.each, 0.99),
                percentile(floor.each, 0.5), percentile(floor.each, 0.99), engine.refused, len(engine.errors),
            )  # fmt: skip


def _signed_in(ground: Ground, tellers: int) -> list[str]:
    """A token for each of so many tellers."""
    with offices.transaction(OFFICE) as session:
        return [
            tokens.open_sign_in(session, TELLER, actor.id)
            for actor in ground.tellers[:tellers]
            if actor.id
        ]


@contextmanager
def _engine(ground: Ground) -> Iterator[int]:
    """The engine, started by its own command; yields its port."""
    port = free_port()
    serve = f"import sys; from cbi.cli import main; sys.argv[1:] = ['serve', '--web-only', '--port', '{port}']; main()"
    with (
        (ground.folder / "engine.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", serve], stdout=log, stderr=log
        ) as server,
    ):
        try:
            until(lambda: listening(port), "the engine is served", within=60)
            yield port
        finally:
            server.terminate()


@contextmanager
def _floor() -> Iterator[int]:
    """The bare routes, on the same server with the same settings; yields their port."""
    port = free_port()
    server = apart(_serve_floor, port)
    server.start()
    try:
        until(lambda: listening(port), "the floor is served", within=60)
        yield port
    finally:
        server.terminate()
        server.join()


def _serve_floor(port: int) -> None:
    uvicorn.run(
        bare.create_app(), host="127.0.0.1", port=port, access_log=False, server_header=False, log_level="error"
    )  # fmt: skip
