"""A mobile network that speaks SMPP, for Kannel to join: the last digit of a number says what becomes of its texts."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.kannel import free_port, listening, until
from tests.peers.needing import needed

_HERE = Path(__file__).parent


@contextmanager
def running_smsc() -> Iterator[int]:
    """The network for as long as the block lasts; yields its port. Skips where node or the package `smpp` is missing."""
    node = shutil.which("node")
    there = (_HERE / "node_modules" / "smpp").is_dir()
    needed(bool(node and there), "The npm package smpp", "cd tests/peers && npm ci")
    port = free_port()
    running = subprocess.Popen([str(node), "smsc.js", str(port)], cwd=_HERE)
    try:
        until(lambda: listening(port), "the network listens")
        yield port
    finally:
        running.kill()
        running.wait()
