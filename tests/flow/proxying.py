"""A line between us and PostgreSQL that a test can delay, and cut in the middle of a COMMIT, on either side of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import sleep

from sqlalchemy import URL

_COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""The message by which psycopg asks for it: a simple query, its length, its words."""


@dataclass
class Line:
    """What the line does with what passes. Everything counts from the moment that it is set."""

    port: int = 0
    cut_at: int = 0
    """The COMMIT that is cut: 1 is the next. 0: none."""
    delivered: bool = False
    """Whether that COMMIT reaches the server, and only its answer is lost."""
    delay: float = 0.0
    """Seconds that each piece waits on its way there."""
    commits: int = 0
    cuts: int = 0
    _open: list[socket.socket] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def cut(self, at: int, *, delivered: bool) -> None:
        """Cut the line in that COMMIT, counted from now."""
        with self._guard:
            self.commits, self.cut_at, self.delivered = 0, at, delivered

    def reset(self) -> None:
        """Reset every connection there is, as a firewall that has forgotten them."""
        with self._guard:
            for end in self._open:
                _drop(end)
            self._open.clear()

    def is_cut(self, data: bytes) -> bool:
        """Whether the line is cut where this passes."""
        with self._guard:
            here = data.count(_COMMIT)
            self.commits += here
            if not here or not self.cut_at or self.commits < self.cut_at:
                return False
            self.cut_at, self.cuts = 0, self.cuts + 1
            return True

    def keep(self, *ends: socket.socket) -> None:
        with self._guard:
            self._open.extend(ends)


@contextmanager
def line_to(server: URL) -> Iterator[tuple[Line, URL]]:
    """A line to this server for as long as the block lasts, and the address at our end of it."""
    line = Line()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        line.port = listening.getsockname()[1]
        accepting = threading.Thread(target=_accept, args=(listening, server, line), daemon=True)
        accepting.start()
        try:
            yield line, server.set(host="127.0.0.1", port=line.port, query={})
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            line.reset()
            accepting.join(10)


def _accept(listening: socket.socket, server: URL, line: Line) -> None:
    while True:
        try:
            ours, _ = listening.accept()
        except OSError:
            return
        try:
            theirs = _connect(server)
        except OSError:  # the server is down
            _drop(ours)
            continue
        line.keep(ours, theirs)
        lost = threading.Event()
        for work in (_there, _back):
            threading.Thread(target=work, args=(ours, theirs, line, lost), daemon=True).start()


def _connect(server: URL) -> socket.socket:
    folder = server.query.get("host") or server.host
    if isinstance(folder, str) and folder.startswith("/"):
        theirs = socket.socket(socket.AF_UNIX)
        theirs.connect(f"{folder}/.s.PGSQL.{server.port or server.query.get('port') or 5432}")
        return theirs
    return socket.create_connection((server.host or "127.0.0.1", server.port or 5432))


def _there(ours: socket.socket, theirs: socket.socket, line: Line, lost: threading.Event) -> None:
    try:
        while data := ours.recv(65_536):
            sleep(line.delay)
            if not line.is_cut(data):
                theirs.sendall(data)
            elif line.delivered:
                lost.set()
                theirs.sendall(data)
                return  # whoever reads the answer ends it
            else:
                break
    except OSError:
        pass
    _drop(ours)
    _drop(theirs)


def _back(ours: socket.socket, theirs: socket.socket, line: Line, lost: threading.Event) -> None:
    try:
        while (data := theirs.recv(65_536)) and not lost.is_set():
            ours.sendall(data)
    except OSError:
        pass
    _drop(ours)
    _drop(theirs)


def _drop(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
    finally:
        end.close()
