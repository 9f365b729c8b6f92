"""The statement of cards says what was put in, what it cost and what was loaded; what recipients buy is theirs."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.cards import statements
from cbi import clock
from cbi.fsp.cards import CardLoss
from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.messages import LineKind, Outcome, Statement
from cbi.fsp.statements import check_adds_up
from cbi.money import Money
from tests.adapters.cards_bench import CardsBench
from tests.peers.stripe_issuing import stripe_issuing


@pytest.fixture
def desk(shared_data: Path) -> Iterator[CardsBench]:
    with stripe_issuing(shared_data) as running:
        yield CardsBench(running)


def fetched(desk: CardsBench, days: int = 2) -> Statement:
    today = desk.peer.moment.date()
    around = timedelta(days=days)
    return desk.cards.parse_statement(
        desk.cards.fetch_statement(today - around, today + around, "EUR")
    )


def test_it_leads_from_what_was_put_in_to_the_float(desk: CardsBench) -> None:
    for payment in (1, 2, 3):
        assert desk.cards.submit(desk.instruction(payment)).outcome is Outcome.PAID
    desk.peer.charge(1_250)
    assert desk.peer.spend(desk.card, 20_000)
    statement = fetched(desk)
    assert [line.kind for line in statement.lines] == [
        LineKind.TOP_UP,
        LineKind.FEE,
        *[LineKind.PAYMENT] * 3,
    ]
    assert statement.movement == desk.cards.available_float("EUR")
    keys = {line.idempotency_key for line in statement.lines if line.kind is LineKind.PAYMENT}
    assert keys == {desk.instruction(payment).idempotency_key for payment in (1, 2, 3)}


def test_a_replaced_card_lists_each_payment_once(desk: CardsBench) -> None:
    desk.cards.submit(desk.instruction())
    desk.cards.block_card(desk.payee.account, CardLoss.LOST)
    desk.cards.replace_card(desk.payee.account)
    assert [line.kind for line in fetched(desk).lines] == [LineKind.TOP_UP, LineKind.PAYMENT]


def test_a_limit_that_somebody_raised_at_stripe_is_shown(desk: CardsBench) -> None:
    desk.cards.submit(desk.instruction())
    desk.peer.change(
        desk.card,
        spending_controls={"spending_limits": [{"amount": 99_000, "interval": "all_time"}]},
    )
    *_, line = fetched(desk).lines
    assert (line.kind, line.amount) == (LineKind.OTHER, Money(15_000 - 99_000, "EUR"))
    assert line.provider_reference == desk.card


def test_what_lies_on_a_card_in_a_drawer_is_listed_on_the_day_it_is_handed_over(
    desk: CardsBench,
) -> None:
    desk.answers(Outcome.ACCEPTED)
    desk.cards.submit(desk.instruction())
    assert [line.kind for line in fetched(desk).lines] == [LineKind.TOP_UP]
    later = clock.now() + timedelta(days=20)
    with clock.frozen(later):
        desk.cards.hand_over_card(desk.payee.account)
    desk.peer.moment = later
    (line,) = fetched(desk).lines
    assert (line.kind, line.value_date) == (LineKind.PAYMENT, later.date())


def test_what_lies_outside_its_days_is_left_out(desk: CardsBench) -> None:
    desk.cards.submit(desk.instruction())
    desk.peer.moment += timedelta(days=40)
    assert fetched(desk).lines == ()


def test_it_says_nothing_of_people(desk: CardsBench) -> None:
    desk.cards.submit(desk.instruction())
    today = desk.peer.moment.date()
    content = desk.cards.fetch_statement(today, today, "EUR").decode()
    for hidden in (desk.payee.name, desk.payee.account, str(desk.holder.phone), "example.org"):
        assert hidden not in content


def row(**changed: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "id": "txn_1", "object": "balance_transaction", "type": "topup", "amount": 500, "fee": 0, "net": 500,
        "currency": "eur", "created": 1_790_000_000, "source": "tu_1",
    }  # fmt: skip
    return usual | changed


def read(*rows: dict[str, object]) -> Statement:
    return statements.read(statements.write("eur", date(2026, 11, 1), date(2026, 11, 30), rows))


@pytest.mark.parametrize(
    ("changed", "kind", "effect"),
    [
        ({}, LineKind.TOP_UP, 500),
        ({"type": "topup_reversal", "amount": -500, "net": -500}, LineKind.OTHER, -500),
        ({"type": "stripe_fee", "amount": -500, "net": -500}, LineKind.FEE, -500),
        ({"type": "stripe_fee"}, LineKind.OTHER, 500),
        ({"type": "issuing_dispute"}, LineKind.OTHER, 500),
        ({"type": "payout", "amount": -500, "net": -500}, LineKind.OTHER, -500),
        ({"type": "of_next_year"}, LineKind.OTHER, 500),
        ({"type": "issuing_transaction", "amount": -500, "fee": 7, "net": -507}, LineKind.FEE, -7),
    ],
)
def test_each_movement_is_what_it_is_and_nothing_is_guessed(
    changed: dict[str, object], kind: LineKind, effect: int
) -> None:
    (line,) = read(row(**changed)).lines
    assert (line.kind, line.effect.minor) == (kind, effect)


def test_a_fee_inside_a_movement_is_a_line_of_its_own() -> None:
    lines = read(row(fee=20, net=480)).lines
    assert [(line.line_id, line.kind, line.effect.minor) for line in lines] == [
        ("txn_1", LineKind.TOP_UP, 500),
        ("txn_1/fee", LineKind.FEE, -20),
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"net": 499}, {"amount": "500"}, {"amount": 5.0}, {"created": "today"}, {"created": 10**30}, {"currency": "usd"},
        {"object": "charge"}, {"fee": None}, {"id": None, "amount": 10**18, "net": 10**18},
    ],
)  # fmt: skip
def test_a_movement_that_contradicts_itself_makes_the_statement_unreadable(
    changed: dict[str, object],
) -> None:
    with pytest.raises(UnreadableStatement, match="Line 3 "):
        read(row(), row(**changed))


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with pytest.raises(UnreadableStatement):
        check_adds_up(statements.read(content))
