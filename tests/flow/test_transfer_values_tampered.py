"""`cbi verify` names what somebody did to prices and transfer values; of two who accept one, one does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import URL, Connection, text
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.programmes import cycles, queries, revaluing
from cbi.proofs import values
from tests.factories import EVERYTHING, Colleague, colleague
from tests.flow.proving import broken
from tests.flow.tampering import Tampering, intruding
from tests.value_factory import CODE, NOW, PRICES, accepted, entered, people, programme, proposed

VALUE = "SELECT 'transfer value ' || max(id) || ' of' FROM transfer_values"
TAMPERINGS = (
    Tampering(2, "a price is altered", VALUE, "UPDATE prices SET amount_minor = 9 WHERE item = 'rice' AND round_id = 2"),
    Tampering(2, "a price is deleted", VALUE, "DELETE FROM prices WHERE item = 'rice' AND round_id = 2"),
    Tampering(
        2, "a basket is altered", VALUE,
        "UPDATE basket_versions SET content = jsonb_set(content, '{lines,0,quantity}', '\"9\"')",
    ),
    Tampering(
        2, "a value is altered", VALUE,
        "UPDATE transfer_values SET base_minor = base_minor + 100 WHERE id = (SELECT max(id) FROM transfer_values)",
    ),
    Tampering(
        2, "a calculation is rewritten", VALUE,
        "UPDATE transfer_values SET workings = jsonb_set(workings, '{trace}', '[\"as agreed\"]')",
    ),
    Tampering(
        2, "the version pays another amount", f"SELECT '{CODE}'",
        """UPDATE programme_versions v SET definition = jsonb_set(definition, '{stipend,base}', '\"9000.00\"')
        FROM transfer_values t WHERE t.programme_id = v.programme_id AND t.made_version = v.version""",
    ),
    Tampering(
        2, "a refused value is said to be accepted", "SELECT 'transfer value ' || min(id) FROM transfer_values",
        """UPDATE transfer_values SET decision = 'accepted', reason = NULL, made_version = 9
        WHERE id = (SELECT min(id) FROM transfer_values)""",
    ),
    Tampering(
        2, "an accepted value is gone", "SELECT 'transfer value ' || max(id) FROM transfer_values",
        "DELETE FROM transfer_values WHERE id = (SELECT max(id) FROM transfer_values)",
    ),
    Tampering(
        2, "an acceptance is put in another's name", VALUE,
        "UPDATE transfer_values SET decided_by = gen_random_uuid()",
    ),
    Tampering(
        2, "a programme is taken back to older amounts", f"SELECT '{CODE}'",
        "UPDATE programmes SET version = 1",
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def story(own_database: URL) -> URL:
    """One value refused, the next accepted, and a cycle opened before and after."""
    with clock.frozen(NOW), offices.transaction("dz") as session:
        programme(session)
        cycles.open_cycle(session, EVERYTHING, CODE, "2026-02")
        who = people(session)
        dear = entered(session, {**PRICES, "Rice": "300"}, "2026-02")
        first = proposed(session, who, dear.round_id)
        revaluing.refuse(session, who.authoriser.actor, first.id, "Rice is a slip")
        accepted(session, who, proposed(session, who, entered(session).round_id))
        cycles.open_cycle(session, EVERYTHING, CODE, "2026-03")
    return own_database


@pytest.fixture
def intruder(story: URL) -> Iterator[Connection]:
    """The owner of the database in a transaction that is undone; neither foreign keys nor checks stop them."""
    with intruding(story) as connection:
        yield connection


def test_values_that_nobody_touched_keep_every_promise(intruder: Connection) -> None:
    assert broken(intruder) == {}


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.what.replace(" ", "-"))
def test_what_was_done_to_a_value_is_found_and_named(
    intruder: Connection, tampering: Tampering
) -> None:
    victim = intruder.scalar(text(tampering.victim))
    assert intruder.execute(text(tampering.deeds)).rowcount != 0
    intruder.execute(text("SET LOCAL ROLE cbi_dz"))
    with Session(intruder) as session:  # as `cbi verify` asks, of this promise alone
        named = [breach for check in values.accepted for breach in check(session)]
    assert any(str(victim) in breach for breach in named), named


def test_of_two_who_accept_a_value_at_once_one_does(story: URL) -> None:
    with clock.frozen(NOW + timedelta(days=1)), offices.transaction("dz") as session:
        manager = colleague(session, Role.PROGRAMME_MANAGER)
        both = [colleague(session, Role.AUTHORISER) for _ in range(2)]
        taken = entered(session, {**PRICES, "Rice": "200"}, "2026-05")
        number = revaluing.propose(session, manager.actor, CODE, taken.round_id).id
        before = queries.find(session, CODE).version

    def accept(one: Colleague) -> bool:
        try:
            with offices.transaction("dz") as session:
                revaluing.accept(session, one.actor, number, one.code())
        except revaluing.UnknownValue:
            return False
        return True

    with clock.frozen(NOW + timedelta(days=1)), ThreadPoolExecutor() as pool:
        assert sorted(pool.map(accept, both)) == [False, True]
    with offices.transaction("dz") as session:
        assert queries.find(session, CODE).version == before + 1
