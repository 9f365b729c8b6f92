"""What keeps payments from being tried anew or given up: each is left, by number and count, and nobody is paid twice."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import URL, update

from adapters.sandbox.client import Act
from cbi import clock, offices
from cbi.access.actor import SYSTEM, Actor
from cbi.errors import CbiError
from cbi.payments.models import Payment
from cbi.payments.outcomes import discrepancies
from cbi.payments.states import PaymentState
from cbi.payments.unpaid import again, undecided
from cbi.payments.unpaid.decision_models import Remedy
from cbi.payments.unpaid.undecided import Chosen, Obstacle
from cbi.registry.consent.models import Answer, Consent, How, Scope
from cbi.registry.linkage.models import Pair, PairState
from cbi.registry.models import Household, PaymentAccount, Person
from cbi.registry.personal import PHONE, Sealer
from tests.factories import EVERYTHING, START, Team
from tests.flow.deciding import (
    LATER,
    Bank,
    decide,
    follow_up,
    nothing_is_left,
)
from tests.flow.sending import (
    STORIES,
    PointAt,
    assert_every_promise_is_kept,
    payments,
    states,
    told,
)

READY, PAID, FAILED, EXPIRED, CANCELLED = (
    PaymentState.READY, PaymentState.PAID, PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED
)  # fmt: skip


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def people(database: URL, template: str) -> Team:
    return STORIES[template].people


@pytest.fixture
def bank(database: URL, template: str) -> Bank:
    """Two payments failed, four were paid."""
    return Bank(STORIES[template].by_sandbox, Act.DECLINE, Act.DECLINE)


def refusal(
    remedy: Remedy, who: Actor, run_id: UUID, *, chosen: Chosen = undecided.EVERY
) -> CbiError:
    with pytest.raises(CbiError) as raised:
        decide(remedy, who, run_id, chosen=chosen)
    return raised.value


def replace_telephone(payment: Payment) -> None:
    """The recipient has another telephone from now on."""
    with offices.transaction("dz") as session:
        old = session.get_one(PaymentAccount, payment.account_id)
        old.replaced_at = LATER
        session.flush()
        person = session.get_one(Person, payment.person_id)
        sealer, number = Sealer(offices.office_of(session).keys), uuid4()
        assert person.data_key is not None
        key = sealer.key_of(person.id, person.data_key)
        value, index = sealer.account(key, number, PHONE, "+213550009999")
        session.add(
            PaymentAccount(
                id=number, person_id=person.id, kind=PHONE, value=value, value_index=index, created_at=LATER
            )
        )  # fmt: skip


def test_whose_telephone_changed_is_left_by_number_and_paid_to_the_new_one_by_a_follow_up(
    bank: Bank, people: Team
) -> None:
    changed = payments(bank.run_id)[1]
    replace_telephone(changed)
    who = people.authoriser.actor
    done = decide(Remedy.TRY_AGAIN, who, bank.run_id)
    assert done.payments == 1
    assert [(line.obstacle, line.payments) for line in done.left] == [(Obstacle.PAYEE_CHANGED, 1)]
    bank.send()
    refused = refusal(Remedy.TRY_AGAIN, who, bank.run_id)
    assert refused.code == "payment_decision.none_may"
    assert f"(1 payments: no. {changed.number})" in refused.message
    decide(Remedy.GIVE_UP, who, bank.run_id)
    new = Bank(follow_up(bank.run_id, people))
    assert new.accounts == ["+213550009999"]
    assert states(new.run_id) == [PAID]
    assert_every_promise_is_kept()


def test_who_left_or_was_erased_and_a_fund_that_is_over_are_obstacles(
    bank: Bank, people: Team
) -> None:
    first, second = payments(bank.run_id)[:2]
    with offices.transaction("dz") as session:
        session.execute(
            update(Household).where(Household.id == first.household_id).values(status="closed")
        )
        session.execute(update(Person).where(Person.id == second.person_id).values(data_key=None))
    who = people.authoriser.actor
    with offices.transaction("dz") as session:
        found = again.weigh(session, who, bank.run_id, Remedy.TRY_AGAIN)
        assert sorted(str(line.obstacle) for line in found.left) == ["household_left", "person_erased"]  # fmt: skip
        assert not found.moved
        both = again.weigh(session, who, bank.run_id, Remedy.GIVE_UP)
        assert both.payments == 2
    with clock.frozen(START.replace(year=START.year + 3, day=1)), offices.transaction("dz") as session:  # fmt: skip
        late = again.weigh(session, who, bank.run_id, Remedy.TRY_AGAIN)
    assert {line.obstacle for line in late.left} == {Obstacle.FUND_NOT_VALID}
    assert {line.age for line in late.left} == {2}


def test_what_is_in_dispute_is_neither_tried_nor_given_up_nor_followed(
    bank: Bank, people: Team
) -> None:
    who, first = people.authoriser.actor, payments(bank.run_id)[0]
    with offices.transaction("dz") as session:
        discrepancies.open_discrepancy(
            session,
            "said_to_have_failed",
            f"payment:{first.id}:1",
            provider="sandbox",
            payment_id=first.id,
        )
    chosen = Chosen(payments=(first.id,))
    for remedy in Remedy:
        assert refusal(remedy, who, bank.run_id, chosen=chosen).code == "payment_decision.none_may"
    decide(Remedy.GIVE_UP, who, bank.run_id)
    assert states(bank.run_id)[:2] == [FAILED, CANCELLED]
    with offices.transaction("dz") as session:  # and a dispute that comes after
        given_up = payments(bank.run_id)[1]
        discrepancies.open_discrepancy(
            session, "paid_after_cancelled", f"payment:{given_up.id}:1", provider="sandbox",
            payment_id=given_up.id,
        )  # fmt: skip
    assert nothing_is_left(bank.run_id, people)


def test_what_nobody_knows_about_waits_for_no_decision(
    database: URL, template: str, people: Team
) -> None:
    bank = Bank(STORIES[template].by_sandbox, Act.HANG_UP)
    assert states(bank.run_id)[0] is PaymentState.UNKNOWN
    for remedy in Remedy:
        found = refusal(remedy, people.authoriser.actor, bank.run_id)
        assert found.code == "payment_decision.nothing_waits"


def test_a_program_the_maker_and_who_lacks_the_permission_do_not_decide(
    bank: Bank, people: Team
) -> None:
    for remedy in Remedy:
        assert refusal(remedy, SYSTEM, bank.run_id).code in {
            "payment_decision.only_people", "access.not_permitted"
        }  # fmt: skip
        assert refusal(remedy, people.certifier.actor, bank.run_id).code == "access.not_permitted"
        maker = Actor("user", people.maker.actor.id, "maker", EVERYTHING.grants)
        assert refusal(remedy, maker, bank.run_id).code == "payment_decision.own_run"
    assert states(bank.run_id)[:2] == [FAILED, FAILED]


def test_what_would_only_wait_or_be_held_back_again_is_not_tried_anew(
    bank: Bank, people: Team
) -> None:
    against, paired, other = payments(bank.run_id)[:3]
    with offices.transaction("dz") as session:
        session.add(
            Consent(
                id=uuid4(), person_id=against.person_id, scope=Scope.PROVIDER, answer=Answer.REFUSED, how=How.CALL,
                said_on=LATER.date(), recorded_at=LATER,
            )
        )  # fmt: skip
        first, second = sorted((paired.person_id, other.person_id))
        session.add(
            Pair(
                id=uuid4(), first_id=first, second_id=second, per_mille=990, levels={}, model="m", found_at=LATER,
                state=PairState.OPEN,
            )
        )  # fmt: skip
    who = people.authoriser.actor
    refused = refusal(Remedy.TRY_AGAIN, who, bank.run_id)
    assert refused.code == "payment_decision.none_may"
    assert "said no" in refused.message
    assert "on record twice" in refused.message
    assert decide(Remedy.GIVE_UP, who, bank.run_id).payments == 2
