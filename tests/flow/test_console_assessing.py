"""Assessing, appeals and clustering on pages: asked in the officer's language, decided by somebody without a part in it."""

import pytest
from sqlalchemy import URL, select

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.registry.models import Household
from cbi.registry.scorecards.models import Appeal, Assessment
from tests.factories import Colleague, colleague
from tests.flow.browsing import Browsing
from tests.flow.people import token_for
from tests.scorecard_factory import in_use, made

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
