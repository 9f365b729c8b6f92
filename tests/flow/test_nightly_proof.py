"""Each night every promise is proved: the front page of the morning says whether all of them were kept."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import URL, Engine, text

from cbi import clock, jobs, offices
from cbi.access.actor import SYSTEM, Actor, grants_of
from cbi.access.permissions import Role
from cbi.audit.proved import Proved, keep
from cbi.reporting.overview import Overview, overview
from cbi.reporting.stuck import Reason
from tests.flow.sending import PointAt
from tests.flow.standing import told

OF_PROOFS = {Reason.PROMISE_BROKEN, Reason.NOT_PROVED}


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


def seen(actor: Actor = SYSTEM) -> Overview:
    with offices.transaction("dz") as session:
        return overview(session, actor)


def test_each_night_proves_every_promise_and_the_front_page_says_what_came_of_it(
    owner: Engine,
) -> None:
    with offices.transaction("dz") as session:
        zone = offices.office_of(session).timezone
    night = (clock.now().astimezone(zone) + timedelta(days=1)).replace(hour=0, minute=50)

    def proved(at: datetime) -> tuple[int, Proved | None, set[Reason]]:
        with clock.frozen(at.astimezone(UTC)):
            broken, found = jobs.HOUSEKEEPING["prove"][0]("dz"), seen()
        return broken, found.proved, {each.reason for each in found.stuck} & OF_PROOFS

    assert proved(night) == (0, None, set())
    first = night + timedelta(minutes=20)
    kept = Proved(first.date(), first.astimezone(UTC), ())
    assert proved(first) == (0, kept, set())
    assert proved(night + timedelta(hours=9)) == (0, kept, set())  # once a day
    with clock.frozen(first + timedelta(days=3)):
        (old,) = (each for each in seen().stuck if each.reason in OF_PROOFS)
        assert (old.reason, old.since) == (Reason.NOT_PROVED, kept.at)
    officer = Actor("user", uuid4(), "officer", grants_of([(Role.REGISTRATION_OFFICER, None)]))
    assert seen(officer).proved is None
    with owner.begin() as connection:
        connection.execute(text("UPDATE payments SET amount_minor = amount_minor + 1"))
    after = first + timedelta(days=4)
    broken, found, reasons = proved(after)
    assert found
    assert broken == len(found.broken) > 0
    assert reasons == {Reason.PROMISE_BROKEN}
    with offices.transaction("dz") as one, ThreadPoolExecutor(1) as other:
        day = after.date() + timedelta(days=1)
        assert keep(one, SYSTEM, day, [])

        def again() -> bool:
            with offices.transaction("dz") as session:
                return keep(session, SYSTEM, day, [4])

        second = other.submit(again)
        time.sleep(0.2)
        assert not second.done()  # it waits for the first, then sees what that wrote
        one.commit()
        assert second.result() is False
