"""The pages' door: who comes in, which forms count, what is said, and what every page brings with it."""

import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Form, Request, Response
from sqlalchemy import URL, select

from cbi import clock, offices
from cbi.access import tokens
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.app import create_app
from cbi.audit.models import AuditEntry
from cbi.audit.record import record
from cbi.console import cookies
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.errors import Conflict
from cbi.http.models import AnsweredRequest
from cbi.http.problems import Problem
from cbi.http.requests import OfficeSession
from tests.flow.browsing import Browsing, enrolled
from tests.flow.people import token_for

Doer = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
CANARY = "canary4711"
router = Pages()


class TooLate(Conflict):
    """A refusal."""

    code = "trying_pages.too_late"


class Counted(TooLate):
    """A refusal that keeps what was written."""

    code = "trying_pages.counted"
    keeps_work = True


@router.post("/trying")
def try_it(
    visit: ThisVisit, session: OfficeSession, actor: Doer, old: Annotated[str, Form()] = ""
) -> Response:
    """Writes an audit entry, and then does what it is told."""
    record(session, actor, "tried", "try", len(old))
    match old:
        case "refuse":
            raise TooLate("It is too late.", next_step="Come earlier.")
        case "count":
            raise Counted("It is counted.")
        case "fail":
            raise RuntimeError(CANARY)
        case "show":
            return visit.show("access/password.html", status=422, username=CANARY, action="/trying")
    return visit.go("/password", "Done once.")


@pytest.fixture
def app(database: URL) -> FastAPI:
    """The application with a form to try: what the password page holds is sent elsewhere."""
    made = create_app()
    made.include_router(router)
    return made


@pytest.fixture
def amina(app: FastAPI) -> Browsing:
    """Somebody who may read, signed in at a browser and looking at a form."""
    visitor = Browsing(app, token_for(enrolled("amina.h")))
    visitor.get("/password")
    return visitor


def tried() -> int:
    """How many tries were written down for good."""
    with offices.transaction("dz") as session:
        return len(session.scalars(select(AuditEntry.id).where(AuditEntry.act == "tried")).all())


def send(visitor: Browsing, form: dict[str, str]) -> httpx.Response:
    """Send a form to the route under trial."""
    return visitor.ask("POST", "/trying", data=form)


def test_whoever_is_not_signed_in_is_sent_to_do_so_and_comes_back(app: FastAPI) -> None:
    stranger = Browsing(app)
    answer = stranger.get("/password?x=1", follow=False)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign-in?next=%2Fpassword%3Fx%3D1",
    )
    stranger.get("/password?x=1")
    assert stranger.forms[0].fields["next"] == "/password?x=1"


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nb"],
)
def test_nobody_is_sent_to_another_site(app: FastAPI, elsewhere: str) -> None:
    stranger = Browsing(app)
    answer = stranger.ask("GET", "/sign-in", params={"next": elsewhere})
    assert 'name="next" value=""' in answer.text
    answer = stranger.ask("GET", "/language/fr", params={"next": elsewhere})
    assert answer.headers["location"] == "/"


def test_a_sign_in_ends_when_it_is_idle_and_after_half_a_day_in_any_case(app: FastAPI) -> None:
    visitor = Browsing(app, token_for(enrolled("amina.h")))
    opened = clock.now()
    assert visitor.get("/password").status_code == 200
    with clock.frozen(opened + tokens.IDLE + timedelta(seconds=1)):
        assert visitor.get("/password", follow=False).status_code == 303
    other = Browsing(app, token_for(enrolled("karim.b")))
    at = opened
    while at < opened + tokens.LONGEST - tokens.IDLE:
        at += tokens.IDLE - timedelta(minutes=1)
        with clock.frozen(at):
            assert other.get("/password").status_code == 200
    with clock.frozen(opened + tokens.LONGEST + timedelta(seconds=1)):
        assert other.get("/password", follow=False).status_code == 303


def test_a_form_is_done_once_however_often_it_is_sent(amina: Browsing) -> None:
    form = amina.filled("/password", old="x")
    first, second = send(amina, form), send(amina, form)
    assert [each.headers["location"] for each in (first, second)] == ["/password", "/password"]
    assert tried() == 1
    amina.get("/password")
    assert "Done once." in amina.words
    amina.get("/password")
    assert "Done once." not in amina.words


def test_a_refusal_undoes_the_work_and_is_told_on_the_page_of_the_form(amina: Browsing) -> None:
    answer = send(amina, amina.filled("/password", old="refuse"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/password")
    assert tried() == 0
    shown = amina.get("/password")
    assert "It is too late. → Come earlier." in amina.words
    assert 'role="alert"' in shown.text


def test_a_refusal_that_counts_is_counted_once_for_a_double_click(amina: Browsing) -> None:
    form = amina.filled("/password", old="count")
    send(amina, form)
    send(amina, form)
    assert tried() == 1
    amina.get("/password")
    assert "It is counted." in amina.words


def test_what_was_typed_is_never_kept(amina: Browsing) -> None:
    form = amina.filled("/password", old="show")
    assert CANARY in send(amina, form).text
    again = send(amina, form)
    assert again.status_code == 303
    amina.get("/password")
    assert "This request was done before" in amina.words
    assert tried() == 1
    with offices.transaction("dz") as session:
        assert [row.answer for row in session.scalars(select(AnsweredRequest))] == [None]


def test_a_form_with_something_else_in_it_under_the_same_key_is_refused(amina: Browsing) -> None:
    form = amina.filled("/password", old="x")
    send(amina, form)
    send(amina, form | {"old": "another"})
    amina.get("/password")
    assert "was used for another request" in amina.words
    assert tried() == 1


@pytest.mark.parametrize(
    ("change", "site"),
    [
        ({"form_token": ""}, "same-origin"),
        ({"form_token": "0" * 64}, "same-origin"),
        ({"form_once": ""}, "same-origin"),
        ({"form_once": "short"}, "same-origin"),
        ({}, "cross-site"),
        ({}, "same-site"),
    ],
)
def test_a_form_that_is_not_ours_does_nothing(
    amina: Browsing, change: dict[str, str], site: str
) -> None:
    amina.site = site
    answer = send(amina, amina.filled("/password", old="x") | change)
    assert answer.status_code in {303, 403}
    if answer.status_code == 403:
        assert "console.foreign_form" in answer.text
    assert tried() == 0


@pytest.mark.parametrize(("origin", "done"), [("http://evil.example", 0), ("null", 1), (None, 1)])
def test_an_older_browser_is_asked_for_the_origin(
    amina: Browsing, origin: str | None, done: int
) -> None:
    amina.site, amina.headers = None, {"Origin": origin} if origin else {}
    send(amina, amina.filled("/password", old="x"))
    assert tried() == done


def test_the_form_of_one_sign_in_is_of_no_use_for_another(app: FastAPI, amina: Browsing) -> None:
    karim = Browsing(app, token_for(enrolled("karim.b")))
    karim.get("/password")
    theft = amina.filled("/password", old="x") | {"form_once": karim.forms[0].fields["form_once"]}
    assert send(karim, theft).status_code == 403
    assert tried() == 0


def test_a_form_before_any_sign_in_is_bound_to_its_browser(app: FastAPI) -> None:
    stranger, other = Browsing(app), Browsing(app)
    stranger.get("/sign-in")
    other.get("/sign-in")
    answer = other.ask("POST", "/sign-in", data=stranger.filled("/sign-in", username="amina"))
    assert answer.status_code == 403
    assert "console.foreign_form" in answer.text


def test_a_form_sent_after_the_sign_in_ended_says_that_nothing_was_done(amina: Browsing) -> None:
    form = amina.filled("/password", old="x")
    with clock.frozen(clock.now() + tokens.IDLE + timedelta(seconds=1)):
        answer = send(amina, form)
        assert answer.headers["location"] == "/sign-in?ended=yes"
        amina.get("/sign-in?ended=yes")
    assert "What you sent last was not done." in amina.words
    assert tried() == 0


def test_every_page_brings_its_protection(app: FastAPI, amina: Browsing) -> None:
    for answer in (Browsing(app).get("/sign-in"), amina.get("/"), amina.get("/nothing")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "<script" not in answer.text
        assert 'style="' not in answer.text
        assert "strict-transport-security" not in answer.headers


def test_over_https_cookies_are_locked_to_this_host_and_https_is_demanded(app: FastAPI) -> None:
    visitor = Browsing(app, address="https://cbi.example.org")
    answer = visitor.get("/sign-in")
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    (line,) = answer.headers.get_list("set-cookie")
    assert line.startswith("__Host-cbi-visitor=")
    for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"):
        assert word in line


def test_no_password_is_taken_over_a_line_that_others_can_read(app: FastAPI) -> None:
    visitor = Browsing(app, address="http://cbi.example.org")
    visitor.get("/sign-in")
    visitor.cookies = {
        name.replace("__Host-", ""): value for name, value in visitor.cookies.items()
    }
    answer = visitor.send("/sign-in", username="amina", password="x")
    assert answer.status_code == 403
    assert "console.not_safe_here" in answer.text


def test_a_failure_of_ours_is_a_page_with_a_number_and_nothing_else(
    amina: Browsing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cbi.requests")
    answer = send(amina, amina.filled("/password", old="fail"))
    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith("text/html")
    line = json.loads(caplog.records[-1].getMessage())
    assert line["request"] in answer.text
    assert CANARY not in answer.text
    assert CANARY not in caplog.text
    assert "Traceback" not in answer.text
    assert tried() == 0


def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(
    app: FastAPI, amina: Browsing
) -> None:
    shown = amina.get("/nothing")
    assert shown.status_code == 404
    assert "amina.h" in amina.words
    assert 'data-code="http.not_found"' in shown.text
    for path in ("/api/v1/nothing", "/nothing"):
        told = Browsing(app, headers={"Accept": "application/json"}).ask("GET", path)
        assert told.headers["content-type"] == "application/problem+json"


def test_assets_are_kept_for_ever_and_an_old_address_leads_nowhere(app: FastAPI) -> None:
    visitor = Browsing(app)
    page = visitor.get("/sign-in").text
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = visitor.ask("GET", address)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert visitor.ask("GET", "/static/0123456789abcdef/console.css").status_code == 404
    assert visitor.ask("GET", "/static/../../settings.py").status_code == 404


def test_what_is_said_on_the_next_page_fits_into_a_cookie_however_long(app: FastAPI) -> None:
    told = {"title": "t", "status": 409, "code": "x.y", "detail": "م" * 3000}
    sealed = cookies.sealed({"refused": told | {"details": {"rows": list(range(5000))}}})
    assert len(sealed) < 3800

    def brought(value: str) -> Mapping[str, Any]:
        cookie = (b"cookie", f"cbi-said={value}".encode("latin-1"))
        scope = {"type": "http", "scheme": "http", "path": "/", "headers": [cookie]}
        return cookies.said_to(Request(scope))

    assert Problem.model_validate(brought(sealed)["refused"]).status == 409
    for nonsense in ("x", "é", "AAAA", sealed[:-8], "B" + sealed[1:]):
        assert brought(nonsense) == {}
