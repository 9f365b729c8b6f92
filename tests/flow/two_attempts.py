"""A payment that is tried again and again, and a provider that says anything about any of its attempts, at any time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi import offices
from cbi.access.actor import Actor
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import FailureReason, Outcome, ProviderUpdate
from cbi.ledger.models import Account
from cbi.payments.models import Payment
from cbi.payments.moves import move_one
from cbi.payments.outcomes.outcomes import ASKED, Applied, apply
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.runs.progress import UNDECIDED
from cbi.payments.runs.runs import find
from cbi.payments.sending import dispatch
from cbi.payments.states import PaymentState, ReceivableState
from cbi.payments.unpaid import again
from cbi.payments.unpaid.again import NoneMay
from cbi.payments.unpaid.undecided import Chosen
from tests.flow.sending import STORIES, payments

PAID, FAILED, RETURNED = Outcome.PAID, Outcome.FAILED, Outcome.RETURNED


AMOUNT = 100_000
"""The smallest payment of the story, in minor units: the one that is tried."""


def tried_of(template: str, session: Session | None = None) -> "Tried":
    """The payment in the database that was made from this one, waiting to be sent for the first time."""
    told = STORIES[template]
    smallest = min(payments(told.by_sandbox), key=lambda payment: payment.amount_minor)
    return Tried(smallest.id, told.people.authoriser.actor, session)


@dataclass
class Tried:
    """One payment of a released run by the sandbox. Each act is a transaction of its own."""

    id: UUID
    decider: Actor
    session: Session | None = None

    def do(self, work: Callable[[Session], object]) -> object:
        if self.session is not None:
            return work(self.session)
        return offices.transact("dz", work)

    @property
    def payment(self) -> Payment:
        found = self.do(lambda s: s.get_one(Payment, self.id, populate_existing=True))
        assert isinstance(found, Payment)
        return found

    @property
    def state(self) -> PaymentState:
        return self.payment.state

    def sent(self, outcome: Outcome | None = None) -> None:
        """A new attempt leaves; the provider answers, or nobody knows."""

        def work(session: Session) -> None:
            payment = session.get_one(Payment, self.id)
            chunk = dispatch.Chunk(payment.run_id, "sandbox", payment.number, payment.number)
            dispatch.start_chunk(session, chunk)
            session.execute(
                text("UPDATE payments SET heard_of = attempts WHERE id = :id"), {"id": self.id}
            )

        self.do(work)
        if outcome is not None:
            self.says(outcome, source="submit")

    def says(
        self, outcome: Outcome, attempt: int | None = None, *, source: str = "callback"
    ) -> Applied:
        """News about an attempt (the present one, when not said)."""
        number = attempt or self.payment.attempts
        failure = FailureReason.PROVIDER_ERROR if outcome is FAILED else None
        news = ProviderUpdate(idempotency_key(self.id, number), outcome, failure=failure)
        done = self.do(lambda s: apply(s, news, provider="sandbox", source=source))
        assert isinstance(done, Applied)
        return done

    def answers(self, outcome: Outcome) -> Applied:
        return self.says(outcome, source=ASKED)

    def becomes(self, after: PaymentState) -> None:
        """Somebody decides that it is tried anew or given up, if they may; or it moves by itself."""
        try:
            self.do(lambda session: self._become(session, after))
        except NoneMay:
            return

    def _become(self, session: Session, after: PaymentState) -> None:
        payment = session.get_one(Payment, self.id, with_for_update=True, populate_existing=True)
        decide = {PaymentState.READY: again.try_again, PaymentState.CANCELLED: again.give_up}
        if payment.state in UNDECIDED and after in decide:
            only = Chosen(payments=(self.id,))
            with session.begin_nested():
                decide[after](session, self.decider, payment.run_id, "It was looked into.", only)
        elif payment.state is not after:
            run = find(session, payment.run_id)
            move_one(session, run, self.id, payment.state, after, provider="sandbox", source="test")

    def books(self) -> dict[str, int]:
        """What the accounts hold, in minor units on their normal side, by code."""

        def work(session: Session) -> dict[str, int]:
            held: dict[str, int] = {}
            for account in session.scalars(
                select(Account).execution_options(populate_existing=True)
            ):
                balance = account.debits_minor - account.credits_minor
                side = 1 if account.normal == "debit" else -1
                held[account.code] = held.get(account.code, 0) + side * balance
            return held

        found = self.do(work)
        assert isinstance(found, dict)
        return found

    def owed(self, state: ReceivableState = ReceivableState.OPEN) -> list[int]:
        """The attempts whose money is owed back, or ended so."""

        def work(session: Session) -> Sequence[int]:
            return session.scalars(
                select(Receivable.attempt)
                .where(Receivable.payment_id == self.id, Receivable.state == state)
                .order_by(Receivable.attempt)
            ).all()

        found = self.do(work)
        assert isinstance(found, list)
        return found
