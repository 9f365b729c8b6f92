"""`cbi verify` names what somebody did to households and their people behind the engine's back."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import URL, Connection

from cbi import offices
from cbi.programmes import applying, cycles
from cbi.programmes.enrolling import Act, Line
from cbi.programmes.enrolling import change as enrol
from cbi.registry import bands, needs
from tests.flow.proving import broken
from tests.flow.tampering import Tampering, assert_named, intruding
from tests.household_factory import change, family, fresh
from tests.kinds_factory import kind_file
from tests.programme_factory import OFFICER

HOME = "SELECT id FROM households WHERE version = 1 AND source <> 'split' ORDER BY id LIMIT 1"
CHANGED = "SELECT id FROM households WHERE status = 'active' AND version > 1 ORDER BY id LIMIT 1"
CAME = """SELECT s.household_id FROM suspensions s JOIN household_changes c ON c.id = s.carried_by WHERE c.kind = '{}'"""
BORN = "SELECT id FROM household_changes WHERE kind = 'born'"

TAMPERINGS = (
    Tampering(
        1, "a second collector", HOME,
        """DROP INDEX uq_persons_recipient; UPDATE persons SET is_recipient = true WHERE household_id = :victim""",
    ),
    Tampering(1, "the guard taken away", "SELECT 'uq_persons_recipient'", "DROP INDEX uq_persons_recipient"),
    Tampering(
        1, "the dead collect", "SELECT household_id FROM persons WHERE gone = 'died'",
        """ALTER TABLE persons DROP CONSTRAINT ck_persons_gone_does_nothing;
        UPDATE persons SET is_alternate = true WHERE gone = 'died' AND household_id = :victim""",
    ),
    Tampering(
        8, "somebody is put into another household", HOME,
        """UPDATE persons SET household_id = :victim WHERE NOT is_head AND gone IS NULL AND household_id <> :victim
        AND id NOT IN (SELECT person_id FROM changed_persons)""",
    ),
    Tampering(
        8, "somebody is gone and nobody says why", HOME,
        """UPDATE persons SET gone = 'left', is_head = false, is_recipient = false WHERE household_id = :victim""",
    ),
    Tampering(
        8, "the dead are alive again", "SELECT household_id FROM persons WHERE gone = 'died'",
        "UPDATE persons SET gone = NULL WHERE gone = 'died' AND household_id = :victim",
    ),
    Tampering(
        8, "a household is made larger", CHANGED, "UPDATE households SET size = size + 1 WHERE id = :victim"
    ),
    Tampering(
        8, "a version is counted back", CHANGED,
        "UPDATE households SET version = version - 1 WHERE id = :victim",
    ),
    Tampering(
        8, "a change is deleted", "SELECT household_id FROM changed_households WHERE version_after = 2 LIMIT 1",
        "DELETE FROM changed_households WHERE household_id = :victim AND version_after = 2",
    ),
    Tampering(
        8, "a line of a person is rewritten", "SELECT household_after FROM changed_persons WHERE gone_after = 'died'",
        """UPDATE changed_persons SET household_before = gen_random_uuid() WHERE gone_after = 'died'
        AND household_after = :victim""",
    ),
    Tampering(
        8, "a change slipped in", BORN,
        "DELETE FROM audit_entries WHERE details ->> 'change' = CAST(:victim AS text)",
    ),
    Tampering(
        2, "a birth that one person made", BORN,
        "UPDATE household_changes SET confirmed_by = NULL WHERE id = :victim",
    ),
    Tampering(
        2, "a request that nobody confirmed", BORN,
        """UPDATE household_requests SET decision = 'refused' WHERE kind = 'born'
        AND id = (SELECT request_id FROM household_changes WHERE id = :victim)""",
    ),
    Tampering(
        8, "a suspension is taken from who split off", CAME.format("split"),
        "DELETE FROM suspensions WHERE household_id = :victim",
    ),
    Tampering(
        8, "a suspension is taken from whoever took its household in", CAME.format("joined"),
        "DELETE FROM suspensions WHERE household_id = :victim",
    ),
    Tampering(
        8, "only a later suspension for another reason", CAME.format("joined"),
        """UPDATE suspensions SET carried_from = NULL, carried_by = NULL, suspended_at = now() + interval '1 year'
        WHERE household_id = :victim""",
    ),
    Tampering(
        8, "an arrival that nothing followed", "SELECT id FROM household_changes WHERE kind = 'joined'",
        "DELETE FROM followed_changes WHERE change_id = :victim",
    ),
    Tampering(
        8, "a split that nothing followed", "SELECT id FROM household_changes WHERE kind = 'split'",
        "DELETE FROM followed_changes WHERE change_id = :victim",
    ),
    Tampering(
        8, "a need becomes another", "SELECT max(id) FROM household_needs WHERE carried_by IS NOT NULL",
        "UPDATE household_needs SET word = 'all of it' WHERE id = :victim",
    ),
    Tampering(
        8, "a need of one is counted twice", "SELECT carried_from FROM household_needs WHERE carried_by IS NOT NULL LIMIT 1",
        "UPDATE household_needs SET members = members + 1 WHERE carried_from = :victim",
    ),
    Tampering(
        8, "a better band is slipped in", "SELECT max(id) FROM household_bands WHERE carried_by IS NOT NULL",
        "UPDATE household_bands SET band = 'severe', word = 'severe' WHERE id = :victim",
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def story(own_database: URL) -> URL:
    """Households: one that changed, one that split off, one that took a suspended one in, one that nothing happened to."""
    with offices.transaction("dz") as session:
        home, people = family(session, "Omar", "Lina 7", "Sami 3")
        family(session, "Nour")
        third, _ = family(session, "Rim")
        other, _ = family(session, "Rana")
        change(session, "born", home, told={"name": "Amal", "age": "0"})
        change(session, "died", home, person=people["Sami"])
        applying.apply(session, OFFICER, kind_file('{per_member: "1000"}'))
        needs.note(session, OFFICER, fresh(session, home), "disability", members=2)
        bands.note(session, OFFICER, fresh(session, home), "low")
        parting, theirs = family(session, "Warda", "Dalia 3")
        lines = [
            Line(f"line {at}", fresh(session, each).source_id, date(2026, 1, 1), "to be looked at")
            for at, each in enumerate((home, parting))
        ]
        enrol(session, OFFICER, "winter-2026", Act.SUSPEND, lines)
    with offices.transaction("dz") as session:
        change(
            session, "split", home, people=(people["Omar"],), head=people["Omar"], collector=people["Omar"],
            needs={"disability": "1"},
        )  # fmt: skip
        change(session, "left", parting, person=theirs["head"])
        change(session, "joined", third, person=theirs["head"])
    with offices.transaction("dz") as session:
        assert cycles.open_cycle(session, OFFICER, "winter-2026", "2026-01").entitlements
        change(session, "unmerged", home, other=change(session, "merged", home, other=other))
    return own_database


@pytest.fixture
def intruder(story: URL) -> Iterator[Connection]:
    """The owner of the database in a transaction that is undone."""
    with intruding(story) as connection:
        yield connection


def test_households_that_nobody_touched_keep_every_promise(intruder: Connection) -> None:
    assert broken(intruder) == {}


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.what.replace(" ", "-"))
def test_what_was_done_to_households_is_found_and_named(
    intruder: Connection, tampering: Tampering
) -> None:
    assert_named(intruder, tampering)
