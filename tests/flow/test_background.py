"""The queue and the clock: what is asked for is done once, and asking twice changes nothing."""

from collections.abc import Iterator

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from procrastinate import App
from sqlalchemy import URL, func, select

from cbi import jobs, offices, scheduler
from cbi.audit.models import AuditEntry, AuditSeal
from cbi.audit.record import record
from cbi.queue import defer, prepare, queue
from tests.factories import EVERYTHING


@pytest.fixture
def app(database: URL) -> Iterator[App]:
    prepare()
    with queue().open() as app:
        yield app


def work() -> None:
    """Do what is waiting, then stop."""
    queue().run_worker(
        wait=False, install_signal_handlers=False, listen_notify=False, delete_jobs="successful"
    )


def test_a_job_that_waits_is_not_asked_for_again(app: App) -> None:
    assert defer(app, "seal", "dz")
    assert not defer(app, "seal", "dz")
    work()
    assert defer(app, "seal", "dz")


def test_a_worker_does_what_was_asked_for(app: App) -> None:
    with offices.transaction("dz") as session:
        record(session, EVERYTHING, "test.done", "nothing", "1")
    defer(app, "seal", "dz")
    work()
    with offices.transaction("dz") as session:
        entries = session.scalar(select(func.count()).select_from(AuditEntry))
        assert session.scalar(select(func.count()).select_from(AuditSeal)) == entries == 1


def test_preparing_the_queue_twice_changes_nothing(app: App) -> None:
    defer(app, "seal", "dz")
    prepare()
    assert not defer(app, "seal", "dz")


def test_the_clock_asks_for_every_job_in_every_office(app: App) -> None:
    offices.create(
        "ke", currency="KES", timezone="Africa/Nairobi", languages=("en",), hotline="1500"
    )
    clocks = [scheduler.fill(BackgroundScheduler(), app) for _ in range(2)]
    for each in clocks:
        each.start(paused=True)
        assert {job.id for job in each.get_jobs()} == set(jobs.HOUSEKEEPING)
        for job in each.get_jobs():
            job.func(*job.args)  # two schedulers fire everything
        each.shutdown(wait=False)
    waiting = [(job.task_name, job.task_kwargs["office"]) for job in app.job_manager.list_jobs()]
    assert sorted(waiting) == sorted(
        (name, office) for name in jobs.HOUSEKEEPING for office in ("dz", "ke")
    )
    work()
    assert [job for job in app.job_manager.list_jobs() if job.status == "failed"] == []


def test_a_job_that_fails_is_tried_again_and_blocks_no_other(app: App) -> None:
    defer(app, "seal", "nowhere")
    defer(app, "seal", "dz")
    work()
    left = [
        (job.task_kwargs["office"], job.status, job.attempts) for job in app.job_manager.list_jobs()
    ]
    assert left == [("nowhere", "todo", 1)]
