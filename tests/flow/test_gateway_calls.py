"""The doors for SMS gateways open to nobody who does not know what the gateway knows, and take little at a time."""

import base64
import json
import logging
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import URL, select

from cbi import keys
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.messaging import addresses, callbacks, templates
from cbi.messaging.models import DeliveryReport, Message
from cbi.messaging.states import MessageState
from cbi.offices import transaction
from cbi.settings import settings
from tests.flow.people import Caller, make_user, token_for
from tests.flow.texting import Gateway, ask, give, heard

NUMBER = "+213551234567"
SECRET = "a-secret-that-only-tests-share"
KANNEL = "/sms/dz/kannel/received?id=9a"
WRONG = ("Basic !", "Basic /w==", "Bearer wrong", "Bearer \u00fc", "Digest x")
DESCRIPTION = """
url = "https://sms.invalid/send"
headers = { "Content-Type" = "text/plain" }
body = "{{to}} {{text}}"
taken = { status = [200] }
incoming = { sender = "/message/from", text = "/message/body", id = "id" }
"""


@pytest.fixture
def app(database: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    file = tmp_path / "gateway.toml"
    file.write_text(DESCRIPTION)
    monkeypatch.setenv("CBI_SMS_CALLBACK_SECRET", SECRET)
    monkeypatch.setenv("CBI_SMS_HTTP_TEMPLATE", str(file))
    settings.cache_clear()
    templates.read.cache_clear()
    return create_app()


def basic(secret: str = SECRET) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"kannel:{secret}".encode()).decode()}


def call(app: FastAPI, method: str, path: str, **options: Any) -> Response:
    return Caller(app).ask(method, f"/api/v1{path}", **options)


def sent_text() -> UUID:
    """A text that the gateway has just taken, and calls `gateway-…`."""
    ask(str(uuid4()))
    gateway = Gateway()
    give(gateway)
    return UUID(gateway.given[0][2])


def state(message_id: UUID) -> MessageState:
    with transaction("dz") as session:
        return session.scalars(select(Message.state).where(Message.id == message_id)).one()


def report_path(message_id: UUID, status: object, office: str = "dz", token: str = "") -> str:
    token = token or addresses.report_token(keys.keyring("dz"), message_id)
    return f"/sms/{office}/reports/{message_id}/{token}?status={status}"


def test_kannels_reports_are_read_bit_by_bit(app: FastAPI) -> None:
    for masks, end in (
        ([8, 1], MessageState.DELIVERED),
        ([1, 8], MessageState.DELIVERED),
        ([8, 2], MessageState.FAILED),
        ([16], MessageState.FAILED),
        ([34], MessageState.FAILED),
        ([4], MessageState.SENT),
        ([34, 1], MessageState.DELIVERED),
        ([0, 64], MessageState.SENT),
    ):
        message_id = sent_text()
        for mask in [*masks, *masks]:
            assert call(app, "GET", report_path(message_id, mask)).status_code == 200
        assert state(message_id) == end, masks


def test_a_report_with_a_wrong_token_changes_nothing_and_its_address_is_not_logged(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    message_id, other = sent_text(), uuid4()
    right = addresses.report_token(keys.keyring("dz"), message_id)
    for path in (
        report_path(message_id, 1, token="A" * 22),
        report_path(message_id, 1, office="ke", token=right),
        report_path(other, 1, token=right),
    ):
        answer = call(app, "GET", path)
        assert (answer.status_code, answer.json()["code"]) == (403, "messaging.not_the_gateway")
    assert state(message_id) == MessageState.SENT
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("cbi")]
    assert len([line for line in ours if '"status": 403' in line]) == 3
    assert not [line for line in ours if right in line or str(message_id) in line]


def test_a_report_on_no_text_or_with_no_number_is_refused(app: FastAPI) -> None:
    assert call(app, "GET", report_path(uuid4(), 1)).status_code == 404
    message_id = sent_text()
    for status in ("", "one", "-1", "99999"):
        assert call(app, "GET", report_path(message_id, status)).status_code == 422
    with transaction("dz") as session:
        assert session.scalars(select(DeliveryReport)).all() == []


def test_a_text_from_kannel_is_read_in_its_own_alphabet_and_kept_once(app: FastAPI) -> None:
    cases = (
        ('text/plain; charset="UTF-8"', "حالة é".encode(), "حالة é"),
        ("text/plain; charset=UTF-16BE", "حالة é".encode("utf-16-be"), "حالة é"),
        ("application/octet-stream", b"STATUS", "STATUS"),
        ("text/plain; charset=no-such", b"STATUS", "STATUS"),
        ("text/plain; charset=rot13", b"STATUS", "STATUS"),
        ("text/plain; charset=idna", b"STATUS.\xff", "STATUS.\ufffd"),
        ("text/plain; charset=UTF-8", b"\xff5", "\ufffd5"),
        ("text/plain", b"", ""),
    )
    for number, (content_type, body, _) in enumerate(cases):
        headers = basic() | {"X-Kannel-From": "213551234567", "Content-Type": content_type}
        for _ in range(2):
            path = f"/sms/dz/kannel/received?id={number}"
            assert call(app, "POST", path, headers=headers, content=body).status_code == 200
    assert [(text.sender, text.words) for text in heard()] == [
        (NUMBER, words) for *_, words in cases
    ]


def test_a_text_without_a_name_is_still_kept_once(app: FastAPI) -> None:
    path = "/sms/dz/kannel/received"
    headers = basic() | {"X-Kannel-From": NUMBER, "X-Kannel-Time": "2026-12-05 09:00:00"}
    for words in (b"5", b"5", b"8"):
        assert call(app, "POST", path, headers=headers, content=words).status_code == 200
    assert [text.words for text in heard()] == ["5", "8"]


def test_without_the_secret_no_door_opens(app: FastAPI) -> None:
    said = ({}, basic("wrong"), *({"Authorization": told} for told in WRONG))
    for path in (KANNEL, "/sms/dz/received", "/sms/dz/sent", "/sms/dz/failed"):
        for headers in said:
            raw = {name: value.encode("latin-1") for name, value in headers.items()}
            answer = call(app, "POST", path, headers=raw | {"X-Kannel-From": NUMBER.encode()})
            assert (answer.status_code, answer.json()["code"]) == (
                403, "messaging.not_the_gateway"
            ), (path, headers)  # fmt: skip
    assert heard() == []


def test_while_no_secret_is_set_every_secret_is_wrong(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBI_SMS_CALLBACK_SECRET", "")
    settings.cache_clear()
    for headers in ({}, basic("")):
        assert call(app, "POST", KANNEL, headers=headers).status_code == 403


def test_an_office_that_is_not_there_is_refused_like_a_wrong_secret(app: FastAPI) -> None:
    headers = basic() | {"X-Kannel-From": NUMBER}
    answer = call(app, "POST", "/sms/xx/kannel/received", headers=headers)
    assert answer.json()["code"] == "messaging.not_the_gateway"


def test_what_is_too_large_or_from_nobody_is_refused(app: FastAPI) -> None:
    headers = basic() | {"X-Kannel-From": NUMBER}
    large = b"x" * (callbacks.LARGEST + 1)
    assert call(app, "POST", KANNEL, headers=headers, content=large).status_code == 413
    assert call(app, "POST", KANNEL, headers=basic(), content=b"x").status_code == 422
    assert heard() == []


def test_a_long_line_is_sent_away_and_comes_back(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "IN_LINE", 0)
    headers = basic() | {"X-Kannel-From": NUMBER}
    assert call(app, "POST", KANNEL, headers=headers, content=b"5").status_code == 503
    monkeypatch.undo()


def test_a_described_gateway_brings_texts_as_its_file_says(app: FastAPI) -> None:
    body = {"id": 17, "message": {"from": "00213551234567", "body": "STATUS"}}
    for _ in range(2):
        answer = call(app, "POST", f"/sms/dz/received?secret={SECRET}", json=body)
        assert answer.status_code == 200
    (text,) = heard()
    assert (text.channel, text.sender, text.words) == ("http", NUMBER, "STATUS")


def test_a_described_gateway_reports_by_our_name_or_its_own(app: FastAPI) -> None:
    bearer = {"Authorization": f"Bearer {SECRET}"}
    ways: tuple[tuple[str, str], ...] = (("GET", "params"), ("POST", "json"), ("POST", "data"))
    for method, how in ways:
        for prefix in ("", "gateway-"):
            message_id = sent_text()
            for news in ("sent", "delivered", "failed"):
                given = {how: {"id": f"{prefix}{message_id}"}}
                answer = call(app, method, f"/sms/dz/{news}", headers=bearer, **given)
                assert answer.status_code == 200, (method, how, prefix)
            assert state(message_id) == MessageState.DELIVERED
    for name in ("not written down yet", str(uuid4())):
        early = call(app, "POST", "/sms/dz/failed", headers=bearer, json={"id": name})
        assert early.status_code == 503
    assert call(app, "POST", "/sms/dz/failed", headers=bearer, json=[]).status_code == 422


def test_staff_read_how_texts_stand_but_no_word_and_no_number(app: FastAPI) -> None:
    message_id = sent_text()
    call(app, "GET", report_path(message_id, 2))
    caller = Caller(app, token_for(make_user("amina.h", Role.COMPLAINT_HANDLER)))
    assert caller.get("/messages/summary").json() == {
        "queued": 0, "late": 0, "handed_over": 0, "delivered": 0, "undeliverable": 1, "not_sent": 0,
        "unknown": 0, "withdrawn": 0, "reasons": {"undeliverable": 1}, "unheard": 0,
    }  # fmt: skip
    listed = caller.get("/messages")
    (line,) = listed.json()["items"]
    assert (line["id"], line["state"], line["reason"]) == (
        str(message_id),
        "failed",
        "undeliverable",
    )
    assert "number" not in json.dumps(line)


def test_a_simulated_telephone_sends_in_a_demonstration_only(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cbi.messaging.telephones import router  # noqa: PLC0415 - it is in the application of a demonstration only

    app.include_router(router)
    path, body = f"/phones/{NUMBER}/messages", {"office": "dz", "text": "STATUS"}
    assert call(app, "POST", path, json=body).status_code == 404
    monkeypatch.setenv("CBI_DEMO", "true")
    settings.cache_clear()
    assert call(app, "POST", path, json=body).status_code == 201
    assert call(app, "POST", "/phones/0551/messages", json=body).status_code == 422
    assert [text.words for text in heard()] == ["STATUS"]
