"""Other programs send households as JSON: the same checks as for lists, and each refusal at its place."""

from typing import Any

from sqlalchemy import URL, func, select

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.registry.import_models import Import, RejectedRow
from cbi.registry.models import Household, Person
from tests.flow.people import Caller, make_user, token_for


def household(number: int, **more: Any) -> dict[str, Any]:
    return {
        "source_id": f"P{number}",
        "size": 3,
        "language": "fr",
        "people": [
            {"name": "Amina Test", "is_head": True, "phone": f"0550{number:06d}", "document": f"D{number:07d}"},
            {"name": "Sara Test", "born_on": "2015-04-03", "sex": "female"},
        ],
    } | more  # fmt: skip


def send(officer: Caller, *households: dict[str, Any], **more: Any) -> Any:
    body = {"source": "partner", "households": list(households)} | more
    return officer.post("/registry/households", json=body)


def test_households_sent_by_a_program_land_with_their_people_once(database: URL) -> None:
    officer = Caller(create_app(), token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    tried = send(officer, household(1), dry_run=True)
    assert (tried.status_code, tried.json()["landed"], tried.json()["import_id"]) == (200, 1, None)
    first = send(officer, household(1), household(2))
    assert (first.status_code, first.json()["landed"], first.json()["people"]) == (201, 2, 4)
    again = send(officer, household(1), household(2))
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    more = send(officer, household(2), household(3)).json()
    assert [each["outcome"] for each in more["households"]] == ["unchanged", "landed"]
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(Household)) == 3
        assert session.scalar(select(func.count()).select_from(Person)) == 6
        assert set(session.scalars(select(Import.kind))) == {"request"}
        assert session.scalar(select(func.count()).where(Person.is_recipient, Person.is_head)) == 3


def test_every_reason_points_to_the_field_it_is_about(database: URL) -> None:
    officer = Caller(create_app(), token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    wrong = household(2)
    wrong["people"][0]["phone"] = "12"
    wrong["people"][1]["born_on"] = "2999-01-01"
    changed = household(1, size=9)
    send(officer, household(1))
    answer = send(
        officer, household(3), wrong, changed, household(3), household(4, size=None)
    ).json()
    found = {
        each["index"]: {(reason["pointer"], reason["code"]) for reason in each["reasons"]}
        for each in answer["households"]
    }
    assert found == {
        0: set(),
        1: {
            ("/households/1/people/0/phone", "phone_impossible"),
            ("/households/1/people/1/born_on", "date_in_future"),
            ("/households/1", "household_incomplete"),
        },
        2: {("/households/2", "changed"), ("/households/2/people/0", "changed"), ("/households/2/people/1", "changed")},
        3: {
            ("/households/3/source_id", "repeated"),
            ("/households/3/people/0", "household_incomplete"),
            ("/households/3/people/1", "household_incomplete"),
        },
        4: {
            ("/households/4/size", "missing"),
            ("/households/4/people/0", "household_incomplete"),
            ("/households/4/people/1", "household_incomplete"),
        },
    }  # fmt: skip
    assert answer["households"][3]["outcome"] == "rejected"
    with offices.transaction("dz") as session:
        kept = session.scalars(select(RejectedRow)).all()
        assert {row.source_id for row in kept} == {"P1", "P2", "P3", "P4"}
        assert not [row for row in kept if b"Amina" in row.cells]
    assert "Amina" not in str(answer)


def test_a_request_of_which_nothing_can_be_used_says_where_and_keeps_nothing(database: URL) -> None:
    officer = Caller(create_app(), token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    answer = send(officer, household(1, size="many"))
    assert (answer.status_code, answer.json()["code"]) == (422, "registry.none_usable")
    assert "/households/0/size" in str(answer.json())
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(Import)) == 0


def test_a_thousand_households_come_in_one_request_and_no_more(database: URL) -> None:
    officer = Caller(create_app(), token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    padded = [household(n, area="A" * 90) for n in range(1_000)]
    for each in padded:
        each["people"] += [{"name": f"Child {'x' * 150}"} for _ in range(4)]
        each["size"] = 6
    assert send(officer, *padded).json()["landed"] == 1_000
    assert send(officer, *padded, household(1_000)).status_code == 422
    assert send(officer, {"surname": "x"}).status_code == 422


def test_reasons_are_told_in_the_language_of_whoever_asks(database: URL) -> None:
    officer = Caller(create_app(), token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    wrong = household(2)
    wrong["people"][0]["phone"] = "12"

    def told(path: str, language: str, **options: Any) -> str:
        method = "POST" if options else "GET"
        headers = {"Accept-Language": language, "Idempotency-Key": language[:2]}
        answer = officer.ask(method, f"/api/v1{path}", headers=headers, **options).json()
        row = (answer.get("households") or answer["items"])[-1]
        found = {each["code"]: each["message"] for each in row["reasons"]}
        return str(found["phone_impossible"])

    body = {"source": "partner", "households": [household(1), wrong], "dry_run": True}
    spoken = {
        language: told("/registry/households", language, json=body)
        for language in ("en", "fr-DZ,fr;q=0.9,en;q=0.5", "ar", "es", "de")
    }
    assert len(set(spoken.values())) == 4
    assert spoken["de"] == spoken["en"]
    wrong["people"].pop()
    send(officer, household(1), wrong)
    assert told("/registry/rejected", "ar") == spoken["ar"]
    assert told("/registry/rejected", "") == spoken["en"]
