"""Cycles that open by themselves: once, on the office's clock, up to a run that waits for its first signature."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime

import pytest
from sqlalchemy import URL, select
from typer.testing import CliRunner

from cbi import clock, jobs, offices
from cbi.access.actor import SYSTEM
from cbi.cli import app as terminal
from cbi.payments.models import PaymentRun, RunPart
from cbi.payments.runs import scheduled
from cbi.payments.signing import approval, recall
from cbi.payments.states import RunState
from cbi.programmes import applying, budget, cycles
from cbi.programmes.models import Cycle
from cbi.reporting.overview import overview
from cbi.reporting.stuck import Reason
from tests.factories import EVERYTHING, PROGRAMME, START, Team, funded_programme, households, team
from tests.flow.sending import assert_every_promise_is_kept

YEAR = START.year + 1
"""The story is of next year, so that it does not depend on the day the tests are run."""


def at(month: int, day: int, hour: int = 12) -> datetime:
    return datetime(YEAR, month, day, hour, tzinfo=UTC)


def apply(code: str, schedule: str) -> None:
    """A programme with money, whose schedule has these fields beside the months of next year."""
    text = PROGRAMME.format(
        code=code, provider="post_office", mechanism="cash_over_counter", fund="5000000.00", first=START.year,
        last=YEAR,
    )  # fmt: skip
    text = text.replace(f"last: {YEAR}-12}}", f"last: {YEAR}-12, {schedule}}}")
    with offices.transaction("dz") as session:
        applying.apply(session, EVERYTHING, text)
        budget.allocate(session, EVERYTHING, code, "100000.00", f"MEMO-{code}-{YEAR}")


@pytest.fixture
def people(database: URL) -> Team:
    """Three households, and a programme `winter` whose cycles open on the fifth at half past six."""
    with clock.frozen(START), offices.transaction("dz") as session:
        households(session, [1, 2, 3])
        funded_programme(session, code="by_hand")
        who = team(session)
    with clock.frozen(START):
        apply("winter", 'opens_on: 5, opens_at: "06:30"')
    return who


def fire(when: datetime) -> int:
    with clock.frozen(when):
        return jobs.cycles("dz")


def opened() -> list[tuple[str, RunState | None]]:
    """Every cycle with the state of its run."""
    with offices.transaction("dz") as session:
        rows = session.execute(
            select(Cycle.period, PaymentRun.state)
            .outerjoin(PaymentRun, PaymentRun.cycle_id == Cycle.id)
            .order_by(Cycle.period, PaymentRun.number)
        )
        return [(period, state) for period, state in rows]


def test_a_cycle_opens_on_its_day_and_its_run_waits_for_a_signature(people: Team) -> None:
    assert fire(at(3, 5, 5)) == 0  # six in Algiers
    assert fire(at(3, 5, 6)) == 1
    assert opened() == [(f"{YEAR}-03", RunState.LOCKED)]
    with offices.transaction("dz") as session:
        run = session.scalars(select(PaymentRun)).one()
        assert (run.payment_count, run.total_minor) == (3, 600_000)
        assert (
            session.scalars(select(RunPart)).all() == []
        )  # programs take no part that a person could miss
    with clock.frozen(at(3, 5, 8)), offices.transaction("dz") as session:
        approval.certify(session, people.certifier.actor, run.id, people.certifier.code())
        signed = approval.authorise(
            session, people.authoriser.actor, run.id, people.authoriser.code()
        )
        assert signed.state is RunState.APPROVED
    assert_every_promise_is_kept()


def test_nothing_is_released_by_itself(people: Team) -> None:
    fire(at(3, 5))
    for hour in range(12, 24):
        with clock.frozen(at(3, 5, hour)):
            jobs.cycles("dz")
            jobs.releases("dz")
    assert opened() == [(f"{YEAR}-03", RunState.LOCKED)]


def test_three_days_of_outage_are_caught_up_once(people: Team) -> None:
    assert fire(at(3, 4)) == 0
    assert [fire(at(3, 8)), fire(at(3, 8, 13)), fire(at(3, 9))] == [1, 0, 0]
    assert opened() == [(f"{YEAR}-03", RunState.LOCKED)]


def test_months_of_outage_open_the_latest_and_leave_the_rest_to_people(people: Team) -> None:
    assert fire(at(6, 10)) == 1
    assert opened() == [(f"{YEAR}-06", RunState.LOCKED)]
    with clock.frozen(at(6, 10)), offices.transaction("dz") as session:
        assert [each.period for each in scheduled.overdue(session)] == [f"{YEAR}-04", f"{YEAR}-05"]


def test_two_workers_at_once_open_one_cycle_and_make_one_run(people: Team) -> None:
    with clock.frozen(at(3, 5)), ThreadPoolExecutor(4) as threads:
        done = [threads.submit(copy_context().run, jobs.cycles, "dz") for _ in range(4)]
        assert sum(each.result(60) for each in done) == 1
    assert opened() == [(f"{YEAR}-03", RunState.LOCKED)]


def test_what_a_person_opened_first_is_theirs_to_build(people: Team) -> None:
    with clock.frozen(at(3, 3)), offices.transaction("dz") as session:
        cycles.open_cycle(session, people.maker.actor, "winter", f"{YEAR}-03")
    assert fire(at(3, 5)) == 0
    assert opened() == [(f"{YEAR}-03", None)]


def test_a_run_that_was_called_off_is_not_made_again(people: Team) -> None:
    fire(at(3, 5))
    with clock.frozen(at(3, 5, 13)), offices.transaction("dz") as session:
        run = session.scalars(select(PaymentRun)).one()
        recall.cancel(session, EVERYTHING, run.id, "The list is wrong.")
    assert fire(at(3, 5, 14)) == 0
    assert opened() == [(f"{YEAR}-03", RunState.CANCELLED)]


def test_one_programme_s_trouble_keeps_no_other_from_opening(people: Team) -> None:
    with clock.frozen(START):
        apply("broke", "opens_on: 1")
    with pytest.MonkeyPatch.context() as patch:
        first = cycles.open_cycle

        def refuse(session: object, actor: object, programme: str, period: str) -> object:
            if programme == "broke":
                raise cycles.FundNotValid("The fund has ended.", next_step="Extend it.")
            return first(session, actor, programme, period)  # type: ignore[arg-type]

        patch.setattr(cycles, "open_cycle", refuse)
        assert fire(at(3, 5)) == 1
    assert opened() == [(f"{YEAR}-03", RunState.LOCKED)]
    with clock.frozen(at(3, 5, 13)), offices.transaction("dz") as session:
        assert [(each.programme, each.period) for each in scheduled.due(session)] == [
            ("broke", f"{YEAR}-03")
        ]
        told = {
            each.command
            for each in overview(session, SYSTEM).stuck
            if each.reason is Reason.CYCLE_DUE
        }
    assert f"cbi cycle open broke {YEAR}-03" in told
    assert f"cbi cycle open winter {YEAR}-03" not in told


def test_a_cycle_that_owes_nobody_anything_has_no_run(database: URL) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        funded_programme(session, code="by_hand")
    with clock.frozen(START):
        apply("empty", "opens_on: 5")
    assert fire(at(3, 5)) == 0
    assert opened() == [(f"{YEAR}-03", None)]


def test_the_terminal_says_what_opens_next(people: Team) -> None:
    with clock.frozen(at(3, 4)):
        told = CliRunner().invoke(terminal, ["cycle", "planned", "--json"], catch_exceptions=False)
        assert f'"period": "{YEAR}-03"' in told.stdout
        shown = CliRunner().invoke(terminal, ["cycle", "planned"], catch_exceptions=False)
        assert f"05/03/{YEAR} 06:30" in shown.stdout
    with clock.frozen(at(3, 5)):
        shown = CliRunner().invoke(terminal, ["cycle", "planned"], catch_exceptions=False)
        assert "overdue" in shown.stdout


def test_a_day_that_a_later_version_gives_holds_from_then_on(database: URL) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        households(session, [1])
        funded_programme(session, code="late")
    with clock.frozen(at(3, 10)):
        apply("late", "opens_on: 5")
    assert fire(at(3, 11)) == 0
    assert fire(at(4, 5)) == 1
    assert opened() == [(f"{YEAR}-04", RunState.LOCKED)]
