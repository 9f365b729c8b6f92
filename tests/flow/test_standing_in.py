"""Who is away lets another sign, for some days and up to an amount; nobody gets two parts in a run by it."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.money import Money
from cbi.payments.models import PaymentRun
from cbi.payments.runs import queries, runs, waiting
from cbi.payments.signing import delegations
from cbi.payments.signing.delegations import (
    DelegationNotValid,
    OwnDelegation,
    Terms,
    UnusableDelegation,
)
from cbi.payments.signing.signing_models import Delegation
from cbi.payments.states import RunState
from tests.factories import START, Colleague
from tests.flow.signing import House, colleague, house, later, locked, nothing_is_broken, sign

TODAY = START.date()


@pytest.fixture
def people(session: Session) -> House:
    return house(session)


def given(
    session: Session, whose: Colleague, who: Colleague, by: Colleague | None, **more: Any
) -> Delegation:
    """A delegation for five days, accepted by a third person."""
    assert who.actor.id
    terms: dict[str, Any] = {
        "to_id": who.actor.id, "role": Role.AUTHORISER, "first_day": TODAY, "last_day": TODAY + timedelta(days=4),
    }  # fmt: skip
    with later():
        made = delegations.make(
            session,
            whose.actor,
            Terms(**(terms | more)),
            whose.code(),
        )
        if by:
            delegations.accept(session, by.actor, made.id, by.code())
    return made


def certified(session: Session, people: House) -> PaymentRun:
    run = locked(session, people.makers[0])
    return sign(session, run, "certifier", people.by_step["certifier"])


def test_whoever_stands_in_signs_and_the_sheet_says_for_whom(
    session: Session, people: House
) -> None:
    run = certified(session, people)
    absent, other = people.by_step["authoriser"], people.by_step["head_of_finance"]
    given(session, absent, people.treasurer, other)
    with later():
        sheet = queries.sheet(session, run.id)
        waits = waiting.waits(session, people.treasurer.actor, sheet)
    assert waits is not None
    assert waits.is_mine
    sign(session, run, "authoriser", people.treasurer)
    assert run.state is RunState.APPROVED
    last = queries.sheet(session, run.id).signatures[-1]
    assert (last.user_id, last.instead_of) == (people.treasurer.actor.id, "A Colleague")
    nothing_is_broken(session)


@pytest.mark.parametrize(
    ("more", "days", "why"),
    [
        ({}, 5, "it holds from"),
        ({"first_day": TODAY + timedelta(days=2)}, 0, "it holds from"),
        ({"limit": Money(9_999_99, "DZD")}, 0, "it goes up to"),
        ({"limit": Money(99_000_00, "KES")}, 0, "it goes up to"),
        ({"programmes": ("school",)}, 0, "it is for school"),
    ],
    ids=["over", "not begun", "above its limit", "another currency", "another programme"],
)
def test_a_delegation_reaches_no_further_than_it_says(
    session: Session, people: House, more: dict[str, Any], days: int, why: str
) -> None:
    run = certified(session, people)
    given(
        session, people.by_step["authoriser"], people.treasurer, people.by_step["head_of_finance"],
        **more,
    )  # fmt: skip
    with pytest.raises(DelegationNotValid, match=why):
        sign(session, run, "authoriser", people.treasurer, days=days)
    assert run.state is RunState.CERTIFIED


def test_it_counts_only_once_a_third_person_agrees_and_until_it_is_withdrawn(
    session: Session, people: House
) -> None:
    run = certified(session, people)
    absent = people.by_step["authoriser"]
    made = given(session, absent, people.treasurer, None)
    with pytest.raises(DelegationNotValid, match="nobody has accepted it"):
        sign(session, run, "authoriser", people.treasurer)
    for side in (absent, people.treasurer):
        with later(), pytest.raises(OwnDelegation):
            delegations.accept(session, side.actor, made.id, side.code())
    with later():
        delegations.accept(session, people.authoriser.actor, made.id, people.authoriser.code())
        delegations.withdraw(session, absent.actor, made.id, "Back early.")
    with pytest.raises(DelegationNotValid, match="it was withdrawn"):
        sign(session, run, "authoriser", people.treasurer)


def test_that_another_delegation_was_withdrawn_says_nothing_of_this_one(
    session: Session, people: House
) -> None:
    run = certified(session, people)
    absent, third = people.by_step["authoriser"], people.by_step["head_of_finance"]
    first = given(session, absent, people.treasurer, third)
    with later():
        delegations.withdraw(session, absent.actor, first.id, "Back early.")
    given(session, absent, people.treasurer, third)
    sign(session, run, "authoriser", people.treasurer)
    nothing_is_broken(session)


def test_neither_side_of_a_delegation_has_another_part_in_the_run(
    session: Session, people: House
) -> None:
    both = colleague(session, Role.CERTIFIER, Role.AUTHORISER)
    given(session, both, people.treasurer, people.by_step["head_of_finance"])
    run = sign(session, locked(session, people.makers[0]), "certifier", both)
    with pytest.raises(runs.TwoParts, match="Whoever you stand in for"):
        sign(session, run, "authoriser", people.treasurer)
    given(
        session, people.by_step["authoriser"], people.makers[0], people.by_step["head_of_finance"]
    )
    with pytest.raises(runs.TwoParts):
        sign(session, run, "authoriser", people.makers[0])


def test_whoever_was_stood_in_for_takes_no_other_step(session: Session, people: House) -> None:
    both = colleague(session, Role.CERTIFIER, Role.AUTHORISER)
    given(session, both, people.treasurer, people.by_step["head_of_finance"], role=Role.CERTIFIER)
    run = sign(session, locked(session, people.makers[0]), "certifier", people.treasurer)
    with pytest.raises(runs.TwoParts):
        sign(session, run, "authoriser", both)


def test_a_clock_that_is_set_back_makes_nobody_a_liar(session: Session, people: House) -> None:
    absent = people.by_step["authoriser"]
    run = certified(session, people)
    with clock.frozen(START + timedelta(hours=20)):
        made = given_now(session, absent, people)
    sign(session, run, "authoriser", people.treasurer)  # as the clock tells, hours before that
    nothing_is_broken(session)
    with clock.frozen(START - timedelta(hours=20)):
        delegations.withdraw(session, absent.actor, made.id, "Back early.")
    nothing_is_broken(session)


def given_now(session: Session, absent: Colleague, people: House) -> Delegation:
    """The treasurer may authorise, from this moment on."""
    assert people.treasurer.actor.id
    terms = Terms(
        people.treasurer.actor.id, Role.AUTHORISER, TODAY - timedelta(days=2), TODAY + timedelta(days=4)
    )  # fmt: skip
    third = people.by_step["head_of_finance"]
    made = delegations.make(session, absent.actor, terms, absent.code())
    return delegations.accept(session, third.actor, made.id, third.code())


def test_nobody_passes_on_what_they_do_not_have(session: Session, people: House) -> None:
    assert people.treasurer.actor.id
    terms = Terms(
        people.authoriser.actor.id or people.treasurer.actor.id, Role.AUTHORISER, TODAY, TODAY
    )
    with later(), pytest.raises(NotPermitted):
        delegations.make(session, people.treasurer.actor, terms, people.treasurer.code())
    auditor = colleague(session, Role.AUDITOR)
    for wrong in (
        {"to_id": auditor.actor.id},
        {"last_day": date(2020, 1, 1)},
        {"role": Role.AUDITOR},
    ):
        with pytest.raises(UnusableDelegation):
            given(session, people.authoriser, people.treasurer, None, **wrong)
