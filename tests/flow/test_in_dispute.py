"""A payment that its provider may have paid already gets no new attempt until a person has settled the dispute."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import URL, select

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import SIGNATURE, Act, SandboxProvider, Schedule, Step, sign
from cbi import clock, offices
from cbi.payments.models import Discrepancy, PaymentRun
from cbi.payments.outcomes import discrepancies, settling
from cbi.payments.runs import progress, queries
from cbi.payments.runs.queries import RouteLine
from cbi.payments.sending import inbox, sending, stalled
from cbi.payments.sending.sending import Sent
from cbi.payments.states import PaymentState, RunState
from cbi.redemption import issuing
from cbi.registry import personal
from cbi.reporting.stuck import Reason, stuck
from tests.factories import EVERYTHING
from tests.flow.sending import (
    STORIES,
    PointAt,
    accounts,
    assert_every_promise_is_kept,
    attempts,
    disputes,
    payments,
    run_state,
    states,
    told,
)

SECRET = "a-secret-for-callbacks"
READY, PAID = PaymentState.READY, PaymentState.PAID


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


class Story:
    """A provider that turned the first payment away, and paid the five others."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        schedule = Schedule()
        schedule.plan(accounts(run_id)[0], Step(Act.REFUSE_CONNECTION))
        self.provider = SandboxProvider(schedule, opening_float=lambda _: 10**9, secret=SECRET)
        self.adapter = SandboxAdapter(self.provider)
        self.send()
        assert states(run_id) == [READY] + [PAID] * 5
        self.payment = payments(run_id)[0]

    def send(self) -> Sent:
        return sending.send("dz", self.run_id, "sandbox", self.adapter, personal.accounts)

    def says(self, status: str, attempt: int = 1) -> None:
        told = {"reference": f"{self.payment.id.hex}-{attempt:02d}", "status": status}
        body = json.dumps({"payments": [told]}).encode()
        inbox.receive("dz", "sandbox", self.adapter, {SIGNATURE: sign(SECRET, body)}, body)

    def route(self) -> RouteLine:
        with offices.transaction("dz") as session:
            (line,) = queries.routes(session, session.get_one(PaymentRun, self.run_id))
        return line

    def settles(self) -> None:
        with offices.transaction("dz") as session:
            for each in session.scalars(
                select(Discrepancy.id).where(Discrepancy.settled_at.is_(None))
            ).all():
                settling.settle(session, EVERYTHING, each, "They wrote that it was a mistake.")


@pytest.fixture
def story(database: URL, template: str) -> Story:
    return Story(STORIES[template].by_sandbox)


def opened(story: Story, kind: str, line_id: UUID | None = None) -> None:
    with offices.transaction("dz") as session:
        discrepancies.open_discrepancy(
            session, kind, f"payment:{story.payment.id}", provider="sandbox", payment_id=story.payment.id,
            line_id=line_id,
        )  # fmt: skip


def test_what_is_said_to_be_paid_although_it_was_turned_away_is_not_sent_again(
    story: Story,
) -> None:
    story.says("DONE")
    assert states(story.run_id) == [PAID] * 6
    assert disputes() == ["paid_after_ready"]
    story.settles()
    for hours in (1, 10, 100):
        with clock.frozen(clock.now() + timedelta(hours=hours)):
            assert story.send() == Sent(), "however carelessly the discrepancy was settled"
    assert run_state(story.run_id) is RunState.RELEASED
    assert len(attempts(story.run_id)) == 6
    assert_every_promise_is_kept()


def test_what_is_said_to_be_paid_with_another_amount_waits_for_a_person(story: Story) -> None:
    opened(story, "paid_another_amount")
    for hours in (1, 10, 100):
        with clock.frozen(clock.now() + timedelta(hours=hours)):
            assert story.send() == Sent()
    assert states(story.run_id) == [READY] + [PAID] * 5
    assert run_state(story.run_id) is RunState.RELEASING
    assert_every_promise_is_kept()
    assert (story.route().waiting, story.route().held) == (1, 1)
    with clock.frozen(clock.now() + timedelta(hours=5)), offices.transaction("dz") as session:
        board = progress.board(session)
        assert [line.provider for line in stalled.stalled_routes(session, board)] == ["post_office"]
        reasons = {line.reason: line for line in stuck(session, EVERYTHING, board)}
        assert (reasons[Reason.HELD].count, reasons[Reason.HELD].total) == (
            1, stalled.held_routes(session, board)[0].left.total
        )  # fmt: skip


def test_it_is_sent_once_a_person_has_settled_the_dispute(story: Story) -> None:
    opened(story, "said_to_have_failed")
    story.settles()
    assert story.send() == Sent(submitted=1)
    assert states(story.run_id) == [PAID] * 6
    assert run_state(story.run_id) is RunState.RELEASED
    assert (story.route().waiting, story.route().held) == (0, 0)
    assert_every_promise_is_kept()


@pytest.mark.parametrize(
    "kind",
    [
        "paid_after_failed", "said_to_have_failed", "earlier_attempt_paid", "paid_after_expired",
        "returned_after_failed",
    ],
)  # fmt: skip
def test_every_kind_that_says_that_money_may_have_moved_holds_the_payment(
    story: Story, kind: str
) -> None:
    opened(story, kind)
    assert story.send() == Sent()
    story.settles()
    assert story.send() == Sent(submitted=1)


def test_a_line_of_the_providers_statement_holds_it_too(story: Story) -> None:
    opened(story, "settled_not_paid", uuid4())
    assert story.send() == Sent()


@pytest.mark.parametrize("kind", ["reference_repeated", "not_collected", "failed_after_ready"])
def test_what_says_nothing_of_money_that_moved_holds_nobody(story: Story, kind: str) -> None:
    opened(story, kind)
    assert story.send() == Sent(submitted=1)


def test_it_blocks_nobody_else_however_the_chunks_are_cut(database: URL, template: str) -> None:
    run_id = STORIES[template].by_codes
    for place in (0, 2, 5):
        with offices.transaction("dz") as session:
            payment = payments(run_id)[place]
            discrepancies.open_discrepancy(
                session,
                "earlier_attempt_paid",
                f"{place}",
                provider="post_office",
                payment_id=payment.id,
            )
    issued = [
        offices.transact("dz", lambda s: issuing.issue_chunk(s, run_id, "post_office", 2))
        for _ in range(4)
    ]
    assert issued == [1, 1, 1, 0], "one of each two is held"
    held = [READY if place in {0, 2, 5} else PaymentState.ACCEPTED for place in range(6)]
    assert states(run_id) == held
    assert_every_promise_is_kept()
