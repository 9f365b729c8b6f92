"""Recipients' cards over HTTP and at the terminal: who makes a card cannot stop it, who stops one cannot make another."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.registry.intake import importing
from tests.factories import EVERYTHING
from tests.flow.carding import at, cards_of_an_office, recipients
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.peers.stripe_issuing import StripeIssuing


@pytest.fixture
def stripe(
    database: URL, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StripeIssuing]:
    with cards_of_an_office(shared_data, monkeypatch) as peer:
        yield peer


@pytest.fixture
def household(stripe: StripeIssuing) -> UUID:
    with at(clock.now(), stripe), offices.transaction("dz") as session:
        return recipients(session, [3])[0]


def test_two_people_are_needed_to_put_another_card_in_the_place_of_a_lost_one(
    household: UUID,
) -> None:
    app = create_app()
    officer = Caller(app, token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    handler = Caller(app, token_for(make_user("handler", Role.COMPLAINT_HANDLER)))
    ours, path = {"provider": "cards"}, f"/households/{household}/card"
    lost = {**ours, "loss": "lost"}

    assert officer.get(path, params=ours).json()["code"] == "card.none_yet"
    made = officer.post(path, ours).json()
    assert (made["standing"], made["replaces"]) == ("not_in_use", None)
    assert officer.post(path, ours).json() == made
    assert officer.post(f"{path}/hand-over", ours).json()["standing"] == "in_use"
    assert handler.get(path, params=ours).json()["name"] == made["name"]

    for caller, act, body in (
        (handler, "", ours), (handler, "/hand-over", ours), (handler, "/replace", ours), (officer, "/block", lost)
    ):  # fmt: skip
        assert caller.post(f"{path}{act}", body).status_code == 403
    assert officer.post(f"{path}/replace", ours).json()["code"] == "fsp.not_sent"
    assert handler.post(f"{path}/block", lost).json()["standing"] == "blocked"
    new = officer.post(f"{path}/replace", ours).json()
    assert (new["standing"], new["replaces"]) == ("not_in_use", made["name"])


def test_what_cannot_be_done_says_why(household: UUID) -> None:
    officer = Caller(create_app(), token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    nobody = "/households/00000000-0000-4000-8000-000000000000/card"
    assert officer.post(nobody, {"provider": "cards"}).json()["code"] == "card.not_by_card"
    post = {"provider": "post_office"}
    assert officer.post(f"/households/{household}/card", post).json()["code"] == "card.no_cards"
    foreign = {"provider": "cards", "name": "أمينة"}
    refused = officer.post(f"/households/{household}/card", foreign).json()
    assert (refused["code"], "Latin" in refused["next_step"]) == ("fsp.not_sent", True)


def test_the_terminal_does_the_same(household: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user("officer", Role.REGISTRATION_OFFICER)
    make_user("handler", Role.COMPLAINT_HANDLER)
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)

    def cbi(command: str, by: str) -> str:
        done = CliRunner().invoke(
            terminal, [*command.split(), "--user", by], catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "not_in_use" in cbi("card issue C-9000-000000", "officer")
    assert "in_use" in cbi("card hand-over C-9000-000000", "officer")
    assert '"standing": "blocked"' in cbi(
        "card block C-9000-000000 --loss stolen --json", "handler"
    )
    assert "Replaces" in cbi("card replace C-9000-000000", "officer")
    assert "Ends in" in cbi("card show C-9000-000000", "handler")
    assert "0 new" in cbi("statement fetch 2026-01-01 2026-01-31", treasurer())


def treasurer() -> str:
    make_user("treasurer", Role.TREASURER)
    return "treasurer"


def test_everybody_without_a_card_gets_one_and_nobody_gets_two(
    stripe: StripeIssuing, household: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user("officer", Role.REGISTRATION_OFFICER)
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)

    def cbi(command: str) -> tuple[int, dict[str, Any]]:
        done = CliRunner().invoke(
            terminal, [*command.split(), "--user", "officer", "--json"], catch_exceptions=False
        )
        return done.exit_code, json.loads(done.stdout)

    with at(clock.now(), stripe), offices.transaction("dz") as session:
        lines = [
            "Registration number,Name,Phone,Language,Household size,Paid by",
            "C-9001-000001,Karima Saadi,0550000101,fr,2,card",
            "C-9001-000002,أمينة حداد,0550000102,ar,2,card",
            "C-9001-000003,Yacine Brahimi,0550000103,fr,2,cash",
        ]
        content = io.BytesIO("\n".join(lines).encode())
        assert importing.import_file(session, EVERYTHING, content, filename="more.csv").landed == 3
    code, told = cbi("card issue-all")
    assert (code, told["made"]) == (1, 2)
    (refused,) = told["refused"]
    assert (refused["household"], "Latin" in refused["next_step"]) == ("C-9001-000002", True)
    code, told = cbi("card issue-all")
    assert (told["made"], len(told["refused"])) == (0, 1)
