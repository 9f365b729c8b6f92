"""Whatever amounts are named and found of a payment's attempts, in whatever order, our float ends as the provider's."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL
from sqlalchemy.orm import Session

from cbi import offices
from cbi.access.permissions import Role
from cbi.errors import CbiError
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import Outcome, ProviderUpdate
from cbi.money import Money
from cbi.payments.outcomes import late
from cbi.payments.outcomes.outcomes import apply
from cbi.payments.recovery import amounts
from cbi.payments.states import PaymentState
from cbi.proofs.verify import PROMISES
from tests.factories import Colleague, colleague
from tests.flow.sending import PointAt, told
from tests.flow.two_attempts import AMOUNT, FAILED, PAID, RETURNED, Tried, tried_of

S = PaymentState
ENDED = {S.FAILED, S.RETURNED, S.EXPIRED}


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def tried(database: URL, template: str) -> Tried:
    """A payment of 1,000 dinars that waits to be sent for the first time."""
    return tried_of(template)


@pytest.fixture
def people(database: URL) -> list[Colleague]:
    """A treasurer, and others who confirm a finding each, as a one-time code is good once."""
    with offices.transaction("dz") as session:
        roles = (Role.TREASURER, *[Role.AUTHORISER] * 5)
        return [colleague(session, role) for role in roles]


class _Undone(Exception):
    pass


MINOR = st.sampled_from([40_000, 100_000, 130_000])
NUMBER = st.integers(1, 3)
WORDS = st.one_of(
    st.just(("sent", None, 0)),
    st.tuples(st.just("says"), st.sampled_from([PAID, FAILED, RETURNED]), NUMBER),
    st.tuples(st.just("names"), MINOR, NUMBER),
    st.tuples(st.just("found"), st.one_of(MINOR, st.just(0)), NUMBER),
    st.tuples(st.just("becomes"), st.sampled_from([S.READY, S.CANCELLED]), st.just(0)),
    st.just(("adopted", None, 0)),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(WORDS, min_size=4, max_size=16))
def test_whatever_is_named_and_found_the_float_is_the_providers_and_every_promise_is_kept(
    tried: Tried, people: list[Colleague], story: list[tuple[str, object, int]]
) -> None:
    with suppress(_Undone), offices.transaction("dz") as session:
        told = Telling(replace(tried, session=session), session, people)
        start = told.tried.books()
        for word, what, number in story:
            told.word(word, what, number)
        after = told.tried.books()
        out = sum(minor for each, minor in told.taken.items() if each not in told.returned)
        assert start["1100"] - after["1100"] == out
        assert after.get("1310", 0) + after.get("5000", 0) == out
        assert breaches(session) == []
        raise _Undone


class Telling:
    """What the provider really took for each attempt, and what came back, beside what is said to us."""

    def __init__(self, tried: Tried, session: Session, people: list[Colleague]) -> None:
        self.tried, self.session = tried, session
        self.treasurer, self.authorisers = people[0], [*people[1:]]
        self.taken: dict[int, int] = {}
        self.returned: set[int] = set()

    def word(self, word: str, what: object, number: int) -> None:
        payment = self.tried.payment
        if word == "sent" and payment.state is S.READY and payment.attempts < 3:
            self.tried.sent()
        elif word == "becomes" and payment.state in ENDED:
            assert isinstance(what, PaymentState)
            self.tried.becomes(what)
        elif word == "adopted":
            late.adopt_all(self.session)
        elif number > payment.attempts:
            return
        elif isinstance(what, Outcome):
            self.tried.says(what, number)
            if what in {PAID, RETURNED}:
                self.taken.setdefault(number, AMOUNT)
            self.returned |= {number} if what is RETURNED else set()
        elif word == "names":
            assert isinstance(what, int)
            self.names(what, number)
        elif word == "found":
            assert isinstance(what, int)
            self.found(what, number)

    def names(self, minor: int, number: int) -> None:
        key = idempotency_key(self.tried.id, number)
        news = ProviderUpdate(key, PAID, amount=Money(minor, "DZD"))
        apply(self.session, news, provider="sandbox", source="callback")
        if minor == AMOUNT:
            self.taken.setdefault(number, AMOUNT)

    def found(self, minor: int, number: int) -> None:
        if not self.authorisers:
            return
        who, amount = self.treasurer.actor, Money(minor, "DZD").decimal
        try:
            report = amounts.report(self.session, who, self.tried.id, amount, "Letter 55", number)
        except CbiError:
            return
        second = self.authorisers.pop()
        amounts.confirm(self.session, second.actor, report.id, second.code())
        if minor:
            self.taken[number] = minor


def breaches(session: Session) -> list[str]:
    """What `cbi verify` would say of who was paid, of the books and of what nobody knows."""
    return [
        breach
        for promise in PROMISES
        if promise.number in {1, 3, 4, 5}
        for check in promise.checks
        for breach in check(session)
    ]
