"""Measures every step of a cycle against its floor: `python -m benchmarks.run --households 100000`."""

import argparse
import json
import os
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks import between, dispatching, floors, linkage, processes, redeem, shell, sms, steps
from benchmarks.ground import OFFICE, Ground, opened, owner
from benchmarks.measure import MOST_MEMORY_MB, Figure, Run, Target, alone, percentile


def measure(ground: Ground, tellers: int, at_once: Sequence[int]) -> Iterator[Figure]:
    """Every step in the order of the work, each as soon as it is measured."""
    yield _imported(ground)
    yield _compared(ground)
    yield from _to_the_codes(ground)
    floor = floors.texting(ground)
    yield _figure(
        "text the codes", "texts", alone(steps.text, ground, OFFICE), Target(),
        "claim, mark, mark + HOTP", floor,
    )  # fmt: skip
    if sms.is_possible():
        yield from sms.figures(ground)
    yield from redeem.figures(ground, tellers, at_once)
    yield from _to_the_proofs(ground)
    yield from dispatching.figures(ground)
    yield shell.small_list(ground)
    yield shell.help_()


def measure_run(ground: Ground, tellers: int, at_once: Sequence[int]) -> Iterator[Figure]:
    """The steps that take a run as sets, whatever its size: nobody is compared, no texts, and nobody at a counter."""
    yield _imported(ground)
    between.everybody_was_compared()
    yield from _to_the_codes(ground)
    yield from _to_the_proofs(ground)


def _imported(ground: Ground) -> Figure:
    return _figure(
        "import a list", "households", alone(steps.import_list, ground, OFFICE), Target(ratio=4),
        "parse + COPY", floors.importing(ground),
    )  # fmt: skip


def _compared(ground: Ground) -> Figure:
    opening = alone(linkage.open_everybody, ground, OFFICE).seconds
    return _figure(
        "compare", "people", alone(steps.compare, ground, OFFICE), Target(), "open everybody", opening,
    )  # fmt: skip


def _to_the_codes(ground: Ground) -> Iterator[Figure]:
    yield _figure(
        "open, build, lock", "payments", alone(steps.build, ground, OFFICE), Target(ratio=2),
        "INSERT … SELECT + digest", floors.building(ground),
    )  # fmt: skip
    yield _figure("certify", "payments", alone(steps.certify, ground, OFFICE), Target(seconds=2))
    yield _figure(
        "authorise", "payments", alone(steps.authorise, ground, OFFICE), Target(seconds=2)
    )
    yield _figure(
        "release to codes", "payments", alone(steps.release, ground, OFFICE), Target(ratio=2.5),
        "COPY + HOTP", floors.releasing(ground),
    )  # fmt: skip


def _to_the_proofs(ground: Ground) -> Iterator[Figure]:
    between.everybody_else_is_paid()
    yield _figure(
        "book in bulk", "payments", alone(steps.book, ground, OFFICE), Target(ratio=2, rate=20_000),
        "INSERT … SELECT", floors.booking(ground),
    )  # fmt: skip
    settlement = between.write_settlement(ground)
    yield _figure(
        "reconcile", "lines", alone(steps.reconcile, (ground.staff["tala"].actor, settlement), OFFICE),
        Target(ratio=1.5), "parse + COPY + join + append", floors.reconciling(ground, settlement),
    )  # fmt: skip
    yield _figure(
        "verify", "payments", alone(steps.prove, ground, OFFICE), Target(ratio=5),
        "one sequential scan", floors.verifying(ground),
    )  # fmt: skip


def measure_redemption(ground: Ground, tellers: int, at_once: Sequence[int]) -> Iterator[Figure]:
    """Redemption alone; what has to come before it is done and not measured."""
    for step in (
        steps.import_list,
        steps.compare,
        steps.build,
        steps.certify,
        steps.authorise,
        steps.release,
    ):
        step(ground)
    yield from redeem.figures(ground, tellers, at_once)


def measure_sending(ground: Ground, tellers: int, at_once: Sequence[int]) -> Iterator[Figure]:
    """Sending payments one by one over HTTP, alone."""
    yield from dispatching.figures(ground)


def measure_worker(ground: Ground, tellers: int, at_once: Sequence[int]) -> Iterator[Figure]:
    """A list left to the worker, alone: its memory does not grow with the list."""
    yield _figure(
        "import by the worker", "households", alone(steps.import_by_worker, ground, OFFICE), Target(ratio=5),
        "parse + COPY", floors.importing(ground),
    )  # fmt: skip


def measure_import(ground: Ground, tellers: int, at_once: Sequence[int]) -> Iterator[Figure]:
    """A list taken in at once, alone."""
    yield _imported(ground)


MEASURE = {
    None: measure,
    "import": measure_import,
    "worker": measure_worker,
    "sending": measure_sending,
    "run": measure_run,
    "redeem": measure_redemption,
}
"""What `--only` may name."""


def _figure(
    step: str,
    of: str,
    run: Run,
    target: Target,
    floor: str = "",
    floor_seconds: float | None = None,
) -> Figure:
    return Figure(
        step, of, run.rows, run.seconds, run.peak_mb, target, floor, floor_seconds,
        percentile(run.each, 0.5), percentile(run.each, 0.99),
    )  # fmt: skip


def conditions() -> dict[str, str]:
    """What the figures hold for."""
    with owner() as connection:
        shown = {}
        for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers"):
            row = connection.execute(f"SHOW {name}").fetchone()
            shown[name] = str(row[0]) if row else ""
    waiting = f"{os.getloadavg()[0]:.1f} before the start"
    return shown | {"processors": str(os.cpu_count()), "load": waiting}


def _in_short(figure: Figure) -> str:
    ratio = f", {figure.ratio:.1f} × its floor" if figure.ratio is not None else ""
    memory = f", {figure.peak_mb:.0f} MB" if figure.peak_mb is not None else ""
    return f"{figure.step}: {figure.rows:,} {figure.of} in {figure.seconds:.1f} s{ratio}{memory}"


def table(figures: list[Figure]) -> Table:
    """The figures for people."""
    shown = Table("step", "rows", "seconds", "rows/s", "floor s", "×", "target", "met", "peak MB")
    for column in shown.columns[1:]:
        column.justify = "right"
    for figure in figures:
        shown.add_row(
            figure.step, f"{figure.rows:,}", f"{figure.seconds:.2f}", f"{figure.rate:,.0f}",
            f"{figure.floor_seconds:.2f}" if figure.floor_seconds is not None else "–",
            f"{figure.ratio:.2f}" if figure.ratio is not None else "–", str(figure.target),
            {True: "yes", False: "no", None: "–"}[figure.met],
            f"{figure.peak_mb:.0f}" if figure.peak_mb is not None else "–",
        )  # fmt: skip
        if figure.p99_ms is not None and figure.p50_ms is not None:
            shown.add_row(f"  p50 {figure.p50_ms:.1f} ms, p99 {figure.p99_ms:.1f}")
            if figure.floor_p50_ms is not None and figure.floor_p99_ms is not None:
                shown.add_row(
                    f"  floor: p50 {figure.floor_p50_ms:.1f} ms, p99 {figure.floor_p99_ms:.1f}"
                )
        if figure.refused or figure.errors:
            shown.add_row(f"  {figure.refused} refused, {figure.errors} errors")
    return shown


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--households", type=int, default=10_000, help="how many (default 10,000)")
    given.add_argument(
        "--redeem", type=int, default=2_000, help="codes redeemed one by one (default 2,000)"
    )
    given.add_argument(
        "--tellers",
        type=int,
        default=32,
        help="tellers at the same time, without HTTP (default 32)",
    )
    given.add_argument(
        "--at-once", type=int, nargs="+", default=(1, 50, 200), metavar="TELLERS",
        help="tellers at the same time over HTTP, one measurement for each number (default 1 50 200)",
    )  # fmt: skip
    given.add_argument(
        "--only", choices=[name for name in MEASURE if name],
        help="measure this alone: a run as sets, or redemption; what it needs is made ready first",
    )  # fmt: skip
    given.add_argument(
        "--forked", action="store_true",
        help="to try the benchmarks out: fork the processes, which is quicker and measures no memory to rely on",
    )  # fmt: skip
    given.add_argument("--json", action="store_true", help="for programs")
    chosen = given.parse_args(arguments)
    if chosen.forked:
        processes.from_one_that_has_read_the_code()
    sample = min(chosen.redeem, chosen.households // 5)
    most = max(chosen.tellers, *chosen.at_once)
    each_of = MEASURE[chosen.only]
    out = Console(stderr=chosen.json)
    with opened(chosen.households, sample, most) as ground:
        about = conditions()
        figures = []
        with out.status("preparing") as status:
            for figure in each_of(ground, chosen.tellers, chosen.at_once):
                figures.append(figure)
                status.update(f"after {figure.step}")
                if not chosen.json:
                    out.print(_in_short(figure))
    most = max(figure.peak_mb or 0 for figure in figures)
    if chosen.json:
        print(
            json.dumps(
                {
                    "households": chosen.households,
                    "conditions": about,
                    "figures": [figure.as_json() for figure in figures],
                    "peak_mb": most,
                },
                indent=2,
            )
        )
        return
    out.print(
        f"{chosen.households:,} households; " + ", ".join(f"{k} {v}" for k, v in about.items())
    )
    out.print(table(figures))
    out.print(f"Most memory in the engine's process: {most:.0f} MB (target ≤ {MOST_MEMORY_MB}).")


if __name__ == "__main__":
    main()
