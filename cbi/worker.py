"""The door for background work: runs the jobs that the scheduler and people asked for, on any number of machines."""

import asyncio
import logging
import threading

from cbi import db
from cbi.queue import ask_now, queue

log = logging.getLogger(__name__)

AT_ONCE = 4


def run() -> None:
    """Work until told to stop (Ctrl-C, SIGTERM); jobs under way are finished first."""
    db.ask_with(ask_now)
    queue().run_worker(concurrency=AT_ONCE, delete_jobs="successful")


def run_in_background() -> threading.Thread:
    """Work in a thread of this process, for a small office; it ends with the process."""
    db.ask_with(ask_now)

    async def work() -> None:
        async with queue().open_async() as app:
            await app.run_worker_async(
                concurrency=AT_ONCE, delete_jobs="successful", install_signal_handlers=False
            )

    thread = threading.Thread(target=lambda: asyncio.run(work()), name="worker", daemon=True)
    thread.start()
    return thread
