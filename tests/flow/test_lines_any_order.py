"""Whatever a provider says and lists of a payment's attempts, and whatever two people find of it, in whatever order: our
float is what its statements say, and only what nothing explains stands in suspense.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, text
from sqlalchemy.orm import Session

from cbi import offices
from cbi.errors import CbiError
from cbi.payments.outcomes import late
from cbi.payments.outcomes.known import came_since, known_paid, known_returned
from cbi.payments.states import PaymentState
from cbi.reconciliation.models import Verdict
from tests.flow.sending import PointAt, told
from tests.flow.suspended import Told
from tests.flow.test_another_amount_any_order import breaches
from tests.flow.two_attempts import AMOUNT, FAILED, PAID, RETURNED, Tried, tried_of

S, V = PaymentState, Verdict
ENDED = {S.FAILED, S.RETURNED, S.EXPIRED}


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def lines(database: URL, template: str) -> Told:
    return Told(tried_of(template), colleagues=6)


class _Undone(Exception):
    pass


NUMBER = st.integers(1, 2)
WORDS = st.one_of(
    st.just(("sent", None, 0)),
    st.tuples(st.just("says"), st.sampled_from([PAID, FAILED, RETURNED]), NUMBER),
    st.tuples(
        st.just("lists"), st.sampled_from([-AMOUNT, -AMOUNT, AMOUNT, -40_000]), st.integers(0, 2)
    ),
    st.tuples(st.just("finds"), st.sampled_from(sorted(V)), NUMBER),
    st.tuples(st.just("becomes"), st.sampled_from([S.READY, S.CANCELLED]), st.just(0)),
    st.just(("compared", None, 0)),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(WORDS, min_size=4, max_size=12))
@example(
    [
        ("sent", None, 0), ("says", PAID, 1), ("lists", -40_000, 1), ("finds", V.ATTEMPT, 1), ("lists", -40_000, 0),
        ("finds", V.MORE, 1), ("finds", V.MISTAKEN, 1), ("finds", V.MORE, 1), ("says", RETURNED, 1),
        ("finds", V.MISTAKEN, 1),
    ]
)  # fmt: skip
def test_our_float_is_what_the_statements_say_and_the_rest_stands_in_suspense(
    lines: Told, story: list[tuple[str, object, int]]
) -> None:
    with suppress(_Undone), offices.transaction("dz") as session:
        telling = Telling(lines, session)
        for word, what, number in story:
            telling.word(word, what, number)
        telling.lines.compare()
        telling.is_as_the_provider_says()
        raise _Undone


class Telling:
    """Lines of a provider's statements, with and without the name of an attempt, and people who find what they are."""

    def __init__(self, lines: Told, session: Session) -> None:
        self.tried: Tried = replace(lines.tried, session=session)
        self.session, self.names, self.unlisted = session, list[str](), 0
        self.lines = lines
        lines.tried, lines.start = self.tried, self.tried.books()
        self.authorisers = list(lines.authorisers)
        self.found: tuple[str, object] | None = None

    def word(self, word: str, what: object, number: int) -> None:
        payment = self.tried.payment
        if word == "sent" and payment.state is S.READY and payment.attempts < 2:
            self.tried.sent()
        elif word == "becomes" and payment.state in ENDED:
            assert isinstance(what, PaymentState)
            self.tried.becomes(what)
        elif word == "compared":
            self.lines.compare()
            late.adopt_all(self.session)
        elif word == "says" and number <= payment.attempts:
            self.tried.says(what, number)  # type: ignore[arg-type]
        elif word == "lists" and number <= payment.attempts:
            assert isinstance(what, int)
            self.names.append(f"L{len(self.names)}")
            kind = "REVERSAL" if what > 0 else "PAYOUT"
            named = {"reference": self.lines.key(number)} if number else {}
            self.lines.lists({"id": self.names[-1], "minor": what, "type": kind, **named})
        elif word == "finds" and self.names and self.authorisers:
            self.finds(Verdict(str(what)), number)

    def finds(self, verdict: Verdict, number: int) -> None:
        """Two people find something of the last line, if it can be that."""
        name = self.names[-1]
        named: dict[str, Any] = {}
        if verdict in {V.ATTEMPT, V.MORE}:
            named = {"payment_id": self.tried.id, "attempt": number}
        elif verdict in {V.LOST, V.FEE}:
            named = {"programme": "wallets"}
        elif verdict is V.MISTAKEN:
            name = self.found[0] if self.found else name
            named = {"finding_id": self.found[1] if self.found else None}
        elif verdict is V.OPPOSITE:
            named = {"other_line_id": self.lines.line(self.names[0])}
        elif verdict is V.BOOKED:
            return
        with suppress(CbiError), self.session.begin_nested():
            self.lines.report(name, verdict, **named)
            self.lines.confirm(self.authorisers.pop())
            self.found = (name, self.lines.finding)

    def is_as_the_provider_says(self) -> None:
        """1100 moved by every line but those that left suspense for the bank or a loss, and by what no line lists."""
        held = self.lines.books("1100")[0]
        assert held == self.lines.listed() + self.elsewhere()
        assert breaches(self.session) == []

    def elsewhere(self) -> int:
        """What our books say that an attempt took or brought back and no line lists, from the facts about each."""
        found = 0
        for attempt in range(1, self.tried.payment.attempts + 1):
            taken = self.session.scalar(
                text(
                    "SELECT coalesce((SELECT paid_minor FROM amount_findings WHERE payment_id = :id"
                    " AND attempt = :attempt AND confirmed_by IS NOT NULL AND paid_minor > 0), :sent)"
                ),
                {"id": self.tried.id, "attempt": attempt, "sent": AMOUNT},
            )
            assert taken is not None
            whole = taken + came_since(self.session, self.tried.id, attempt)
            facts = (
                ("payment", known_paid(self.session, self.tried.id, attempt), -taken),
                ("return", known_returned(self.session, self.tried.id, attempt), whole),
            )
            for kind, known, minor in facts:
                listed = self.session.scalar(
                    text(
                        "SELECT count(*) FROM matches WHERE payment_id = :id AND attempt = :attempt AND kind = :kind"
                        " AND (line_id, undone) NOT IN (SELECT line_id, undone FROM undone_matches)"
                    ),
                    {"id": self.tried.id, "attempt": attempt, "kind": kind},
                )
                assert not listed or known
                found += minor if known and not listed else 0
        return found
