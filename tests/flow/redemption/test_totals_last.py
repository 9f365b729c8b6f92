"""The totals that every counter shares are moved as the last thing of a payout, and never without it."""

import pytest
from sqlalchemy import Engine, func, select, text

from cbi import clock, offices
from cbi.ledger.chart import Entry
from cbi.ledger.models import Transfer
from cbi.ledger.posting import NotCovered
from cbi.ledger.queries import fund_positions
from cbi.money import Money
from cbi.proofs.verify import verify
from cbi.redemption import counter
from cbi.redemption.models import Payout
from tests.redemption_factory import Issued, code_of, confirm, hold, minutes, teller


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
