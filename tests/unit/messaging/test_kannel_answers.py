"""What Kannel's answers mean, and what stands in a request to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
import pytest

from cbi.keys import Keyring
from cbi.messaging import addresses, kannel
from cbi.messaging.addresses import UnusableSettings
from cbi.messaging.kannel import Kannel, news_of
from cbi.messaging.states import News
from cbi.messaging.transports import NoAnswer, NotSent
from cbi.settings import Settings

NUMBER, WORDS = "+213551234567", "Code 4831.2907.5526"
REFERENCE = "0b8f7c1e-8f5f-4c52-9a51-1f3a5e1f0a10"
ANSWERS = Callable[[httpx.Request], httpx.Response]


def chosen(**others: object) -> Settings:
    given: dict[str, object] = {
        "sms_kannel_url": "http://kannel.invalid/cgi-bin/sendsms",
        "sms_kannel_user": "cbi",
        "sms_kannel_password": "s3cret-of-kannel",
        "sms_sender": "40404",
    }
    return Settings(_env_file=None, **(given | others))  # type: ignore[arg-type]


@contextmanager
def kannel_that(answers: ANSWERS, **others: object) -> Iterator[Kannel]:
    with httpx.Client(transport=httpx.MockTransport(answers)) as client:
        yield Kannel(chosen(**others), "dz", client)


def outcome(status: int, body: str) -> bool | str:
    """True: taken. `again` or `never`: certainly not. `unknown`: nobody knows."""
    with kannel_that(lambda _: httpx.Response(status, text=body)) as way_out:
        try:
            way_out.send(NUMBER, WORDS, REFERENCE)
        except NotSent as error:
            return "again" if error.retry_helps else "never"
        except NoAnswer:
            return "unknown"
        return True


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (202, "0: Accepted for delivery", True),
        (202, "3: Queued for later delivery", True),
        (400, "Number(s) has/have been denied by white- and/or black-lists.", "never"),
        (400, "Empty receiver number not allowed, rejected", "never"),
        (403, "Not routable. Do not try again.", "never"),
        (403, "Authorization failed for sendsms", "again"),
        (400, "Sender missing and no global set, rejected", "again"),
        (404, "Unknown request.", "again"),
        (503, "Temporal failure, try again later.", "again"),
        (503, "<html>a proxy's page</html>", "unknown"),
        (502, "Bad gateway", "unknown"),
        (500, "", "unknown"),
        (200, "OK", "unknown"),
        (302, "", "unknown"),
    ],
)
def test_only_an_answer_that_is_certain_lets_a_text_be_sent_again(
    status: int, body: str, means: object
) -> None:
    assert outcome(status, body) == means


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("refused"), NotSent),
        (httpx.ConnectTimeout("slow"), NotSent),
        (httpx.UnsupportedProtocol("no http"), NotSent),
        (httpx.ReadTimeout("slow"), NoAnswer),
        (httpx.WriteError("cut"), NoAnswer),
        (httpx.RemoteProtocolError("gone"), NoAnswer),
    ],
)
def test_only_a_connection_that_never_was_lets_a_text_be_sent_again(
    error: Exception, expected: type[Exception]
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    with kannel_that(fail) as way_out, pytest.raises(expected) as raised:
        way_out.send(NUMBER, WORDS, REFERENCE)
    assert raised.value.__suppress_context__
    assert NUMBER not in str(raised.value)


def asked(words: str, **others: object) -> httpx.Request:
    requests: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(202, text="0: Accepted for delivery")

    with kannel_that(note, **others) as way_out:
        way_out.send(NUMBER, words, REFERENCE)
    return requests[0]


def test_nothing_of_a_text_stands_in_an_address() -> None:
    request = asked(WORDS, sms_callback_url="https://cbi.example.org/")
    assert str(request.url) == "http://kannel.invalid/cgi-bin/sendsms"
    report = request.headers["X-Kannel-DLR-Url"]
    assert report.startswith(f"https://cbi.example.org/api/v1/sms/dz/reports/{REFERENCE}/")
    assert report.endswith("?status=%d")
    assert not [part for part in ("551234567", "4831", "s3cret") if part in report]
    assert request.content.decode() == WORDS
    assert request.headers["X-Kannel-DLR-Mask"] == "31"


def test_no_report_is_asked_for_where_the_gateway_cannot_reach_us() -> None:
    assert "X-Kannel-DLR-Url" not in asked(WORDS).headers


@pytest.mark.parametrize(
    ("words", "coding"), [(WORDS, "0"), ("prêt {x} €", "2"), ("è à {x} €", "0"), ("مبلغك", "2")]
)
def test_a_text_goes_out_in_the_alphabet_that_holds_it(words: str, coding: str) -> None:
    assert asked(words).headers["X-Kannel-Coding"] == coding


@pytest.mark.parametrize(
    ("status", "news"),
    [
        (8, News.ACCEPTED),
        (1, News.DELIVERED),
        (2, News.UNDELIVERABLE),
        (16, News.REJECTED),
        (4, News.BUFFERED),
        (34, News.EXPIRED),
        (9, News.DELIVERED),
        (12, News.BUFFERED),
        (0, None),
        (64, None),
    ],
)
def test_a_report_is_a_sum_of_bits(status: int, news: News | None) -> None:
    assert news_of(status) == news


def test_the_token_of_one_text_opens_no_other_and_no_other_office() -> None:
    here, there = Keyring(b"k" * 32, "dz"), Keyring(b"k" * 32, "ke")
    text, other = UUID(REFERENCE), UUID(int=7)
    token = addresses.report_token(here, text)
    assert addresses.is_report_token(here, text, token)
    assert not addresses.is_report_token(here, other, token)
    assert not addresses.is_report_token(there, text, token)
    assert not addresses.is_report_token(here, text, token[:-1])
    assert not addresses.is_report_token(here, text, "ü")


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"sms_kannel_user": None}, "CBI_SMS_KANNEL_USER"),
        ({"sms_kannel_url": "kannel:13013"}, "CBI_SMS_KANNEL_URL"),
        ({"sms_callback_url": "cbi.example.org"}, "CBI_SMS_CALLBACK_URL"),
        ({"sms_callback_url": "https://x.org/?a=b"}, "CBI_SMS_CALLBACK_URL"),
        ({"sms_callback_secret": "short"}, "CBI_SMS_CALLBACK_SECRET"),
    ],
)
def test_settings_that_cannot_work_are_named_at_the_start(
    setting: dict[str, object], named: str
) -> None:
    with pytest.raises(UnusableSettings) as refusal, kannel.opened(chosen(**setting), "dz"):
        pass
    assert named in str(refusal.value)
    assert "short" not in str(refusal.value).replace("shorter", "")
