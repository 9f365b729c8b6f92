"""Whatever happens at the same moment, a code is paid once, and takes exactly as many wrong tries as it may."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TypeVar
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock, db, offices
from cbi.access.actor import Actor
from cbi.errors import CbiError
from cbi.ledger.queries import fund_positions
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.payments.states import PaymentState
from cbi.redemption import counter, counters, expiry, reissuing
from cbi.redemption.holding import Authorised
from cbi.redemption.models import (
    Authorisation,
    CodeIssue,
    CounterOffice,
    CounterTry,
    Payout,
    Teller,
)
from cbi.redemption.refusals import Refused
from cbi.redemption.states import CodeState, TryResult
from cbi.redemption.tellers import actor_of_teller
from tests.factories import EVERYTHING
from tests.redemption_factory import (
    OPEN,
    WORD,
    Issued,
    code_of,
    confirm,
    hold,
    minutes,
    nobodys,
    refused,
    teller,
    try_code,
    wrong,
)

Given = TypeVar("Given")
Answer = TypeVar("Answer")


def at_once(work: Callable[[Given], Answer], given: Sequence[Given]) -> list[Answer]:
    """Do the work for all of them at the same moment, each in a thread and on a connection of its own."""
    start = Barrier(len(given))

    def one(each: Given) -> Answer:
        start.wait(timeout=60)
        return db.repeatable(lambda: work(each))

    with ThreadPoolExecutor(len(given)) as threads:
        return list(threads.map(one, given))


def many_tellers(count: int) -> list[Actor]:
    """So many tellers in ten offices; their passwords do not matter here."""
    with offices.transaction("dz") as session:
        places = [
            CounterOffice(provider="post_office", code=str(n), name=f"Office {n}", created_at=OPEN)
            for n in range(10)
        ]
        session.add_all(places)
        session.flush()
        made = [
            Teller(
                office_id=places[n % 10].id, username=f"teller-{n}", full_name="A Teller", password_hash="",
                created_at=OPEN,
            )
            for n in range(count)
        ]  # fmt: skip
        session.add_all(made)
        session.flush()
        found = [actor_of_teller(session, each.id) for each in made]
        return [actor for actor in found if actor]


def test_fifty_tellers_redeem_one_code_at_once_and_one_pays(run: Issued) -> None:
    everybody = many_tellers(50)
    code = code_of(run.payments[0])

    def redeem(who: Actor) -> str:
        with clock.frozen(minutes(1)), offices.transaction("dz") as session:
            answer = counter.authorise(session, who, code=code, factor=WORD)
        if isinstance(answer, Refused):
            return answer.code
        return confirm(who, answer.authorisation_id, at=2).receipt

    answers = Counter(at_once(redeem, everybody))
    paid = [answer for answer in answers if not answer.startswith("redemption.")]
    assert len(paid) == 1
    assert answers[paid[0]] == 1
    assert set(answers) - set(paid) <= {
        "redemption.busy", "redemption.held_elsewhere", "redemption.already_paid"
    }  # fmt: skip
    with offices.transaction("dz") as session:
        assert session.scalars(select(Payout.receipt)).all() == paid
        assert session.scalar(select(func.count()).select_from(Authorisation)) == 1
        assert fund_positions(session)[0].delivered == Money(400_000, "DZD")


def test_twenty_wrong_tries_at_once_lock_the_code_after_exactly_five(run: Issued) -> None:
    everybody = many_tellers(20)
    code = code_of(run.payments[0])
    guesses = [wrong(code, by) for by in range(1, 21)]
    answers = at_once(lambda pair: try_code(*pair), list(zip(everybody, guesses, strict=True)))
    assert {refused(answer) for answer in answers} == {"redemption.not_recognised"}
    with offices.transaction("dz") as session:
        issue = session.scalars(
            select(CodeIssue).where(CodeIssue.payment_id == run.payments[0])
        ).one()
    assert (issue.state, issue.wrong_secrets) == (CodeState.LOCKED, 5)
    assert refused(try_code(teller(), code)) == "redemption.locked"


def test_a_right_code_among_wrong_ones_is_held_or_locked_but_never_both(run: Issued) -> None:
    everybody = many_tellers(20)
    code = code_of(run.payments[0])
    typed = [code] + [wrong(code, by) for by in range(1, 20)]
    answers = at_once(lambda pair: try_code(*pair), list(zip(everybody, typed, strict=True)))
    with offices.transaction("dz") as session:
        issue = session.scalars(
            select(CodeIssue).where(CodeIssue.payment_id == run.payments[0])
        ).one()
    assert issue.wrong_secrets == 5
    assert issue.state is CodeState.LOCKED
    assert isinstance(answers[0], Authorised) == (issue.hold_id is not None)
    if isinstance(answers[0], Authorised):
        with pytest.raises(counter.NotHeld):
            confirm(everybody[0], answers[0].authorisation_id)


def test_one_teller_cannot_share_a_try_among_many_requests(run: Issued) -> None:
    who = teller()
    with offices.transaction("dz") as session:
        unknown = nobodys(session)
    answers = [refused(answer) for answer in at_once(lambda _: try_code(who, unknown), range(20))]
    assert Counter(answers) == {"redemption.not_recognised": 5, "redemption.teller_paused": 15}
    with offices.transaction("dz") as session:
        counted = session.scalar(
            select(func.count()).where(CounterTry.result == TryResult.WRONG_CODE)
        )
    assert counted == 5


def test_one_hold_confirmed_ten_times_at_once_pays_once(run: Issued) -> None:
    who = teller()
    held = hold(who, code_of(run.payments[0]))
    receipts = at_once(lambda _: confirm(who, held.authorisation_id, at=1), range(10))
    assert len(set(receipts)) == 1
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(Payout)) == 1


def test_paying_and_replacing_and_blocking_at_once_leave_one_truth(run: Issued) -> None:
    tellers = [teller() for _ in run.payments]
    holds = [
        hold(who, code_of(payment)) for who, payment in zip(tellers, run.payments, strict=True)
    ]
    for who, payment, held in zip(tellers, run.payments, holds, strict=True):

        def pay(who: Actor = who, held: Authorised = held) -> None:
            confirm(who, held.authorisation_id, at=1)

        def replace(payment: UUID = payment) -> None:
            with clock.frozen(minutes(15)), offices.transaction("dz") as session:
                reissuing.reissue(session, EVERYTHING, payment, "never arrived")

        def block(payment: UUID = payment) -> None:
            with clock.frozen(minutes(1)), offices.transaction("dz") as session:
                reissuing.lock_code(session, EVERYTHING, payment, "telephone stolen")

        def expire() -> None:
            with clock.frozen(OPEN + timedelta(days=46)), offices.transaction("dz") as session:
                expiry.expire_due(session, limit=1)

        acts: list[Callable[[], None]] = [pay, replace, block, expire]
        at_once(_unless_refused, random.sample(acts, 4))
    with offices.transaction("dz") as session:
        _one_truth(session)


def _unless_refused(act: Callable[[], None]) -> str | None:
    try:
        act()
    except CbiError as refusal:
        return refusal.code
    return None


def _one_truth(session: Session) -> None:
    """What the codes say, what the payouts say, what the payments say and what the books say agree."""
    states = dict(session.execute(select(Payment.id, Payment.state)).all())
    current = session.execute(
        select(CodeIssue.payment_id, CodeIssue.state).where(CodeIssue.current)
    )
    of_code = dict(current.all())
    paid = set(session.scalars(select(Payout.payment_id)))
    assert {payment for payment, state in states.items() if state is PaymentState.PAID} == paid
    assert {payment for payment, state in of_code.items() if state is CodeState.PAID} == paid
    expired = {payment for payment, state in states.items() if state is PaymentState.EXPIRED}
    assert {payment for payment, state in of_code.items() if state is CodeState.EXPIRED} == expired
    position = fund_positions(session)[0]
    assert position.delivered == Money(400_000 * len(paid), "DZD")
    assert position.awaiting == Money(400_000 * len(expired), "DZD")


def test_any_interleaving_pays_each_payment_at_most_once(run: Issued) -> None:
    dice = random.Random(26)
    crowd = many_tellers(12)

    def visit(seed: int) -> None:
        own, who = random.Random(seed), crowd[seed]
        for _ in range(12):
            payment = own.choice(run.payments)
            act = own.choice(["pay", "pay", "pay", "give up", "guess", "reissue"])
            _unless_refused(lambda: _act(act, who, payment))  # noqa: B023

    at_once(visit, dice.sample(range(12), 12))
    with offices.transaction("dz") as session:
        _one_truth(session)
        assert session.scalar(select(func.count()).where(Authorisation.open)) == 0


def _act(act: str, who: Actor, payment: UUID) -> None:
    if act == "reissue":
        with clock.frozen(minutes(1)), offices.transaction("dz") as session:
            reissuing.reissue(session, EVERYTHING, payment, "never arrived")
        return
    code = code_of(payment)
    answer = try_code(who, wrong(code) if act == "guess" else code, at=1)
    if not isinstance(answer, Authorised):
        return
    if act == "give up":
        with clock.frozen(minutes(1)), offices.transaction("dz") as session:
            counter.release_hold(session, who, answer.authorisation_id)
    else:
        confirm(who, answer.authorisation_id, at=1)


def test_the_same_username_registered_twice_at_once_is_one_teller(database: object) -> None:
    with offices.transaction("dz") as session:
        place = counters.create_office(
            session, EVERYTHING, provider="post_office", code="16001", name="Alger"
        )

    def register(_: int) -> bool:
        with offices.transaction("dz") as session:
            try:
                counters.create_teller(
                    session, EVERYTHING, office_id=place.id, username="amel", full_name="Amel",
                    password="correct horse battery",
                )  # fmt: skip
            except counters.NameTaken:
                return False
            return True

    assert sum(at_once(register, range(4))) == 1
