"""How an office stands when there is little in it: nothing at all, one payment at midnight, one line nobody knows."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from cbi import clock, db
from cbi.access.actor import SYSTEM
from cbi.money import Money
from cbi.payments.outcomes.settling import EndedByLine, settle
from cbi.reconciliation import matching, statements
from cbi.reconciliation import queries as reconciliation
from cbi.reporting.overview import DAYS, overview
from tests.reconciliation_factory import TREASURER, Line, pay, send, send_many, settlement


def test_an_empty_office_shows_nothing(session: Session) -> None:
    found = overview(session, SYSTEM)
    assert (found.cycles, found.funds, found.stuck) == ((), (), ())
    assert found.lately is not None
    assert (found.lately.paid, found.lately.uncollected) == ((), ())
    assert (found.lately.last - found.lately.first).days == DAYS - 1


def test_a_payment_counts_for_its_day_in_the_calendar_of_the_office(session: Session) -> None:
    (sent,) = send(session, [500])
    with clock.frozen(datetime(2026, 3, 20, 12, 0, tzinfo=UTC)):
        # In Algiers it is after midnight.
        pay(session, sent, "R1", at=datetime(2026, 3, 10, 23, 30, tzinfo=UTC))
        lately = overview(session, SYSTEM).lately
    assert lately is not None
    (day,) = lately.paid
    assert (day.day.isoformat(), day.payments, day.total) == ("2026-03-11", 1, Money(50000, "DZD"))


def test_a_large_run_takes_no_more_questions_than_a_small_one(session: Session) -> None:
    asked: list[str] = []
    engine = db.engine("dz")

    def note(*given: object) -> None:
        asked.append(str(given[2]))

    def questions() -> int:
        asked.clear()
        event.listen(engine, "before_cursor_execute", note)
        overview(session, SYSTEM)
        event.remove(engine, "before_cursor_execute", note)
        return len(asked)

    sent, _ = send(session, [500, 700])
    pay(session, sent, "R1")
    few = questions()
    send_many(session, 3000, 5, "sandbox", paid=True)
    assert questions() == few <= 32


def test_a_line_that_words_would_explain_still_does_not_agree(session: Session) -> None:
    content = settlement([Line("R-NOBODYS", 300)])
    statements.take_in(session, TREASURER, "post_office", content, "one.csv")
    (before,) = reconciliation.last_statements(session, SYSTEM)
    assert (before.unmatched, before.per_cent) == (None, None)
    matching.reconcile(session, TREASURER, "post_office")
    found = session.scalars(reconciliation.discrepancies(SYSTEM, is_open=True)).one()
    with pytest.raises(EndedByLine):
        settle(session, TREASURER, found.id, "The post office took it back.")
    session.expire_all()
    (after,) = reconciliation.last_statements(session, SYSTEM)
    assert (after.unmatched, after.per_cent, after.open_discrepancies) == (1, 0, 1)
