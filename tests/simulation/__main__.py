"""Lives from the terminal: `python -m tests.simulation --seeds 1000`, and `--seed 4711 -v` to see one of them again."""

import argparse
import json
import logging
import os
import signal
import sys
import time

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.simulation.faults import FAULTS
from tests.simulation.ground import opened, postgresql
from tests.simulation.many import Outcome, Sum, many, one
from tests.simulation.wrongs import Kind

SHOWN = 3
TOLD_EVERY = 180
"""How often the sum so far is told, in seconds: whoever ends all processes at once loses no more than that."""
out = Console()
err = Console(stderr=True)


def main() -> int:
    """0 when every life was as it should be, 1 when one was not, or not all were lived that were to be."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="live this one life only")
    parser.add_argument("--seeds", type=int, default=100, help="how many lives (100)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 2,
        help="processes side by side (one for each core)",
    )
    parser.add_argument("--minutes", type=float, help="end after so many, however many are left")
    parser.add_argument("--json", action="store_true", help="the sum as JSON")
    parser.add_argument("-v", "--verbose", action="store_true", help="every step of the one life")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    total, whole = Sum(), False
    try:
        if chosen.seed is not None:
            _one_life(total, chosen.seed, verbose=chosen.verbose)
        else:
            seeds = range(chosen.first, chosen.first + chosen.seeds)
            _live(total, seeds, chosen.jobs, began, chosen.minutes)
        whole = True
    except KeyboardInterrupt:
        err.print("Ended before its time; this is what was lived so far.")
    finally:  # whatever ended it, what was lived is told
        seconds = int(time.monotonic() - began)
        if chosen.json:
            sys.stdout.write(json.dumps(_as_json(total, seconds), indent=2) + "\n")
        else:
            _table(total, seconds)
    return 1 if total.broken or not whole else 0


def _one_life(total: Sum, seed: int, *, verbose: bool) -> None:
    outcome = _alone(seed)
    total.add(outcome)
    if verbose:
        out.print("\n".join(outcome.steps), markup=False, highlight=False, soft_wrap=True)


def _live(total: Sum, seeds: range, jobs: int, began: float, minutes: float | None) -> None:
    """Add what comes of each life; every few minutes say on stderr, with nothing but Python, what came of all so far."""
    told = began
    for outcome in track(
        many(seeds, jobs), "lives", len(seeds), console=err, disable=not err.is_terminal
    ):
        total.add(outcome)
        if outcome.wrong and len(total.broken) <= SHOWN:
            _show(outcome)
        now = time.monotonic()
        if now > told + TOLD_EVERY:
            told = now
            sys.stderr.write(f"So far: {json.dumps(_as_json(total, int(now - began)))}\n")
            sys.stderr.flush()
        if minutes and now > began + 60 * minutes:
            break


def _alone(seed: int) -> Outcome:
    logging.disable(logging.CRITICAL)
    with postgresql() as server, opened(server, "one_life") as ground:
        outcome = one(ground, seed)
    if outcome.wrong:
        _show(outcome)
    return outcome


def _show(outcome: Outcome) -> None:
    err.print(f"\nThe life of seed {outcome.seed} is not as it should be:", style="bold red")
    for kind, words in outcome.wrong[:10]:
        err.print(f"  {kind}: {words}", markup=False, highlight=False, soft_wrap=True)
    err.print(f"Live it again: python -m tests.simulation --seed {outcome.seed} -v\n")


def _table(total: Sum, seconds: int) -> None:
    faults = Table("fault", "", "times", title="What happened to them")
    for number, words in FAULTS.items():
        faults.add_row(number, words, f"{total.faults[number]:,}")
    out.print(faults)
    numbers = Table("", "number", title=f"{total.numbers['lives']:,} lives in {seconds:,} seconds")
    for name, times in total.numbers.items():
        numbers.add_row(name, f"{times:,}")
    wrongs = total.wrongs()
    for kind in Kind:
        numbers.add_row(kind, f"{wrongs[kind]:,}", style="bold red" if wrongs[kind] else "green")
    out.print(numbers)
    if total.broken:
        seeds = ", ".join(str(outcome.seed) for outcome in total.broken[:20])
        out.print(f"Broken: {seeds}", style="bold red")


def _as_json(total: Sum, seconds: int) -> dict[str, object]:
    wrongs = total.wrongs()
    return {
        "seconds": seconds,
        **dict(total.numbers),
        "faults": dict(sorted(total.faults.items())),
        "wrong": {kind.value: wrongs[kind] for kind in Kind},
        "broken_seeds": [outcome.seed for outcome in total.broken],
    }


if __name__ == "__main__":
    sys.exit(main())
