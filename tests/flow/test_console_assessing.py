"""Assessing, appeals and clustering on pages: asked in the officer's language, decided by somebody without a part in it."""

import pytest
from httpx import Response
from sqlalchemy import URL, select

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.registry.models import Household
from cbi.registry.scorecards.models import Appeal, Assessment
from tests.factories import Colleague, colleague
from tests.flow.browsing import Browsing
from tests.flow.people import token_for
from tests.scorecard_factory import fill, in_use, made

PATH = "/registry/assessing"


class Registry:
    """A scorecard in use, a household, and who works with them."""

    def __init__(self) -> None:
        self.app = create_app()
        with offices.transaction("dz") as session:
            in_use(session)
            self.household: Household = made(session)[0]
            self.number = self.household.source_id
            self.officer = colleague(session, Role.REGISTRATION_OFFICER)
            self.manager = colleague(session, Role.PROGRAMME_MANAGER)
            self.auditor = colleague(session, Role.AUDITOR)

    def visit(self, who: Colleague, language: str = "en") -> Browsing:
        """Somebody at a browser."""
        assert who.actor.id is not None
        return Browsing(self.app, token_for(who.actor.id), cookies={"cbi-language": language})


@pytest.fixture
def registry(database: URL) -> Registry:
    return Registry()


def answered(officer: Browsing, number: str, answers: dict[str, str], *many: str) -> str:
    """Fill in the questions as the page asks them, and see where it leads."""
    page = officer.get(f"{PATH}/form?household={number}&by=need.long")
    assert page.status_code == 200, page.text
    form = officer.filled(f"{PATH}/form")
    data = {
        **form, "question": list(answers), "answer": list(answers.values()), "many": list(many), "on": "", "reason": ""
    }  # fmt: skip
    answer = officer.ask("POST", f"{PATH}/form", data=data)
    return officer.get(answer.headers["location"]).text if answer.status_code == 303 else answer.text  # fmt: skip


def test_a_household_is_assessed_appeals_and_is_heard_by_somebody_else(registry: Registry) -> None:
    officer = registry.visit(registry.officer)
    officer.get(PATH)
    assert "Need, long form" in officer.words
    wrong = answered(officer, registry.number, {"hunger": "99", "rent": "late", "alone": "no"})
    assert 'data-code="assessment.unusable"' in wrong
    assert 'value="99"' in wrong
    told = answered(
        officer, registry.number, {"hunger": "5", "rent": "late", "alone": "no"}, "health:chronic"
    )
    assert "Noted: High, score 15." in told
    assert "Days hungry" in told
    french = registry.visit(registry.officer, "fr")
    french.get(f"{PATH}/form?household={registry.number}&by=need.long")
    assert "Jours de faim" in french.words
    officer.get(f"{PATH}?household={registry.number}")
    assert "High" in officer.words

    officer.get("/registry/appeals")
    officer.send(
        "/registry/appeals", household=registry.number, says="Nobody asked about the rent.", programme="", period=""
    )  # fmt: skip
    assert "Somebody else decides it." in officer.words
    with offices.transaction("dz") as session:
        number = session.scalars(select(Appeal.id)).one()
    officer.get(f"/registry/appeals/{number}")
    assert not any(form.action == f"/registry/appeals/{number}" for form in officer.forms)
    manager = registry.visit(registry.manager)
    manager.get(f"/registry/appeals/{number}")
    manager.send(
        f"/registry/appeals/{number}", outcome="stands", answer="We asked again.", reassessment=""
    )
    assert "is decided." in manager.words
    manager.get("/registry/appeals?ended=yes")
    assert "it stands" in manager.words
    with offices.transaction("dz") as session:
        assert session.scalars(select(Appeal)).one().decided_by == registry.manager.actor.id
        assert session.scalars(select(Assessment)).one().noted_by == registry.officer.actor.id

    auditor = registry.visit(registry.auditor)
    auditor.get("/registry/clusters")
    assert "No score lies near a threshold." in auditor.words


def test_forms_go_out_and_come_back_and_an_appeal_is_decided_by_new_answers(
    registry: Registry,
) -> None:
    officer, where = registry.visit(registry.officer), f"{PATH}/forms"
    officer.get(where)
    out = officer.send(
        where, by="need.long", households=registry.number, area="", language="en", kind="xlsx"
    )
    assert out.headers["content-disposition"] == 'attachment; filename="assessment-1.xlsx"'
    cells: dict[str, str | int | None] = {
        "Days hungry": 5,
        "Rent": "Late, or not at all",
        "Children alone": "no",
    }

    def hand_in(form: str, content: bytes, **typed: str) -> Response:
        officer.get(where)
        sent = officer.filled(form, **typed)
        sent.pop("file")
        return officer.ask("POST", form, data=sent, files={"file": ("form.xlsx", content)})

    wrong = fill(out.content, {1: cells | {"Days hungry": 99}}).getvalue()
    assert "Days hungry" in hand_in(f"{where}/filled", wrong, take="1").text
    assert hand_in(f"{where}/copy", wrong).content.startswith(b"PK")
    right = fill(out.content, {1: cells}).getvalue()
    assert "nothing is taken in yet" in hand_in(f"{where}/filled", right, take="").text
    with offices.transaction("dz") as session:
        assert session.scalars(select(Assessment)).all() == []
    assert "By band" in hand_in(f"{where}/filled", right, take="1").text

    officer.get("/registry/appeals")
    officer.send(
        "/registry/appeals", household=registry.number, says="The rent is paid.", programme="", period=""
    )  # fmt: skip
    manager, page = registry.visit(registry.manager), "/registry/appeals/1/answers"
    assert f'href="{page}"' in manager.get("/registry/appeals/1").text
    manager.get(page)
    answers = {"hunger": "99", "rent": "paid", "alone": "no"}

    def decided() -> Response:
        form = manager.filled(page, told="We visited again.", on="")
        data = {**form, "question": list(answers), "answer": list(answers.values()), "many": []}
        return manager.ask("POST", page, data=data)

    refused = decided()
    assert 'data-code="assessment.unusable"' in refused.text
    assert "We visited again." in refused.text
    manager.get(page)
    answers["hunger"] = "0"
    assert decided().status_code == 303
    with offices.transaction("dz") as session:
        appeal = session.scalars(select(Appeal)).one()
        new = session.get_one(Assessment, appeal.reassessment_id)
        assert (appeal.outcome, new.band, new.noted_by) == (
            "changed",
            "low",
            registry.manager.actor.id,
        )
