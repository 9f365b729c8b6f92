"""The HTTP door itself: what it refuses, how it says so, what it writes down and how it describes itself."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import URL

from cbi import clock
from cbi.access import tokens
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.http.pages import LONGEST
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.flow.trying import troubles, trying_app

CANARY = "canary"


@pytest.fixture
def app(database: URL) -> FastAPI:
    """The application with routes to try."""
    return trying_app()


@pytest.fixture
def amina(app: FastAPI) -> Caller:
    """Somebody who may read a good deal."""
    return Caller(app, token_for(make_user("amina.h", Role.AUDITOR)))


def test_what_is_not_there_is_told_as_a_problem(app: FastAPI, amina: Caller) -> None:
    for method, path, status in (
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/docs", 404),
        ("DELETE", "/api/v1/me", 405),
        ("GET", "/api/v1/sign-in", 405),
    ):
        answer = amina.ask(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status


def test_no_answer_is_kept_by_a_browser(amina: Caller) -> None:
    for answer in (amina.get("/me"), amina.get("/nothing"), amina.get("/users")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Basic YTpi",
        "Bearer cbi_dz_short",
        "Bearer cbi_DZ_" + "a" * 43,
        "Bearer cbi_dz_" + "a" * 44,
    ],
)
def test_a_malformed_token_is_refused_before_any_database_is_asked(header: str) -> None:
    answer = Caller(create_app()).ask("GET", "/api/v1/me", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_nobody_s_body_is_read(app: FastAPI) -> None:
    answer = Caller(app).post("/trying/wishes", {"word": "x" * 2_000_000})
    assert answer.status_code == 401


def test_only_a_route_that_takes_a_file_takes_much(app: FastAPI, amina: Caller) -> None:
    big = b"x" * 1_500_000
    key = {"Idempotency-Key": "k1"}
    assert amina.post("/trying/wishes", {"word": big.decode()}).status_code == 413
    assert amina.ask("POST", "/api/v1/sign-in", content=big).status_code == 413
    taken = amina.ask("POST", "/api/v1/trying/files", headers=key, files={"file": ("a", big)})
    assert taken.json()["size"] == len(big)


def test_a_body_that_is_not_json_is_refused_without_an_echo(amina: Caller) -> None:
    for content in (b"", b"canary", b'{"word": canary', b"\xff\xfe", b"[]", b"null"):
        answer = amina.ask(
            "POST",
            "/api/v1/trying/wishes",
            headers={
                "Idempotency-Key": f"k{len(content)}{content[:1]!r}",
                "Content-Type": "application/json",
            },
            content=content,
        )
        assert answer.status_code in {400, 422}, content
        assert CANARY not in answer.text


def test_a_value_that_cannot_be_stored_is_the_asker_s_mistake(amina: Caller) -> None:
    for word, number in (("zero\0byte", 1), ("x", 70_000), ("x", 10**30)):
        answer = amina.post("/trying/unusable", {"word": word, "number": number})
        assert (answer.status_code, answer.json()["code"]) == (422, "http.unusable_value")


def test_a_failure_tells_the_asker_and_the_log_nothing_but_where_it_was(
    amina: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cbi")
    troubles.append("fail")
    for answer in (
        amina.get("/trying/failing", params={"word": CANARY}),
        amina.post("/trying/wishes", {"word": CANARY}),
    ):
        assert answer.status_code == 500
        problem = answer.json()
        assert problem["error_id"] == answer.headers["x-request-id"]
        line = next(
            json.loads(each.getMessage())
            for each in caplog.records
            if problem["error_id"] in each.getMessage()
        )
        assert line["failure"]["kind"] in {
            "RaiseException",
            "InternalError",
            "ProgrammingError",
            "RuntimeError",
        }
        assert any("trying.py" in place for place in line["failure"]["places"])
        assert CANARY not in answer.text
    assert CANARY not in caplog.text


def test_each_request_is_one_line_of_the_log_without_what_was_in_it(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    user_id = make_user("canary.user", Role.AUDITOR)
    caplog.set_level(logging.INFO, "cbi.requests")
    body = {"office": "dz", "username": "canary.user", "password": PASSWORD}
    token = Caller(app).post("/sign-in", body, key=None).json()["token"]
    Caller(app, token).get("/audit-entries", params={"subject_id": CANARY})
    Caller(app, token).post("/users/9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d/disable")
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    assert [(line["method"], line["route"], line["status"], line["actor"]) for line in lines] == [
        ("POST", "/api/v1/sign-in", 200, None),
        ("GET", "/api/v1/audit-entries", 200, f"user:{user_id}"),
        ("POST", "/api/v1/users/{user_id}/disable", 403, f"user:{user_id}"),
    ]
    assert all(line["ms"] >= 0 for line in lines)
    for secret in (CANARY, PASSWORD, token, "9b1deb4d"):
        assert secret not in caplog.text


def test_requests_that_wait_for_each_other_do_not_stop_the_door(amina: Caller) -> None:
    # Twice as many as may be inside at once: whoever holds the lock still needs a thread to end its work.
    with ThreadPoolExecutor(90) as pool:
        waiting = [pool.submit(amina.post, "/trying/queue") for _ in range(60)]
        reading = [pool.submit(amina.get, "/me") for _ in range(30)]
        assert {each.result(60).status_code for each in waiting + reading} == {200}


def test_a_list_is_walked_page_by_page_and_its_cursor_cannot_be_made_up(amina: Caller) -> None:
    for number in range(5):
        amina.post("/trying/wishes", {"word": "x" * number})
    seen: list[int] = []
    cursor, forged, pages = None, "", 0
    while pages == 0 or cursor:
        found = amina.get(
            "/audit-entries", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        ).json()
        seen += [entry["id"] for entry in found["items"]]
        cursor, pages = found["next_cursor"], pages + 1
        forged = cursor or forged
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen) >= 6
    assert pages == (len(seen) + 1) // 2
    for bad in (
        "x",
        "AAAA",
        forged[:-2] + ("AA" if forged[-2:] != "AA" else "BB"),
        "é",
        forged + "A",
    ):
        answer = amina.get("/audit-entries", params={"cursor": bad})
        assert (answer.status_code, answer.json()["code"]) == (422, "http.unusable_cursor"), bad
    for limit in (0, LONGEST + 1, "x"):
        assert amina.get("/audit-entries", params={"limit": limit}).status_code == 422


def test_a_cursor_of_one_list_is_of_no_use_for_another(app: FastAPI) -> None:
    admin = Caller(app, token_for(make_user("admin", Role.ADMINISTRATOR)))
    for number in range(2):
        make_user(f"user{number}")
    cursor = admin.get("/users", params={"limit": 1}).json()["next_cursor"]
    answer = admin.get("/api-clients", params={"cursor": cursor})
    assert answer.json()["code"] == "http.unusable_cursor"


def test_the_door_keeps_the_time_that_a_test_or_a_simulation_sets(amina: Caller) -> None:
    with clock.frozen(clock.now() + tokens.IDLE):
        assert amina.get("/me").status_code == 401
    assert amina.get("/me").status_code == 200


def test_the_description_is_complete() -> None:
    app = create_app()
    described = app.openapi()
    schemas = described["components"]["schemas"]
    assert {"Problem", "FieldProblem"} <= set(schemas)
    assert described["components"]["securitySchemes"]["Bearer"]["scheme"] == "bearer"
    for route in iter_route_contexts(app.routes):
        if not (route.path or "").startswith("/api/"):
            continue
        for method in route.methods or ():
            operation = described["paths"][route.path][method.lower()]
            where = f"{method} {route.path}"
            assert operation.get("summary"), where
            assert operation["summary"] != (route.name or "").replace("_", " ").title(), where
            assert operation["responses"]["500"]["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
            keyed = [
                each["name"] for each in operation.get("parameters", []) if each["in"] == "header"
            ]
            guarded = bool(operation.get("security"))
            assert keyed == (["Idempotency-Key"] if guarded and method == "POST" else []), where
    dumped = json.dumps(described)
    for name in schemas:
        assert f"#/components/schemas/{name}" in dumped, f"{name} is described and used nowhere"


def test_the_description_is_served_and_needs_nothing_from_elsewhere(database: URL) -> None:
    caller = Caller(create_app())
    assert caller.ask("GET", "/openapi.json").json()["info"]["title"] == "CBI"
    assert caller.ask("GET", "/healthz").json() == {"status": "ok"}
    assert caller.ask("GET", "/redoc").status_code == 404
