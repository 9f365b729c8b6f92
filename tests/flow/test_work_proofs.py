"""`cbi verify` names what somebody did to work sheets and their pay behind the engine's back."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import URL, Connection, create_engine, select, text

from cbi import clock, offices
from cbi.programmes import cycles, replaying, work_signing
from cbi.programmes.work_paying import SheetAltered
from cbi.registry.models import Household
from tests.factories import EVERYTHING
from tests.flow.proving import broken
from tests.flow.tampering import Tampering, assert_named, intruding
from tests.work_factory import CODE, NOW, days, handed_in, programme, sheet_of, signed, site

ROW = "SELECT row_id FROM work_pay ORDER BY amount_minor DESC LIMIT 1"
HOUSEHOLD = "SELECT household_id FROM entitlements ORDER BY amount_minor DESC LIMIT 1"
SIGNER = "SELECT user_id FROM work_signatures WHERE version = 1 LIMIT 1"

TAMPERINGS = (
    Tampering(
        1, "an entitlement above the work", HOUSEHOLD,
        "UPDATE entitlements SET amount_minor = amount_minor + 100 WHERE household_id = :victim",
    ),
    Tampering(
        1, "an entitlement without work", HOUSEHOLD,
        """DELETE FROM work_pay WHERE entitlement_id IN
          (SELECT id FROM entitlements WHERE household_id = :victim)""",
    ),
    Tampering(
        1, "a row paid twice", ROW,
        """ALTER TABLE work_pay DROP CONSTRAINT pk_work_pay;
        INSERT INTO work_pay SELECT row_id, gen_random_uuid(), amount_minor, currency FROM work_pay
          WHERE row_id = :victim""",
    ),
    Tampering(
        1, "the guard taken away", "SELECT 'pk_work_pay'",
        "ALTER TABLE work_pay DROP CONSTRAINT pk_work_pay",
    ),
    Tampering(
        1, "pay moved to another household", ROW,
        """UPDATE work_pay SET entitlement_id = (SELECT id FROM entitlements WHERE id <> work_pay.entitlement_id LIMIT 1)
          WHERE row_id = :victim""",
    ),
    Tampering(
        1, "a row corrected twice",
        "SELECT corrects_id FROM work_rows WHERE corrects_id IS NOT NULL LIMIT 1",
        """INSERT INTO work_rows SELECT gen_random_uuid(), sheet_id, version, number, gen_random_uuid(), household_id,
          attendance, half_days, pieces, earned_minor, currency, trace, corrects_id FROM work_rows
          WHERE corrects_id = :victim""",
    ),
    Tampering(
        2, "a day added to a signed sheet", "SELECT 'work sheet ' || min(id) FROM work_sheets",
        """UPDATE work_rows SET attendance = overlay(attendance placing '2' from 25), half_days = half_days + 2
          WHERE number = 1 AND version = 1 AND sheet_id = (SELECT min(id) FROM work_sheets)""",
    ),
    Tampering(
        2, "a row added to a signed sheet", "SELECT 'work sheet ' || min(id) FROM work_sheets",
        """INSERT INTO work_rows SELECT gen_random_uuid(), sheet_id, version, 9, gen_random_uuid(), household_id,
          attendance, half_days, pieces, earned_minor, currency, trace, NULL FROM work_rows
          WHERE number = 1 AND version = 1 AND sheet_id = (SELECT min(id) FROM work_sheets)""",
    ),
    Tampering(
        2, "a signature taken away", ROW,
        """DELETE FROM work_signatures s USING work_rows r WHERE r.id = :victim AND s.sheet_id = r.sheet_id
          AND s.version = r.version""",
    ),
    Tampering(
        2, "a sheet signed by who entered it", SIGNER,
        "UPDATE work_versions SET entered_by = :victim WHERE version = 1",
    ),
    Tampering(
        2, "a correction signed by the first signer", SIGNER,
        "UPDATE work_signatures SET user_id = :victim, signed_before = NULL WHERE version = 2",
    ),
    Tampering(
        2, "a signature put in somebody else's name", "SELECT user_id FROM work_signatures WHERE version = 2",
        "UPDATE work_signatures SET user_id = :victim WHERE version = 1",
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def story(own_database: URL) -> URL:
    """Two households paid for a sheet, one of them with a correction in the next cycle."""
    with clock.frozen(NOW), offices.transaction("dz") as session:
        programme(session)
        at = site(session)
        sheet = sheet_of(session, at)
        signed(session, at, sheet, {at.numbers[0]: days(10), at.numbers[1]: days(3)})
        cycles.open_cycle(session, EVERYTHING, CODE, "2026-01")
        handed_in(session, at, sheet, {at.numbers[0]: {"Day 15": 1}}, reason="A day left out")
    with clock.frozen(NOW + timedelta(minutes=1)), offices.transaction("dz") as session:
        work_signing.sign(session, at.other.actor, sheet.id, at.other.code())
        cycles.open_cycle(session, EVERYTHING, CODE, "2026-02")
    return own_database


@pytest.fixture
def intruder(story: URL) -> Iterator[Connection]:
    """The owner of the database in a transaction that is undone; foreign keys do not stop them."""
    with intruding(story) as connection:
        yield connection


def test_work_that_nobody_touched_keeps_every_promise(intruder: Connection) -> None:
    assert broken(intruder) == {}


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.what.replace(" ", "-"))
def test_what_was_done_to_work_is_found_and_named(
    intruder: Connection, tampering: Tampering
) -> None:
    assert_named(intruder, tampering)


def test_a_cycle_of_work_is_worked_out_again(story: URL) -> None:
    with offices.transaction("dz") as session:
        again = replaying.replay(session, EVERYTHING, CODE, "2026-01")
    assert (again.decisions, again.differing) == (2, 0)


def test_no_cycle_is_opened_on_sheets_that_somebody_altered(story: URL) -> None:
    owner = create_engine(story, connect_args={"options": "-c search_path=dz"})
    with clock.frozen(NOW), offices.transaction("dz") as session:
        known = list(session.scalars(select(Household.source_id).order_by(Household.source_id)))
        road = site(session, code="road", numbers=known)
        sheet = sheet_of(session, road, activity="road")
        signed(session, road, sheet, {"1": days(2, first=20)})
    change = text(
        "UPDATE work_rows SET earned_minor = earned_minor + :by WHERE sheet_id = :sheet AND number = 1"
    )
    with owner.begin() as connection:
        connection.execute(change, {"by": 100, "sheet": sheet.id})
    with (
        pytest.raises(SheetAltered, match=f"not what was signed: {sheet.id}"),
        clock.frozen(NOW),
        offices.transaction("dz") as session,
    ):
        cycles.open_cycle(session, EVERYTHING, CODE, "2026-03")
    with owner.begin() as connection:
        connection.execute(change, {"by": -100, "sheet": sheet.id})
    owner.dispose()
    with clock.frozen(NOW), offices.transaction("dz") as session:
        assert cycles.open_cycle(session, EVERYTHING, CODE, "2026-03").entitlements == 1
