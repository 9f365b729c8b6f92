"""The same request, many times at the same moment: done once, whether the caller sends one key or a key each time."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import URL, Engine, func, select

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.ledger.models import Fund
from cbi.payments.models import Payment, PaymentRun
from cbi.proofs.verify import verify
from cbi.redemption.models import CodeIssue, CounterTry, Payout
from cbi.registry.models import Household
from tests.factories import PERIOD, funded_programme, households
from tests.flow.people import Caller, make_user, token_for
from tests.redemption_factory import OPEN, WORD, code_of, issued, teller, wrong

AT_ONCE = 12
Ask = Callable[[str | None], Response]


@pytest.fixture
def app(database: URL) -> FastAPI:
    return create_app()


def together(ask: Ask, *, key: str | None) -> Counter[int]:
    """Ask so many times in the same instant, with one key or with a new one each time; the answers by status."""
    ready = Barrier(AT_ONCE)

    def one(_: int) -> Response:
        with clock.frozen(OPEN):
            ready.wait()
            return ask(key or "")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Counter(answer.status_code for answer in pool.map(one, range(AT_ONCE)))


def staff(app: FastAPI, role: Role) -> Caller:
    with clock.frozen(OPEN):
        return Caller(app, token_for(make_user(f"the.{role}", role)))


def number_of(*things: type) -> list[int]:
    with offices.transaction("dz") as session:
        return [session.scalar(select(func.count()).select_from(thing)) or 0 for thing in things]


@pytest.mark.parametrize("key", ["k1", None], ids=["one key", "a key each"])
def test_a_receipt_is_booked_once(app: FastAPI, key: str | None) -> None:
    with offices.transaction("dz") as session:
        funded_programme(session)
    treasurer = staff(app, Role.TREASURER)
    body = {"amount": "10.00", "currency": "DZD", "reference": "B-9"}
    answers = together(lambda k: treasurer.post("/funds/echo-26/receipts", body, key=k), key=key)
    assert answers == {201: AT_ONCE}
    with offices.transaction("dz") as session:
        assert session.scalars(select(Fund.received_minor)).all() == [2_000_010_00]


@pytest.mark.parametrize("key", ["k1", None], ids=["one key", "a key each"])
def test_a_list_lands_once(app: FastAPI, key: str | None) -> None:
    officer = staff(app, Role.REGISTRATION_OFFICER)
    rows = "\n".join(f"R-{n},Some Body,0550{n:06d},{n % 9 + 1}" for n in range(50))
    content = f"Registration number,Name,Phone,Household size\n{rows}\n".encode()

    def send(each: str | None) -> Response:
        headers = {"Idempotency-Key": each or str(uuid4())}
        return officer.ask(
            "POST", "/api/v1/registry/imports", headers, files={"file": ("list.csv", content)}
        )

    answers = together(send, key=key)
    assert sum(answers[status] for status in (200, 201)) == AT_ONCE
    assert number_of(Household) == [50]


@pytest.mark.parametrize("key", ["k1", None], ids=["one key", "a key each"])
def test_a_cycle_is_opened_and_its_run_is_built_once(app: FastAPI, key: str | None) -> None:
    with offices.transaction("dz") as session:
        households(session, [1, 2, 3])
        funded_programme(session)
    manager = staff(app, Role.PROGRAMME_MANAGER)
    opened = together(
        lambda k: manager.post("/programmes/winter/cycles", {"period": PERIOD}, key=k), key=key
    )
    assert opened == {201: AT_ONCE}
    with clock.frozen(OPEN):
        cycle = manager.get("/programmes/winter/cycles").json()[0]["id"]
    build = {"cycle_id": cycle}
    built = together(
        lambda k: manager.post("/payment-runs", build, key=k and f"{k}-build"), key=key
    )
    assert built == ({201: AT_ONCE} if key else {201: 1, 409: AT_ONCE - 1})
    assert number_of(PaymentRun, Payment) == [1, 3]


@pytest.mark.parametrize("key", ["k1", None], ids=["one key", "a key each"])
def test_a_code_is_held_and_paid_once(app: FastAPI, owner: Engine, key: str | None) -> None:
    payment = issued(owner, [4, 4]).payments[0]
    with clock.frozen(OPEN):
        lina = Caller(app, token_for(UUID(str(teller().id)), "teller"))
    body = {"code": code_of(payment), "factor": WORD}
    held: list[str] = []

    def authorise(each: str | None) -> Response:
        answer = lina.post("/redemptions/authorise", body, key=each)
        held.append(answer.json()["authorisation_id"])
        return answer

    assert together(authorise, key=key) == {200: AT_ONCE}
    [hold] = set(held)
    receipts: list[str] = []

    def confirm(each: str | None) -> Response:
        answer = lina.post(f"/redemptions/{hold}/confirm", key=each and f"{each}-confirm")
        receipts.append(answer.json()["receipt"])
        return answer

    assert together(confirm, key=key) == {200: AT_ONCE}
    assert len(set(receipts)) == 1
    assert number_of(Payout, CounterTry) == [1, 0]
    with offices.transaction("dz") as session:
        assert all(verdict.kept for verdict in verify(session))


def test_a_wrong_code_sent_again_with_its_key_costs_one_try(app: FastAPI, owner: Engine) -> None:
    payment = issued(owner, [4]).payments[0]
    with clock.frozen(OPEN):
        lina = Caller(app, token_for(UUID(str(teller().id)), "teller"))
    body = {"code": wrong(code_of(payment)), "factor": WORD}
    answers = together(lambda k: lina.post("/redemptions/authorise", body, key=k), key="k1")
    assert answers == {200: AT_ONCE}
    with offices.transaction("dz") as session:
        assert session.scalars(select(CodeIssue.wrong_secrets)).all() == [1]
