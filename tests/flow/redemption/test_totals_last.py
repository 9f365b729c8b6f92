"""The totals that every counter shares are moved as the last thing of a payout, and never without it."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select, text

from cbi import clock, offices
from cbi.ledger.chart import Entry
from cbi.ledger.models import Transfer
from cbi.ledger.posting import NotCovered
from cbi.ledger.queries import fund_positions
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.payments.outcomes.outcomes import confirm_paid
from cbi.proofs.verify import verify
from cbi.redemption import counter, issuing
from cbi.redemption.models import Payout
from tests.redemption_factory import OPEN, Issued, code_of, confirm, hold, minutes, teller


def delivered() -> Money:
    """What the totals say was delivered."""
    with offices.transaction("dz") as session:
        return fund_positions(session)[0].delivered


def payouts() -> tuple[int, int]:
    """How many payouts there are, and how many payments were booked as delivered."""
    with offices.transaction("dz") as session:
        booked = select(func.count(Transfer.payment_id.distinct())).where(
            Transfer.entry == Entry.CONFIRM.value
        )
        count = session.scalar(select(func.count()).select_from(Payout))
        return count or 0, session.scalar(booked) or 0


def test_a_counter_that_has_not_committed_yet_keeps_no_other_from_paying(run: Issued) -> None:
    slow, quick = teller(), teller()
    confirm(quick, hold(quick, code_of(run.payments[2])).authorisation_id)  # opens the accounts
    first, second = (hold(who, code_of(run.payments[n])) for n, who in enumerate((slow, quick)))
    with clock.frozen(minutes(1)), offices.transaction("dz") as waits:
        counter.confirm(waits, slow, first.authorisation_id)
        with offices.transaction("dz") as session:
            session.execute(text("SET LOCAL lock_timeout = '10s'"))
            counter.confirm(session, quick, second.authorisation_id)
        assert delivered() == Money(800_000, "DZD")
    assert delivered() == Money(1_200_000, "DZD")
    with offices.transaction("dz") as session:
        assert all(verdict.kept for verdict in verify(session))


def test_what_a_savepoint_undoes_moves_no_total(run: Issued) -> None:
    who = teller()
    held = hold(who, code_of(run.payments[0]))
    with clock.frozen(minutes(1)), offices.transaction("dz") as session:
        step = session.begin_nested()
        counter.confirm(session, who, held.authorisation_id)
        step.rollback()
    assert (delivered(), payouts()) == (Money(0, "DZD"), (0, 0))
    confirm(who, held.authorisation_id, at=2)
    assert (delivered(), payouts()) == (Money(400_000, "DZD"), (1, 1))


def test_codes_are_cashed_and_others_made_out_in_one_order_where_money_is_taken_early(
    released: UUID, owner: Engine
) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE dz.payment_runs SET debits_early = providers"))

    def makes_out() -> int:
        with clock.frozen(OPEN), offices.transaction("dz") as session:
            return issuing.issue_chunk(session, released, "post_office", 2)

    def cashes(payment_id: UUID) -> bool:
        with clock.frozen(OPEN), offices.transaction("dz") as session:
            return confirm_paid(session, payment_id, 1, provider_reference="R1", source="counter")

    assert makes_out() == 2
    with offices.transaction("dz") as session:
        accepted = session.scalars(select(Payment.id).where(Payment.state == "accepted")).all()
    assert cashes(accepted[0]), "opens the accounts"
    with ThreadPoolExecutor() as threads:
        with owner.begin() as holds:
            holds.execute(text("SELECT id FROM dz.accounts WHERE code = '1100' FOR UPDATE"))
            cashed = threads.submit(cashes, accepted[1])
            until_waiting(owner, 1)
            made_out = threads.submit(makes_out)
            until_waiting(owner, 2)
        assert (cashed.result(), made_out.result()) == (True, 2), "neither had to begin again"


def until_waiting(owner: Engine, how_many: int) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(1000):
        with owner.connect() as connection:
            if connection.scalar(waiting) == how_many:
                return
        sleep(0.01)
    pytest.fail("nobody waits")


def test_a_total_that_cannot_give_undoes_the_payout(run: Issued, owner: Engine) -> None:
    who = teller()
    held = hold(who, code_of(run.payments[0]))
    with owner.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET debits_minor = credits_minor WHERE code = '2300'")
        )
    with pytest.raises(NotCovered):
        confirm(who, held.authorisation_id, at=1)
    assert (delivered(), payouts()) == (Money(0, "DZD"), (0, 0))
