"""Amounts that cannot be meant, at the doors of HTTP and of the programme file: refused in words, and nothing is booked."""

import pytest
from httpx import Response
from sqlalchemy import URL

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.ledger.queries import FundPosition, fund_positions
from tests.factories import PROGRAMME, START, funded_programme
from tests.flow.people import Caller, make_user, token_for

AMOUNTS = (
    "12345678901234567890", "1" * 5000, "1000000000000001", "-1", "0", "0.00", "1,000", "1.000,50", "1e3", "NaN",
    "Infinity", "0.001", "½", "Ⅻ", "1 DZD", "", " ", "10.", ".5", "0x10", "1\u00002",
)  # fmt: skip
NOT_TEXT = (10, 10.5, None, True, ["10"], {"minor": 10})
CURRENCIES = ("XXX", "XAU", "dzd", "DZ", "", "DZD ", "EURO", "dinar", "\u202eDZD")


@pytest.fixture
def treasurer(database: URL) -> Caller:
    """Somebody who books money, in an office with a fund."""
    with offices.transaction("dz") as session:
        funded_programme(session)
    return Caller(create_app(), token_for(make_user("tala", Role.TREASURER)))


def positions() -> list[FundPosition]:
    with offices.transaction("dz") as session:
        return fund_positions(session)


def refused(answer: Response) -> bool:
    """As the asker's mistake, in a problem with a code and a sentence."""
    problem = answer.json()
    return answer.status_code == 422 and bool(problem["code"] and problem["detail"])


def test_an_amount_that_cannot_be_meant_books_nothing(treasurer: Caller) -> None:
    before = positions()
    for path in ("/funds/echo-26/receipts", "/providers/post_office/prefunding"):
        for amount in (*AMOUNTS, *NOT_TEXT):
            body = {"amount": amount, "currency": "DZD", "reference": "B-9"}
            answer = treasurer.post(path, body)
            assert refused(answer), (path, amount, answer.text)
    assert positions() == before


def test_a_currency_that_is_none_books_nothing(treasurer: Caller) -> None:
    before = positions()
    for path in ("/funds/echo-26/receipts", "/providers/post_office/prefunding"):
        for currency in CURRENCIES:
            body = {"amount": "10.00", "currency": currency, "reference": "B-9"}
            assert refused(treasurer.post(path, body)), (path, currency)
    assert positions() == before


def test_a_fund_takes_no_other_currency_and_no_more_than_was_granted(treasurer: Caller) -> None:
    before = positions()
    euros = {"amount": "10.00", "currency": "EUR", "reference": "B-9"}
    assert refused(treasurer.post("/funds/echo-26/receipts", euros))
    more = {"amount": "9999999.00", "currency": "DZD", "reference": "B-9"}
    answer = treasurer.post("/funds/echo-26/receipts", more)
    assert (answer.status_code, answer.json()["code"]) == (409, "fund.more_than_the_grant")
    assert positions() == before


def test_money_without_a_paper_or_for_nobody_is_not_booked(treasurer: Caller) -> None:
    before = positions()
    for reference in ("", "  ", "B\0"):
        body = {"amount": "10.00", "currency": "DZD", "reference": reference}
        assert refused(treasurer.post("/funds/echo-26/receipts", body))
    body = {"amount": "10.00", "currency": "DZD", "reference": "B-9"}
    for path in ("/funds/nobody/receipts", "/providers/nobody/prefunding"):
        assert treasurer.post(path, body).status_code == 404
    assert positions() == before


def test_one_paper_is_booked_once_and_stands_for_one_amount(treasurer: Caller) -> None:
    body = {"amount": "10.00", "currency": "DZD", "reference": "B-9"}
    booked = [treasurer.post("/funds/echo-26/receipts", body).json() for _ in range(2)]
    assert booked == [{"booked": True}, {"booked": False}]
    other = body | {"amount": "10.01"}
    answer = treasurer.post("/funds/echo-26/receipts", other)
    assert (answer.status_code, answer.json()["code"]) == (409, "fund.reference_used")
    assert positions()[0].received.decimal == "2000010.00"


@pytest.mark.parametrize("field", ["fund", "per_member"])
def test_a_programme_file_with_such_an_amount_is_refused_with_its_line(
    database: URL, field: str
) -> None:
    manager = Caller(create_app(), token_for(make_user("marc", Role.PROGRAMME_MANAGER)))
    whole = PROGRAMME.format(
        code="winter", provider="post_office", mechanism="cash_over_counter", fund="5000000.00",
        first=START.year, last=START.year + 1,
    )  # fmt: skip
    old = {"fund": '"5000000.00"', "per_member": '"1000.00"'}[field]
    assert old in whole
    for amount in ("12345678901234567890", "-5", "1,000", "1.000,50", "ten", ""):
        answer = manager.post("/programmes", {"definition": whole.replace(old, f'"{amount}"')})
        assert refused(answer), (amount, answer.text)
        line = next(n for n, text in enumerate(whole.splitlines(), 1) if old in text)
        assert f"line {line}" in answer.text, answer.text
    answer = manager.post("/programmes", {"definition": whole.replace("DZD", "XXX")})
    assert refused(answer)
    assert manager.get("/programmes").json()["items"] == []
