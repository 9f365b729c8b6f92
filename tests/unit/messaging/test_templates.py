"""A gateway of any kind is described by a file: a mistake in it is named at the start, and a text comes out whole."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import httpx
import pytest

from cbi.messaging import templated, templates
from cbi.messaging.addresses import UnusableSettings
from cbi.messaging.templated import Templated
from cbi.messaging.templates import UnusableTemplate
from cbi.messaging.transports import NoAnswer, NotSent, Sent
from cbi.settings import Settings

NUMBER, REFERENCE = "+213551234567", "0b8f7c1e-8f5f-4c52-9a51-1f3a5e1f0a10"
AWKWARD = 'Say "yes" & <no> \\ 100% + ست 5\'s\n{{to}} €'
JSON = """
url = "https://sms.invalid/v1/{{id}}"
headers = { "Content-Type" = "application/json", Authorization = "Key {{secret}}" }
body = '{"to": "{{to}}", "text": "{{ text }}", "ref": "{{id}}", "from": "{{from}}"}'
taken = { status = [200, 201], pattern = '"status": *"queued"' }
reference = { pointer = "/messages/0/id" }

[[refused]]
status = [400]
pattern = "bad number"
again = false

[[refused]]
status = [400, 401, 429]
again = true
"""
FORM = """
url = "https://sms.invalid/send"
headers = { "Content-Type" = "application/x-www-form-urlencoded" }
body = "to={{to_no_plus}}&text={{text}}&from={{from}}"
taken = { status = [200] }
reference = { pattern = "id=([0-9]+)" }
"""
XML = """
url = "https://sms.invalid/send"
headers = { "Content-Type" = "text/xml; charset=utf-8" }
body = '<sms to="{{to}}" id="{{id}}"><text>{{text}}</text></sms>'
taken = { status = [200] }
"""


def written(folder: Path, description: str) -> Path:
    file = folder / "gateway.toml"
    file.write_text(description)
    templates.read.cache_clear()
    return file


def sent(
    folder: Path, description: str, answer: httpx.Response, words: str = AWKWARD
) -> tuple[Sent, httpx.Request]:
    requests: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return answer

    chosen = Settings(
        _env_file=None, sms_sender="CBI & co", sms_http_secret="k3y", sms_transport="http"
    )
    with httpx.Client(transport=httpx.MockTransport(note)) as client:
        way_out = Templated(chosen, templates.read(written(folder, description)), client)
        return way_out.send(NUMBER, words, REFERENCE), requests[0]


TAKEN = httpx.Response(200, json={"status": "queued", "messages": [{"id": 17}]})


def test_a_text_comes_out_of_json_as_it_went_in(tmp_path: Path) -> None:
    answer, request = sent(tmp_path, JSON, TAKEN)
    assert json.loads(request.content) == {
        "to": NUMBER, "text": AWKWARD, "ref": REFERENCE, "from": "CBI & co"
    }  # fmt: skip
    assert request.headers["Authorization"] == "Key k3y"
    assert str(request.url) == f"https://sms.invalid/v1/{REFERENCE}"
    assert answer.reference == "17"


def test_a_text_comes_out_of_a_form_as_it_went_in(tmp_path: Path) -> None:
    answer, request = sent(tmp_path, FORM, httpx.Response(200, text="ok id=99;"))
    assert parse_qs(request.content.decode()) == {
        "to": [NUMBER[1:]], "text": [AWKWARD], "from": ["CBI & co"]
    }  # fmt: skip
    assert answer.reference == "99"


def test_a_text_comes_out_of_xml_as_it_went_in(tmp_path: Path) -> None:
    _, request = sent(tmp_path, XML, httpx.Response(200))
    assert ET.fromstring(request.content).findtext("text") == AWKWARD  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (400, "bad number", "never"),
        (400, "slow down", "again"),
        (429, "", "again"),
        (200, '{"status": "error"}', "unknown"),
        (500, "", "unknown"),
        (404, "", "unknown"),
        (201, '{"status": "queued"}', "taken"),
    ],
)
def test_only_an_answer_that_the_file_lists_lets_a_text_be_sent_again(
    tmp_path: Path, status: int, body: str, means: str
) -> None:
    try:
        sent(tmp_path, JSON, httpx.Response(status, text=body))
        outcome = "taken"
    except NotSent as error:
        outcome = "again" if error.retry_helps else "never"
    except NoAnswer:
        outcome = "unknown"
    assert outcome == means


def without(part: str) -> Callable[[str], str]:
    return lambda whole: "\n".join(line for line in whole.splitlines() if part not in line)


def instead(old: str, new: str) -> Callable[[str], str]:
    return lambda whole: whole.replace(old, new)


@pytest.mark.parametrize(
    ("spoilt", "named"),
    [
        (without("taken ="), "taken"),
        (without("url ="), "url"),
        (instead("https://sms.invalid", "sms.invalid"), "url: this is no http"),
        (instead("/v1/{{id}}", "/v1/?text={{text}}"), "{{text}} must not stand here"),
        (instead("/v1/{{id}}", "/v1/{{to}}"), "{{to}} must not stand here"),
        (instead("/v1/{{id}}", "/v1/{{secret}}"), "{{secret}} must not stand here"),
        (instead("Key {{secret}}", "Key {{text}}"), "headers.Authorization"),
        (instead("{{from}}", "{{form}}"), "body: there is no {{form}}"),
        (instead('"{{ text }}"', "{{ text }}"), "no JSON"),
        (instead("{{ text }}", "hello"), "it needs {{text}}"),
        (instead("application/json", "application/pdf"), "Content-Type"),
        (instead('"status": *"queued"', "(queued"), "taken.pattern"),
        (instead("/messages/0/id", "messages"), "reference.pointer"),
        (instead("status = [200, 201]", "status = [20]"), "taken.status"),
        (instead("again = true", "agian = true"), "refused.1"),
        (instead("url =", "url ==="), "not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_at_the_start(
    tmp_path: Path, spoilt: Callable[[str], str], named: str
) -> None:
    with pytest.raises(UnusableTemplate) as refusal:
        templates.read(written(tmp_path, spoilt(JSON)))
    assert named in str(refusal.value)
    assert "gateway.toml" in str(refusal.value)


def test_a_body_that_is_no_xml_is_named_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UnusableTemplate, match="no XML"):
        templates.read(written(tmp_path, XML.replace("</text>", "")))


def test_a_file_or_secret_that_is_missing_is_named_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UnusableTemplate, match="CBI_SMS_HTTP_TEMPLATE"):
        opened(sms_http_template=None)
    with pytest.raises(UnusableTemplate, match="cannot be read"):
        opened(sms_http_template=tmp_path / "none.toml")
    with pytest.raises(UnusableSettings, match="CBI_SMS_HTTP_SECRET"):
        opened(sms_http_template=written(tmp_path, JSON))


def opened(**given: object) -> None:
    chosen = Settings(_env_file=None, sms_transport="http", **given)  # type: ignore[arg-type]
    with templated.opened(chosen, "dz"):
        pass


def test_the_gateways_address_is_knocked_at_without_sending(tmp_path: Path) -> None:
    local = FORM.replace("https://sms.invalid", "http://127.0.0.1:9")
    chosen = Settings(_env_file=None, sms_http_template=written(tmp_path, local))
    with templated.opened(chosen, "dz") as way_out:
        assert "does not answer" in (way_out.trouble() or "")
