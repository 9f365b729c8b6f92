"""The counter's pages: from a code to cash and a receipt, once, whatever is lost, sent twice or typed wrongly."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from cbi import clock, offices
from cbi.app import create_app
from cbi.redemption.models import Authorisation, CounterTry, Payout
from tests.flow.at_counter import check, count, held, signed_in
from tests.flow.browsing import Browsing
from tests.redemption_factory import (
    OPEN,
    WORD,
    Issued,
    code_of,
    minutes,
    teller,
)

RECEIPT = re.compile(r"Receipt (\d{3} \d{3} \d{4})")
ARABIC, PERSIAN = ({ord("0") + at: chr(zero + at) for at in range(10)} for zero in (0x660, 0x6F0))


@pytest.fixture
def app(run: Issued) -> FastAPI:
    """The application over a run of six codes of 4,000 dinars each."""
    return create_app()


def test_a_code_becomes_cash_and_a_receipt_in_three_steps(app: FastAPI, run: Issued) -> None:
    visitor = signed_in(app)
    assert "Who is next?" in visitor.words
    check(visitor, code_of(run.payments[0]))
    assert "Pay 4,000 DZD" in visitor.words.replace("\u00a0", " ")
    assert "4,000 Algerian dinars" in visitor.words
    assert count(Payout) == 0
    (confirming,) = (form.action for form in visitor.forms if form.action.endswith("/confirm"))
    visitor.send(confirming)
    shown = visitor.words.replace("\u00a0", " ")
    assert "Paid. Hand over 4,000 DZD" in shown
    assert "For the person" in shown
    assert "For the post office" in shown
    assert "A Teller" in shown
    assert "3030" in shown
    with offices.transaction("dz") as session:
        (receipt,) = session.scalars(select(Payout.receipt)).all()
    assert {found.replace(" ", "") for found in RECEIPT.findall(shown)} == {receipt}
    visitor.get("/counter")
    assert "Paid out 1 Amount 4,000.00 DZD" in visitor.words.replace("\u00a0", " ")


def test_a_code_is_read_in_any_grouping_and_any_digits(app: FastAPI, run: Issued) -> None:
    visitor, code = signed_in(app), code_of(run.payments[0])
    plain = code.replace(".", "")
    places = {
        held(visitor, typed)
        for typed in (
            plain, code, code.replace(".", " "), "-".join(plain), f" {plain[:5]}\u00a0{plain[5:]}\t",
            plain.translate(ARABIC), plain.translate(PERSIAN), f"\u200f\u202b{code.translate(ARABIC)}\u202c",
            plain.translate({ord("0") + at: chr(0xFF10 + at) for at in range(10)}),
        )
    }  # fmt: skip
    assert len(places) == 1
    assert (count(Authorisation), count(CounterTry)) == (1, 0)


def test_a_payment_is_made_once_however_often_it_is_confirmed(app: FastAPI, run: Issued) -> None:
    visitor = signed_in(app)
    where = held(visitor, code_of(run.payments[0]))
    confirming = f"{where}/confirm"
    first = visitor.filled(confirming)
    visitor.get(where)
    again = visitor.filled(confirming)
    assert first != again
    pages = []
    for form in (first, first, again):
        assert visitor.ask("POST", confirming, data=form).headers["location"] == where
        assert visitor.get(where).status_code == 200
        pages.append(tuple(RECEIPT.findall(visitor.words)))
    assert count(Payout) == 1
    assert len(set(pages)) == 1
    other = signed_in(app)
    check(other, code_of(run.payments[0]))
    assert "Paid already: on" in other.words


def test_a_receipt_that_was_lost_on_the_way_is_shown_to_its_teller_when_the_code_is_typed_again(
    app: FastAPI, run: Issued
) -> None:
    who, code = teller(), code_of(run.payments[0])
    with clock.frozen(OPEN):
        visitor = signed_in(app, who)
        where = held(visitor, code)
        visitor.ask("POST", f"{where}/confirm", data=visitor.filled(f"{where}/confirm"))
    with clock.frozen(minutes(14)):
        visitor = signed_in(app, who)
        assert check(visitor, code, follow=False).headers["location"] == where
        visitor.get(where)
        assert "Once: it was confirmed at 12:00 ." in visitor.words
    with clock.frozen(minutes(16)):
        visitor = signed_in(app, who)
        check(visitor, code)
        assert "Paid already: on" in visitor.words
    assert count(Payout) == 1


def test_a_teller_whose_sign_in_ended_signs_in_again_and_finds_the_hold(
    app: FastAPI, run: Issued
) -> None:
    who = teller()
    with clock.frozen(OPEN):
        visitor = signed_in(app, who)
        where = held(visitor, code_of(run.payments[0]))
    with clock.frozen(minutes(12)):
        visitor.send(f"{where}/confirm")
        assert "What you sent last was not done." in visitor.words
        again = signed_in(app, who)
        assert "neither paid nor given up" in again.words
        again.get(where)
        again.send(f"{where}/confirm")
        assert "Paid. Hand over" in again.words
    assert count(Payout) == 1


def test_a_hold_whose_answer_was_lost_is_found_again_and_finished(
    app: FastAPI, run: Issued
) -> None:
    who = teller()
    visitor, code = signed_in(app, who), code_of(run.payments[0])
    form = visitor.filled("/counter", code=code, factor=WORD)
    visitor.ask("POST", "/counter", data=form)  # the answer never arrives, and the sign-in ends
    after = signed_in(app, who)
    page = after.get("/counter").text
    assert "neither paid nor given up" in after.words
    (where,) = set(re.findall(r'href="(/counter/holds/[^"]+)"', page))
    assert check(after, code, follow=False).headers["location"] == where
    after.get(where)
    after.send(f"{where}/confirm")
    assert "Paid. Hand over" in after.words
    after.get("/counter")
    assert "neither paid nor given up" not in after.words
    assert count(Payout) == 1


def test_a_code_is_given_up_and_paid_elsewhere(app: FastAPI, run: Issued) -> None:
    visitor, other = signed_in(app), signed_in(app, teller("Hydra"))
    code = code_of(run.payments[0])
    where = held(visitor, code)
    stale = visitor.filled(f"{where}/confirm")
    visitor.send(f"{where}/release")
    assert "Given up: nothing was paid." in visitor.words
    visitor.ask("POST", f"{where}/confirm", data=stale)
    visitor.get(where)
    assert "You gave this code up. → Type the code again to pay it." in visitor.words
    assert "You gave this code up. Nothing was paid." in visitor.words
    assert count(Payout) == 0
    elsewhere = held(other, code)
    late = other.filled(f"{elsewhere}/release")
    other.send(f"{elsewhere}/confirm")
    assert count(Payout) == 1
    other.ask("POST", f"{elsewhere}/release", data=late)
    other.get(elsewhere)
    assert "This was paid and cannot be given up." in other.words


def test_a_hold_that_is_over_pays_nothing(app: FastAPI, run: Issued) -> None:
    with clock.frozen(OPEN):
        visitor = signed_in(app)
        where = held(visitor, code_of(run.payments[0]))
    for at in (4, 8, 12):
        with clock.frozen(minutes(at)):
            visitor.get(where)
    with clock.frozen(minutes(15)):
        visitor.send(f"{where}/confirm")
        assert "Do not pay yet. Type the code again" in visitor.words
        assert "You held this code until 12:15 only. Nothing was paid." in visitor.words
        assert not any(form.action.endswith("/confirm") for form in visitor.forms)
        visitor.get("/counter")
        assert "neither paid nor given up" not in visitor.words
        visitor.get("/counter/day")
        assert "Checked, but neither confirmed nor given up" in visitor.words
    assert count(Payout) == 0


def test_nobody_sees_or_touches_the_hold_of_another_teller(app: FastAPI, run: Issued) -> None:
    visitor, other = signed_in(app), signed_in(app)
    where = held(visitor, code_of(run.payments[0]))
    stolen = visitor.filled(f"{where}/confirm") | {
        "form_token": other.filled("/counter")["form_token"]
    }
    assert other.get(where).status_code == 404
    other.get("/counter")
    assert "neither paid nor given up" not in other.words
    other.ask("POST", f"{where}/confirm", data=stolen)
    assert count(Payout) == 0


def test_two_tellers_with_one_code_at_once_and_one_pays(app: FastAPI, run: Issued) -> None:
    tellers, code = [signed_in(app) for _ in range(4)], code_of(run.payments[0])
    start = Barrier(len(tellers))

    def redeem(visitor: Browsing) -> str:
        start.wait(timeout=60)
        where: str = check(visitor, code, follow=False).headers["location"]
        visitor.get(where)
        if where != "/counter":
            visitor.send(f"{where}/confirm")
        return visitor.words

    with ThreadPoolExecutor(len(tellers)) as threads:
        told = list(threads.map(redeem, tellers))
    assert sum("Paid. Hand over" in words for words in told) == 1
    no = ("Another counter used", "Another teller has this code", "Paid already")
    assert sum(any(each in words for each in no) for words in told) == len(tellers) - 1
    assert count(Payout) == 1


def test_the_sheet_of_the_day_adds_up_and_a_receipt_is_printed_again_as_a_copy(
    app: FastAPI, run: Issued
) -> None:
    visitor = signed_in(app)
    for payment in run.payments[:3]:
        where = held(visitor, code_of(payment))
        visitor.send(f"{where}/confirm")
    held(visitor, code_of(run.payments[3]))
    visitor.get("/counter/day")
    sheet = visitor.words.replace("\u00a0", " ")
    assert "Total 3 12,000.00 DZD" in sheet
    assert "still open" in sheet
    assert "Signature of the supervisor" in sheet
    visitor.get("/counter/day?of=1999-01-01")
    assert "Total 3" in visitor.words
    visitor.get("/counter/day?of=2020-01-01")
    assert "Nothing was paid." in visitor.words
    with offices.transaction("dz") as session:
        receipt = session.scalars(select(Payout.receipt)).first()
    visitor.get(f"/counter/receipts/{receipt}")
    assert "If the cash was handed over then, hand over nothing now." in visitor.words
    assert "Hand over 4,000" not in visitor.words
    assert visitor.get("/counter/receipts/0000000000").status_code == 404
    assert signed_in(app).get(f"/counter/receipts/{receipt}").status_code == 404
