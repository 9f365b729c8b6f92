"""Whatever a provider does and whatever is decided afterwards: what is owed is paid once, and the books balance."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.errors import CbiError
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import Outcome, ProviderUpdate
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.outcomes import outcomes
from cbi.payments.runs import closing, runs
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval
from cbi.payments.states import PaymentState, RunState
from cbi.payments.unpaid import again
from cbi.payments.unpaid.decision_models import Remedy
from cbi.payments.unpaid.undecided import Chosen
from cbi.proofs.verify import PROMISES
from tests.factories import START, Team, approved_run, funded_programme, households, look, team

OUTCOMES = ("paid", "failed", "unknown_paid", "unknown_unpaid", "accepted")
STEPS = ("send", "send", "ask", "try_again", "give_up", "return", "expire", "follow_up", "close")
Step = tuple[str, list[int]]


@dataclass
class Life:
    """The runs of one cycle for three households, and what the provider really did with each attempt."""

    session: Session
    people: Team
    first: UUID
    at: datetime = START + timedelta(hours=2)
    truth: dict[tuple[UUID, int], str] = field(default_factory=dict)

    def do(self, step: str, chances: list[int]) -> None:
        """One step, an hour after the one before; what is refused changes nothing."""
        self.at += timedelta(hours=1)
        with clock.frozen(self.at), ExitStack() as stack:
            undone = stack.enter_context(self.session.begin_nested())
            try:
                getattr(self, f"_{step}")(chances)
            except CbiError:
                undone.rollback()

    def payments(self, *states: PaymentState) -> list[Payment]:
        found = select(Payment).order_by(Payment.run_id, Payment.number)
        if states:
            found = found.where(Payment.state.in_(states))
        return list(self.session.scalars(found, execution_options={"populate_existing": True}))

    def runs(self) -> Iterator[PaymentRun]:
        yield from self.session.scalars(select(PaymentRun).order_by(PaymentRun.number))

    def _send(self, chances: list[int]) -> None:
        for run in self.runs():
            while chunk := dispatch.next_chunk(self.session, run.id, "sandbox", 100):
                dispatch.start_chunk(self.session, chunk)
            for place, payment in enumerate(self.payments(PaymentState.SENDING)):
                did = OUTCOMES[chances[place % len(chances)] % len(OUTCOMES)]
                self.truth[payment.id, payment.attempts] = did
                said = Outcome.UNKNOWN if did.startswith("unknown") else Outcome(did)
                self._hears(payment, said)
            dispatch.finish_release(self.session, run.id)

    def _hears(self, payment: Payment, said: Outcome) -> None:
        news = ProviderUpdate(idempotency_key(payment.id, payment.attempts), said)
        outcomes.apply(self.session, news, provider="sandbox", source="query")

    def _ask(self, chances: list[int]) -> None:
        for place, payment in enumerate(self.payments(PaymentState.UNKNOWN, PaymentState.ACCEPTED)):
            key = payment.id, payment.attempts
            if self.truth[key] == "accepted":
                self.truth[key] = ("unknown_paid", "unknown_unpaid")[
                    chances[place % len(chances)] % 2
                ]
            paid = self.truth[key] == "unknown_paid"
            self._hears(payment, Outcome.PAID if paid else Outcome.FAILED)

    def _return(self, chances: list[int]) -> None:
        for payment in self.payments(PaymentState.PAID)[: chances[0] % 3]:
            self.truth[payment.id, payment.attempts] = "returned"
            self._hears(payment, Outcome.RETURNED)

    def _expire(self, chances: list[int]) -> None:
        waiting = self.payments(PaymentState.ACCEPTED)
        for payment in waiting:
            self.truth[payment.id, payment.attempts] = "expired"
        outcomes.expire(self.session, [each.id for each in waiting], "expiry")

    def _decide(self, remedy: Remedy, chances: list[int]) -> None:
        use = again.try_again if remedy is Remedy.TRY_AGAIN else again.give_up
        for run in self.runs():
            every = [each.id for each in self.payments() if each.run_id == run.id]
            some = tuple(
                each for place, each in enumerate(every) if chances[place % len(chances)] % 2
            )
            who = self.people.authoriser.actor
            with self.session.begin_nested() as undone:
                try:
                    use(self.session, who, run.id, "As it was agreed.", Chosen(payments=some))
                except CbiError:
                    undone.rollback()

    def _try_again(self, chances: list[int]) -> None:
        self._decide(Remedy.TRY_AGAIN, chances)

    def _give_up(self, chances: list[int]) -> None:
        self._decide(Remedy.GIVE_UP, chances)

    def _follow_up(self, _: list[int]) -> None:
        cycle_id = runs.find(self.session, self.first).cycle_id
        people, session = self.people, self.session
        new = runs.build(session, people.maker.actor, cycle_id)
        runs.lock(session, people.maker.actor, new.id)
        look(session, new, people)
        approval.certify(session, people.certifier.actor, new.id, people.certifier.code())
        approval.authorise(session, people.authoriser.actor, new.id, people.authoriser.code())
        self.at += timedelta(hours=1)
        with clock.frozen(self.at):
            dispatch.begin_release(session, people.authoriser.actor, new.id)

    def _close(self, _: list[int]) -> None:
        closing.close_settled(self.session)

    def net(self) -> dict[UUID, int]:
        """How often the provider really paid what is owed, less what came back, by entitlement."""
        owed = {each.id: each.entitlement_id for each in self.payments()}
        found: dict[UUID, int] = defaultdict(int)
        for (payment, _), did in self.truth.items():
            found[owed[payment]] += did in {"paid", "unknown_paid"}
        return found


@pytest.fixture
def life(session: Session) -> Life:
    with clock.frozen(START):
        people = team(session)
        households(session, (1, 2, 3))
        code = funded_programme(session, provider="sandbox", mechanism="mobile_money")
        run = approved_run(session, people, code)
    with clock.frozen(START + timedelta(hours=1)):
        dispatch.begin_release(session, people.authoriser.actor, run.id)
    return Life(session, people, run.id)


def check(life: Life) -> None:
    """Everybody at most once, the provider's truth and our books the same, and every promise kept."""
    assert max(life.net().values(), default=0) <= 1
    for payment in life.payments():
        did = life.truth.get((payment.id, payment.attempts), "")
        assert (payment.state is PaymentState.PAID) <= (did in {"paid", "unknown_paid"})
    broken = [
        breach for promise in PROMISES for each in promise.checks for breach in each(life.session)
    ]
    assert broken == []
    for run in life.runs():
        if run.state is RunState.CLOSED:
            left = {each.state for each in life.payments() if each.run_id == run.id}
            assert left <= {PaymentState.PAID, PaymentState.CANCELLED}


@settings(
    max_examples=8, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    st.lists(
        st.tuples(st.sampled_from(STEPS), st.lists(st.integers(0, 9), min_size=3, max_size=3)), min_size=6, max_size=18
    )
)  # fmt: skip
def test_any_outcomes_and_decisions_pay_once_and_the_books_balance(
    life: Life, steps: list[Step]
) -> None:
    told = life.session.begin_nested()
    lived = Life(life.session, life.people, life.first)
    for step, chances in steps:
        lived.do(step, chances)
    check(lived)
    told.rollback()


def test_the_longest_way_round_ends_with_everybody_paid(life: Life) -> None:
    for step, chances in (
        ("send", [1, 4, 3]), ("try_again", [1, 1, 1]), ("send", [1, 1, 1]), ("expire", [0]), ("ask", [0]),
        ("give_up", [1, 0, 1]), ("close", [0]), ("follow_up", [0]), ("send", [1, 1, 0]), ("try_again", [1, 1, 1]),
        ("send", [0, 0, 0]), ("return", [1]), ("give_up", [1, 1, 1]), ("follow_up", [0]), ("send", [0, 0, 0]),
        ("close", [0]),
    ):  # fmt: skip
        life.do(step, chances)
        if step in {"give_up", "return"}:
            check(life)
    check(life)
    assert set(life.net().values()) == {1}
    assert {run.state for run in life.runs()} == {RunState.CLOSED}
