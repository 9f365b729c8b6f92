"""Serves the made-up office until it is stopped: console, telephones, and whatever happens by itself."""

import socket
import sys
from contextlib import suppress

import uvicorn

from cbi import scheduler, worker
from cbi.app import create_app
from cbi.demo import pages, tour
from cbi.demo.town import Town
from cbi.settings import settings
from cbi.terminal.output import say

QUICK = ("releases", "hand_over")
"""What the clock asks for every few seconds here, so that nobody who looks at a telephone waits for half a minute."""
SECONDS = 2


def serve(town: Town) -> None:
    """Print the tour, and serve what it leads to. Ends with Ctrl-C."""
    with _listening() as door:
        host, port = door.getsockname()[:2]
        app = create_app()
        pages.mount(app, town)
        worker.run_in_background()
        clock = scheduler.run_in_background()
        for name in QUICK:
            clock.reschedule_job(name, trigger="interval", seconds=SECONDS)
        for line in tour.lines(town, f"http://{host}:{port}"):
            say(line)
        sys.stdout.flush()
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        )
        with suppress(KeyboardInterrupt):
            server.run(sockets=[door])


def _listening() -> socket.socket:
    """The usual port, or a free one where another program has it."""
    chosen = settings()
    family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
    for port in (chosen.port, 0):
        door = socket.socket(family)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((chosen.host, port))
        except OSError:
            door.close()
            if port == 0:
                raise
            say(f"The port {port} is taken by another program, so this is served at a free one.")
        else:
            return door
    raise AssertionError("the loop ends with a door or an error")
