"""A text that a gateway brings is answered at once, not when the clock comes round."""

import logging

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from cbi import clock, offices, queue
from cbi.app import create_app
from cbi.settings import settings
from tests.flow.helpline.recipients import DAVE, Story, inbox
from tests.flow.people import Caller
from tests.redemption_factory import minutes

SECRET = "a-secret-that-only-tests-share"


@pytest.fixture
def app(story: Story, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The application, whose gateway shows a secret."""
    monkeypatch.setenv("CBI_SMS_CALLBACK_SECRET", SECRET)
    settings.cache_clear()
    queue._asked.clear()
    return create_app()


def bring(app: FastAPI, words: str, *, secret: str = SECRET, name: str = "1") -> int:
    """Kannel brings a text."""
    headers = {
        "X-Kannel-From": DAVE,
        "Content-Type": "text/plain; charset=utf-8",
        "Authorization": f"Bearer {secret}",
    }
    answer = Caller(app).ask(
        "POST", f"/api/v1/sms/dz/kannel/received?id={name}", headers, content=words.encode()
    )
    return answer.status_code


def test_a_worker_is_asked_as_soon_as_a_text_is_kept(app: FastAPI) -> None:
    queue.prepare()
    before = len(inbox(DAVE))
    assert bring(app, "0") == 200
    with clock.frozen(minutes(1)):
        queue.queue().run_worker(wait=False, install_signal_handlers=False)
    assert len(inbox(DAVE)) == before + 1


def test_no_worker_is_asked_by_whoever_is_not_the_gateway(app: FastAPI) -> None:
    queue.prepare()
    assert bring(app, "0", secret="a-guess-that-is-long-enough") == 403
    with offices.transaction("dz") as session:
        jobs = session.scalar(text("SELECT count(*) FROM inbound_texts"))
    assert jobs == 0
    assert queue._asked == {}


def test_a_text_is_kept_though_the_queue_cannot_be_reached(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "cbi.queue"):
        assert bring(app, "0") == 200  # this database has no queue
    assert "was not asked for" in caplog.text
    with offices.transaction("dz") as session:
        assert session.scalar(text("SELECT count(*) FROM inbound_texts")) == 1
