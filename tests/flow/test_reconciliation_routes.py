"""Statements and discrepancies over HTTP, as a treasurer, an auditor and a program see them."""

import pytest
from sqlalchemy import URL

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.payments.outcomes import discrepancies
from tests.flow.people import Caller, make_user, token_for
from tests.reconciliation_factory import Line, pay, send, settlement


@pytest.fixture
def treasurer(database: URL) -> Caller:
    return Caller(create_app(), token_for(make_user("treasurer", Role.TREASURER)))


def upload(caller: Caller, content: bytes, provider: str = "post_office"):  # type: ignore[no-untyped-def]
    return caller.post(
        "/statements",
        data={"provider": provider},
        files={"file": ("march.csv", content, "text/csv")},
    )


def test_from_a_file_to_a_settled_discrepancy(treasurer: Caller) -> None:
    with offices.transaction("dz") as session:
        first, _ = send(session, [500, 700])
        pay(session, first, "R1")
    content = settlement([Line("R1", 500), Line("R9", 300)])
    taken = upload(treasurer, content)
    assert taken.status_code == 201, taken.text
    assert taken.json() == {
        "statement_id": taken.json()["statement_id"],
        "lines": 2,
        "new_lines": 2,
        "already": False,
        "total": {"amount": "800.00", "currency": "DZD"},
        "missing": None,
    }
    again = upload(treasurer, content)
    assert (again.status_code, again.json()["already"], again.json()["new_lines"]) == (200, True, 0)
    done = treasurer.post("/reconciliations", {"provider": "post_office"}).json()
    assert (done["matched"], done["opened"]) == (1, 1)
    shown = treasurer.get(f"/statements/{taken.json()['statement_id']}").json()
    assert (shown["kinds"][0]["lines"], shown["kinds"][0]["matched"]) == (2, 1)
    assert (shown["open_discrepancies"], shown["filename"]) == (1, "march.csv")
    assert [item["id"] for item in treasurer.get("/statements").json()["items"]] == [shown["id"]]
    found = treasurer.get("/discrepancies", params={"open": True, "kind": "unknown_line"}).json()
    (line,) = found["items"]
    assert line["amount"] == {"amount": "300.00", "currency": "DZD"}
    assert line["details"]["reference"] == "R9"
    words = {"resolution": "The post office took it back."}
    settled = treasurer.post(f"/discrepancies/{line['id']}/settle", words)
    assert (settled.status_code, settled.json()["code"]) == (409, "discrepancy.ended_by_line")
    with offices.transaction("dz") as session:
        discrepancies.open_discrepancy(session, "reference_repeated", "x", provider="post_office")
    found = treasurer.get("/discrepancies", params={"kind": "reference_repeated"}).json()["items"]
    settled = treasurer.post(f"/discrepancies/{found[0]['id']}/settle", words)
    assert (settled.status_code, settled.json()["resolution"]) == (200, words["resolution"])
    summary = treasurer.get("/discrepancies/summary").json()
    assert [kind["kind"] for kind in summary] == ["unknown_line"]


def test_discrepancies_come_in_pages_oldest_first(treasurer: Caller) -> None:
    upload(treasurer, settlement([Line(f"R{n}", 100 + n) for n in range(5)]))
    treasurer.post("/reconciliations", {"provider": "post_office"})
    first = treasurer.get("/discrepancies", params={"limit": 3}).json()
    rest = treasurer.get(
        "/discrepancies", params={"limit": 3, "cursor": first["next_cursor"]}
    ).json()
    assert [len(first["items"]), len(rest["items"]), rest["next_cursor"]] == [3, 2, None]
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 5


def test_a_discrepancy_is_given_an_owner(treasurer: Caller) -> None:
    colleague = make_user("colleague", Role.TREASURER)
    upload(treasurer, settlement([Line("R1", 100)]))
    treasurer.post("/reconciliations", {"provider": "post_office"})
    (found,) = treasurer.get("/discrepancies").json()["items"]
    given = treasurer.post(f"/discrepancies/{found['id']}/assign", {"owner_id": str(colleague)})
    assert given.json()["owner_id"] == str(colleague)
    theirs = treasurer.get("/discrepancies", params={"owner_id": str(colleague)}).json()["items"]
    assert [item["id"] for item in theirs] == [found["id"]]


def test_a_file_that_cannot_be_read_is_refused_with_its_line(treasurer: Caller) -> None:
    answer = upload(treasurer, b"date,office,receipt,amount,currency\n2026-03-10,A,R1,five,DZD\n")
    assert (answer.status_code, answer.json()["code"]) == (422, "fsp.unreadable_statement")
    assert treasurer.get("/statements").json()["items"] == []
    assert upload(treasurer, b"", provider="another_post").status_code == 409


def test_an_auditor_looks_and_a_program_only_brings_files(database: URL) -> None:
    app = create_app()
    auditor = Caller(app, token_for(make_user("auditor", Role.AUDITOR)))
    assert auditor.get("/discrepancies").status_code == 200
    assert upload(auditor, settlement([Line("R1", 100)])).status_code == 403
    assert auditor.post("/reconciliations", {"provider": "post_office"}).status_code == 403
    certifier = Caller(app, token_for(make_user("certifier", Role.CERTIFIER)))
    missing = "00000000-0000-0000-0000-000000000000"
    refused = certifier.post(f"/discrepancies/{missing}/settle", {"resolution": "It is explained."})
    assert refused.status_code == 403
    assert certifier.get(f"/statements/{missing}").status_code == 404
