"""A run by card: whatever Stripe does meanwhile, each card may spend exactly what its recipient was paid."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import URL, select

from cbi import jobs, offices
from cbi.audit.models import AuditEntry
from cbi.fsp.adapter import SubmitsPayments
from cbi.fsp.cards import CardLoss, CardStanding
from cbi.fsp.errors import UntrustedCallback
from cbi.fsp.messages import PaymentInstruction, ProviderUpdate
from cbi.payments.sending import cards, dispatch, providers
from cbi.payments.states import PaymentState
from cbi.reconciliation import matching, statements
from tests.factories import EVERYTHING, START, approved_run, funded_programme, team
from tests.flow.carding import at, calls_back, cards_of_an_office, issued, recipients
from tests.flow.sending import assert_every_promise_is_kept, disputes, payments, states
from tests.peers.stripe_issuing import Fault, StripeIssuing

SIZES = (1, 2, 3, 4, 5, 6)
S = PaymentState


@pytest.fixture
def stripe(
    database: URL, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StripeIssuing]:
    with cards_of_an_office(shared_data, monkeypatch) as peer:
        yield peer


@pytest.fixture
def households(stripe: StripeIssuing) -> list[UUID]:
    """Six households to be paid by card; five have theirs in hand."""
    with at(START, stripe), offices.transaction("dz") as session:
        stripe.top_up(1_000_000_00, "dzd")
        return recipients(session, SIZES)


class Killed(BaseException):
    """The process ends here, without another word."""


def release(stripe: StripeIssuing) -> UUID:
    """A run for all of them, signed and about to go out."""
    with at(START, stripe), offices.transaction("dz") as session:
        people = team(session)
        programme = funded_programme(session, provider="cards", mechanism="prepaid_card")
        run_id = approved_run(session, people, programme).id
    with at(START + timedelta(hours=1), stripe), offices.transaction("dz") as session:
        dispatch.begin_release(session, people.authoriser.actor, run_id)
    return run_id


def goes_on(stripe: StripeIssuing, run_id: UUID, hours: int) -> list[PaymentState]:
    """The worker does what there is to do, so many hours into the story."""
    with at(START + timedelta(hours=hours), stripe):
        jobs.release("dz", run_id)
        jobs.poll("dz")
    return states(run_id)


def test_a_run_by_card_survives_outages_lost_answers_and_a_day_of_waiting(
    stripe: StripeIssuing, households: list[UUID]
) -> None:
    with at(START, stripe):
        names = issued(households, handed_over=5)
    run_id = release(stripe)

    stripe.down = True
    assert set(goes_on(stripe, run_id, 2)) == {S.READY}
    stripe.down = False
    stripe.faults += [Fault.ANSWER_LOST, Fault.TOO_MANY, Fault.ERROR_AFTER, Fault.GIBBERISH_AFTER]
    stripe.meanwhile.append(lambda: stripe.change(names[0], metadata={"note": "somebody looked"}))
    goes_on(stripe, run_id, 5)
    assert [stripe.limit(name) for name in names].count(0) >= 1, "one was turned away for now"

    # Stripe has forgotten every key by now; the cards have not.
    for hours in (30, 32, 60):
        came_to = goes_on(stripe, run_id, hours)
    assert sorted(came_to) == [S.ACCEPTED] + [S.PAID] * 5
    assert [p.state for p in payments(run_id) if p.household_id == households[5]] == [S.ACCEPTED]
    assert [stripe.limit(name) for name in names] == [size * 1000_00 for size in SIZES]
    assert sorted(rise for _, rise in stripe.loaded) == [size * 1000_00 for size in SIZES]

    with at(START + timedelta(hours=61), stripe):
        with offices.transaction("dz") as session:
            cards.hand_over(session, EVERYTHING, "cards", households[5])
        with pytest.raises(UntrustedCallback):
            calls_back(stripe, secret="whsec_of_somebody_else")
        assert all(calls_back(stripe))
        assert not any(calls_back(stripe))
    assert states(run_id) == [S.PAID] * 6

    assert stripe.spend(names[2], 1_500_00)
    with at(START + timedelta(hours=62), stripe):
        stripe.charge(12_50, "dzd")
        days = (START.date(), (START + timedelta(days=3)).date())
        taken = statements.fetch("dz", EVERYTHING, "cards", *days)
        assert taken.total.minor == 21_000_00
        with offices.transaction("dz") as session:
            assert matching.reconcile(session, EVERYTHING, "cards").matched == 6
    assert disputes() == ["fee_line", "top_up_line"], "what no payment explains is for a person"
    assert_every_promise_is_kept()


def test_a_process_that_dies_in_the_middle_loads_nothing_twice(
    stripe: StripeIssuing, households: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    with at(START, stripe):
        names = issued(households, handed_over=6)
    run_id = release(stripe)

    adapter = providers.adapter("cards")
    assert isinstance(adapter, SubmitsPayments)
    submit = adapter.submit

    def submit_and_die_at_the_third(instruction: PaymentInstruction) -> ProviderUpdate:
        answer = submit(instruction)
        if len(stripe.loaded) == 3:
            raise Killed
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(adapter, "submit", submit_and_die_at_the_third)
        with pytest.raises(Killed):
            goes_on(stripe, run_id, 2)
    assert len(stripe.loaded) == 3
    # It is started again when Stripe's own keys are long forgotten.
    for hours in (28, 29):
        came_to = goes_on(stripe, run_id, hours)
    assert came_to == [S.PAID] * 6
    assert [stripe.limit(name) for name in names] == [size * 1000_00 for size in SIZES]
    assert len(stripe.loaded) == 6
    assert_every_promise_is_kept()


def test_a_lost_card_is_blocked_by_one_person_and_replaced_by_another(
    stripe: StripeIssuing, households: list[UUID]
) -> None:
    with at(START, stripe):
        (first, *_) = issued(households, handed_over=6)
    run_id = release(stripe)
    assert goes_on(stripe, run_id, 2) == [S.PAID] * 6
    assert stripe.spend(first, 400_00)
    with at(START + timedelta(hours=3), stripe):
        with offices.transaction("dz") as session:
            blocked = cards.block(session, EVERYTHING, "cards", households[0], CardLoss.LOST)
            assert blocked.standing is CardStanding.BLOCKED
        with offices.transaction("dz") as session:
            new = cards.replace(session, EVERYTHING, "cards", households[0])
            cards.hand_over(session, EVERYTHING, "cards", households[0])
            acts = session.scalars(
                select(AuditEntry.act).where(AuditEntry.act.like("card.%")).order_by(AuditEntry.id)
            ).all()
        calls_back(stripe)
    assert stripe.left_on(new.name) == 600_00
    assert acts[-3:] == ["card.blocked", "card.replaced", "card.handed_over"]
    assert states(run_id) == [S.PAID] * 6
    assert_every_promise_is_kept()


def test_an_answer_that_fails_to_come_is_kept_in_the_audit_log(
    stripe: StripeIssuing, households: list[UUID]
) -> None:
    with at(START, stripe):
        issued(households[:1], handed_over=1)
        stripe.faults.append(Fault.ANSWER_LOST)
        with pytest.raises(cards.NoClearAnswer), offices.transaction("dz") as session:
            cards.block(session, EVERYTHING, "cards", households[0], CardLoss.STOLEN)
        with offices.transaction("dz") as session:
            card = cards.block(session, EVERYTHING, "cards", households[0], CardLoss.STOLEN)
            acts = session.scalars(
                select(AuditEntry.act).where(AuditEntry.act.like("card.b%")).order_by(AuditEntry.id)
            ).all()
    assert card.standing is CardStanding.BLOCKED
    assert acts == ["card.blocked_without_answer", "card.blocked"]
