"""The door for the clock: the single list of what happens when. It only asks for jobs; workers do them."""

import logging

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.interval import IntervalTrigger
from procrastinate import App

from cbi import jobs, offices
from cbi.queue import defer, queue

log = logging.getLogger(__name__)


def run() -> None:
    """Ask for jobs until told to stop."""
    with queue().open() as app:
        fill(BlockingScheduler(), app).start()


def run_in_background() -> BackgroundScheduler:
    """Ask for jobs from a thread of this process."""
    scheduler = BackgroundScheduler()
    fill(scheduler, queue().open())
    scheduler.start()
    return scheduler


def fill(scheduler: BaseScheduler, app: App) -> BaseScheduler:
    """Put every housekeeping job of every office on the clock.

    After an outage each fires once (coalesced). Two schedulers at once change nothing: a job that waits is not queued again.
    """
    scheduler.configure(
        executors={"default": ThreadPoolExecutor(2)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone="UTC",
    )
    for name, (_, seconds) in jobs.HOUSEKEEPING.items():
        scheduler.add_job(_ask, IntervalTrigger(seconds=seconds), args=[app, name], id=name)
    log.info(
        "Asking for %s",
        ", ".join(f"{name} every {s} s" for name, (_, s) in jobs.HOUSEKEEPING.items()),
    )
    return scheduler


def _ask(app: App, name: str) -> None:
    for office in offices.office_codes():
        if not defer(app, name, office):
            log.info("%s of %s still waits for a worker", name, office)
