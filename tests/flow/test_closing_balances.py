"""What a statement says is left with a provider is compared with our books each time, and asked about while they differ."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.permissions import Role
from cbi.ledger import funds
from cbi.ledger.floats import NotFree
from cbi.money import Money
from cbi.payments.models import Discrepancy
from cbi.payments.outcomes.settling import EndedByBalance, settle
from cbi.programmes import float_losses, fund_requests
from cbi.proofs.suspense import suspended_as_booked
from cbi.reconciliation.closing_balances import told
from cbi.reconciliation.matching import Reconciled, reconcile
from cbi.reconciliation.statements import take_in
from tests.factories import colleague, funded_programme
from tests.reconciliation_factory import (
    CURRENCY,
    DAY,
    SENT,
    TREASURER,
    movements,
    open_kinds,
    pay,
    send,
)

NEXT_MORNING = datetime(2026, 3, 11, 7, 0, tzinfo=UTC)
"""After the day of which the statement tells."""
PLACED = 100_000
KIND = "closing_differs"


@pytest.fixture(autouse=True)
def _next_morning() -> object:
    with clock.frozen(NEXT_MORNING):
        yield


def placed(
    session: Session, minor: int = PLACED, paper: str = "WIRE 1", at: datetime = SENT
) -> None:
    """Money is placed with the provider."""
    with clock.frozen(at):
        funds.prefund(session, TREASURER, "sandbox", Money(minor, CURRENCY), paper)


def row(name: str, minor: int, key: str = "", day: date = DAY, **more: object) -> dict[str, object]:
    return {"id": name, "minor": minor, "reference": key, "date": day.isoformat(), **more}


def says(session: Session, *rows: dict[str, object], opening: int | None = PLACED) -> Reconciled:
    """The provider's statement of these lines is taken in and compared; to compare again changes nothing."""
    content = movements(*rows, opening=opening)
    take_in(session, TREASURER, "sandbox", content, "statement.jsonl")
    done = reconcile(session, TREASURER, "sandbox")
    assert not reconcile(session, TREASURER, "sandbox").changed
    return done


def found(session: Session) -> Discrepancy:
    return session.scalars(
        select(Discrepancy).where(Discrepancy.kind == KIND).order_by(Discrepancy.settled_at.is_(None).desc()).limit(1)
    ).one()  # fmt: skip


def test_what_is_booked_a_day_late_or_not_listed_yet_is_no_difference(session: Session) -> None:
    placed(session)
    yesterday, today, never = send(session, [300, 200, 100], provider="sandbox")
    pay(session, today, None, at=NEXT_MORNING)
    placed(session, 5_000, "WIRE 2", at=NEXT_MORNING)
    says(session, row("a", -30_000, yesterday.key))
    assert open_kinds(session) == ["not_collected"], "booked today, by yesterday's line"
    says(session, row("b", -20_000, today.key, DAY + timedelta(days=1)), opening=70_000)
    assert open_kinds(session) == ["not_collected"], "the later line takes its place"
    pay(session, never, None, at=NEXT_MORNING)
    arrived = row("c", 5_000, "", DAY + timedelta(days=2), type="TOPUP", transaction="WIRE 2")
    says(session, arrived, opening=50_000)
    assert open_kinds(session) == [KIND, "paid_not_settled"], "two days on it should be listed"


def test_a_line_that_is_missing_shows_in_the_balance_until_its_statement_comes(
    session: Session,
) -> None:
    placed(session)
    first, second = send(session, [300, 200], provider="sandbox")
    says(session, row("a", -30_000, first.key), opening=PLACED)
    assert says(session, row("c", -20_000, second.key), opening=63_000).opened == 1
    differs = found(session)
    assert differs.details["said_amount"] == str(Money(43_000, CURRENCY))
    assert differs.details["our_amount_minor"] == 50_000
    assert (differs.amount_minor, differs.details["difference_minor"]) == (7_000, -7_000)
    assert told(session, TREASURER) == [
        "sandbox: its statement through 2026-03-10 says that 430.00 DZD is left, our books say 500.00 DZD."
    ]
    with pytest.raises(EndedByBalance):
        settle(session, TREASURER, differs.id, "They say that it is right.")
    by_hand = session.begin_nested()
    words = "UPDATE discrepancies SET settled_at = now(), settled_by = id, resolution = 'x' WHERE id = :id"
    session.execute(text(words), {"id": differs.id})
    assert "was settled in words" in next(iter(suspended_as_booked[0](session)))
    by_hand.rollback()
    done = says(session, row("e", -3_000, "", DAY + timedelta(days=1)), opening=43_000)
    assert open_kinds(session) == [KIND, "unknown_line"], "the same difference is the same question"
    assert done.opened == 1
    says(session, row("b", -7_000, type="OTHER"), opening=70_000)
    assert open_kinds(session) == ["other_line", "unknown_line"], "what explains it is asked about"
    assert differs.settled_by is None


def test_money_placed_that_never_arrived_shows_until_a_later_line_lists_it(
    session: Session,
) -> None:
    placed(session)
    placed(session, 9_000, "WIRE 2", at=SENT + timedelta(days=1))
    fee = row("a", -100, type="OTHER")
    says(session, fee)
    assert (found(session).amount_minor, open_kinds(session)) == (9_000, [KIND, "other_line"])
    arrived = row("b", 9_000, "", DAY + timedelta(days=1), type="TOPUP", transaction="WIRE 2")
    says(session, arrived, opening=99_900)
    assert open_kinds(session) == ["other_line"]
    resolution = found(session).resolution or ""
    assert resolution.startswith("Through 2026-03-11 the provider's statement and our books say")
    says(session, row("c", -1, "", DAY + timedelta(days=2), type="OTHER"), opening=1)
    assert found(session).amount_minor == 108_899, "it is asked anew when they differ again"


def test_once_what_is_lost_is_given_up_the_balance_agrees_and_what_payments_need_is_kept(
    session: Session,
) -> None:
    with clock.frozen(SENT):
        funded_programme(session, provider="sandbox", mechanism="mobile_money")
    send(session, [300], provider="sandbox")
    says(session, row("a", -100, type="OTHER"), opening=30_100)
    assert open_kinds(session) == [KIND, "not_collected", "other_line"]
    asks, confirms = (colleague(session, Role.TREASURER) for _ in range(2))
    lost = (asks.actor, "winter", "sandbox", "999699.00", "COURT-12", "It is bankrupt")
    asked = float_losses.ask_loss(session, *lost)
    meanwhile = session.begin_nested()
    send(session, [1], provider="sandbox")
    with pytest.raises(NotFree):
        fund_requests.confirm(session, confirms.actor, asked.number, confirms.code())
    meanwhile.rollback()
    fund_requests.confirm(session, confirms.actor, asked.number, confirms.code())
    assert reconcile(session, TREASURER, "sandbox").settled == 1
    assert open_kinds(session) == ["not_collected", "other_line"]
    back = (asks.actor, "winter", "sandbox", "500.00", "ESTATE-1", "A first share")
    asked = float_losses.ask_recovery(session, *back)
    with clock.frozen(NEXT_MORNING + timedelta(minutes=1)):
        fund_requests.confirm(session, confirms.actor, asked.number, confirms.code())
    share = row("b", 50_000, "", DAY + timedelta(days=2), type="TOPUP", transaction="ESTATE-1")
    says(session, share, opening=30_000)
    assert open_kinds(session) == ["not_collected", "other_line"], "its line is explained by that"


def test_a_statement_that_names_no_balance_is_not_compared(session: Session) -> None:
    placed(session)
    says(session, row("a", -30_000), opening=None)
    assert open_kinds(session) == ["unknown_line"]
