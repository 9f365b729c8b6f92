"""Whoever owns the database may alter what says who signs; the release refuses it, and `cbi verify` names it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import URL, Connection, text
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.errors import Conflict
from cbi.payments.models import PaymentRun
from cbi.payments.signing import approval, delegations, policies
from cbi.payments.signing.delegations import Terms
from tests.factories import START
from tests.flow.proving import broken
from tests.flow.signing import POLICY, STEPS, house, later, locked, sign
from tests.flow.tampering import intruding


@pytest.fixture(scope="module")
def story(own_database: URL) -> URL:
    """A run with three signatures, the second by somebody who stood in, in a database of its own."""
    with offices.transaction("dz") as session:
        people = house(session, POLICY.replace("15000.00", "1000.00"))
        absent, other = people.by_step["authoriser"], people.by_step["country_director"]
        assert people.treasurer.actor.id
        with later():
            day = START.date()
            terms = Terms(people.treasurer.actor.id, Role.AUTHORISER, day, day + timedelta(days=1))
            made = delegations.make(session, absent.actor, terms, absent.code())
            delegations.accept(session, other.actor, made.id, other.code())
        run = locked(session, people.makers[0])
        for step, who in zip(
            STEPS,
            (people.by_step["certifier"], people.treasurer, people.by_step["head_of_finance"]),
            strict=False,
        ):
            sign(session, run, step, who)
    return own_database


@pytest.fixture
def intruder(story: URL) -> Iterator[Connection]:
    """The owner of the database in a transaction that is undone; foreign keys do not stop them."""
    with intruding(story) as connection:
        yield connection


def refuses(connection: Connection) -> bool:
    """Whether the run could no longer be released."""
    with (
        clock.frozen(START + timedelta(hours=5)),
        Session(connection, join_transaction_mode="create_savepoint") as session,
    ):
        (run,) = session.query(PaymentRun).all()
        try:
            approval.check_approved(session, run)
        except Conflict:
            return True
    return False


def test_what_nobody_touched_is_kept_and_released(intruder: Connection) -> None:
    assert not refuses(intruder)
    assert 2 not in broken(intruder)


FEWER = '\'{steps}\', \'[["certifier", "certifier"], ["authoriser", "authoriser"]]\''
MAKER_SIGNS = (
    "UPDATE approvals SET user_id = (SELECT user_id FROM run_parts WHERE part = 'maker')"
    " WHERE part = 'head_of_finance'"
)
DROP_LAST = "DELETE FROM approvals WHERE part = 'head_of_finance'"


@pytest.mark.parametrize(
    "deeds",
    [
        DROP_LAST,
        f"UPDATE required_signatures SET facts = jsonb_set(facts, {FEWER}); {DROP_LAST}",
        f"DELETE FROM required_signatures; {DROP_LAST}",
        MAKER_SIGNS,
    ],
    ids=["a signature", "and what was asked", "and all that was asked", "the maker signs"],
)
def test_a_run_with_fewer_signatures_is_named_and_not_released(
    intruder: Connection, deeds: str
) -> None:
    for deed in deeds.split(";"):
        assert intruder.execute(text(deed)).rowcount
    assert refuses(intruder)
    assert any(each.startswith("run ") for each in broken(intruder)[2])


@pytest.mark.parametrize(
    ("deed", "named"),
    [
        ("UPDATE delegations SET last_day = last_day + 9", "is not what the audit log says"),
        ("UPDATE delegations SET last_day = first_day - 9, first_day = first_day - 9", "outside the delegation"),
        ("UPDATE delegations SET withdrawn_at = made_at, withdrawn_by = to_id", "does not say whether"),
        ("UPDATE delegations SET to_id = gen_random_uuid()", "outside the delegation"),
        ("UPDATE approvals SET delegation_id = NULL", "does not say that its authoriser"),
        (
            "UPDATE run_parts SET part = 'maker' WHERE user_id = (SELECT from_id FROM delegations)",
            "also had another part",
        ),
        (
            "UPDATE run_events SET before = 'approved', after = 'releasing' WHERE after = 'locked'",
            "made it and released it",
        ),
        ("UPDATE approval_policies SET rules = rules || rules", "policy was altered"),
        ("UPDATE approval_policies SET accepted_by = gen_random_uuid()", "policy was accepted"),
        ("UPDATE approval_policies SET proposed_by = gen_random_uuid()", "policy was proposed"),
        ("UPDATE required_signatures SET facts = jsonb_set(facts, '{amount}', '1')", "was altered"),
    ],
)  # fmt: skip
def test_what_says_who_may_sign_is_named_when_it_was_altered(
    intruder: Connection, deed: str, named: str
) -> None:
    assert intruder.execute(text(deed)).rowcount
    assert any(named in each for each in broken(intruder)[2]), broken(intruder)


@pytest.mark.parametrize(
    "deed",
    [
        "UPDATE approval_policies SET rules = '[]'",
        "DELETE FROM approval_policies",
        "UPDATE approval_policies SET accepted_at = NULL, accepted_by = NULL",
    ],
)
def test_a_policy_that_was_altered_is_not_followed(intruder: Connection, deed: str) -> None:
    assert intruder.execute(text(deed)).rowcount
    with Session(intruder) as session, pytest.raises(policies.PolicyAltered):
        policies.in_force(session)
