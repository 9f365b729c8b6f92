"""Parts at the doors: a teller's page, the API and the terminal hand over a part and tell what is left."""

import pytest
from fastapi import FastAPI

from cbi.app import create_app
from tests.flow.at_counter import held, signed_in
from tests.flow.people import Caller, token_for
from tests.redemption_factory import WORD, InParts, code_of, teller


@pytest.fixture
def app(parted: InParts) -> FastAPI:
    """The application over two codes of 4,000 dinars each that may be paid in parts."""
    return create_app()


def test_a_teller_pays_a_part_and_the_receipt_says_what_is_left(
    app: FastAPI, parted: InParts
) -> None:
    visitor = signed_in(app)
    first = code_of(parted.payments[0])
    where = held(visitor, first)
    shown = visitor.words.replace("\u00a0", " ")
    assert "from 1,000 DZD to 3,500 DZD , in whole notes of 500 DZD" in shown
    visitor.send(f"{where}/confirm-part", amount="1250")
    assert "A part is at least 1,000.00 DZD" in visitor.words.replace("\u00a0", " ")
    visitor.send(f"{where}/confirm-part", amount="1500")
    shown = visitor.words.replace("\u00a0", " ")
    assert "Paid. Hand over 1,500 DZD" in shown
    assert "Still to be paid: 2,500 DZD" in shown
    second = code_of(parted.payments[0])
    assert held(visitor, first) == where  # a lost receipt is shown to its own teller
    held(visitor, second)
    assert "Pay 2,500 DZD" in visitor.words.replace("\u00a0", " ")
    visitor.get("/counter")
    assert "Paid out 1 Amount 1,500.00 DZD" in visitor.words.replace("\u00a0", " ")


def test_another_teller_is_told_that_a_part_was_paid(app: FastAPI, parted: InParts) -> None:
    first, other = signed_in(app), signed_in(app)
    code = code_of(parted.payments[0])
    where = held(first, code)
    first.send(f"{where}/confirm-part", amount="1500")
    other.get("/counter")
    other.send("/counter", code=code, factor=WORD)
    assert "A part was paid with this code" in other.words


def test_a_part_over_http(app: FastAPI, parted: InParts) -> None:
    who = teller()
    assert who.id is not None
    at_counter = Caller(app, token_for(who.id, "teller"))
    code = code_of(parted.payments[0])
    answer = at_counter.post("/redemptions/authorise", {"code": code, "factor": WORD}).json()
    assert answer["smallest_part"] == {"amount": "1000.00", "currency": "DZD"}
    where = f"/redemptions/{answer['authorisation_id']}/confirm-part"
    part = {"amount": {"amount": "1500.00", "currency": "DZD"}}
    paid = at_counter.post(where, part)
    assert paid.status_code == 200, paid.text
    assert paid.json()["left"] == {"amount": "2500.00", "currency": "DZD"}
    assert at_counter.post(where, part).json() == paid.json()
    other = {"amount": {"amount": "2000.00", "currency": "DZD"}}
    assert at_counter.post(where, other).json()["code"] == "redemption.paid_another_amount"
    wrong = {"amount": {"amount": "1,500", "currency": "DZD"}}
    assert at_counter.post(where, wrong).status_code == 422
