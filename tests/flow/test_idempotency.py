"""The same request sent twice is done once, whatever happens in between."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import URL, Engine, text

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.http import replay
from tests.flow.people import Caller, make_user, token_for
from tests.flow.trying import troubles, trying_app, wishes

WISH = {"word": "rain"}


@pytest.fixture
def app(database: URL) -> FastAPI:
    """The application with routes to try."""
    return trying_app()


@pytest.fixture
def amina(app: FastAPI) -> Caller:
    """Somebody who may use them."""
    return Caller(app, token_for(make_user("amina.h", Role.AUDITOR)))


def test_a_post_without_a_key_is_refused_and_does_nothing(amina: Caller) -> None:
    for key in (None, " ", "two words", "x" * 201, "clé"):
        headers = {"Idempotency-Key": key.encode()} if key else {}
        answer = amina.ask("POST", "/api/v1/trying/wishes", json=WISH, headers=headers)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["code"]) == (400, "http.key_missing")
    assert wishes() == 0


def test_the_same_request_again_gets_the_same_answer_and_is_done_once(amina: Caller) -> None:
    first, again = (amina.post("/trying/wishes", WISH, key="k1") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert wishes() == 1
    assert amina.post("/trying/wishes", WISH, key="k2").json() != first.json()
    assert wishes() == 2


def test_an_answer_without_a_body_is_given_again_too(amina: Caller) -> None:
    for _ in range(2):
        answer = amina.post("/trying/quiet", key="k1")
        assert (answer.status_code, answer.content) == (204, b"")
    assert wishes() == 1


def test_a_key_used_for_another_request_is_refused(amina: Caller) -> None:
    amina.post("/trying/wishes", WISH, key="k1")
    for path, body in (
        ("/trying/wishes", {"word": "snow"}), ("/trying/wishes?x=1", WISH), ("/trying/quiet", None)
    ):  # fmt: skip
        answer = amina.post(path, body, key="k1")
        assert (answer.status_code, answer.json()["code"]) == (409, "http.key_reused")
    assert wishes() == 1


def test_two_people_may_use_the_same_key(app: FastAPI, amina: Caller) -> None:
    karim = Caller(app, token_for(make_user("karim.b", Role.AUDITOR)))
    answers = [who.post("/trying/wishes", WISH, key="k1").json()["name"] for who in (amina, karim)]
    assert len(set(answers)) == 2


def test_sixty_identical_requests_at_once_are_done_once(amina: Caller) -> None:
    with ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(lambda _: amina.post("/trying/wishes", WISH, key="k1"), range(60)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["name"] for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 59
    assert wishes() == 1


def test_a_refusal_is_given_again_and_undid_its_work(amina: Caller) -> None:
    troubles.append("refuse")
    first, again = (amina.post("/trying/wishes", WISH, key="k1") for _ in range(2))
    assert (first.status_code, first.json()["code"]) == (409, "trying.too_late")
    assert again.status_code == 409
    assert again.json() == first.json()
    assert again.headers["content-type"] == "application/problem+json"
    assert wishes() == 0
    assert amina.post("/trying/wishes", WISH, key="k2").status_code == 201


def test_a_request_that_cannot_be_used_is_refused_again(amina: Caller) -> None:
    answers = [amina.post("/trying/wishes", {"number": "x"}, key="k1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()
    assert [each["field"] for each in answers[0].json()["errors"]] == ["body.word", "body.number"]


def test_a_refusal_may_keep_what_was_counted(amina: Caller) -> None:
    troubles.append("count")
    for _ in range(2):
        assert amina.post("/trying/wishes", WISH, key="k1").json()["code"] == "trying.counted"
    assert wishes() == 1


def test_a_failure_of_ours_is_not_kept_so_that_trying_again_works(amina: Caller) -> None:
    troubles.append("fail")
    assert amina.post("/trying/wishes", WISH, key="k1").status_code == 500
    assert wishes() == 0
    assert amina.post("/trying/wishes", WISH, key="k1").status_code == 201
    assert wishes() == 1


def test_a_transaction_that_the_database_wants_again_is_repeated_unseen(amina: Caller) -> None:
    troubles.extend(["repeat", "deadlock", "repeat"])
    answer = amina.post("/trying/wishes", WISH, key="k1")
    assert answer.status_code == 201
    assert not troubles
    assert amina.post("/trying/wishes", WISH, key="k1").json() == answer.json()
    assert wishes() == 1


def test_an_upload_is_repeated_whole(amina: Caller) -> None:
    troubles.extend(["repeat", "repeat"])
    data = b"a,b\n" * 600_000  # more than is held in memory
    answers = [
        amina.ask(
            "POST",
            "/api/v1/trying/files",
            headers={"Idempotency-Key": "k1"},
            files={"file": ("a.csv", data)},  # a new boundary each time
        )
        for _ in range(2)
    ]
    assert answers[0].json()["size"] == len(data)
    assert answers[1].json() == answers[0].json()
    assert wishes() == 1


def test_nothing_of_a_request_is_stored_but_a_keyed_fingerprint(
    amina: Caller, owner: Engine
) -> None:
    amina.post("/trying/wishes?x=canary2", {"word": "canary1"}, key="k1")
    with owner.connect() as connection:
        rows = connection.execute(text("SELECT r::text FROM answered_requests r")).scalars().all()
    assert len(rows) == 1
    assert "canary" not in rows[0]


def test_old_answers_are_forgotten(amina: Caller) -> None:
    amina.post("/trying/wishes", WISH, key="k1")
    later = clock.now() + replay.KEPT_FOR + timedelta(minutes=1)
    with clock.frozen(later), offices.transaction("dz") as session:
        assert replay.forget_old(session) == 1
        assert replay.forget_old(session) == 0


def test_a_body_that_only_looks_alike_is_another_request(amina: Caller) -> None:
    headers = {"Idempotency-Key": "k1", "Content-Type": "application/json"}
    for content, status in ((json.dumps(WISH), 201), (json.dumps(WISH) + " ", 409)):
        answer = amina.ask("POST", "/api/v1/trying/wishes", headers=headers, content=content)
        assert answer.status_code == status
