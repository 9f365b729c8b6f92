"""A provider that turned payments away, and what somebody decides about them afterwards."""

import json
from datetime import datetime, timedelta
from uuid import UUID

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import SIGNATURE, Act, SandboxProvider, Schedule, Step, sign
from cbi import clock, offices
from cbi.access.actor import Actor
from cbi.ledger.queries import fund_positions
from cbi.money import Money
from cbi.payments.runs import runs
from cbi.payments.sending import dispatch, inbox, sending
from cbi.payments.signing import approval
from cbi.payments.unpaid import again, undecided
from cbi.payments.unpaid.again import Decided
from cbi.payments.unpaid.decision_models import Remedy
from cbi.payments.unpaid.undecided import Chosen
from cbi.registry import personal
from tests.factories import START, Team, look
from tests.flow.sending import accounts, payments

SECRET = "a-secret-for-callbacks"
WHY = "The line was down for a day."
LATER = START + timedelta(days=60)
"""When the codes that were issued at the start are void."""


class Bank:
    """A run of six through the sandbox, which does what it is told."""

    def __init__(self, run_id: UUID, *acts: Act) -> None:
        self.run_id = run_id
        self.schedule = Schedule()
        self.accounts = accounts(run_id)
        for place, act in enumerate(acts):
            self.schedule.plan(self.accounts[place], Step(act))
        self.provider = SandboxProvider(self.schedule, opening_float=lambda _: 10**9, secret=SECRET)
        self.adapter = SandboxAdapter(self.provider)
        self.send()

    def send(self) -> None:
        sending.send("dz", self.run_id, "sandbox", self.adapter, personal.accounts)

    def declined(self) -> Money:
        """What the first two payments come to."""
        return Money(sum(each.amount_minor for each in payments(self.run_id)[:2]), "DZD")

    def says(self, key: str, status: str) -> None:
        """The provider tells of an attempt of its own accord."""
        body = json.dumps({"payments": [{"reference": key, "status": status}]}).encode()
        inbox.receive("dz", "sandbox", self.adapter, {SIGNATURE: sign(SECRET, body)}, body)

    def paid(self) -> int:
        return sum(1 for each in self.provider.truth() if each.status == "DONE")


def decide(
    remedy: Remedy, who: Actor, run_id: UUID, *, chosen: Chosen = undecided.EVERY, at: datetime = LATER
) -> Decided:  # fmt: skip
    use = again.try_again if remedy is Remedy.TRY_AGAIN else again.give_up
    with clock.frozen(at):
        return offices.transact("dz", lambda s: use(s, who, run_id, WHY, chosen))


def budget() -> Money:
    with offices.transaction("dz") as session:
        return fund_positions(session)[0].available


def follow_up(run_id: UUID, people: Team, *, at: datetime = LATER) -> UUID:
    """A run built, signed and let go for what was given up."""
    with clock.frozen(at), offices.transaction("dz") as session:
        cycle_id = runs.find(session, run_id).cycle_id
        new = runs.build(session, people.maker.actor, cycle_id)
        runs.lock(session, people.maker.actor, new.id)
        look(session, new, people)
        approval.certify(session, people.certifier.actor, new.id, people.certifier.code())
        approval.authorise(session, people.authoriser.actor, new.id, people.authoriser.code())
    with clock.frozen(at + timedelta(hours=1)), offices.transaction("dz") as session:
        dispatch.begin_release(session, people.authoriser.actor, new.id)
    return new.id


def nothing_is_left(run_id: UUID, people: Team) -> bool:
    """Whether no further run could be built for the cycle. Builds none."""
    with offices.transaction("dz") as session:
        trial = session.begin_nested()
        try:
            runs.build(session, people.maker.actor, runs.find(session, run_id).cycle_id)
        except runs.NothingToPay:
            return True
        finally:
            trial.rollback()
    return False
