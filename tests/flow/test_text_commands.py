"""The commands about texts, and the doctor's look at the gateway."""

import json

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner

from cbi import health
from cbi.cli import app
from cbi.messaging.transports import NotSent
from cbi.settings import settings
from tests.flow.texting import Gateway, ask, give, heard, refuse

NUMBER = "+213551234567"


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def test_a_simulated_telephone_is_written_from_and_read(database: URL) -> None:
    assert "Sent" in run("phone", NUMBER, "--say", "STATUS")
    assert [(text.sender, text.words) for text in heard()] == [(NUMBER, "STATUS")]
    assert "No text" in run("phone", NUMBER)


def test_whoever_runs_the_engine_sees_which_texts_did_not_arrive(database: URL) -> None:
    assert "Every text arrived" in run("messages", "trouble")
    ask()
    give(Gateway(refuse(NotSent("no", retry_helps=False))))
    assert "1 were never sent" in run("messages", "summary")
    assert json.loads(run("messages", "summary", "--json"))["not_sent"] == 1
    assert "failed (not_sent)  CODE_READY" in run("messages", "trouble")
    (line,) = json.loads(run("messages", "trouble", "--json"))
    assert line["state"] == "failed"


@pytest.mark.parametrize(
    ("set_up", "said"),
    [
        ({"CBI_SMS_TRANSPORT": "pigeon"}, "no SMS transport"),
        ({"CBI_SMS_TRANSPORT": "kannel"}, "CBI_SMS_KANNEL_USER"),
        ({"CBI_SMS_TRANSPORT": "http"}, "CBI_SMS_HTTP_TEMPLATE"),
        (
            {
                "CBI_SMS_TRANSPORT": "kannel", "CBI_SMS_KANNEL_URL": "http://127.0.0.1:9/cgi-bin/sendsms",
                "CBI_SMS_KANNEL_USER": "cbi", "CBI_SMS_KANNEL_PASSWORD": "x",
            },
            "Kannel does not answer",
        ),
    ],
)  # fmt: skip
def test_the_doctor_says_what_keeps_texts_from_leaving(
    database: URL, monkeypatch: pytest.MonkeyPatch, set_up: dict[str, str], said: str
) -> None:
    for name, value in set_up.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    findings = list(health.texts())
    assert findings[0].grade == "wrong"
    assert said in findings[0].sentence
