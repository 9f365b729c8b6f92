"""Findings about payments and statements that wait for a second person: shown, and decided from the page."""

import re
from typing import Any

import pytest
from sqlalchemy import URL, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.console import waiting
from cbi.console.waiting_proposals import Proposal, listed
from cbi.payments.models import Payment, UnpaidFinding
from cbi.payments.outcomes.suspense_models import Withdrawal
from cbi.payments.recovery import recovering
from cbi.payments.recovery.amount_models import AmountFinding
from cbi.payments.recovery.receivable_models import Receivable, WriteOff
from cbi.payments.states import PaymentState, ReceivableState
from cbi.payments.unpaid import withdrawing
from cbi.proofs import refusals
from cbi.reconciliation import line_findings
from cbi.reconciliation.line_findings import Said
from cbi.reconciliation.models import LineFinding, Verdict
from cbi.refusals import refusing
from cbi.refusals.refusing import NothingWaits
from tests.factories import Colleague, colleague
from tests.flow.browsing import Browsing
from tests.flow.people import token_for
from tests.flow.sending import STORIES, PointAt, payments, told
from tests.flow.suspended import Told
from tests.flow.tampering import intruding
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
        self.template = template
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
        line = session.scalars(select(LineFinding.line_id)).one()
    # What two people found of a line is reported as mistaken from the line's own page, and waits as others do.
    visitor = at_browser(found.treasurer)
    visitor.get(f"/lines/{line}")
    assert "found by two people" in visitor.words
    form = re.search(r'value="(mistaken:[^"]+)"', visitor.get(f"/lines/{line}").text)
    assert form
    visitor.send(f"/lines/{line}", verdict=form[1], proof="Letter 18")
    assert "Letter 18" in visitor.words
    assert waits(found.authorisers[0])["statement-line"].facts["verdict"] == "mistaken"


def test_what_was_refused_says_why_has_no_effect_and_is_proposed_anew(found: Found) -> None:
    lines = waits(found.authorisers[0])
    visitor = at_browser(found.authorisers[0])
    for kind, each in lines.items():
        visitor.get(f"/waiting/{kind}/{each.key}")
        visitor.send(f"/waiting/refuse/{kind}/{each.key}", reason=f"Not so: {kind}.")
        assert "Refused:" in visitor.words, (kind, visitor.words)
    assert set(waits(found.authorisers[0])) == set()
    run_id = STORIES[found.template].by_sandbox
    canceller = at_browser(found.canceller)
    canceller.get(f"/runs/{run_id}/waiting")
    assert "Not so" not in canceller.words
    canceller.send(f"/runs/{run_id}/withdraw", provider="sandbox", reason="It closed for good.")
    assert "proposed to be taken back" in canceller.words
    again = waits(found.authorisers[0])["withdrawal"]
    canceller.get(f"/waiting/withdrawal/{again.key}")
    canceller.send(f"/waiting/refuse/withdrawal/{again.key}", reason="It opens again.")
    visitor = at_browser(found.treasurer)
    visitor.get("/waiting/refused")
    assert all(f"Not so: {kind}." in visitor.words for kind in lines if kind != "withdrawal")
    assert "Letter 8" in visitor.words
    with offices.transaction("dz") as session:
        models: list[Any] = [WriteOff, Withdrawal, LineFinding, UnpaidFinding, AmountFinding]
        for model in models:
            for row in session.scalars(select(model)):
                assert (row.refusal_id is None, row.confirmed_by) == (False, None)
            session.execute(text("SAVEPOINT before"))
            with pytest.raises(IntegrityError, match="refused_or_accepted"):
                session.execute(
                    update(model).values(confirmed_by=found.canceller.actor.id, confirmed_at=clock.now())
                )  # fmt: skip
            session.execute(text("ROLLBACK TO SAVEPOINT before"))
        about = session.scalars(select(LineFinding)).one()
        who = found.authorisers[1]
        with pytest.raises(line_findings.AlreadyConfirmed), session.begin_nested():
            line_findings.confirm(session, who.actor, about.id, who.code())
        recovering.propose_write_off(
            session, found.treasurer.actor, found.receivable, "It is lost.", "Letter 17"
        )
        with pytest.raises(NothingWaits), session.begin_nested():
            refusing.refuse(
                session, found.canceller.actor, "statement-line", str(about.id), "Once more"
            )
    assert set(waits(found.authorisers[0])) == {"write-off"}
    # Whoever proposed it takes it back without the right to decide.
    visitor = at_browser(found.treasurer)
    visitor.get(f"/waiting/write-off/{found.receivable}")
    visitor.send(f"/waiting/refuse/write-off/{found.receivable}", reason="The money has come.")
    assert "Taken back:" in visitor.words


def test_a_refusal_that_somebody_alters_is_seen(found: Found, database: URL) -> None:
    with offices.transaction("dz") as session:
        amount = str(session.scalars(select(AmountFinding.id)).one())
        refusing.refuse(session, found.authorisers[0].actor, "amount", amount, "It is another.")
    deeds = {
        "took effect all the same": "ALTER TABLE amount_findings DROP CONSTRAINT ck_amount_findings_refused_or_accepted;"
        "UPDATE amount_findings SET confirmed_at = now(), confirmed_by = (SELECT refused_by FROM refusals)",
        "does not agree who refused": "UPDATE refusals SET reason = 'Nothing'",
        "is missing": "DELETE FROM refusals",
    }
    for said, deed in {"": "SELECT 1", **deeds}.items():
        with intruding(database) as connection:
            connection.exec_driver_sql(deed)
            with Session(connection) as session:
                breaches = [each for check in refusals.append_only for each in check(session)]
        assert [said in each for each in breaches] == ([True] if said else []), breaches


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
