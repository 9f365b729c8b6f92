"""What one step cost: its time beside its floor's in the same run, and the memory of a process that does nothing else."""

import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine

from benchmarks.processes import apart, context
from cbi import db

Given = TypeVar("Given")

MEGABYTE = 1024 * 1024
MOST_MEMORY_MB = 300


@dataclass(slots=True)
class Watch:
    """Seconds of wall time; final once the block is over."""

    seconds: float = 0.0


@contextmanager
def watch() -> Iterator[Watch]:
    """Times the block."""
    running, began = Watch(), time.perf_counter()
    try:
        yield running
    finally:
        running.seconds = time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Target:
    """What to reach: at most so many times the floor (its p99 for `p99`), so many seconds, or at least so many rows in a
    second.
    """

    ratio: float | None = None
    seconds: float | None = None
    rate: float | None = None
    p99: float | None = None

    def __str__(self) -> str:
        parts = (
            f"≤ {self.ratio:g} ×" if self.ratio else "",
            f"≤ {self.seconds:g} s" if self.seconds else "",
            f"≥ {self.rate:,.0f}/s" if self.rate else "",
            f"p99 ≤ {self.p99:g} ×" if self.p99 else "",
        )
        return ", ".join(part for part in parts if part) or "–"


@dataclass(frozen=True, slots=True)
class Done:
    """What a step did: how many rows, and for steps of many small acts how long each took, in seconds."""

    rows: int
    each: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A step as it ran in a process of its own."""

    rows: int
    seconds: float
    peak_mb: float
    each: Sequence[float] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    step: str
    of: str
    rows: int
    seconds: float
    peak_mb: float | None
    target: Target
    floor: str = ""
    floor_seconds: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    floor_p50_ms: float | None = None
    floor_p99_ms: float | None = None
    refused: int = 0
    errors: int = 0

    @property
    def rate(self) -> float:
        """Rows in a second."""
        return self.rows / self.seconds

    @property
    def ratio(self) -> float | None:
        """How many times the floor; None where there is none."""
        return self.seconds / self.floor_seconds if self.floor_seconds else None

    @property
    def met(self) -> bool | None:
        """Whether the target was reached, without an error; None where there is none."""
        wanted = self.target
        verdicts = [
            self.ratio <= wanted.ratio if wanted.ratio and self.ratio else None,
            self.seconds <= wanted.seconds if wanted.seconds else None,
            self.rate >= wanted.rate if wanted.rate else None,
            self.p99_ms <= wanted.p99 * self.floor_p99_ms
            if wanted.p99 and self.p99_ms and self.floor_p99_ms
            else None,
        ]
        known = [verdict for verdict in verdicts if verdict is not None]
        return all(known) and not self.errors if known else None

    def as_json(self) -> dict[str, object]:
        """Plain numbers and texts."""
        return {
            "step": self.step, "of": self.of, "rows": self.rows, "seconds": self.seconds, "rows_per_second": self.rate,
            "floor": self.floor, "floor_seconds": self.floor_seconds, "ratio": self.ratio, "target": str(self.target),
            "met": self.met, "peak_mb": self.peak_mb, "p50_ms": self.p50_ms, "p99_ms": self.p99_ms,
            "floor_p50_ms": self.floor_p50_ms, "floor_p99_ms": self.floor_p99_ms, "refused": self.refused,
            "errors": self.errors,
        }  # fmt: skip


def warm(engine: Engine, connections: int) -> None:
    """Sign in so many times: waiting for that is part of no step."""
    with ExitStack() as opened:
        for _ in range(connections):
            opened.enter_context(engine.connect())


def alone(work: Callable[[Given], Done], given: Given, office: str, *, connections: int = 1) -> Run:
    """Do the work in a new process, so that the memory it needed is its own. Raises what the work raises."""
    here, there = context().Pipe(duplex=False)
    child = apart(_work, there, work, given, office, connections)
    child.start()
    there.close()
    try:
        answer = here.recv()
    except EOFError:
        raise RuntimeError(f"the process that measured {work.__name__} died") from None
    finally:
        child.join()
    if isinstance(answer, BaseException):
        raise answer
    assert isinstance(answer, Run)
    return answer


def _work(
    answers: Any, work: Callable[[Given], Done], given: Given, office: str, connections: int
) -> None:
    try:
        warm(db.engine(office), connections)
        with watch() as took:
            done = work(given)
        answers.send(Run(done.rows, took.seconds, peak_mb(), done.each))
    except BaseException as error:
        answers.send(error)
        raise


def peak_mb() -> float:
    """The most memory that this process has held so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: after fork and exec Linux counts what the parent held, too.
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / MEGABYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        MEGABYTE if os.uname().sysname == "Darwin" else 1024
    )


def percentile(each: Sequence[float], share: float) -> float | None:
    """The time, in milliseconds, that this share of the acts did not exceed."""
    if not each:
        return None
    ordered = sorted(each)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000
