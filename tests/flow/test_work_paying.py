"""Cash for work from the activity to what is owed: only signed rows, each once, and corrections after that."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.permissions import Permission, Role
from cbi.payments.runs import queries as run_queries
from cbi.payments.runs import runs
from cbi.payments.signing.blocking import Blocked
from cbi.programmes import cycles, work_arranging, work_paying, work_queries, work_signing
from cbi.programmes.models import EligibilityDecision, Entitlement
from cbi.programmes.work_models import Basis, WorkPay
from cbi.programmes.work_people import Named
from cbi.registry.models import Household
from tests.factories import EVERYTHING, team
from tests.flow.signing import colleague
from tests.flow.waiving import Town, sign
from tests.work_factory import (
    CODE,
    NOW,
    Site,
    another_person,
    days,
    handed_in,
    programme,
    sheet_of,
    signed,
    site,
)

WAIVING = (Role.TREASURER, Role.COUNTRY_DIRECTOR, Role.HEAD_OF_FINANCE)
"""Who asks for a waiver, who grants it, and at whose risk."""


@pytest.fixture(autouse=True)
def _february() -> Iterator[None]:
    with clock.frozen(NOW):
        yield


def owed(session: Session, period: str) -> dict[str, Entitlement]:
    """The entitlements of a period by registration number; a household here has one activity."""
    rows = session.execute(
        select(Household.source_id, Entitlement)
        .join(Household, Household.id == Entitlement.household_id)
        .where(Entitlement.period == period)
    )
    return dict(rows.all())


def amounts(session: Session, period: str) -> dict[str, int]:
    """The same, in whole dinars."""
    return {number: row.amount_minor // 100 for number, row in owed(session, period).items()}


def opened(session: Session, period: str, at: datetime = NOW) -> cycles.OpenedCycle:
    """A cycle of the programme."""
    with clock.frozen(at):
        made = cycles.open_cycle(session, EVERYTHING, CODE, period)
    assert work_paying.differing(session, made.id, "DZD") == []
    return made


def corrected(session: Session, at: Site, number: int, cells: dict[str, dict[str, object]]) -> None:
    """A correction, handed in by the clerk and signed by the other supervisor."""
    sheet = work_queries.sheet(session, EVERYTHING, number, Permission.WORK_READ)
    handed_in(session, at, sheet, cells, reason="The paper sheet says otherwise")
    work_signing.sign(session, at.other.actor, number, at.other.code())


def test_signed_days_become_what_each_household_is_owed(session: Session) -> None:
    programme(session)
    at = site(session)
    sheet = sheet_of(session, at)
    signed(session, at, sheet, {at.numbers[0]: days(18, half=True), at.numbers[1]: days(3)})
    made = opened(session, "2026-01")
    found = owed(session, "2026-01")
    assert amounts(session, "2026-01") == {at.numbers[0]: 22_200, at.numbers[1]: 3_600}
    first = found[at.numbers[0]]
    assert first.trace == f"sheet {sheet.id} no. 1: 18.5 days × 1200.00 = 22200.00 DZD"
    assert (first.component, first.currency) == ("well", "DZD")
    # The third did no work, and is not asked about.
    assert (made.eligible, made.entitlements) == (2, 2)


def test_what_nobody_signed_is_not_paid(session: Session) -> None:
    programme(session)
    at = site(session)
    handed_in(session, at, sheet_of(session, at), {at.numbers[0]: days(5)})
    assert opened(session, "2026-01").entitlements == 0


def test_a_late_sheet_is_paid_with_the_next_cycle_and_no_sheet_twice(session: Session) -> None:
    programme(session)
    at = site(session)
    assert opened(session, "2026-01").entitlements == 0
    signed(session, at, sheet_of(session, at), {at.numbers[0]: days(5)})
    march = datetime(2026, 3, 3, 9, tzinfo=NOW.tzinfo)
    with clock.frozen(march):
        signed(session, at, sheet_of(session, at, period="2026-02"), {at.numbers[0]: days(4)})
        opened(session, "2026-02", march)
        assert amounts(session, "2026-02") == {at.numbers[0]: 10_800}
        lines = owed(session, "2026-02")[at.numbers[0]].trace.split(";\n")
        assert [line.partition(": ")[2] for line in lines[:2]] == [
            "5 days × 1200.00 = 6000.00 DZD",
            "4 days × 1200.00 = 4800.00 DZD",
        ]
        assert lines[2] == "together 10800.00 DZD"
        assert opened(session, "2026-03", march).entitlements == 0


def test_a_sheet_of_a_later_period_waits_for_its_cycle(session: Session) -> None:
    programme(session)
    at = site(session)
    with clock.frozen(datetime(2026, 3, 3, 9, tzinfo=NOW.tzinfo)):
        signed(session, at, sheet_of(session, at, period="2026-02"), {at.numbers[0]: days(4)})
    assert opened(session, "2026-01").entitlements == 0


def test_workers_of_one_household_are_added_up_with_a_line_each(session: Session) -> None:
    programme(session)
    at = site(session, workers=1)
    second = Named(at.numbers[0], another_person(session, at.numbers[0]))
    work_arranging.join(session, EVERYTHING, at.group, [second], date(2026, 1, 5))
    sheet = sheet_of(session, at)
    signed(session, at, sheet, {"1": days(2), "2": days(3)})
    opened(session, "2026-01")
    found = owed(session, "2026-01")[at.numbers[0]]
    assert found.amount_minor == 600_000
    assert found.trace.split(";\n") == [
        f"sheet {sheet.id} no. 1: 2 days × 1200.00 = 2400.00 DZD",
        f"sheet {sheet.id} no. 2: 3 days × 1200.00 = 3600.00 DZD",
        "together 6000.00 DZD",
    ]


def test_pieces_are_paid_by_the_piece(session: Session) -> None:
    programme(session)
    at = site(session, basis=Basis.PIECES)
    sheet = sheet_of(session, at)
    mask, gown = "mask: Cloth mask (piece)", "gown: Gown (piece)"
    signed(
        session, at, sheet,
        {at.numbers[0]: {mask: 120, gown: 3, "Days worked": 2}, at.numbers[1]: {gown: 10}},
    )  # fmt: skip
    opened(session, "2026-01")
    assert amounts(session, "2026-01") == {at.numbers[0]: 2_070, at.numbers[1]: 900}
    assert (
        "120 mask × 15.00 + 3 gown × 90.00 = 2070.00 DZD"
        in owed(session, "2026-01")[at.numbers[0]].trace
    )


def test_a_correction_after_payment_adds_or_takes_away_in_the_next_cycle(session: Session) -> None:
    programme(session)
    at = site(session)
    sheet = sheet_of(session, at)
    signed(session, at, sheet, {at.numbers[0]: days(10), at.numbers[1]: days(10)})
    opened(session, "2026-01")
    corrected(
        session, at, sheet.id, {at.numbers[0]: {"Day 15": 1}, at.numbers[1]: {"Day 14": None}}
    )
    march = datetime(2026, 3, 3, 9, tzinfo=NOW.tzinfo)
    with clock.frozen(march):
        cells = {number: days(10) for number in at.numbers[:2]}
        signed(session, at, sheet_of(session, at, period="2026-02"), cells)
        opened(session, "2026-02", march)
    assert amounts(session, "2026-01") == {at.numbers[0]: 12_000, at.numbers[1]: 12_000}
    assert amounts(session, "2026-02") == {at.numbers[0]: 13_200, at.numbers[1]: 10_800}
    trace = owed(session, "2026-02")[at.numbers[1]].trace.split(";\n")
    assert "9 days × 1200.00 = 10800.00 DZD, instead of 12000.00 (corrected)" in trace[0]
    assert trace[-1] == "together 10800.00 DZD"


def test_a_correction_before_payment_is_paid_as_one(session: Session) -> None:
    programme(session)
    at = site(session)
    sheet = sheet_of(session, at)
    signed(session, at, sheet, {at.numbers[0]: days(10)})
    corrected(session, at, sheet.id, {at.numbers[0]: {"Day 14": None, "Day 13": 0.5}})
    opened(session, "2026-01")
    assert amounts(session, "2026-01") == {at.numbers[0]: 10_200}


def test_what_was_paid_too_much_is_carried_on_and_never_a_negative_payment(
    session: Session,
) -> None:
    programme(session)
    at = site(session)
    sheet = sheet_of(session, at)
    signed(session, at, sheet, {at.numbers[0]: days(10)})
    opened(session, "2026-01")
    corrected(session, at, sheet.id, {at.numbers[0]: {f"Day {day}": None for day in range(7, 15)}})
    moments = [datetime(2026, month, 3, 9, tzinfo=NOW.tzinfo) for month in (3, 4)]
    for moment, period, count in zip(moments, ("2026-02", "2026-03"), (3, 9), strict=True):
        with clock.frozen(moment):
            signed(session, at, sheet_of(session, at, period=period), {at.numbers[0]: days(count)})
            opened(session, period, moment)
    # 12,000 paid, 2,400 earned; then 3,600 and 10,800 earned: 16,800 in all.
    assert amounts(session, "2026-02") == {}
    assert amounts(session, "2026-03") == {at.numbers[0]: 4_800}
    assert session.scalar(select(func.sum(Entitlement.amount_minor))) == 16_800_00


def test_a_household_that_is_not_in_is_paid_when_it_is(session: Session) -> None:
    programme(session)
    at = site(session)
    signed(session, at, sheet_of(session, at), {at.numbers[0]: days(5)})
    this = Household.source_id == at.numbers[0]
    session.execute(update(Household).where(this).values(status="closed"))
    made = opened(session, "2026-01")
    assert (made.ineligible, made.entitlements) == (1, 0)
    assert session.scalars(select(EligibilityDecision.reasons)).one() == ["not_active"]
    session.execute(update(Household).where(this).values(status="active"))
    opened(session, "2026-02")
    assert amounts(session, "2026-02") == {at.numbers[0]: 6_000}


def test_a_row_cannot_be_paid_a_second_time(session: Session) -> None:
    programme(session)
    at = site(session)
    signed(session, at, sheet_of(session, at), {at.numbers[0]: days(5)})
    opened(session, "2026-01")
    paid = session.scalars(select(WorkPay)).one()
    again = WorkPay(row_id=paid.row_id, entitlement_id=paid.row_id, amount_minor=1, currency="DZD")
    session.expunge(paid)
    session.add(again)
    with pytest.raises(IntegrityError, match="pk_work_pay"):
        session.flush()


def test_rates_are_those_that_stood_on_the_sheet(session: Session) -> None:
    programme(session)
    at = site(session)
    sheet = sheet_of(session, at)
    signed(session, at, sheet, {at.numbers[0]: days(2)})
    programme(session, work='{day_rate: "2000.00", max_days: 20}')
    corrected(session, at, sheet.id, {at.numbers[0]: {"Day 7": 1}})
    opened(session, "2026-01")
    assert amounts(session, "2026-01") == {at.numbers[0]: 3_600}


def test_what_is_owed_becomes_a_locked_run(session: Session) -> None:
    programme(session)
    at = site(session)
    signed(session, at, sheet_of(session, at), {number: days(5) for number in at.numbers})
    people = team(session)
    made = opened(session, "2026-01")
    run = runs.build(session, people.maker.actor, made.id)
    locked = runs.lock(session, people.maker.actor, run.id)
    assert (locked.payment_count, locked.total_minor) == (3, 3 * 600_000)
    assert locked.built_at - NOW < timedelta(hours=1)


@pytest.mark.parametrize("way", ["corrected", "waived"])
def test_pay_below_the_minimum_wage_is_not_signed_until_it_is_corrected_or_waived(
    session: Session, way: str
) -> None:
    programme(session)
    at, mask = site(session, basis=Basis.PIECES), "mask: Cloth mask (piece)"
    enough, short, uncounted = at.numbers
    sheet = sheet_of(session, at)
    cells = {
        enough: {mask: 120, "Days worked": 2}, short: {mask: 119, "Days worked": 2}, uncounted: {mask: 1},
    }  # fmt: skip
    signed(session, at, sheet, cells)
    people = Town(team(session), *(colleague(session, role) for role in WAIVING))
    run = runs.build(session, people.team.maker.actor, opened(session, "2026-01").id)
    runs.lock(session, people.team.maker.actor, run.id)
    with pytest.raises(Blocked) as refusal, session.begin_nested():
        sign(session, people, run)
    assert refusal.value.details["controls"] == ["minimum_wage"]
    (found,) = (each for each in run_queries.sheet(session, run.id).cautions if each.blocks)
    assert (found.code, found.worst) == ("minimum_wage", 1)
    if way == "waived":
        people.waived(session, "minimum_wage", programme=CODE, at_most=1)
    else:
        corrected(session, at, sheet.id, {short: {mask: 120, "Days worked": 2}})
    with clock.frozen(NOW + timedelta(minutes=1)):
        assert sign(session, people, run).state == "certified"
