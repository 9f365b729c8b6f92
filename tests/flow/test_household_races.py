"""Whatever happens at the same moment, a household is changed once, and nobody is in two of them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import URL, func, select
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.errors import CbiError
from cbi.messaging.models import Message
from cbi.payments.models import Payment
from cbi.payments.states import PaymentState
from cbi.programmes.applying import apply
from cbi.programmes.cycles import open_cycle
from cbi.programmes.models import Entitlement
from cbi.redemption import issuing
from cbi.redemption.models import CodeIssue
from cbi.registry.households import requests
from cbi.registry.households.models import ChangedHousehold, HouseholdChange
from cbi.registry.models import Household, PaymentAccount, Person
from tests.factories import START, released_run
from tests.flow.sending import assert_every_promise_is_kept
from tests.flow.test_programmes import at_once
from tests.household_factory import ASKER, asked, change, confirmed, family
from tests.kinds_factory import kind_file
from tests.programme_factory import OFFICER


def waiting(session: Session, kind: str, home: UUID, **more: Any) -> int:
    """The number of a request that waits."""
    number = requests.ask(session, ASKER, asked(session, kind, home, **more)).request
    assert number is not None
    return number


def confirming(*numbers: int) -> list[UUID | str]:
    """What became of confirming these at the same moment."""

    def one(session: Session, at: int) -> UUID | str:
        try:
            return confirmed(session, numbers[at])
        except CbiError as refusal:
            return refusal.code

    return at_once(len(numbers), one)


def test_of_two_splits_at_once_the_second_is_refused(database: URL) -> None:
    with offices.transaction("dz") as session:
        home, people = family(session, "Omar", "Lina 7", "Sami 3")
        numbers = [
            waiting(session, "split", home, people=(people[who],), head=people[who], collector=people[who])
            for who in ("Omar", "Omar", "Lina")
        ]  # fmt: skip
    outcomes = confirming(*numbers)
    assert sorted(map(str, outcomes))[-2:] == ["household.changed_meanwhile"] * 2
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.sum(Household.size))) == 4
        assert session.scalar(select(func.count()).select_from(HouseholdChange)) == 1


def test_one_request_confirmed_by_many_is_carried_out_once(database: URL) -> None:
    with offices.transaction("dz") as session:
        home, people = family(session, "Omar")
        number = waiting(
            session, "phone", home, person=people["head"], told={"phone": "0661000009"}
        )
    outcomes = confirming(*[number] * 6)
    assert sorted(map(str, outcomes))[-5:] == ["household.decided_already"] * 5
    with offices.transaction("dz") as session:
        current = select(func.count()).where(
            PaymentAccount.person_id == people["head"], PaymentAccount.replaced_at.is_(None)
        )
        assert session.scalar(current) == 1


def test_deaths_and_departures_at_once_count_each_member_once(database: URL) -> None:
    with offices.transaction("dz") as session:
        home, people = family(session, "Omar", "Lina 7", "Sami 3", size=8)
    gone = [people["Omar"], people["Omar"], people["Lina"], people["Sami"]]

    def one(session: Session, at: int) -> str:
        try:
            change(session, "left", home, person=gone[at])
        except CbiError as refusal:
            return refusal.code
        return "done"

    assert sorted(at_once(4, one)) == ["done"] * 3 + ["household.cannot_change"]
    with offices.transaction("dz") as session:
        found = session.get_one(Household, home)
        assert (found.size, found.version) == (5, 4)
        versions = select(ChangedHousehold.version_after).order_by(ChangedHousehold.version_after)
        assert session.scalars(versions).all() == [2, 3, 4]


@pytest.mark.parametrize("round_", range(2))
def test_a_cycle_that_is_opened_while_a_household_splits_owes_each_member_once(
    database: URL, round_: int
) -> None:
    with offices.transaction("dz") as session:
        apply(session, OFFICER, kind_file('{per_member: "1000"}'))
        families = [family(session, "Omar", "Lina 7") for _ in range(4)]
        numbers = [
            waiting(
                session, "split", home, people=(people["Omar"],), head=people["Omar"], collector=people["Omar"],
                told={"phone": f"06610000{at}0", "word": "orange"},
            )
            for at, (home, people) in enumerate(families)
        ]  # fmt: skip

    def one(session: Session, at: int) -> None:
        if at == len(numbers):
            open_cycle(session, OFFICER, "winter-2026", f"{clock.now():%Y-%m}")
        else:
            confirmed(session, numbers[at])

    at_once(len(numbers) + 1, one)
    with offices.transaction("dz") as session:
        owed = session.scalar(select(func.sum(Entitlement.amount_minor)))
        assert owed == 4 * 3 * 1000_00
        listed = select(func.count()).select_from(Person).where(Person.gone.is_(None))
        assert session.scalar(listed) == 12


def test_a_telephone_that_changes_while_codes_are_issued_never_gets_one_that_nobody_approved(
    database: URL,
) -> None:
    run_id, _ = released_run("dz", (4, 4))
    with offices.transaction("dz") as session:
        paid = session.execute(
            select(Payment.household_id, Payment.person_id, Payment.account_id)
        ).all()
        numbers = [
            waiting(session, "phone", home, person=person, told={"phone": f"06610000{at}1"})
            for at, (home, person, _) in enumerate(paid)
        ]

    def one(session: Session, at: int) -> None:
        if at == len(numbers):
            with clock.frozen(START + timedelta(hours=2)):
                issuing.issue_chunk(session, run_id, "post_office")
        else:
            confirmed(session, numbers[at])

    at_once(len(numbers) + 1, one)
    with offices.transaction("dz") as session:
        told = select(Message.account_id).where(Message.template.startswith("CODE"))
        assert set(session.scalars(told)) <= {account for _, _, account in paid}
        issued = session.scalar(select(func.count()).select_from(CodeIssue)) or 0
        failed = select(func.count()).where(Payment.state == PaymentState.FAILED)
        assert issued + (session.scalar(failed) or 0) == len(paid)
    assert_every_promise_is_kept()
