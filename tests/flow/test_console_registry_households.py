"""A household on a page: masked, opened for a purpose only; what happened to it is said there, by two where it takes two."""

import re
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import URL, select

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.registry import personal
from cbi.registry.models import Gone, Household, Person
from cbi.registry.view_models import PersonView
from tests.factories import colleague
from tests.flow.browsing import Browsing
from tests.flow.people import token_for
from tests.household_factory import family

PATH = "/registry/households"


class Story:
    """A household of three, and two officers at their browsers."""

    def __init__(self) -> None:
        with offices.transaction("dz") as session:
            home, self.people = family(session, "Omar", "Lina 7")
            self.home: UUID = home
            self.number = session.get_one(Household, home).source_id
            self.name = personal.name_of(session, self.people["head"]) or ""
            officers = [colleague(session, Role.REGISTRATION_OFFICER).actor.id for _ in range(2)]
        app = create_app()
        self.amina, self.karim = (Browsing(app, token_for(who)) for who in officers if who)

    def short(self, who: str) -> str:
        return self.people[who].hex[-8:]

    def say(self, who: Browsing, kind: str, **typed: Any) -> None:
        who.get(f"{PATH}/say?household={self.number}&kind={kind}")
        who.send(f"{PATH}/changes", **typed, reason="told by the family")


@pytest.fixture
def story(database: URL) -> Story:
    return Story()


def test_a_household_is_masked_until_somebody_opens_it_for_a_purpose(story: Story) -> None:
    page = story.amina.get(f"{PATH}?household={story.number}")
    assert story.name not in page.text
    assert story.short("Omar") in page.text
    story.amina.send(f"{PATH}/open", household=story.number, what="name")
    assert "Say what the data is opened for." in story.amina.words
    story.amina.get(f"{PATH}?household={story.number}")
    opened = story.amina.send(
        f"{PATH}/open", follow=False, household=story.number, what="name", purpose="registration"
    )
    assert story.name in opened.text
    assert "no-store" in opened.headers["cache-control"]
    with offices.transaction("dz") as session:
        seen = session.scalars(select(PersonView.person_id)).all()
    assert set(seen) == set(story.people.values())
    again = story.amina.get(f"{PATH}?household={story.number}")
    assert story.name not in again.text
    assert "registering people" in story.amina.words
    story.amina.get(f"{PATH}?household=X-404")
    assert "No household has the number" in story.amina.words


def test_a_death_counts_at_once_and_a_telephone_by_two_people(story: Story) -> None:
    story.say(story.amina, "died", member=story.short("Omar"))
    assert "It is done." in story.amina.words
    with offices.transaction("dz") as session:
        assert session.get_one(Person, story.people["Omar"]).gone is Gone.DIED
        assert session.get_one(Household, story.home).size == 2

    story.say(story.amina, "phone", member=story.short("head"), phone="0661 00 00 09")
    assert "waits for a second person" in story.amina.words
    listed = story.karim.get(f"{PATH}?household={story.number}").text
    (number,) = re.findall(r'href="(/waiting/household/\d+)"', listed)
    story.karim.get(number)
    assert "661" not in story.karim.words
    accept = number.replace("/waiting/", "/waiting/accept/")
    story.karim.send(accept, again="0661 00 00 08")
    assert "not the telephone that your colleague wrote down" in story.karim.words
    story.karim.get(number)
    story.karim.send(accept, again="+213661000009", ticked="yes")
    assert "Accepted" in story.karim.words
    with offices.transaction("dz") as session:
        head = session.get_one(Person, story.people["head"])
        assert personal.in_clear(session, [head])[head.id].phone == "+213661000009"


def test_what_cannot_be_said_so_is_refused_in_words(story: Story) -> None:
    story.say(story.amina, "corrected", size="99")
    assert "household size" in story.amina.words
    story.say(story.amina, "born", name="Sami", age="0")
    assert "waits for a second person" in story.amina.words
    assert story.amina.get(f"{PATH}/say?household={story.number}&kind=merged").status_code == 422
