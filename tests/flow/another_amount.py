"""A payment of which the provider names another amount than was sent, and the people who look into it."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from cbi import offices
from cbi.access.permissions import Role
from cbi.errors import CbiError
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import Outcome, ProviderUpdate
from cbi.money import Money
from cbi.payments.models import Discrepancy
from cbi.payments.outcomes import outcomes, settling
from cbi.payments.outcomes.outcomes import Applied
from cbi.payments.recovery import amounts
from cbi.payments.states import PaymentState
from tests.factories import EVERYTHING, Colleague, colleague
from tests.flow.two_attempts import FAILED, PAID, Tried

S = PaymentState
PROOF = "Letter 55 of the provider"


class Said:
    """A payment of 1,000 dinars of which the provider says another amount, and the people who look into it."""

    def __init__(self, tried: Tried) -> None:
        self.tried, self.start = tried, tried.books()
        with offices.transaction("dz") as session:
            self.treasurer = colleague(session, Role.TREASURER)
            self.authoriser = colleague(session, Role.AUTHORISER)
            # A code is good once: each confirmation is another colleague's.
            self.authorisers = [self.authoriser, colleague(session, Role.AUTHORISER)]
            self.both = colleague(session, Role.TREASURER, Role.AUTHORISER)

    def says(self, minor: int, attempt: int | None = None, currency: str = "DZD") -> Applied:
        key = idempotency_key(self.tried.id, attempt or self.tried.payment.attempts)
        news = ProviderUpdate(key, Outcome.PAID, amount=Money(minor, currency))
        return offices.transact(
            "dz", lambda s: outcomes.apply(s, news, provider="sandbox", source="callback")
        )

    def report(self, minor: int, who: Colleague | None = None, attempt: int | None = None) -> None:
        one, amount = (who or self.treasurer).actor, Money(minor, "DZD").decimal
        self.finding = offices.transact(
            "dz",
            lambda s: amounts.report(s, one, self.tried.id, amount, PROOF, attempt).id,
        )

    def confirm(self, who: Colleague | None = None, code: str | None = None) -> None:
        one = who or self.authorisers.pop()
        typed = code or one.code()
        offices.transact("dz", lambda s: amounts.confirm(s, one.actor, self.finding, typed).id)

    def found(self, minor: int, attempt: int | None = None) -> None:
        self.report(minor, attempt=attempt)
        self.confirm()

    def settle(self) -> None:
        """As carelessly as can be: everything that is open, with any words."""
        with offices.transaction("dz") as session:
            for each in session.scalars(
                select(Discrepancy).where(Discrepancy.settled_at.is_(None))
            ):
                settling.settle(session, EVERYTHING, each.id, "It is all right.")

    def books(self, *codes: str) -> list[int]:
        """How much these accounts hold more than at the start."""
        now = self.tried.books()
        return [now.get(code, 0) - self.start.get(code, 0) for code in codes]


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(CbiError) as refusal:
        work()
    return refusal.value.code


def comes_to(said: Said, state: PaymentState) -> None:
    """The first attempt is sent and comes to this state, and then the provider names 400 dinars."""
    said.tried.sent()
    if state is S.EXPIRED:
        said.tried.becomes(S.ACCEPTED)
        said.tried.becomes(S.EXPIRED)
    elif state in {S.FAILED, S.READY, S.CANCELLED}:
        said.tried.answers(FAILED)
        said.tried.becomes(state)
    elif state is S.PAID:
        said.tried.says(PAID)
    assert said.says(40_000) is Applied.DISPUTED
    assert said.tried.state is (S.UNKNOWN if state is S.SENDING else state)
