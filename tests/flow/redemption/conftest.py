"""Runs that were released, or issued, once, in a database that every test which begins there gets a copy of."""

import os
from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, create_engine

from cbi import db
from tests.databases import copied
from tests.factories import released_run
from tests.redemption_factory import InParts, Issued, in_parts, issued

SIZES = (4,) * 6
Story = Callable[[str, str], object]


@pytest.fixture(scope="session")
def told(server: URL, point_at: Callable[[pytest.MonkeyPatch, URL], None]) -> Story:
    """Tells one of the stories in a database of that name, the first time; and what came of it."""
    outcomes: dict[str, object] = {}

    def tell(name: str, empty: str) -> object:
        if name not in outcomes:
            copied(server, empty, name)
            url = server.set(database=name)
            owner = create_engine(url, connect_args={"options": "-c search_path=dz"})
            with pytest.MonkeyPatch.context() as patch:
                point_at(patch, url)
                outcomes[name] = _tell(name, owner)
                db.disconnect()
            owner.dispose()
        return outcomes[name]

    return tell


def _tell(name: str, owner: Engine) -> object:
    if "parted" in name:
        return in_parts(owner)
    if "released" not in name:
        return issued(owner, SIZES)
    run_id, _ = released_run("dz", SIZES)
    return run_id


@pytest.fixture
def template(request: pytest.FixtureRequest, template: str, told: Story) -> str:
    """The database that the test gets a copy of: where its story was told, or an empty one."""
    for story in ("run", "released", "parted"):
        if story in request.fixturenames:
            name = f"{story}_{os.getpid()}"
            told(name, template)
            return name
    return template


@pytest.fixture
def run(database: URL, template: str, told: Story) -> Issued:
    """A run of six codes of 4,000 dinars each."""
    outcome = told(template, template)
    assert isinstance(outcome, Issued)
    return outcome


@pytest.fixture
def released(database: URL, template: str, told: Story) -> UUID:
    """A run of six payments of 4,000 dinars each that a worker may release to codes."""
    outcome = told(template, template)
    assert isinstance(outcome, UUID)
    return outcome


@pytest.fixture
def parted(database: URL, template: str, told: Story) -> InParts:
    """Two codes of 4,000 dinars each in a programme that may pay them in parts."""
    outcome = told(template, template)
    assert isinstance(outcome, InParts)
    return outcome
