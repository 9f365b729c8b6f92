"""The installed command on settings of its own: its commands, and its processes, which all end whatever happens."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlalchemy import URL, create_engine, text

Given = TypeVar("Given")
PROGRAM = Path(sys.executable).with_name("cbi")
_TAIL = 12


@dataclass
class Deployment:
    """One deployment. `said` is everything that its commands printed; each process has a log of its own."""

    folder: Path
    settings: Mapping[str, str]
    said: list[str] = field(default_factory=list)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(self, *words: str, user: str = "", password: str = "", new: str = "") -> str:
        """A command, as that user; returns what it prints. The test fails with its refusal when it is refused."""
        given = {"CBI_USER": user, "CBI_PASSWORD": password, "CBI_NEW_PASSWORD": new}
        done = subprocess.run(
            [PROGRAM, *words],
            env=self._environment() | {name: value for name, value in given.items() if value},
            cwd=self.folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        self.said += [done.stdout, done.stderr]
        assert done.returncode == 0, (
            f"cbi {' '.join(words)}: {_blotted(done.stderr or done.stdout)}"
        )
        return done.stdout

    def ask(self, *words: str, user: str = "", password: str = "") -> Any:
        """A command's answer to programs."""
        return json.loads(self.run(*words, "--json", user=user, password=password))

    def start(self, name: str, *words: str) -> None:
        """Start one of the doors that stay open."""
        with self._log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                [PROGRAM, *words],
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        """End every process: told first, then made to."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 15
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, end - time.monotonic()))
            process.kill()
            process.wait()

    def wait(
        self, true: Callable[[], object], what: str, *, see: str = "worker", within: float = 60
    ) -> None:
        """Wait until something holds. `see` is the process whose log says why, when it does not come to hold."""
        end = time.monotonic() + within
        while not true():
            gone = [name for name, each in self._running.items() if each.poll() is not None]
            assert not gone, f"{gone[0]} has ended. {self._tail(gone[0])}"
            assert time.monotonic() < end, f"waited in vain: {what}. {self._tail(see)}"
            time.sleep(0.1)

    def logs(self) -> dict[str, str]:
        """What every process wrote."""
        return {name: self._log(name).read_text(errors="replace") for name in self._running}

    def answered(self, route: str, status: int) -> int:
        """How often the server answered so on that route, by its own log."""
        lines = [json.loads(each) for each in self.logs()["serve"].splitlines() if each[:1] == "{"]
        return sum((each.get("route"), each.get("status")) == (route, status) for each in lines)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            **self.settings,
        }

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _tail(self, name: str) -> str:
        lines = self._log(name).read_text(errors="replace").splitlines()[-_TAIL:]
        return f"The end of {self._log(name)}:\n" + _blotted("\n".join(lines))


def _blotted(text: str) -> str:
    """Without whatever could be a telephone number, a code or a document."""
    return re.sub(r"\d[\d. ]{5,}\d", "#", text)


@contextmanager
def deployed(folder: Path, settings: Mapping[str, str]) -> Iterator[Deployment]:
    """A deployment for as long as the block lasts."""
    folder.mkdir()
    deployment = Deployment(folder, settings)
    try:
        yield deployment
    finally:
        deployment.stop()


def by_twos(work: Callable[[Given], object], given: Iterable[Given]) -> None:
    """Do the work for each of them, two at a time."""
    with ThreadPoolExecutor(2) as pair:
        list(pair.map(work, given))


def answers(address: str) -> bool:
    """Whether the server is up."""
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def empty_database(server: URL) -> Iterator[URL]:
    """A database of that server's with nothing in it, for as long as the block lasts; yields its owner's address."""
    name = f"day_{os.getpid()}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield server.set(database=name)
        finally:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
