"""An office with a run that was approved and one that is locked: told once, and copied for every test."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import URL

from cbi import clock, db, offices
from cbi.app import create_app
from cbi.demo import staff
from cbi.payments.runs import runs
from tests.approval_factory import first_cycle, let_pass, look, second_cycle
from tests.databases import copied
from tests.factories import START
from tests.flow.approvals.office import Office

PointAt = Callable[[pytest.MonkeyPatch, URL], None]


@pytest.fixture(scope="session")
def story() -> dict[str, Any]:
    """What came of the story: who works here, and the two runs."""
    return {}


@pytest.fixture(scope="session")
def template(server: URL, template: str, point_at: PointAt, story: dict[str, Any]) -> str:
    """The database in which the story was told, to copy for each test."""
    name = f"approvals_{os.getpid()}"
    copied(server, template, name)
    with pytest.MonkeyPatch.context() as patch, clock.frozen(START):
        point_at(patch, server.set(database=name))
        with offices.transaction("dz") as session:
            people = story["people"] = staff.hire(session)
        with offices.transaction("dz") as session:
            marc, amina, karim = (people[name] for name in ("marc", "amina", "karim"))
            story["approved"] = first_cycle(
                session,
                marc.actor,
                (amina.actor, amina.one_time_code),
                (karim.actor, karim.one_time_code),
            )
            story["locked"] = second_cycle(session, marc.actor)
            runs.lock(session, marc.actor, story["locked"])
            tala, hana = (people[name] for name in ("tala", "hana"))
            asker, granter = ((each.actor, each.one_time_code) for each in (tala, hana))
            let_pass(session, story["locked"], "inactive", asker, granter)
            for each in (amina, karim):
                look(session, each.actor, story["locked"])
        db.disconnect()
    return name


@pytest.fixture
def office(database: URL, story: dict[str, Any]) -> Iterator[Office]:
    """It is five minutes after the first cycle was approved; the second is locked."""
    with clock.frozen(START + timedelta(minutes=5)):
        yield Office(create_app(), **story)
