"""What a fund has left counts the fees of its runs, so that whoever signs last is not refused what the others signed."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from cbi.ledger import funds
from cbi.ledger.models import Fund
from cbi.money import Money
from cbi.payments.models import PaymentRun
from cbi.payments.runs import cautions, cover, queries, runs, unfunded
from cbi.payments.runs.runs import NoFundPays
from cbi.payments.runs.unfunded import Reason
from cbi.programmes import budget, cycles
from tests.factories import EVERYTHING, PERIOD
from tests.flow.charging import DAY, TARIFF, tariff
from tests.flow.several_funds import SMALL, applied, budgets, nothing_is_broken, paid
from tests.flow.signing import House, house, sign


def charged(session: Session) -> House:
    """The post office takes ten dinars and one per cent of each payment."""
    people = house(session, policy=None)
    text = TARIFF.format(
        provider="post_office", first=DAY - timedelta(days=60), fixed="10.00", settlement="gross", days=31
    )  # fmt: skip
    tariff(session, people, text)
    return people


def built(session: Session, people: House) -> dict[str, PaymentRun]:
    maker = people.makers[0].actor
    opened = cycles.open_cycle(session, maker, "many", PERIOD)
    return {
        session.get_one(Fund, run.fund_id).code: run
        for run in runs.build_all(session, maker, opened.id)
    }


def test_a_fund_pays_what_it_has_left_for_with_the_fees(session: Session) -> None:
    people = charged(session)
    budgets(session, applied(session, code="many"), small=3, common=1, reserve=1)
    made = built(session, people)
    assert list(made) == [SMALL]
    assert len(paid(session, made[SMALL])) == 1, "both cost 50.00 more than it has"
    assert waiting(session) == {Reason.SPENT: 3}
    nothing_is_broken(session)
    run = runs.lock(session, people.makers[0].actor, made[SMALL].id)
    for step in ("certifier", "authoriser"):
        sign(session, run, step, people.by_step[step])
    assert str(run.state) == "approved", "nothing is missing at the last signature"


def waiting(session: Session) -> dict[Reason, int]:
    found = unfunded.left(session, EVERYTHING, "many", PERIOD)
    return {each.reason: each.entitlements for each in found}


def test_what_a_locked_run_will_cost_is_not_left_for_another(session: Session) -> None:
    people = charged(session)
    budgets(session, applied(session, code="many"), small=3, common=1, reserve=1)
    run = built(session, people)[SMALL]
    runs.lock(session, people.makers[0].actor, run.id)
    funds.receive(session, EVERYTHING, SMALL, Money(40_00, "DZD"), "BANK-more")
    budget.allocate(session, EVERYTHING, "many", "40.00", "MEMO-more", fund=SMALL)
    assert waiting(session) == {Reason.SPENT: 3}, (
        "without its fees 2,040.00 were left, and 2,030.00 are wanted"
    )
    with pytest.raises(NoFundPays):
        runs.build(session, people.makers[0].actor, run.cycle_id)


def test_the_sheet_says_that_the_budget_does_not_cover_all_runs_that_wait(session: Session) -> None:
    people = charged(session)
    budgets(session, applied(session, code="many"), small=10, common=10, reserve=10)
    run = built(session, people)[SMALL]
    other = PaymentRun(
        cycle_id=run.cycle_id, programme_id=run.programme_id, fund_id=run.fund_id, period=run.period, providers=[],
        currency=run.currency, state=run.state, built_at=run.built_at, total_minor=900_000, payment_count=1,
    )  # fmt: skip
    session.add(other)
    session.flush()
    money = cover.of(session, run)
    assert (money.promised and money.promised.minor, money.budget_after.minor) == (900_000, 695_000)
    said = {each.code: each for each in queries.sheet(session, run.id).cautions}
    missing = said[cautions.BUDGET_PROMISED]
    assert (missing.amount and missing.amount.minor, missing.blocks) == (205_000, False)
