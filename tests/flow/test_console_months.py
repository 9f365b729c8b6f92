"""A month is closed, and opened again, from pages: what keeps it open is seen, one proposes and another confirms."""

from sqlalchemy import URL, select

from cbi import offices
from cbi.app import create_app
from cbi.audit import standstill
from cbi.ledger.models import MonthClose
from cbi.reconciliation import matching, statements
from tests.factories import EVERYTHING, Colleague
from tests.flow import month_end
from tests.flow.browsing import Browsing
from tests.flow.people import token_for
from tests.flow.sending import assert_every_promise_is_kept
from tests.reconciliation_factory import settlement


def test_a_month_is_closed_and_opened_again_from_pages_by_two_people(database: URL) -> None:
    people = month_end.begun()
    app = create_app()

    def visit(who: Colleague) -> Browsing:
        assert who.actor.id is not None
        return Browsing(app, token_for(who.actor.id))

    at = f"/finance/months/{month_end.MONTH}"
    with month_end.later():
        treasurer = visit(people.treasurer)
        page = treasurer.get(at)
        assert "Trial balance at the end of the month" in treasurer.words
        assert page.text.count("<tfoot>") == 1
        treasurer.send(f"{at}/propose", why="The post office sends it next week.")
        assert "It is proposed to close it" in treasurer.words
    with month_end.later():
        finance = visit(people.finance)
        finance.get(f"/waiting/month-close/{month_end.MONTH}")
        finance.send(
            f"/waiting/refuse/month-close/{month_end.MONTH}", reason="The bank's letter is missing."
        )
        assert "Refused: Closing a month" in finance.words
        treasurer.get("/waiting/refused")
        assert "The bank's letter is missing." in treasurer.words
        treasurer.get(at)
        assert "its closing was refused" in treasurer.words
        treasurer.send(f"{at}/propose", why="The post office sends it next week.")
    with month_end.later():
        finance.get(f"/waiting/month-close/{month_end.MONTH}")
        assert "The post office sends it next week." in finance.words
        finance.send(f"/waiting/accept/month-close/{month_end.MONTH}", code=people.finance.code())
        assert "Accepted: Closing a month" in finance.words
        finance.get(at)
        finance.send(f"{at}/reopen", reason="The bank sent its statement late.")
        assert "Somebody asks to open it again" in finance.words
    with month_end.later():
        finance.get(f"/waiting/month-reopening/{month_end.MONTH}")
        finance.send(
            f"/waiting/refuse/month-reopening/{month_end.MONTH}", reason="It was another month."
        )
        assert "Taken back: Opening a closed month again" in finance.words
        finance.get(at)
        finance.send(f"{at}/reopen", reason="The bank sent its statement late.")
    with month_end.later():
        treasurer = visit(people.treasurer)
        treasurer.get(f"/waiting/month-reopening/{month_end.MONTH}")
        treasurer.send(
            f"/waiting/accept/month-reopening/{month_end.MONTH}", code=people.treasurer.code()
        )
        assert "Accepted:" in treasurer.words
    with offices.transaction("dz") as session:
        refused, closed = session.scalars(select(MonthClose).order_by(MonthClose.number)).all()
        assert (refused.confirmed_by, refused.refusal_id is None) == (None, False)
        assert closed.reopened_by == people.treasurer.actor.id
    month_end.seal()
    assert_every_promise_is_kept()


def test_the_office_is_stopped_and_goes_on_from_pages_by_two_people(database: URL) -> None:
    people, app, at = month_end.begun(), create_app(), "/finance/standstill"
    assert people.treasurer.actor.id is not None
    assert people.finance.actor.id is not None
    with month_end.later():
        treasurer = Browsing(app, token_for(people.treasurer.actor.id))
        treasurer.get(at)
        treasurer.send(f"{at}/begin", reason="The server was read back from a snapshot.")
        assert "The server was read back from a snapshot." in treasurer.words
        treasurer.get("/")
        assert "no payment leaves, no code is paid, no text goes out" in treasurer.words
        treasurer.get(at)
        treasurer.send(f"{at}/end", reason="All is well.")
        assert "post_office has given no statement since" in treasurer.words
        with offices.transaction("dz") as session:
            still = standstill.now(session)
            assert still is not None
            statements.take_in(session, EVERYTHING, "post_office", settlement([]), "none.csv")
            matching.reconcile(session, EVERYTHING, "post_office")
        treasurer.get(at)
        treasurer.send(f"{at}/end", reason="The post office paid nothing since.")
    with month_end.later():
        finance = Browsing(app, token_for(people.finance.actor.id))
        finance.get(f"/waiting/standstill-end/{still.id}")
        assert "post office" in finance.words
        finance.send(f"/waiting/accept/standstill-end/{still.id}", code=people.finance.code())
        assert "Accepted: Letting the office go on" in finance.words
        finance.get(at)
        assert "The office works" in finance.words
