"""Changes of households, scorecards, assessments and thresholds that wait for a second person, decided from the page."""

from datetime import timedelta

import pytest
from sqlalchemy import URL, select

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.console import waiting
from cbi.console.waiting_proposals import Proposal, listed
from cbi.registry.households import requests
from cbi.registry.linkage import thresholds
from cbi.registry.models import Household
from cbi.registry.scorecards import assessing, versions
from cbi.registry.scorecards.definition import Form
from tests.factories import Colleague, colleague
from tests.flow.browsing import Browsing
from tests.flow.people import token_for
from tests.household_factory import asked, family
from tests.scorecard_factory import CALM, CARD, NEEDY, in_use, made, officer

KINDS = {"household", "scorecard", "assessment", "link-thresholds"}


class Asked:
    """An officer and a manager who asked for something of each kind, and others who did not."""

    def __init__(self) -> None:
        start = clock.now() - timedelta(days=20)
        with clock.frozen(start), offices.transaction("dz") as session:
            in_use(session)
            self.officer, self.other = officer(session), officer(session)
            self.manager, self.second = (
                colleague(session, Role.PROGRAMME_MANAGER) for _ in range(2)
            )
            (household,) = made(session)
            assessing.assess(session, self.officer.actor, household, "need", Form.LONG, CALM)
            self.home, _ = family(session, "Lina 7")
        with offices.transaction("dz") as session:
            household = session.get_one(Household, household.id)
            assessing.assess(
                session, self.officer.actor, household, "need", Form.LONG, NEEDY, reason="the visit was repeated"
            )  # fmt: skip
            versions.propose(session, self.manager.actor, CARD.replace("points: 9", "points: 8"))
            thresholds.propose(
                session, self.officer.actor, ask=800, certain=900, reason="Fewer namesakes"
            )
            born = {"name": "Sami Hidden", "age": "0"}
            requests.ask(session, self.officer.actor, asked(session, "born", self.home, told=born))


@pytest.fixture
def story(database: URL) -> Asked:
    return Asked()


def waits(who: Colleague) -> dict[str, Proposal]:
    """What this person finds on the page, by kind."""
    with offices.transaction("dz") as session:
        return {each.kind: each for each in listed(session, who.actor, waiting.KINDS, limit=100)}


def test_what_the_registry_proposes_is_shown_without_names_and_decided_by_another(
    story: Asked,
) -> None:
    app = create_app()
    assert {kind for kind, each in waits(story.officer).items() if each.mine} == set()
    found = waits(story.second)
    assert set(found) == KINDS
    assert {kind for kind, each in found.items() if each.mine} == KINDS
    assert story.second.actor.id is not None
    visitor = Browsing(app, token_for(story.second.actor.id))
    for kind, each in found.items():
        assert visitor.get(f"/waiting/{kind}/{each.key}").status_code == 200
        assert "Hidden" not in visitor.words
        if kind == "link-thresholds":
            visitor.send(f"/waiting/refuse/{kind}/{each.key}", reason="Too low")
            assert "Refused:" in visitor.words
        else:
            visitor.send(f"/waiting/accept/{kind}/{each.key}")
            assert "Accepted:" in visitor.words, (kind, visitor.words)
    assert waits(story.second) == {}
    with offices.transaction("dz") as session:
        assert versions.find(session, "need").version == 2
        size = select(Household.size).where(Household.id == story.home)
        assert session.scalars(size).one() == 3
        assert thresholds.in_force(session).version == 0


def test_whoever_proposed_a_scorecard_takes_it_back(story: Asked) -> None:
    found = waits(story.manager)["scorecard"]
    assert not found.mine
    assert story.manager.actor.id is not None
    visitor = Browsing(create_app(), token_for(story.manager.actor.id))
    visitor.get(f"/waiting/scorecard/{found.key}")
    assert "indicators.hunger" in visitor.words
    visitor.send(f"/waiting/refuse/scorecard/{found.key}", reason="Nobody asked the field.")
    assert "Taken back: A scorecard" in visitor.words
