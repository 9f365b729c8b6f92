"""The recipients' story, told once, in a database that every test gets a copy of."""

import os
from collections.abc import Callable

import pytest
from sqlalchemy import URL

from cbi import clock, db, jobs
from tests.databases import copied
from tests.flow.helpline.recipients import Story, tell_story
from tests.redemption_factory import OPEN

Tell = Callable[[str], tuple[str, Story]]


@pytest.fixture(scope="session")
def told(server: URL, point_at: Callable[[pytest.MonkeyPatch, URL], None]) -> Tell:
    """Tells the story, the first time, in a copy of the empty office; returns that database's name, and the story."""
    told: list[Story] = []

    def tell(empty: str) -> tuple[str, Story]:
        name = f"helpline_{os.getpid()}"
        if not told:
            copied(server, empty, name)
            with pytest.MonkeyPatch.context() as patch:
                point_at(patch, server.set(database=name))
                told.append(tell_story())
                db.disconnect()
        return name, told[0]

    return tell


@pytest.fixture
def template(template: str, told: Tell) -> str:
    """The database that each test gets a copy of."""
    return told(template)[0]


@pytest.fixture
def story(database: URL, template: str, told: Tell) -> Story:
    """The office, with the first texts on everybody's telephone."""
    with clock.frozen(OPEN):
        jobs.hand_over("dz")
    return told(template)[1]
