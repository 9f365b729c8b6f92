"""Money that was paid twice: it comes back, or two people write it off, once; what nobody knows for days is set apart."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import URL, Engine, select, text

from cbi import clock, jobs, offices
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.audit.models import AuditEntry
from cbi.errors import CbiError
from cbi.fsp.messages import Outcome
from cbi.payments.models import Discrepancy
from cbi.payments.outcomes.settling import EndedByAnswer, settle
from cbi.payments.recovery import recovering
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.states import PaymentState, ReceivableState
from cbi.proofs.payments import unknown_for_days_is_named
from cbi.reconciliation import matching
from cbi.reconciliation.statements import take_in
from cbi.settings import settings
from tests.factories import EVERYTHING, Colleague, colleague
from tests.flow.people import Caller, make_user, token_for
from tests.flow.sending import (
    PointAt,
    assert_every_promise_is_kept,
    at_once,
    disputes,
    told,
)
from tests.flow.tampering import noticed
from tests.flow.two_attempts import AMOUNT, FAILED, PAID, Tried, tried_of
from tests.reconciliation_factory import movements

S = PaymentState
EVIDENCE = "Minutes of a meeting with the provider"


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def tried(database: URL, template: str) -> Tried:
    """A payment of 1,000 dinars that waits to be sent for the first time."""
    return tried_of(template)


class Twice:
    """A payment of which both attempts were paid, and the people who look into it."""

    def __init__(self, tried: Tried) -> None:
        self.tried, self.start = tried, tried.books()
        tried.sent(FAILED)
        tried.becomes(S.READY)
        tried.sent(PAID)
        tried.says(PAID, 1)
        with offices.transaction("dz") as session:
            self.id = session.scalars(select(Receivable.id)).one()
            self.treasurer = colleague(session, Role.TREASURER)
            self.authoriser = colleague(session, Role.AUTHORISER)
            self.both = colleague(session, Role.TREASURER, Role.AUTHORISER)

    def recover(self, reference: str = "CREDIT-7", *, to_bank: bool = False) -> bool:
        return offices.transact(
            "dz",
            lambda s: recovering.recover(
                s, self.treasurer.actor, self.id, reference, to_bank=to_bank
            ),
        )

    def propose(self, who: Colleague | None = None) -> None:
        actor = (who or self.treasurer).actor
        offices.transact(
            "dz",
            lambda s: recovering.propose_write_off(s, actor, self.id, "It went bankrupt", EVIDENCE),
        )

    def confirm(self, who: Colleague | None = None) -> None:
        one = who or self.authoriser
        code = one.code()
        offices.transact("dz", lambda s: recovering.confirm_write_off(s, one.actor, self.id, code))

    def ended(self, state: ReceivableState) -> bool:
        return self.tried.owed(state) == [1] and self.tried.books()["1310"] == 0


@pytest.fixture
def twice(tried: Tried) -> Twice:
    return Twice(tried)


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(CbiError) as refusal:
        work()
    return refusal.value.code


@pytest.mark.parametrize(("to_bank", "account"), [(False, "1100"), (True, "1000")])
def test_what_the_provider_gives_back_is_booked_once(
    twice: Twice, *, to_bank: bool, account: str
) -> None:
    before = twice.tried.books()
    assert twice.recover(to_bank=to_bank)
    assert not twice.recover(to_bank=to_bank)
    assert twice.ended(ReceivableState.RECOVERED)
    assert twice.tried.books()[account] == before[account] + AMOUNT
    assert refused(lambda: twice.recover("CREDIT-8")) == "receivable.ended"
    assert twice.tried.says(Outcome.RETURNED, 1).value == "nothing_new", "the same money"
    assert (twice.tried.state, disputes()) == (S.PAID, [])
    assert_every_promise_is_kept()


def test_two_people_write_it_off_and_the_budget_bears_the_loss(twice: Twice) -> None:
    before = twice.tried.books()
    assert refused(twice.confirm) == "receivable.nothing_proposed"
    twice.propose()
    twice.propose()
    assert twice.tried.owed() == [1], "one person's word moves nothing"
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        twice.confirm()
    after = twice.tried.books()
    assert twice.ended(ReceivableState.WRITTEN_OFF)
    assert (after["5300"], after["2920"]) == (AMOUNT, AMOUNT)
    assert after["2100"] == before["2100"] - AMOUNT
    assert disputes() == []
    assert_every_promise_is_kept()
    with offices.transaction("dz") as session:
        acts = select(AuditEntry.act).where(AuditEntry.subject_id == str(twice.id))
        assert set(session.scalars(acts)) == {
            "receivable.write_off_proposed", "receivable.written_off",
        }  # fmt: skip


def test_what_was_written_off_may_come_back_after_all(twice: Twice) -> None:
    before = twice.tried.books()
    twice.propose()
    twice.confirm()
    assert twice.tried.says(Outcome.RETURNED, 2).value == "moved", "whichever of the two it is"
    after = twice.tried.books()
    assert twice.ended(ReceivableState.RECOVERED)
    assert (after["5300"], after["2920"], after["2100"]) == (0, 0, before["2100"])
    assert after["1100"] == twice.start["1100"] - AMOUNT
    assert twice.tried.state is S.PAID
    assert_every_promise_is_kept()


def test_nobody_writes_off_alone(twice: Twice, owner: Engine) -> None:
    twice.propose(twice.both)
    assert refused(lambda: twice.confirm(twice.both)) == "receivable.own_proposal"
    with pytest.raises(Exception, match="two_people"), owner.begin() as intruder:
        intruder.execute(
            text("UPDATE write_offs SET confirmed_by = proposed_by, confirmed_at = now()")
        )
    with pytest.raises(NotPermitted):
        twice.propose(twice.authoriser)
    with pytest.raises(NotPermitted):
        twice.confirm(twice.treasurer)
    assert twice.tried.owed() == [1]


DEEDS = {
    "what is owed is altered": "UPDATE receivables SET amount_minor = 1",
    "it is said to have come back": "UPDATE receivables SET state = 'recovered'",
    "it is said to have come back, with an event": """UPDATE receivables SET state = 'recovered';
        INSERT INTO receivable_events (receivable_id, before, after, source, at)
        SELECT id, 'open', 'recovered', 'user', now() FROM receivables""",
    "one person writes it off": """UPDATE receivables SET state = 'written_off';
        INSERT INTO receivable_events (receivable_id, before, after, source, at)
        SELECT id, 'open', 'written_off', 'user', now() FROM receivables""",
    "an arrow that there is not": """INSERT INTO receivable_events (receivable_id, before, after, source, at)
        SELECT id, 'recovered', 'open', 'user', now() FROM receivables""",
    "nobody is told": "UPDATE discrepancies SET settled_at = now(), resolution = 'x' WHERE kind = 'paid_twice'",
    "its entry is deleted": "DELETE FROM transfers WHERE entry = 'paid_twice'",
    "the account is changed": "UPDATE accounts SET debits_minor = debits_minor + 1 WHERE code = '1310'",
    "it never was": "DELETE FROM receivables",
    "the payment is booked as disputed": "UPDATE payments SET state = 'disputed' WHERE state = 'paid'",
}  # fmt: skip


def test_what_an_intruder_does_to_what_is_owed_is_found(twice: Twice, database: URL) -> None:
    assert_every_promise_is_kept()
    deeds = {what: (4, deed) for what, deed in DEEDS.items()}
    assert noticed(database, deeds) == dict.fromkeys(DEEDS, True)


def test_what_may_yet_be_the_payment_is_not_written_off(tried: Tried) -> None:
    tried.sent(FAILED)
    tried.becomes(S.READY)
    tried.sent(Outcome.UNKNOWN)
    tried.says(PAID, 1)
    with offices.transaction("dz") as session:
        owed = session.scalars(select(Receivable.id)).one()
        work = recovering.propose_write_off
        assert refused(lambda: work(session, EVERYTHING, owed, "It is lost", EVIDENCE)) == (
            "receivable.not_yet_lost"
        )


def test_it_comes_back_and_is_written_off_at_the_same_moment_once(twice: Twice) -> None:
    twice.propose()
    code = twice.authoriser.code()

    def one(who: int) -> str:
        try:
            if who % 2:
                twice.recover()
            else:
                actor = twice.authoriser.actor
                offices.transact(
                    "dz", lambda s: recovering.confirm_write_off(s, actor, twice.id, code)
                )
        except CbiError as refusal:
            return refusal.code
        return "done"

    answers = at_once(one, range(8))
    assert "done" in answers
    assert set(answers) <= {"done", "receivable.ended", "access.code_used"}
    assert twice.tried.books()["1310"] == 0
    assert_every_promise_is_kept()


def test_a_statement_says_that_both_were_paid_and_one_came_back(tried: Tried) -> None:
    tried.sent(FAILED)
    tried.becomes(S.READY)
    tried.sent(PAID)
    first, second = (f"{tried.id.hex}-{number:02d}" for number in (1, 2))
    lines = [
        {"id": "one", "minor": -AMOUNT, "reference": first},
        {"id": "two", "minor": -AMOUNT, "reference": second},
        {"id": "back", "minor": AMOUNT, "type": "REVERSAL", "reference": first},
    ]
    for upto, owed in ((2, [1]), (3, [])):
        with offices.transaction("dz") as session:
            content = movements(*lines[:upto])
            take_in(session, EVERYTHING, "sandbox", content, f"{upto}.jsonl")
            assert matching.reconcile(session, EVERYTHING, "sandbox").matched == (2, 1)[upto - 2]
        assert tried.owed() == owed
    assert tried.state is S.PAID
    assert "paid_twice" not in disputes()
    assert_every_promise_is_kept()


def later(days: int) -> None:
    with clock.frozen(clock.now() + timedelta(days=days)):
        jobs.age("dz")


@pytest.mark.parametrize("end", [PAID, FAILED])
def test_what_nobody_has_known_for_a_week_is_set_apart_and_still_ends_by_the_providers_word(
    tried: Tried, end: Outcome
) -> None:
    tried.sent(Outcome.UNKNOWN)
    later(6)
    assert tried.state == "unknown"
    later(8)
    later(9)
    assert tried.state is S.DISPUTED
    assert (tried.books()["2350"], tried.books()["2300"]) == (AMOUNT, 0)
    assert disputes() == ["unknown_for_days"]
    with offices.transaction("dz") as session:
        (asked,) = session.scalars(select(Discrepancy))
        with pytest.raises(EndedByAnswer):
            settle(session, EVERYTHING, asked.id, "they said so by telephone")
        with clock.frozen(clock.now() + timedelta(days=12)):
            assert [*unknown_for_days_is_named(session)] == []
            asked.settled_at, asked.resolution = clock.now(), "by nobody"
            session.flush()
            (named,) = unknown_for_days_is_named(session)
            assert "no discrepancy asks about it" in named
            session.rollback()
    assert_every_promise_is_kept()
    tried.says(Outcome.ACCEPTED)
    assert tried.state is S.DISPUTED, "that says nothing final"
    tried.answers(end)
    assert tried.state.value == end.value
    later(10)
    assert disputes() == []
    assert (tried.books()["2350"], tried.books()["2300"]) == (0, 0)
    assert_every_promise_is_kept()


def test_no_time_makes_it_failed_and_the_provider_is_asked_for_ever(tried: Tried) -> None:
    tried.sent(Outcome.UNKNOWN)
    later(1000)
    later(2000)
    assert tried.state is S.DISPUTED
    with clock.frozen(clock.now() + timedelta(days=2000)):
        jobs.poll("dz")
    with offices.transaction("dz") as session:
        asked = session.scalar(
            text("SELECT asked_at FROM attempts WHERE payment_id = :id"), {"id": tried.id}
        )
    assert asked is not None


def test_how_long_is_a_setting(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CBI_DISPUTED_AFTER_DAYS", "2")
    settings.cache_clear()
    tried.sent(Outcome.UNKNOWN)
    later(3)
    assert tried.state is S.DISPUTED


def test_what_is_owed_is_listed_and_decided_over_http(twice: Twice) -> None:
    app = create_app()
    treasurer, authoriser, teller = (
        Caller(app, token_for(make_user(name, role)))
        for name, role in (
            ("nadia.t", Role.TREASURER),
            ("karim.a", Role.AUTHORISER),
            ("sami.r", Role.REGISTRATION_OFFICER),
        )
    )
    (owed,) = treasurer.get("/receivables").json()
    assert (owed["attempt"], owed["amount"]["amount"]) == (1, "1000.00")
    assert (owed["state"], owed["proposed_by"]) == ("open", None)
    assert teller.get("/receivables").status_code == 403
    where = f"/receivables/{owed['id']}"
    proposal = {"reason": "It went bankrupt", "evidence": EVIDENCE}
    assert treasurer.post(f"{where}/write-off", proposal).status_code == 204
    refusal = authoriser.post(f"{where}/write-off/confirmation", {"one_time_code": "123456"})
    assert refusal.json()["code"] == "access.not_enrolled"
    recovery = {"reference": "CREDIT-7", "to_bank": True}
    assert treasurer.post(f"{where}/recovery", recovery).json() == {"booked": True}
    assert treasurer.get("/receivables").json() == []
    (ended,) = treasurer.get("/receivables?all=true").json()
    assert ended["state"] == "recovered"
    nothing = treasurer.post(f"/payments/{twice.tried.id}/cover", {})
    assert nothing.json()["code"] == "payment.nothing_to_cover"
