"""Programmes over HTTP, as a programme manager and a stranger to the programme see them."""

import pytest
from sqlalchemy import URL

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from tests.flow.people import Caller, make_user, token_for
from tests.programme_factory import household, programme_file


@pytest.fixture
def manager(database: URL) -> Caller:
    return Caller(create_app(), token_for(make_user("manager", Role.PROGRAMME_MANAGER)))


def test_a_programme_is_applied_opened_and_explained(manager: Caller) -> None:
    with offices.transaction("dz") as session:
        household(session, 4)
        refused = {str(household(session, phone=False)) for _ in range(3)}
    applied = manager.post("/programmes", {"definition": programme_file()})
    assert (applied.status_code, applied.json()["version"]) == (201, 1)
    shown = manager.get("/programmes/winter-2026").json()
    assert shown["definition"]["stipend"]["per_member"] == "1000.00"
    opened = manager.post("/programmes/winter-2026/cycles", {"period": "2026-02"})
    assert opened.status_code == 201
    assert opened.json()["total"] == {"amount": "4000.00", "currency": "DZD"}
    listed = manager.get("/programmes/winter-2026/cycles").json()
    assert [(cycle["period"], cycle["eligible"], cycle["ineligible"]) for cycle in listed] == [
        ("2026-02", 1, 3)
    ]
    path = f"/cycles/{opened.json()['id']}/decisions"
    first = manager.get(path, params={"limit": 2}).json()
    rest = manager.get(path, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert {item["household_id"] for item in first["items"] + rest["items"]} == refused
    assert rest["next_cursor"] is None
    assert first["items"][0]["reasons"][0]["code"] == "no_payment_account"
    assert "telephone" in first["items"][0]["reasons"][0]["sentence"]
    assert len(manager.get(path, params={"which": "eligible"}).json()["items"]) == 1
    assert len(manager.get(path, params={"which": "all"}).json()["items"]) == 4


def test_a_file_with_mistakes_is_answered_line_by_line(manager: Caller) -> None:
    answer = manager.post("/programmes", {"definition": programme_file(amount="1,000")})
    assert answer.status_code == 422
    assert answer.json()["code"] == "programmes.file_errors"
    (problem,) = answer.json()["details"]["problems"]
    assert (problem["line"], problem["field"]) == (5, "fund.amount")


def test_the_same_request_twice_is_answered_once_and_the_same(manager: Caller) -> None:
    body = {"definition": programme_file()}
    first = manager.post("/programmes", body, key="one")
    assert manager.post("/programmes", body, key="one").json() == first.json()
    assert manager.post("/programmes", body).json()["changed"] is False


def test_what_is_not_there_is_not_found(manager: Caller) -> None:
    assert manager.get("/programmes/nowhere").status_code == 404
    assert manager.post("/programmes/nowhere/cycles", {"period": "2026-01"}).status_code == 404
    nothing = "00000000-0000-4000-8000-000000000000"
    assert manager.get(f"/cycles/{nothing}/decisions").status_code == 404
    assert manager.get("/programmes").json() == {"items": [], "next_cursor": None}


def test_a_manager_of_one_programme_sees_and_opens_no_other(manager: Caller) -> None:
    for code in ("winter-2026", "summer"):
        manager.post("/programmes", {"definition": programme_file(code=code)})
    made = make_user("summer.manager", Role.PROGRAMME_MANAGER, programme="summer")
    other = Caller(create_app(), token_for(made))
    opened = manager.post("/programmes/winter-2026/cycles", {"period": "2026-02"}).json()
    assert [item["code"] for item in other.get("/programmes").json()["items"]] == ["summer"]
    assert other.get("/programmes/winter-2026").status_code == 403
    assert other.get("/programmes/winter-2026/cycles").status_code == 403
    assert other.get(f"/cycles/{opened['id']}/decisions").status_code == 403
    refused = other.post("/programmes/winter-2026/cycles", {"period": "2026-03"})
    assert refused.status_code == 403
    assert other.post("/programmes/summer/cycles", {"period": "2026-03"}).status_code == 201
