"""Many decide at once, and news comes in between: one decision counts, and nobody is paid twice."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import URL

from adapters.sandbox.client import Act
from cbi import offices
from cbi.errors import CbiError
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import Outcome, ProviderUpdate
from cbi.payments.outcomes import outcomes
from cbi.payments.runs import runs
from cbi.payments.states import PaymentState
from cbi.payments.unpaid.decision_models import Remedy
from tests.factories import Team
from tests.flow.deciding import Bank, decide, follow_up, nothing_is_left
from tests.flow.sending import (
    STORIES,
    PointAt,
    assert_every_promise_is_kept,
    at_once,
    payments,
    states,
    told,
)

READY, CANCELLED = PaymentState.READY, PaymentState.CANCELLED


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


def at_the_same_time(*acts: Callable[[], object]) -> Counter[str]:
    """Do all of it at once; how often it was done, and how often refused with which code."""

    def one(act: Callable[[], object]) -> str:
        try:
            act()
        except CbiError as refused:
            return refused.code
        return "done"

    return Counter(at_once(one, acts))


def test_of_those_who_try_again_and_give_up_at_once_one_decides(bank: Bank, people: Team) -> None:
    who = people.authoriser.actor
    acts = [partial(decide, remedy, who, bank.run_id) for remedy in (*Remedy,) * 6]
    answers = at_the_same_time(*acts)
    assert answers == {"done": 1, "payment_decision.nothing_waits": 11}
    assert states(bank.run_id)[:2] in ([READY] * 2, [CANCELLED] * 2)
    assert_every_promise_is_kept()


def test_news_that_it_was_paid_after_all_and_a_decision_at_once_pay_nobody_twice(
    bank: Bank, people: Team
) -> None:
    who, first = people.authoriser.actor, payments(bank.run_id)[0]
    late = ProviderUpdate(idempotency_key(first.id, 1), Outcome.PAID)

    def hears() -> None:
        offices.transact(
            "dz", lambda s: outcomes.apply(s, late, provider="sandbox", source="query")
        )

    at_the_same_time(
        hears, partial(decide, Remedy.TRY_AGAIN, who, bank.run_id), hears,
        partial(decide, Remedy.GIVE_UP, who, bank.run_id), hears,
    )  # fmt: skip
    bank.send()
    new = bank.run_id
    if not nothing_is_left(bank.run_id, people):
        new = follow_up(bank.run_id, people)
        Bank(new)
    tried = {
        each.id: each.attempts
        for run_id in (bank.run_id, new)
        for each in payments(run_id)
        if each.entitlement_id == first.entitlement_id
    }
    assert sum(tried.values()) == 1, "what was paid after all was sent again"
    assert_every_promise_is_kept()


def test_of_eight_who_build_the_follow_up_at_once_one_gets_it(bank: Bank, people: Team) -> None:
    decide(Remedy.GIVE_UP, people.authoriser.actor, bank.run_id)
    with offices.transaction("dz") as session:
        cycle_id = runs.find(session, bank.run_id).cycle_id
    build = partial(
        offices.transact, "dz", lambda s: runs.build(s, people.maker.actor, cycle_id)
    )  # fmt: skip
    assert at_the_same_time(*[build] * 8) == {"done": 1, "payment_run.nothing_to_pay": 7}
    assert_every_promise_is_kept()
