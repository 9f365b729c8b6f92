"""The application behind a real HTTP server on a free loopback port, for programs that call it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from tests.peers.kannel import free_port, until


@contextmanager
def served(app: ASGIApp, port: int | None = None) -> Iterator[str]:
    """Serve it in a thread for as long as the block lasts; yields its address."""
    chosen = port or free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            app, host="127.0.0.1", port=chosen, access_log=False, log_config=None, lifespan="off"
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, "the application is served")
    try:
        yield f"http://127.0.0.1:{chosen}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
