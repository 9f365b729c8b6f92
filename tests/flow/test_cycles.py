"""Opening a cycle decides every household once, owes each the exact amount, and can be repeated without harm."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import URL, event, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock, db, offices
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Permission
from cbi.audit.models import AuditEntry
from cbi.money import Money
from cbi.programmes import queries
from cbi.programmes.applying import apply
from cbi.programmes.cycles import FundNotValid, PeriodNotScheduled, open_cycle
from cbi.programmes.models import Cycle, EligibilityDecision, Entitlement
from cbi.programmes.periods import UnusablePeriod
from cbi.programmes.transfer_value import compute
from tests.flow.test_programmes import at_once
from tests.programme_factory import (
    OFFICER,
    household,
    many_households,
    programme_file,
)

KES_PER_MEMBER = programme_file(currency="KES", stipend='{per_member: "1000.00"}')


def owed_in(session: Session, cycle: object) -> dict[object, Entitlement]:
    rows = session.scalars(select(Entitlement).where(Entitlement.cycle_id == cycle))
    return {row.household_id: row for row in rows}


def test_a_thousand_shillings_for_each_member_is_exact_to_the_cent(session: Session) -> None:
    sizes = [1, 4, 4, 7, 60]
    households = [household(session, size) for size in sizes]
    apply(session, OFFICER, KES_PER_MEMBER)
    opened = open_cycle(session, OFFICER, "winter-2026", "2026-02")
    assert (opened.eligible, opened.ineligible, opened.entitlements) == (5, 0, 5)
    assert opened.total == Money(sum(sizes) * 1000_00, "KES")
    owed = owed_in(session, opened.id)
    assert {this: owed[this].amount_minor for this in households} == {
        this: size * 1000_00 for this, size in zip(households, sizes, strict=True)
    }
    one = owed[households[1]]
    assert one.trace == "1000.00 × 4 members = 4000.00 KES"
    assert (one.period, one.component, one.currency) == ("2026-02", "base", "KES")


@pytest.mark.parametrize(
    ("currency", "stipend", "minor", "trace"),
    [
        (
            "XOF",
            '{per_member: "250", cap: "600"}',
            250 + 600,
            "250 × 5 members = 1250 XOF, capped at 600 XOF",
        ),
        ("JPY", '{base: "10", per_member: "3"}', 13 + 25, "10 + 3 × 5 members = 25 JPY"),
        ("TND", '{per_member: "0.125"}', 125 + 625, "0.125 × 5 members = 0.625 TND"),
        ("DZD", '{base: "99.99"}', 9999 + 9999, "99.99 DZD"),
    ],
)
def test_amounts_are_exact_in_currencies_of_any_number_of_decimals(
    session: Session, currency: str, stipend: str, minor: int, trace: str
) -> None:
    household(session, 1)
    five = household(session, 5)
    apply(session, OFFICER, programme_file(currency=currency, stipend=stipend))
    opened = open_cycle(session, OFFICER, "winter-2026", "2026-01")
    assert opened.total == Money(minor, currency)
    assert owed_in(session, opened.id)[five].trace == trace


def test_a_cycle_is_the_whole_month_also_in_a_leap_year(session: Session) -> None:
    leap = ("2028-02-01", "2028-02-29")
    apply(session, OFFICER, programme_file(valid=leap, schedule=("2028-02", "2028-02")))
    opened = open_cycle(session, OFFICER, "winter-2026", "٢٠٢٨-٠٢")
    cycle = session.get_one(Cycle, opened.id)
    assert (cycle.starts_on, cycle.ends_on) == (date(2028, 2, 1), date(2028, 2, 29))
    assert cycle.period == "2028-02"


def test_opening_again_changes_nothing_whatever_has_happened_since(session: Session) -> None:
    household(session, 3)
    apply(session, OFFICER, programme_file())
    first = open_cycle(session, OFFICER, "winter-2026", "2026-02")
    household(session, 5)
    apply(
        session,
        OFFICER,
        programme_file(stipend='{per_member: "2"}', schedule=("2026-05", "2026-06")),
    )
    again = open_cycle(session, OFFICER, "winter-2026", "2026-02")
    assert again == replace(first, already_open=True)
    assert session.get_one(Cycle, first.id).version == 1


def test_twenty_who_open_it_at_once_open_it_once(database: URL) -> None:
    with offices.transaction("dz") as session:
        for size in range(1, 31):
            household(session, size)
        apply(session, OFFICER, programme_file())
    opened = at_once(20, lambda session, _: open_cycle(session, OFFICER, "winter-2026", "2026-02"))
    assert Counter(each.already_open for each in opened) == {False: 1, True: 19}
    assert len({replace(each, already_open=True) for each in opened}) == 1
    with offices.transaction("dz") as session:
        acts = select(func.count()).where(AuditEntry.act == "cycle.opened")
        assert session.scalar(select(func.count()).select_from(Entitlement)) == 30
        assert session.scalar(select(func.count()).select_from(EligibilityDecision)) == 30
        assert session.scalar(acts) == 1


def test_a_cycle_follows_one_version_while_the_file_is_being_changed(database: URL) -> None:
    with offices.transaction("dz") as session:
        for _ in range(20):
            household(session, 2)
        apply(session, OFFICER, programme_file(stipend='{per_member: "1"}'))

    def work(session: Session, number: int) -> None:
        if number % 2:
            open_cycle(session, OFFICER, "winter-2026", f"2026-{number:02}")
        else:
            apply(session, OFFICER, programme_file(stipend=f'{{per_member: "{number + 2}"}}'))

    at_once(10, work)
    with offices.transaction("dz") as session:
        programme = queries.find(session, "winter-2026")
        cycles = session.scalars(select(Cycle)).all()
        assert len(cycles) == 5
        for cycle in cycles:
            rate = queries.definition(session, programme, cycle.version).rate_card
            amounts = {row.amount_minor for row in owed_in(session, cycle.id).values()}
            assert amounts == {compute(2, rate)[0].minor}


def test_a_transaction_that_fails_leaves_no_part_of_a_cycle(database: URL) -> None:
    with offices.transaction("dz") as session:
        household(session, 3)
        apply(session, OFFICER, programme_file())
    with suppress(ZeroDivisionError), offices.transaction("dz") as session:
        open_cycle(session, OFFICER, "winter-2026", "2026-02")
        raise ZeroDivisionError
    with offices.transaction("dz") as session:
        assert not open_cycle(session, OFFICER, "winter-2026", "2026-02").already_open


def test_an_empty_registry_opens_an_empty_cycle(session: Session) -> None:
    apply(session, OFFICER, programme_file())
    opened = open_cycle(session, OFFICER, "winter-2026", "2026-02")
    assert (opened.eligible, opened.ineligible, opened.total) == (0, 0, Money.zero("DZD"))


def test_periods_that_do_not_exist_are_refused_with_those_that_do(session: Session) -> None:
    with pytest.raises(queries.UnknownProgramme, match="cbi programme apply"):
        open_cycle(session, OFFICER, "winter-2026", "2026-02")
    apply(session, OFFICER, programme_file())
    open_cycle(session, OFFICER, "winter-2026", "2026-02")
    with pytest.raises(queries.UnknownProgramme, match="There is: winter-2026"):
        open_cycle(session, OFFICER, "winter", "2026-02")
    with pytest.raises(UnusablePeriod, match="such as 2026-01"):
        open_cycle(session, OFFICER, "winter-2026", "February")
    for outside in ("2025-12", "2027-01"):
        with pytest.raises(PeriodNotScheduled, match=r"2026-01 to 2026-12.*so far: 2026-02"):
            open_cycle(session, OFFICER, "winter-2026", outside)
    with pytest.raises(queries.UnknownCycle, match="so far: 2026-02"):
        queries.cycle_id(session, "winter-2026", "2026-03")


def test_no_cycle_is_opened_outside_the_validity_of_the_fund(session: Session) -> None:
    apply(session, OFFICER, programme_file(code="summer"))
    apply(session, OFFICER, programme_file())
    shorter = programme_file(valid=("2026-01-01", "2026-06-30"), schedule=("2026-01", "2026-06"))
    apply(session, OFFICER, shorter)
    with pytest.raises(FundNotValid, match="2026-06-30"):
        open_cycle(session, OFFICER, "summer", "2026-07")
    assert open_cycle(session, OFFICER, "summer", "2026-06").total == Money.zero("DZD")


def test_opening_needs_the_permission_for_that_programme(session: Session) -> None:
    apply(session, OFFICER, programme_file())
    other = replace(OFFICER, grants=frozenset({(Permission.CYCLE_OPEN, "summer")}))
    with pytest.raises(NotPermitted):
        open_cycle(session, other, "winter-2026", "2026-02")
    own = replace(OFFICER, grants=frozenset({(Permission.CYCLE_OPEN, "winter-2026")}))
    assert not open_cycle(session, own, "winter-2026", "2026-02").already_open


def test_the_database_refuses_a_second_entitlement_and_a_refusal_without_reason(
    session: Session,
) -> None:
    this = household(session)
    apply(session, OFFICER, programme_file())
    opened = open_cycle(session, OFFICER, "winter-2026", "2026-02")
    again = text(
        "INSERT INTO entitlements SELECT gen_random_uuid(), cycle_id, programme_id, period, household_id,"
        " component, amount_minor, currency, trace FROM entitlements"
    )
    refused = EligibilityDecision(
        cycle_id=opened.id,
        household_id=opened.id,
        eligible=False,
        reasons=[],
        decided_at=clock.now(),
    )
    with pytest.raises(IntegrityError, match="uq_entitlements"), session.begin_nested():
        session.execute(again)
    with pytest.raises(IntegrityError, match="refused_with_reason"), session.begin_nested():
        session.add(refused)
    assert set(owed_in(session, opened.id)) == {this}


def test_a_thousand_households_take_no_more_statements_than_ten(database: URL) -> None:
    taken: list[int] = []
    statements = Counter[str]()

    def note(_: object, __: object, statement: str, *___: object) -> None:
        statements[statement] += 1

    with offices.transaction("dz") as session:
        apply(session, OFFICER, programme_file(amount="900000000"))
        offices.office_of(session)  # asked once in a transaction, whatever is done in it
        for period, more in (("2026-01", 10), ("2026-02", 990)):
            many_households(session, more)
            statements.clear()
            event.listen(db.engine("dz"), "before_cursor_execute", note)
            opened = open_cycle(session, OFFICER, "winter-2026", period)
            event.remove(db.engine("dz"), "before_cursor_execute", note)
            taken.append(statements.total())
    assert taken[0] == taken[1] < 25
    assert (opened.eligible, opened.ineligible) == (981, 19)
