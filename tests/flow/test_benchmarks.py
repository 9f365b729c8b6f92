"""The benchmarks run to their end, whatever they measure: a figure for every step, and no figure without its floor."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import sms
from benchmarks.measure import Figure, Target, percentile

ROOT = Path(__file__).parents[2]
WITHOUT_FLOOR = {"certify", "authorise", "cbi registry import"}
STEPS = {
    "import a list", "compare", "open, build, lock", "certify", "authorise", "release to codes", "text the codes",
    "redeem, 4 tellers", "redeem over HTTP, 1 at once", "redeem over HTTP, 3 at once", "book in bulk", "reconcile",
    "verify", "send over HTTP, 16 at once", "cbi registry import", "cbi --help",
} | ({"text over Kannel", "text in, 8 at once"} if sms.is_possible() else set())  # fmt: skip


def test_every_step_is_measured_against_its_floor() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.run", "--json", "--forked"]
    sizes = ["--households", "300", "--redeem", "20", "--tellers", "4", "--at-once", "1", "3"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CBI_")}
    done = subprocess.run(
        [*command, *sizes], cwd=ROOT, check=False, capture_output=True, text=True, env=clean
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured["conditions"]["fsync"] == "on"
    assert {figure["step"] for figure in measured["figures"]} == STEPS
    for figure in measured["figures"]:
        assert figure["rows"] > 0
        assert is_a_number(figure["seconds"])
        assert (figure["refused"], figure["errors"]) == (0, 0), figure
        if figure["step"] in WITHOUT_FLOOR:
            assert figure["ratio"] is None
        else:
            assert is_a_number(figure["ratio"]), figure
    assert is_a_number(measured["peak_mb"])


def is_a_number(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value) and value > 0


def test_a_target_is_met_only_when_all_of_it_is() -> None:
    def met(target: Target, seconds: float = 2.0, floor: float | None = 1.0) -> bool | None:
        return Figure("step", "rows", 100, seconds, 50.0, target, "floor", floor).met

    assert met(Target(ratio=2)) is True
    assert met(Target(ratio=1.9)) is False
    assert met(Target(seconds=2)) is True
    assert met(Target(ratio=2, rate=51)) is False
    assert met(Target(ratio=2, rate=50)) is True
    assert met(Target()) is None
    assert (
        Figure("step", "rows", 1, 2.0, None, Target(ratio=3), "floor", 1.0, errors=1).met is False
    )
    assert met(Target(ratio=2), floor=None) is None


def test_a_percentile_is_one_of_the_times() -> None:
    times = [n / 8 for n in range(100)]
    assert (percentile(times, 0.5), percentile(times, 0.99)) == (6250.0, 12375.0)
    assert percentile([], 0.5) is None
