"""What somebody at a terminal waits for: the command starting, and a small list taken in."""

import os
import subprocess
import sys

from benchmarks.ground import OFFICE, Ground, write_list
from benchmarks.measure import Figure, Target, watch

SMALL = 1000


def _run(*arguments: str, **environment: str) -> float:
    with watch() as took:
        subprocess.run(
            [sys.executable, *arguments],
            check=True,
            capture_output=True,
            env=os.environ | environment,
        )
    return took.seconds


def _cbi(*arguments: str, **environment: str) -> float:
    return _run("-c", "from cbi.cli import main; main()", *arguments, **environment)


def help_() -> Figure:
    """`cbi --help`, and as its floor Python doing nothing."""
    bare = min(_run("-c", "pass") for _ in range(3))
    seconds = min(_cbi("--help") for _ in range(3))
    return Figure(
        "cbi --help", "starts", 1, seconds, None, Target(seconds=round(bare + 0.4, 2)),
        "python -c pass", bare,
    )  # fmt: skip


def small_list(ground: Ground) -> Figure:
    """A list of a thousand households, from the shell."""
    small = ground.folder / "small.csv"
    write_list(small, SMALL, first=ground.households)
    officer = ground.staff["rania"]
    seconds = _cbi(
        "registry", "import", str(small), "--office", OFFICE, "--user", officer.username,
        CBI_PASSWORD=officer.password,
    )  # fmt: skip
    return Figure("cbi registry import", "rows", SMALL, seconds, None, Target(seconds=2))
