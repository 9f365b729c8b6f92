"""`cbi verify` names what somebody did behind the engine's back to lists of people and to who outside was told."""

from collections.abc import Iterator

import pytest
from sqlalchemy import URL, Connection, select, text
from sqlalchemy.orm import Session

from cbi import offices
from cbi.access.permissions import Role
from cbi.proofs.disclosures import left_by_the_rules
from cbi.proofs.verify import PROMISES
from cbi.protection.exporting import asking, fetching
from cbi.registry.disclosing import disclosing
from cbi.registry.linkage import exchange
from cbi.settings import settings
from tests.disclosing import agreed
from tests.exporting import placed, wish
from tests.factories import colleague
from tests.flow.proving import broken
from tests.flow.tampering import Tampering, intruding
from tests.flow.test_disclosures import WHY, outside, proposal

OUTSIDE, INSIDE = "SELECT 'list 1'", "SELECT 'list 2'"
AUDIT, HASHES = "SELECT 'disclosure 1'", "SELECT 'keyed hashes'"
_DISCLOSURE = "(SELECT id FROM disclosures WHERE number = 1)"

TAMPERINGS = (
    Tampering(8, "the disclosure was refused", OUTSIDE, "UPDATE disclosures SET decision = 'refused' WHERE number = 1"),
    Tampering(
        8, "the disclosure is the proposer's own", AUDIT,
        """ALTER TABLE disclosures DROP CONSTRAINT ck_disclosures_two_people;
        UPDATE disclosures SET decided_by = proposed_by WHERE number = 1""",
    ),
    Tampering(8, "another approved it", AUDIT, "UPDATE disclosures SET decided_by = gen_random_uuid() WHERE number = 1"),
    Tampering(
        8, "another proposed it", AUDIT, "UPDATE disclosures SET proposed_by = gen_random_uuid() WHERE number = 1"
    ),
    Tampering(
        8, "more is allowed than was proposed", AUDIT,
        "UPDATE disclosures SET columns = columns || '{document}' WHERE number = 1",
    ),
    Tampering(
        8, "the people are not told", AUDIT, "UPDATE disclosures SET silence = 'better not' WHERE number = 1"
    ),
    Tampering(
        8, "it was revoked before", OUTSIDE,
        """UPDATE disclosures SET revoked_by = decided_by, revoked_because = 'over',
        revoked_at = decided_at - interval '1 day' WHERE number = 1""",
    ),
    Tampering(
        8, "a list says more than was approved", OUTSIDE,
        "UPDATE exports SET columns = columns || '{phone}' WHERE number = 1",
    ),
    Tampering(8, "it was never for outside", OUTSIDE, "UPDATE exports SET disclosure_id = NULL WHERE number = 1"),
    Tampering(
        8, "whoever asked approved it", INSIDE,
        """ALTER TABLE exports DROP CONSTRAINT ck_exports_two_people;
        UPDATE exports SET decided_by = asked_by WHERE number = 2""",
    ),
    Tampering(8, "another approved a list", INSIDE, "UPDATE exports SET decided_by = gen_random_uuid() WHERE number = 2"),
    Tampering(8, "no approval was needed", INSIDE, "UPDATE exports SET needs_approval = false WHERE number = 2"),
    Tampering(
        8, "the asker read the passphrase", INSIDE,
        """ALTER TABLE exports DROP CONSTRAINT ck_exports_another_channel;
        UPDATE exports SET passphrase_by = asked_by, passphrase_at = asked_at WHERE number = 2""",
    ),
    Tampering(
        8, "a stranger fetched it", INSIDE,
        """UPDATE export_fetches SET fetched_by = gen_random_uuid() WHERE export_id =
        (SELECT id FROM exports WHERE number = 2)""",
    ),
    Tampering(
        8, "a fetch is deleted", INSIDE,
        "DELETE FROM export_fetches WHERE export_id = (SELECT id FROM exports WHERE number = 2)",
    ),
    Tampering(
        8, "it was fetched after its time", INSIDE,
        "UPDATE exports SET expires_at = asked_at WHERE number = 2",
    ),
    Tampering(
        8, "somebody cannot see that they left", OUTSIDE,
        """DELETE FROM person_views WHERE id = (SELECT max(v.id) FROM person_views v JOIN exports e
        ON e.id = v.export_id WHERE e.number = 1)""",
    ),
    Tampering(
        8, "they cannot see to whom", OUTSIDE,
        f"UPDATE person_views SET disclosure_id = NULL WHERE disclosure_id = {_DISCLOSURE}",
    ),
    Tampering(8, "the agreement never was", HASHES, "UPDATE disclosures SET decision = 'refused' WHERE number = 2"),
)  # fmt: skip


@pytest.fixture(scope="module")
def story(own_database: URL) -> URL:
    """A list for an auditor under a disclosure, a long one that two people let out, and an exchange of hashes."""
    patch = pytest.MonkeyPatch()
    patch.setenv("CBI_EXPORT_ROWS", "3")
    settings.cache_clear()
    with offices.transaction("dz") as session:
        placed(session, 3)
        placed(session, 4, "Algiers")
        proposer, second = (
            colleague(session, role) for role in (Role.PROTECTION_OFFICER, Role.PROTECTION_OFFICER)
        )
        legal = colleague(session, Role.LEGAL_OFFICER)
        allowed = disclosing.propose(session, proposer.actor, proposal())
        disclosing.approve(session, legal.actor, allowed.number, WHY, legal.code())
        told = asking.ask(session, proposer.actor, outside(allowed.number))
        long = asking.ask(session, proposer.actor, wish(area="Algiers"))
        assert long.needs_approval
        asking.approve(session, second.actor, long.number, second.code())
        for made in (told, long):
            fetching.fetch(session, proposer.actor, made.number)
            fetching.passphrase(session, legal.actor, made.number)
        list(exchange.export(session, proposer.actor, b"k" * 32, agreed(session)))
    patch.undo()
    settings.cache_clear()
    return own_database


@pytest.fixture
def intruder(story: URL) -> Iterator[Connection]:
    """The owner of the database in a transaction that is undone."""
    with intruding(story) as connection:
        yield connection


def test_lists_that_nobody_touched_keep_every_promise(intruder: Connection) -> None:
    assert broken(intruder) == {}
    assert set(left_by_the_rules) <= set(PROMISES[7].checks)


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.what.replace(" ", "-"))
def test_what_was_done_to_lists_and_disclosures_is_found_and_named(
    intruder: Connection, tampering: Tampering
) -> None:
    victim = intruder.scalar(text(tampering.victim))
    for deed in tampering.deeds.split(";"):
        assert intruder.execute(text(deed)).rowcount != 0, deed
    # Only these checks: that they are part of the promise is seen below, and all of them take a second each time.
    intruder.execute(text("SET LOCAL ROLE cbi_dz"))
    with Session(intruder) as session:
        found = [breach for check in left_by_the_rules for breach in check(session)]
    assert any(str(victim) in breach for breach in found), found


def test_the_application_cannot_take_back_that_somebody_left(story: URL) -> None:
    with offices.transaction("dz") as session:
        for table in ("export_persons", "export_fetches", "person_views", "exports", "disclosures"):
            assert not session.scalar(
                select(text(f"has_table_privilege(current_user, '{table}', 'DELETE')"))
            )
