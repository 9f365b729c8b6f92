"""A provider that never comes back: two people take back what waits for it, and then it is tried again or given up."""

from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, select, text

from cbi import offices
from cbi.access.permissions import Role
from cbi.payments.models import Attempt, Payment, PaymentRun
from cbi.payments.outcomes import late
from cbi.payments.states import PaymentState, ReceivableState, RunState
from cbi.payments.unpaid import again, withdrawing
from tests.factories import colleague
from tests.flow.sending import (
    STORIES,
    PointAt,
    assert_every_promise_is_kept,
    disputes,
    states,
    told,
)
from tests.flow.suspended import refused
from tests.flow.two_attempts import AMOUNT, FAILED, PAID, Tried, tried_of

S = PaymentState


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


class Silent:
    """A run of six payments to a provider that is gone, and people who did not make it."""

    def __init__(self, template: str) -> None:
        self.run_id, self.people = STORIES[template].by_sandbox, STORIES[template].people
        self.tried: Tried = tried_of(template)
        self.start = self.tried.books()
        with offices.transaction("dz") as session:
            self.canceller = colleague(session, Role.TREASURER, Role.AUTHORISER)
            self.authorisers = [colleague(session, Role.AUTHORISER) for _ in range(2)]

    def propose(self, payment_id: UUID | None = None, provider: str = "sandbox") -> None:
        self.proposal = offices.transact(
            "dz",
            lambda s: (
                withdrawing.propose(
                    s,
                    self.canceller.actor,
                    self.run_id,
                    provider,
                    "The provider closed.",
                    payment_id,
                ).id
            ),
        )

    def confirm(self) -> None:
        who = self.authorisers.pop()
        code = who.code()
        offices.transact("dz", lambda s: withdrawing.confirm(s, who.actor, self.proposal, code).id)

    def gives_up(self) -> None:
        who = self.canceller.actor
        offices.transact("dz", lambda s: again.give_up(s, who, self.run_id, "It closed.").payments)


@pytest.fixture
def silent(database: URL, template: str) -> Silent:
    return Silent(template)


def test_what_waits_for_a_provider_that_is_gone_is_taken_back_by_two_and_given_up(
    silent: Silent,
) -> None:
    silent.propose()
    assert states(silent.run_id) == [S.READY] * 6
    assert refused(lambda: _confirm_as(silent, silent.canceller)) == "payment.own_report"
    silent.confirm()
    assert states(silent.run_id) == [S.FAILED] * 6
    with offices.transaction("dz") as session:
        run = session.get_one(PaymentRun, silent.run_id)
        assert run.state is RunState.RELEASED
        assert session.scalars(select(Attempt.number)).all() == [1] * 6
        assert session.scalars(select(Payment.heard_of).where(Payment.run_id == run.id)).all() == [0] * 6  # fmt: skip
    assert_every_promise_is_kept()
    assert refused(silent.propose) == "withdrawal.nothing_waits"
    silent.gives_up()
    assert states(silent.run_id) == [S.CANCELLED] * 6
    now = silent.tried.books()
    assert (now["1100"], now["2100"] - silent.start["2100"]) == (silent.start["1100"], 21 * AMOUNT)
    assert_every_promise_is_kept()


def _confirm_as(silent: Silent, who: object) -> None:
    one = silent.canceller
    assert who is one
    code = one.code()
    offices.transact("dz", lambda s: withdrawing.confirm(s, one.actor, silent.proposal, code).id)


def test_what_left_meanwhile_is_left_alone(silent: Silent) -> None:
    silent.propose()
    silent.tried.sent()
    silent.confirm()
    assert sorted(states(silent.run_id)) == [S.FAILED] * 5 + [S.SENDING]
    assert_every_promise_is_kept()
    silent.tried.says(PAID)
    assert silent.tried.state is S.PAID
    assert_every_promise_is_kept()


def test_one_that_may_have_been_paid_before_is_taken_back_and_what_was_paid_becomes_the_payment(
    silent: Silent,
) -> None:
    silent.tried.sent(FAILED)
    silent.tried.becomes(S.READY)
    silent.propose(silent.tried.id)
    silent.confirm()
    assert sorted(states(silent.run_id)) == [S.FAILED] + [S.READY] * 5
    assert silent.tried.payment.attempts == 2
    silent.tried.says(PAID, 1)
    assert (silent.tried.state, silent.tried.owed()) == (S.PAID, [])
    assert_every_promise_is_kept()


def test_a_replacement_that_waits_for_what_was_paid_before_has_a_way_out(
    silent: Silent, owner: Engine
) -> None:
    """As if the last payment were for what the first is for, which was given up and is found paid now."""
    first = silent.tried
    first.sent(FAILED)
    first.becomes(S.CANCELLED)
    with offices.transaction("dz") as session:
        replacement = session.scalars(
            select(Payment.id)
            .where(Payment.run_id == silent.run_id, Payment.state == S.READY)
            .order_by(Payment.number.desc())
        ).first()
    assert replacement is not None
    with owner.begin() as connection:
        connection.execute(
            text(
                "UPDATE dz.payments SET entitlement_id = (SELECT entitlement_id FROM dz.payments WHERE id = :first)"
                " WHERE id = :id"
            ),
            {"first": first.id, "id": replacement},
        )
    first.says(PAID, 1)
    assert first.owed() == [1]
    silent.propose(replacement)
    silent.confirm()
    offices.transact(
        "dz", lambda s: again.give_up(s, silent.canceller.actor, silent.run_id, "It was paid.").payments
    )  # fmt: skip
    offices.transact("dz", late.adopt_all)
    assert (first.state, first.owed(), first.owed(ReceivableState.DELIVERED)) == (S.PAID, [], [1])
    assert set(disputes()) <= {"paid_after_cancelled"}


def test_whoever_made_the_run_takes_nothing_back(silent: Silent) -> None:
    with offices.transaction("dz") as session:
        session.execute(
            text("INSERT INTO run_parts (run_id, user_id, part, since) SELECT :run, :who, 'maker', now()"),
            {"run": silent.run_id, "who": silent.canceller.actor.id},
        )  # fmt: skip
    assert refused(silent.propose) == "payment_decision.own_run"
