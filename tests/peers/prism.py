"""Prism: a server made of nothing but somebody's OpenAPI document, which refuses whatever the document forbids."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.peers.kannel import free_port, until
from tests.peers.needing import needed

PROGRAM = Path(__file__).parent / "node_modules" / ".bin" / "prism"


@dataclass(frozen=True)
class Prism:
    """One that runs: where, and the file in which it says what it thinks of each request."""

    url: str
    log: Path

    def violations(self) -> list[str]:
        """What it found wrong with requests so far."""
        return [line for line in self.log.read_text().splitlines() if "Violation: request" in line]


def prism_is_here() -> None:
    """Skip the test where Prism is not installed."""
    needed(PROGRAM.exists(), "Prism", "npm ci --prefix tests/peers")


def disbursements(shared_data: Path, folder: Path) -> Path:
    """The GSMA's document about disbursements, readable for Prism, in `folder`.

    Its pattern for places is not one in JavaScript's strict mode, and then no body is looked at.
    """
    name = "mobile-money-api-specification-1.2.0-disbursements.yaml"
    text = (shared_data / "specs" / "gsma-mobile-money" / name).read_text()
    document = folder / "disbursements.yaml"
    document.write_text(text.replace(r"\\,{1}", ","))
    return document


@contextmanager
def running_prism(document: Path, upstream: str = "") -> Iterator[Prism]:
    """Prism on that document, on a free loopback port, for as long as the block lasts.

    With `upstream` it stands before that server, and lets neither a request nor an answer pass that the document forbids.
    """
    prism_is_here()
    port, log = free_port(), document.with_suffix(".log")
    how = ["proxy", "--errors", str(document), upstream] if upstream else ["mock", str(document)]
    # The program itself, not npx: that leaves its child alive when it is ended.
    with log.open("wb") as out:
        running = subprocess.Popen(
            [str(PROGRAM), *how, "-h", "127.0.0.1", "-p", str(port)],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        until(
            lambda: "Prism is listening" in log.read_text() or running.poll() is not None, "Prism"
        )
        assert running.poll() is None, log.read_text()
        yield Prism(f"http://127.0.0.1:{port}", log)
    finally:
        running.terminate()
        with suppress(subprocess.TimeoutExpired):
            running.wait(timeout=5)
        running.kill()
        running.wait()
