"""Looks for a text in everything an office leaves behind: tables, queue, logs, answers and exports."""

import base64
import hashlib
import logging
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import URL

from tests.flow.people import Caller

SECRET_AND_CHECK = 7
"""How many of a code's last digits are enough to guess the rest: its locator is public."""


def spellings(code: str) -> dict[str, str]:
    """Everything that would give a dotted code away, by what to call it."""
    digits = code.replace(".", "")
    groups = code.split(".")
    written = {"plain": digits} | {
        name: mark.join(groups)
        for name, mark in (("dotted", "."), ("spaced", " "), ("hyphened", "-"), ("no-break", "\u00a0"))
    }  # fmt: skip
    written["Arabic"] = "".join(chr(0x660 + int(digit)) for digit in digits)
    written["in a URL"] = quote(written["spaced"])
    encoded = {}
    for name in ("plain", "dotted", "spaced"):
        raw = written[name].encode()
        encoded[f"{name}, base64"] = base64.b64encode(raw).decode().rstrip("=")
        encoded[f"{name}, hex"] = raw.hex()
        for digest in ("md5", "sha1", "sha256"):
            encoded[f"{name}, {digest}"] = hashlib.new(digest, raw).hexdigest()
    return written | encoded


def traces(code: str, place: str) -> list[str]:
    """In which spellings a code stands in a text; its last seven digits count where they stand alone."""
    found = [name for name, text in spellings(code).items() if text in place]
    alone = rf"(?<!\d){code.replace('.', '')[-SECRET_AND_CHECK:]}(?!\d)"
    return found + (["without its locator"] if re.search(alone, place) else [])


def dump(owner: URL) -> Iterator[tuple[str, str]]:
    """Every table of the database but PostgreSQL's own, as COPY writes it, by schema and name; then the server's log."""
    address = owner.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        tables = connection.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        ).fetchall()
        for (table,) in tables:
            with connection.cursor().copy(f"COPY {table} TO STDOUT") as rows:
                yield table, b"".join(rows).decode()
        log = connection.execute("SELECT pg_read_file('log', 0, 100000000, true)").fetchone()
        assert log is not None
        yield "the server's log", log[0] or ""


def workbook(file: Path) -> str:
    """All the XML of a workbook."""
    with zipfile.ZipFile(file) as parts:
        return "\n".join(parts.read(name).decode() for name in parts.namelist())


class Trap(logging.Handler):
    """Keeps every line that anything in the process logs, tracebacks too."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line. What the tests' own HTTP client says is the client's, not the engine's."""
        if not record.name.startswith(("httpx", "httpcore")):
            self.lines.append(self.format(record))


@contextmanager
def every_log() -> Iterator[Trap]:
    """Everything that is logged within the block, at the lowest level, by every logger there is or will be."""
    trap, root = Trap(), logging.getLogger()
    named = [each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    before = [(each, each.level, each.propagate) for each in (root, *named)]
    root.addHandler(trap)
    for each, _, _ in before:
        each.setLevel(logging.DEBUG)
        each.propagate = True
    try:
        yield trap
    finally:
        root.removeHandler(trap)
        for each, level, propagate in before:
            each.setLevel(level)
            each.propagate = propagate


class Overheard(Caller):
    """Somebody at the HTTP door, every answer to whom is kept, headers too."""

    def __init__(self, app: FastAPI, token: str | None, answers: list[str]) -> None:
        super().__init__(app, token)
        self._answers = answers

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Response:
        """Any request."""
        answer = super().ask(method, path, headers, **options)
        self._answers.append(f"{method} {answer.status_code} {dict(answer.headers)} {answer.text}")
        return answer
