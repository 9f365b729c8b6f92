"""Runs that wait to be sent, told once and copied for every test that begins there, and what became of them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier
from typing import TypeVar
from uuid import UUID

import pytest
from sqlalchemy import URL, select

from cbi import clock, db, offices
from cbi.payments.models import Attempt, Discrepancy, Payment
from cbi.payments.runs import runs
from cbi.payments.sending import dispatch
from cbi.payments.states import PaymentState, RunState
from cbi.proofs.verify import verify
from cbi.registry import personal
from tests.databases import copied
from tests.factories import START, Team, approved_run, funded_programme, households, team

SIZES = (1, 2, 3, 4, 5, 6)
TOTAL = 21_000_00
"""What six households of these sizes are owed at 1,000 dinars a member, in minor units."""

Given = TypeVar("Given")
Answer = TypeVar("Answer")
PointAt = Callable[[pytest.MonkeyPatch, URL], None]


@dataclass(frozen=True)
class Waiting:
    """Two runs for the same six households, both being released: one through the sandbox, one to codes."""

    by_sandbox: UUID
    by_codes: UUID
    people: Team


STORIES: dict[str, Waiting] = {}
"""What came of the story, by the name of the database in which it was told."""


def told(server: URL, empty: str, point_at: PointAt) -> str:
    """The name of the database in which the story was told: at the first call in this process."""
    name = f"sending_{os.getpid()}"
    if name not in STORIES:
        copied(server, empty, name)
        with pytest.MonkeyPatch.context() as patch:
            point_at(patch, server.set(database=name))
            STORIES[name] = _tell()
            db.disconnect()
    return name


def _tell() -> Waiting:
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        households(session, SIZES)
        by_sandbox = funded_programme(
            session, code="wallets", provider="sandbox", mechanism="mobile_money"
        )
        by_codes = funded_programme(session, code="counters")
    return Waiting(_release(people, by_sandbox, 0), _release(people, by_codes, 1), people)


def _release(people: Team, programme: str, hour: int) -> UUID:
    at = START + timedelta(hours=hour)  # a one-time code is good once
    with clock.frozen(at), offices.transaction("dz") as session:
        run_id = approved_run(session, people, programme).id
    with clock.frozen(at + timedelta(hours=1)), offices.transaction("dz") as session:
        dispatch.begin_release(session, people.authoriser.actor, run_id)
    return run_id


def states(run_id: UUID) -> list[PaymentState]:
    """The payments' states, in the order of the run."""
    return [payment.state for payment in payments(run_id)]


def payments(run_id: UUID) -> Sequence[Payment]:
    """The payments, in the order of the run."""
    with offices.transaction("dz") as session:
        return session.scalars(
            select(Payment).where(Payment.run_id == run_id).order_by(Payment.number)
        ).all()


def accounts(run_id: UUID) -> list[str]:
    """The telephones that the payments go to, in the order of the run."""
    with offices.transaction("dz") as session:
        wanted = session.scalars(
            select(Payment.account_id).where(Payment.run_id == run_id).order_by(Payment.number)
        ).all()
        found = personal.numbers(session, wanted)
    return [found[account] for account in wanted]


def run_state(run_id: UUID) -> RunState:
    with offices.transaction("dz") as session:
        return runs.find(session, run_id).state


def attempts(run_id: UUID) -> list[str]:
    """The name of every attempt, as the provider knows it."""
    with offices.transaction("dz") as session:
        return list(
            session.scalars(
                select(Attempt.idempotency_key)
                .join(Payment, Payment.id == Attempt.payment_id)
                .where(Payment.run_id == run_id)
                .order_by(Payment.number, Attempt.number)
            )
        )


def disputes() -> list[str]:
    """The kinds of the discrepancies that are open."""
    with offices.transaction("dz") as session:
        return sorted(
            session.scalars(select(Discrepancy.kind).where(Discrepancy.settled_at.is_(None)))
        )


def assert_every_promise_is_kept() -> None:
    """What `cbi verify` would say."""
    with offices.transaction("dz") as session:
        verdicts = verify(session)
    assert {v.promise.sentence: v.breaches for v in verdicts if v.breaches} == {}
    assert all(verdict.kept for verdict in verdicts)


def at_once(work: Callable[[Given], Answer], given: Sequence[Given]) -> list[Answer]:
    """Do the work for all of them at the same moment, each in a thread of its own, by the clock of whoever asks."""
    start, clocks = Barrier(len(given)), [copy_context() for _ in given]

    def one(each: Given) -> Answer:
        start.wait(timeout=60)
        return work(each)

    with ThreadPoolExecutor(len(given)) as threads:
        return list(threads.map(lambda own, each: own.run(one, each), clocks, given))
