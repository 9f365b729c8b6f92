"""Findings about payments and statements that wait for a second person: shown, and decided from the page."""

import pytest
from sqlalchemy import URL, select

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.console import waiting
from cbi.console.waiting_proposals import Proposal, listed
from cbi.payments.models import Payment, UnpaidFinding
from cbi.payments.outcomes.suspense_models import Withdrawal
from cbi.payments.recovery import recovering
from cbi.payments.recovery.amount_models import AmountFinding
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.states import PaymentState, ReceivableState
from cbi.payments.unpaid import withdrawing
from cbi.reconciliation import line_findings
from cbi.reconciliation.line_findings import Said
from cbi.reconciliation.models import Verdict
from tests.factories import Colleague, colleague
from tests.flow.browsing import Browsing
from tests.flow.people import token_for
from tests.flow.sending import STORIES, PointAt, payments, told
from tests.flow.suspended import Told
from tests.flow.two_attempts import FAILED, PAID, Tried, tried_of


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


def waits(who: Colleague) -> dict[str, Proposal]:
    """What this person finds on the page, by kind."""
    with offices.transaction("dz") as session:
        return {each.kind: each for each in listed(session, who.actor, waiting.KINDS, limit=100)}


def at_browser(who: Colleague) -> Browsing:
    assert who.actor.id is not None
    return Browsing(create_app(), token_for(who.actor.id))


class Found:
    """A run in which everything went wrong that can, and what a treasurer reported about it."""

    def __init__(self, template: str) -> None:
        self.tried: Tried = tried_of(template)
        self.line = Told(self.tried)
        self.treasurer, self.authorisers = self.line.treasurer, self.line.authorisers
        run_id, actor = STORIES[template].by_sandbox, self.treasurer.actor
        self.tried.sent(FAILED)
        self.tried.becomes(PaymentState.READY)
        self.tried.sent(PAID)
        self.tried.says(PAID, 1)
        first, second, *_ = sorted(
            (each for each in payments(run_id) if each.id != self.tried.id), key=lambda each: each.number
        )  # fmt: skip
        for each in (first, second):
            Tried(each.id, self.tried.decider).sent()
        self.line.lists({"id": "L1", "minor": -777, "reference": "nobody"})
        with offices.transaction("dz") as session:
            self.canceller = colleague(session, Role.TREASURER, Role.AUTHORISER)
            self.receivable = session.scalars(select(Receivable.id)).one()
            recovering.propose_write_off(
                session, actor, self.receivable, "The provider closed.", "Letter 7"
            )
            withdrawing.propose(
                session, self.canceller.actor, run_id, "sandbox", "The provider closed."
            )
            line = self.line.line("L1")
            line_findings.report(session, actor, line, Said(Verdict.NOT_OURS), "Letter 8")
            now = clock.now()
            session.add(
                UnpaidFinding(
                    payment_id=first.id,
                    attempt=1,
                    proof="Letter 9",
                    reported_by=actor.id,
                    reported_at=now,
                )
            )
            session.add(
                AmountFinding(
                    payment_id=second.id, attempt=1, paid_minor=100, currency="DZD", proof="Letter 10",
                    reported_by=actor.id, reported_at=now,
                )
            )  # fmt: skip
        with offices.transaction("dz") as session:
            session.get_one(Payment, first.id).state = PaymentState.UNKNOWN


@pytest.fixture
def found(database: URL, template: str) -> Found:
    return Found(template)


def test_findings_about_payments_wait_until_somebody_else_confirms_them(found: Found) -> None:
    lines = waits(found.authorisers[0])
    assert set(lines) == {"write-off", "withdrawal", "statement-line", "unpaid", "amount"}
    assert all(each.mine for each in lines.values())
    assert not any(each.mine for each in waits(found.treasurer).values())
    visitor = at_browser(found.authorisers[0])
    for kind, each in lines.items():
        assert visitor.get(f"/waiting/{kind}/{each.key}").status_code == 200, kind
        assert "Letter" in visitor.words or kind == "withdrawal"
        assert "/waiting/accept/" in str(visitor.forms), kind
    for kind, who in zip(
        ("write-off", "withdrawal", "statement-line"), found.authorisers, strict=True
    ):
        visitor = at_browser(who)
        visitor.get(f"/waiting/{kind}/{lines[kind].key}")
        visitor.send(f"/waiting/accept/{kind}/{lines[kind].key}", code=who.code())
        assert "Accepted:" in visitor.words, (kind, visitor.words)
        assert kind not in waits(who)
    with offices.transaction("dz") as session:
        assert session.get_one(Receivable, found.receivable).state is ReceivableState.WRITTEN_OFF
        assert (
            session.scalars(select(Withdrawal)).one().confirmed_by == found.authorisers[1].actor.id
        )


def test_what_is_over_by_itself_waits_no_more(found: Found) -> None:
    with offices.transaction("dz") as session:
        recovering.recover(session, found.treasurer.actor, found.receivable, "CREDIT-7")
        unpaid = session.scalars(select(UnpaidFinding)).one()
        session.get_one(Payment, unpaid.payment_id).state = PaymentState.SENDING
    assert {"write-off", "unpaid"}.isdisjoint(waits(found.authorisers[0]))
    visitor = at_browser(found.treasurer)
    visitor.get("/finance/owed-back?ended=yes")
    assert "came back" in visitor.words


def test_money_that_is_owed_back_is_booked_or_given_up_from_its_page(found: Found) -> None:
    visitor = at_browser(found.treasurer)
    visitor.get("/finance/owed-back")
    assert "proposed to be given up" in visitor.words
    path = f"/finance/owed-back/{found.receivable}/recover"
    visitor.send(path, reference="CREDIT-7", to="bank")
    assert "Booked: the money is back." in visitor.words
    with offices.transaction("dz") as session:
        assert session.get_one(Receivable, found.receivable).state is ReceivableState.RECOVERED
