"""An office in the middle of its work: two currencies, five programmes, and something stuck at every step."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, create_engine, select
from sqlalchemy.orm import Session

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import Act, SandboxProvider, Schedule, Step
from cbi import clock, db, jobs, offices
from cbi.access.actor import Actor
from cbi.ledger import funds
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.payments.sending import dispatch, polling, sending
from cbi.payments.signing import approval
from cbi.programmes import applying, budget, cycles
from cbi.reconciliation import matching, statements
from cbi.redemption import counter as counter_stage
from cbi.redemption import reissuing
from cbi.redemption.holding import Authorised
from cbi.redemption.models import Payout
from cbi.registry import personal
from tests.databases import copied
from tests.factories import EVERYTHING, Team, approved_run, households, locked_run, team
from tests.flow.sending import PointAt
from tests.programme_factory import programme_file
from tests.reconciliation_factory import Line, settlement
from tests.redemption_factory import WORD, code_of, know_words, teller

SIZES = (1, 2, 3, 4, 5, 6, 7, 1, 2, 3)
BEGAN = timedelta(days=25)
"""How long ago the first run went out."""


@dataclass
class Standing:
    """Where the office stands: the runs by programme, and the payment of which nobody knows."""

    runs: dict[str, UUID]
    people: Team
    unknown: UUID
    locked: UUID
    receipts: list[str]


STORIES: dict[str, Standing] = {}
"""What came of the story, by the name of the database in which it was told."""


def told(
    server: URL,
    empty: str,
    point_at: PointAt,
    by: str = "team",
    hire: Callable[[], Team] | None = None,
) -> str:
    """The name of the database in which the story was told: at the first call in this process, `by` those hired."""
    name = f"standing_{by}_{os.getpid()}"
    if name not in STORIES:
        copied(server, empty, name)
        here = server.set(database=name)
        owner = create_engine(here, connect_args={"options": "-c search_path=dz"})
        with pytest.MonkeyPatch.context() as patch:
            point_at(patch, here)
            with clock.frozen(clock.now() - BEGAN - timedelta(hours=1)):
                people = (hire or _team)()
            STORIES[name] = tell(people, owner)
            db.disconnect()
        owner.dispose()
    return name


def _team() -> Team:
    with offices.transaction("dz") as session:
        return team(session)


class Story:
    """Tells the days one after the other; nothing of it is committed in the future."""

    def __init__(self, people: Team, owner: Engine) -> None:
        self.people, self.owner = people, owner
        self.start = clock.now() - BEGAN
        self.period = f"{self.start:%Y-%m}"
        self.runs: dict[str, UUID] = {}
        self._step = 0

    @contextmanager
    def at(self, days: int = 0, minutes: int = 0) -> Iterator[Session]:
        """A transaction so long after the story began; every one has minutes of its own, for one-time codes."""
        self._step += 3
        moment = self.start + timedelta(days=days, minutes=minutes + self._step)
        with clock.frozen(moment), offices.transaction("dz") as session:
            yield session

    def programme(
        self, session: Session, code: str, fund: str, currency: str, delivery: str, *, paid_by: str
    ) -> None:
        """A funded programme; each of its funds received the same."""
        year = self.start.year
        applying.apply(
            session, EVERYTHING,
            programme_file(
                code=code, fund=fund, amount="900000", currency=currency, delivery=delivery,
                valid=(f"{year}-01-01", f"{year + 1}-12-31"), schedule=(f"{year}-01", f"{year + 1}-12"),
            ),
        )  # fmt: skip
        funds.receive(session, EVERYTHING, fund, Money.parse("400000.00", currency), f"BANK-{fund}")
        budget.allocate(session, EVERYTHING, code, "100000.00", f"MEMO-{code}")
        reference = f"VIR-{code}"
        funds.prefund(session, EVERYTHING, paid_by, Money.parse("90000.00", currency), reference)

    def run(self, programme: str, day: int, signatures: int = 2) -> UUID:
        """A locked run with so many signatures."""
        with self.at(day) as session:
            if signatures == 2:
                run = approved_run(session, self.people, programme, self.period)
            else:
                run = locked_run(session, self.people, programme, self.period)
            if signatures == 1:
                code = self.people.certifier.code()
                approval.certify(session, self.people.certifier.actor, run.id, code)
            self.runs[programme] = run.id
        return run.id

    def begin_release(self, run_id: UUID, day: int) -> datetime:
        """Let it go out, two hours later."""
        with self.at(day, 120) as session:
            dispatch.begin_release(session, self.people.authoriser.actor, run_id)
            return clock.now()


COUNTER = "{provider: post_office, mechanism: cash_over_counter}"
WALLET = "{provider: sandbox, mechanism: mobile_money}"


def tell(people: Team, owner: Engine) -> Standing:
    """Live through it, committed, in the office dz."""
    story = Story(people, owner)
    with story.at() as session:
        households(session, SIZES)
        story.programme(session, "winter", "harbour", "DZD", COUNTER, paid_by="post_office")
        story.programme(session, "school", "lighthouse", "DZD", COUNTER, paid_by="post_office")
        story.programme(session, "heating", "ember", "DZD", COUNTER, paid_by="post_office")
        story.programme(session, "wallets", "orchard", "KES", WALLET, paid_by="sandbox")
        story.programme(session, "market", "granary", "KES", WALLET, paid_by="sandbox")
    know_words(owner)
    receipts, locked = _at_the_counters(story)
    unknown = _by_wallet(story)
    story.run("school", 20, signatures=1)
    with story.at(21) as session:
        cycles.open_cycle(session, people.maker.actor, "heating", story.period)
    _statement(story, receipts)
    return Standing(story.runs, people, unknown, locked, receipts)


def _at_the_counters(story: Story) -> tuple[list[str], UUID]:
    """Six of ten are paid on three days; one code is locked."""
    run_id = story.run("winter", 1)
    released = story.begin_release(run_id, 1)
    with clock.frozen(released):
        jobs.release("dz", run_id)
        payments = _payments(run_id)
    who, receipts = teller(), []
    for place, day in enumerate((2, 2, 3, 8, 8, 8)):
        with clock.frozen(story.start + timedelta(days=day, minutes=20 * place)):
            receipts.append(_pay(who, payments[place]))
    with story.at(9) as session:
        reissuing.lock_code(session, EVERYTHING, payments[7], "Reported lost")
    return receipts, payments[7]


def _pay(who: Actor, payment_id: UUID) -> str:
    with offices.transaction("dz") as session:
        held = counter_stage.authorise(session, who, code=code_of(payment_id, session), factor=WORD)
        assert isinstance(held, Authorised), held
        return counter_stage.confirm(session, who, held.authorisation_id).receipt


def _by_wallet(story: Story) -> UUID:
    """One fails, one is unknown, the others are paid; and of another run the provider takes nothing."""
    run_id = story.run("wallets", 10)
    released = story.begin_release(run_id, 10)
    payments = _payments(run_id)
    with offices.transaction("dz") as session:
        accounts = session.scalars(
            select(Payment.account_id).where(Payment.id.in_(payments[:2])).order_by(Payment.number)
        ).all()
        known = personal.accounts(session, accounts)
    schedule = Schedule()
    schedule.plan(known[accounts[0]], Step(Act.HANG_UP))
    schedule.plan(known[accounts[1]], Step(Act.DECLINE))
    adapter = SandboxAdapter(SandboxProvider(schedule, opening_float=lambda _: 10**9))
    with clock.frozen(released):
        sending.send("dz", run_id, "sandbox", adapter, personal.accounts)
    with clock.frozen(released + timedelta(days=2)):
        polling.poll("dz", "sandbox", adapter)
    market = story.run("market", 15)
    released = story.begin_release(market, 15)
    down = SandboxProvider(Schedule(), opening_float=lambda _: 10**9)
    down.down = True
    with clock.frozen(released):
        sending.send("dz", market, "sandbox", SandboxAdapter(down), personal.accounts)
    return payments[0]


def _payments(run_id: UUID) -> list[UUID]:
    with offices.transaction("dz") as session:
        found = select(Payment.id).where(Payment.run_id == run_id).order_by(Payment.number)
        return list(session.scalars(found))


def _statement(story: Story, receipts: list[str]) -> None:
    """Five of six as they were paid, one with too little, and one that nobody knows of."""
    with offices.transaction("dz") as session:
        amounts = {
            receipt: minor // 100
            for receipt, minor in session.execute(select(Payout.receipt, Payout.amount_minor))
        }
    day = (story.start + timedelta(days=8)).date()
    lines = [Line(receipt, amounts[receipt], day) for receipt in receipts[:5]]
    lines += [Line(receipts[5], amounts[receipts[5]] - 200, day), Line("R-NOBODYS", 300, day)]
    with story.at(12) as session:
        statements.take_in(session, EVERYTHING, "post_office", settlement(lines), "settlement.csv")
        matching.reconcile(session, EVERYTHING, "post_office")
