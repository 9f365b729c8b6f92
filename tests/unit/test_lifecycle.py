"""Lifecycles are data: what the table does not allow does not happen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.lifecycle import MoveNotAllowed
from cbi.payments.states import PAYMENT, RUN, PaymentState, RunState
from cbi.redemption.states import CODE, CodeState

payment_states = st.sampled_from(PaymentState)


def test_no_arrow_leads_from_unknown_to_sending() -> None:
    reached = {PaymentState.UNKNOWN}
    # Even indirectly: every way back to sending passes through a certain end of the attempt.
    certain = {PaymentState.FAILED, PaymentState.RETURNED, PaymentState.EXPIRED, PaymentState.PAID}
    frontier = [PaymentState.UNKNOWN]
    while frontier:
        for after in PAYMENT.moves.get(frontier.pop(), {}):
            if after not in certain and after not in reached:
                reached.add(after)
                frontier.append(after)
    assert PaymentState.SENDING not in reached
    assert PaymentState.READY not in reached


@given(st.lists(payment_states, min_size=1, max_size=12))
def test_a_walk_stops_at_the_first_move_that_is_not_in_the_table(steps: list[PaymentState]) -> None:
    state = PAYMENT.initial
    for after in steps:
        if after in PAYMENT.moves.get(state, {}):
            PAYMENT.check(state, after)
            state = after
        else:
            with pytest.raises(MoveNotAllowed, match=f"that is {state} cannot become {after}"):
                PAYMENT.check(state, after)


def test_a_run_is_released_only_from_approved_and_goes_on_from_released() -> None:
    assert RUN.sources(RunState.RELEASING) == {RunState.APPROVED, RunState.RELEASED}
    assert RUN.sources(RunState.APPROVED) == {RunState.LOCKED, RunState.CERTIFIED}
    assert not RUN.allows(RunState.RELEASED, RunState.CANCELLED)


def test_a_paid_code_stays_paid() -> None:
    assert CodeState.PAID not in CODE.moves
    assert CODE.sources(CodeState.PAID) == {CodeState.ISSUED}


def test_a_diagram_shows_every_arrow() -> None:
    drawn = RUN.as_mermaid()
    assert drawn.startswith("stateDiagram-v2\n    [*] --> draft")
    assert drawn.count("-->") == 1 + sum(len(targets) for targets in RUN.moves.values())
