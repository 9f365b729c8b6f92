"""Whatever is said of a payment's attempts, in whatever order, our books end as the provider's truth."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL
from sqlalchemy.orm import Session

from cbi import offices
from cbi.fsp.messages import Outcome
from cbi.payments.states import ON_ITS_WAY, PaymentState
from cbi.proofs.verify import PROMISES
from tests.flow.sending import PointAt, told
from tests.flow.two_attempts import AMOUNT, FAILED, PAID, RETURNED, Tried, tried_of

S = PaymentState


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def tried(database: URL, template: str) -> Tried:
    """A payment of 1,000 dinars that waits to be sent for the first time."""
    return tried_of(template)


class _Undone(Exception):
    pass


WORDS = st.one_of(
    st.just(("sent", None, 0)),
    st.tuples(
        st.just("says"),
        st.sampled_from([PAID, FAILED, RETURNED, Outcome.UNKNOWN]),
        st.integers(1, 3),
    ),
    st.tuples(st.just("answers"), st.sampled_from([PAID, FAILED]), st.just(0)),
    st.tuples(st.just("becomes"), st.sampled_from([S.READY, S.CANCELLED, S.DISPUTED]), st.just(0)),
)
ENDED = {S.FAILED, S.RETURNED, S.EXPIRED}


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(WORDS, min_size=3, max_size=16))
def test_whatever_is_said_of_three_attempts_in_whatever_order_the_books_are_the_providers_truth(
    tried: Tried, story: list[tuple[str, object, int]]
) -> None:
    with suppress(_Undone), offices.transaction("dz") as session:
        tried = replace(tried, session=session)
        start = tried.books()
        paid, returned = _tell(tried, story)
        after, left = tried.books(), len(paid) - len(returned)
        in_flight, owed = tried.state in ON_ITS_WAY, len(tried.owed())
        assert start["1100"] - after["1100"] == AMOUNT * left
        assert after.get("1310", 0) == AMOUNT * owed
        assert owed == (left if in_flight else max(left - 1, 0))
        assert (tried.state is S.PAID) == (not in_flight and left > 0)
        assert after.get("5000", 0) == AMOUNT * (tried.state is S.PAID)
        assert _breaches(session) == []
        raise _Undone


def _tell(tried: Tried, story: list[tuple[str, object, int]]) -> tuple[set[int], set[int]]:
    """Live through the story; returns the attempts that were paid, and those whose money came back, in truth."""
    paid: set[int] = set()
    returned: set[int] = set()
    for word, what, number in story:
        payment = tried.payment
        state, attempts = payment.state, payment.attempts
        if word == "sent" and state is S.READY and attempts < 3:
            tried.sent()
        elif word == "becomes" and (
            state in ENDED if what is not S.DISPUTED else state is S.UNKNOWN
        ):
            assert isinstance(what, PaymentState)
            tried.becomes(what)
        elif isinstance(what, Outcome) and word == "says" and number <= attempts:
            tried.says(what, number)
            paid |= {number} if what in {PAID, RETURNED} else set()
            returned |= {number} if what is RETURNED else set()
        elif isinstance(what, Outcome) and word == "answers" and attempts:
            tried.answers(what)
            paid |= {attempts} if what is PAID else set()
            returned |= {attempts} & paid if what is FAILED else set()
    return paid, returned


def _breaches(session: Session) -> list[str]:
    """What `cbi verify` would say of who was paid, of the books and of what nobody knows."""
    return [
        breach
        for promise in PROMISES
        if promise.number in {1, 3, 4, 5}
        for check in promise.checks
        for breach in check(session)
    ]
