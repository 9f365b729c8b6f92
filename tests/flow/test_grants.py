"""Grants, needs and ceilings: a tranche is given once, on conditions that two people stand behind, below a ceiling."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import URL, Engine, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.programmes import conditions, queries
from cbi.programmes.applying import apply
from cbi.programmes.cycles import OpenedCycle, PeriodNotScheduled, open_cycle
from cbi.programmes.kept import CannotCount, RestsOnIt
from cbi.programmes.models import Entitlement
from cbi.programmes.replaying import replay
from cbi.registry import needs
from cbi.registry.models import Household
from tests.flow.test_programmes import at_once
from tests.kinds_factory import kind_file, number_of, owed, reasons
from tests.programme_factory import OFFICER, household

COLLEAGUE = replace(OFFICER, id=uuid4())
TRANCHES = """
  tranches:
    - {code: pre-departure, amount: "500", enhanced: {for: {needs: [Pregnancy]}, amount: "800"}}
    - {code: transit, amount: "300", requires: [ticket]}
"""


def need(session: Session, this: UUID, word: str, members: int = 1) -> None:
    needs.note(session, OFFICER, session.get_one(Household, this), word, members=members)


def opened(session: Session, period: str, code: str = "winter-2026") -> OpenedCycle:
    """A cycle, which comes out the same when it is worked out again."""
    found = open_cycle(session, OFFICER, code, period)
    again = replay(session, OFFICER, code, period)
    assert (again.differing, again.not_kept) == (0, 0), again.examples
    return found


def amounts(session: Session, cycle: OpenedCycle) -> dict[tuple[UUID, str], str]:
    return {key: amount for key, (amount, _) in owed(session, cycle.id).items()}


def test_a_grant_goes_from_tranche_to_tranche_as_conditions_are_confirmed(session: Session) -> None:
    plain, pregnant = household(session), household(session)
    need(session, pregnant, "pregnancy")
    apply(session, OFFICER, kind_file(TRANCHES, kind="grant"))
    first = opened(session, "2026-01")
    assert amounts(session, first) == {
        (plain, "pre-departure"): "500.00", (pregnant, "pre-departure"): "800.00",
    }  # fmt: skip
    number = number_of(session, plain)
    conditions.note(session, OFFICER, "winter-2026", number, "ticket", "ticket of 3 March")
    waits = opened(session, "2026-02")
    assert reasons(session, waits.id) == {
        plain: ["condition_not_met"], pregnant: ["condition_not_met"],
    }  # fmt: skip
    conditions.confirm(session, COLLEAGUE, "winter-2026", number, "ticket")
    second = opened(session, "2026-03")
    assert owed(session, second.id) == {
        (plain, "transit"): ("300.00", "transit: 300.00 DZD, after ticket")
    }
    assert reasons(session, opened(session, "2026-04").id)[plain] == ["all_given"]


def test_nobody_confirms_what_they_noted_and_a_refusal_can_be_noted_anew(session: Session) -> None:
    number = number_of(session, household(session))
    apply(session, OFFICER, kind_file(TRANCHES, kind="grant"))
    with pytest.raises(conditions.UnknownCondition, match="does not ask for"):
        conditions.note(session, OFFICER, "winter-2026", number, "tickets", "seen")
    with pytest.raises(conditions.NotNoted):
        conditions.confirm(session, COLLEAGUE, "winter-2026", number, "ticket")
    one = conditions.note(session, OFFICER, "winter-2026", number, "ticket", "seen")
    assert conditions.note(session, COLLEAGUE, "winter-2026", number, "ticket", "seen").id == one.id
    with pytest.raises(conditions.OwnNote):
        conditions.confirm(session, OFFICER, "winter-2026", number, "ticket")
    with pytest.raises(IntegrityError, match="two_people"), session.begin_nested():
        session.execute(
            text(
                "UPDATE conditions_met SET decision = 'confirmed', decided_by = noted_by, decided_at = now()"
            )
        )
    refused = conditions.refuse(
        session, COLLEAGUE, "winter-2026", number, "ticket", "of another person"
    )
    assert (refused.decision, refused.remark) == ("refused", "of another person")
    conditions.note(session, OFFICER, "winter-2026", number, "ticket", "the right one")
    assert (
        conditions.confirm(session, COLLEAGUE, "winter-2026", number, "ticket").decision
        == "confirmed"
    )


def test_a_tranche_is_given_once_whatever_writes_it(session: Session) -> None:
    this = household(session)
    apply(session, OFFICER, kind_file('{amount: "900"}', kind="grant"))
    opened(session, "2026-01")
    row = session.scalars(select(Entitlement)).one()
    copy = {
        column.name: getattr(row, column.name) for column in Entitlement.__table__.columns
    } | {"id": uuid4(), "period": "2026-07"}  # fmt: skip
    with pytest.raises(IntegrityError, match="uq_entitlements_once"), session.begin_nested():
        session.execute(insert(Entitlement).values(copy))
    assert (row.household_id, row.component, row.once) == (this, "grant", True)


def test_two_cycles_at_once_give_a_tranche_once(database: URL) -> None:
    with offices.transaction("dz") as session:
        this = household(session)
        apply(session, OFFICER, kind_file('{amount: "900"}', kind="grant"))
    found = at_once(
        4, lambda session, n: open_cycle(session, OFFICER, "winter-2026", f"2026-0{n + 1}")
    )
    with offices.transaction("dz") as session:
        given = [amounts(session, each) for each in found]
        assert sorted(given, key=len) == [{}, {}, {}, {(this, "grant"): "900.00"}]
        assert (
            sorted(str(reasons(session, each.id)[this]) for each in found)[:3]
            == ["['all_given']"] * 3
        )


def test_the_code_of_a_tranche_that_was_given_stays(session: Session) -> None:
    household(session)
    apply(session, OFFICER, kind_file(TRANCHES, kind="grant"))
    apply(session, OFFICER, kind_file(TRANCHES.replace("pre-departure", "before"), kind="grant"))
    opened(session, "2026-01")
    with pytest.raises(RestsOnIt, match="given before"):
        apply(session, OFFICER, kind_file(TRANCHES, kind="grant"))
    with pytest.raises(RestsOnIt, match="given before"):
        apply(session, OFFICER, kind_file('{amount: "5"}', kind="grant"))


def test_the_latest_word_about_a_need_counts_and_each_is_kept(session: Session) -> None:
    this = household(session, 5)
    part = '{base: "100", top_ups: [{name: care, amount: "25", per: member, for: {needs: [Disability]}}]}'
    apply(session, OFFICER, kind_file(part))
    assert amounts(session, opened(session, "2026-01")) == {(this, "base"): "100.00"}
    need(session, this, "DISABILITY", 2)
    assert owed(session, opened(session, "2026-02").id) == {
        (this, "base"): ("150.00", "100.00 + top-up care 25.00 × 2 = 150.00 DZD")
    }
    need(session, this, "disability", 0)
    assert needs.words(session, OFFICER) == []
    assert amounts(session, opened(session, "2026-03")) == {(this, "base"): "100.00"}
    need(session, this, "other", 1)
    assert needs.words(session, OFFICER) == [("other", 1, 1)]
    with pytest.raises(needs.UnusableNeed, match="5 members, and 6"):
        need(session, this, "other", 6)
    with pytest.raises(needs.UnusableNeed, match="a word"):
        need(session, this, "=1+1")


def ceiling(amount: str, *counting: str) -> str:
    listed = f", counting: [{', '.join(counting)}]" if counting else ""
    return f'ceilings: {{lifetime: "{amount}"{listed}}}\n'


def test_what_was_owed_in_other_programmes_counts_towards_a_ceiling(session: Session) -> None:
    this = household(session)
    apply(session, OFFICER, kind_file('{base: "600"}', code="summer"))
    apply(session, OFFICER, kind_file('{base: "500"}', extra=ceiling("1300.00", "summer")))
    opened(session, "2026-01", "summer")
    assert amounts(session, opened(session, "2026-01")) == {(this, "base"): "500.00"}
    cut = opened(session, "2026-02")
    assert owed(session, cut.id)[this, "base"] == (
        "200.00",
        "500.00 DZD, cut to 200.00 DZD: the ceiling of 1300.00 DZD leaves no more",
    )
    assert reasons(session, opened(session, "2026-03").id) == {this: ["ceiling_reached"]}


def test_a_ceiling_counts_only_with_programmes_that_are_there_and_pay_alike(
    session: Session,
) -> None:
    with pytest.raises(CannotCount, match="no programme summer"):
        apply(session, OFFICER, kind_file('{base: "500"}', extra=ceiling("900", "summer")))
    euros = (
        kind_file('{base: "5"}', code="summer").replace("DZD", "EUR").replace("grant-26", "euro")
    )
    apply(session, OFFICER, euros)
    with pytest.raises(CannotCount, match="summer pays in another currency"):
        apply(session, OFFICER, kind_file('{base: "500"}', extra=ceiling("900", "summer")))


def test_cycles_of_two_programmes_at_once_stay_below_their_ceiling(database: URL) -> None:
    with offices.transaction("dz") as session:
        for _ in range(5):
            household(session)
        one, two = (kind_file('{base: "500"}', code=code) for code in ("one", "two"))
        for file in (one, two, one + ceiling("1200", "two"), two + ceiling("1200", "one")):
            apply(session, OFFICER, file)
    at_once(
        8, lambda session, n: open_cycle(session, OFFICER, ("one", "two")[n % 2], f"2026-{n // 2 + 1:02}")
    )  # fmt: skip
    with offices.transaction("dz") as session:
        totals = session.execute(
            text(
                "SELECT household_id, sum(amount_minor)::bigint FROM entitlements GROUP BY household_id"
            )
        ).all()
        assert [total for _, total in totals] == [120_000] * 5


def test_a_cycle_that_was_tampered_with_does_not_come_out_again(owner: Engine) -> None:
    with offices.transaction("dz") as session:
        this = household(session)
        apply(session, OFFICER, kind_file('{per_member: "1000"}'))
        opened(session, "2026-01")
    for deed in (
        "UPDATE entitlements SET amount_minor = amount_minor + 1",
        "UPDATE entitlements SET trace = '4 members, trust me'",
        "UPDATE entitlements SET component = 'bonus'",
        "UPDATE entitlements SET once = true",
        "DELETE FROM entitlements",
        "UPDATE decided_facts SET facts = jsonb_set(facts, '{size}', '5')",
        "DELETE FROM decided_facts",
        """UPDATE eligibility_decisions SET eligible = false, reasons = '["ended"]'""",
        "DELETE FROM eligibility_decisions",
    ):
        with owner.connect() as connection, Session(connection) as intruder:
            connection.execute(text(deed))
            found = replay(intruder, OFFICER, "winter-2026", "2026-01")
            assert found.differing >= 1, deed
            assert found.examples[0].household_id == this
            connection.rollback()


def test_decisions_of_before_facts_were_kept_are_counted_and_not_called_wrong(
    owner: Engine,
) -> None:
    with offices.transaction("dz") as session:
        household(session)
        apply(session, OFFICER, kind_file('{per_member: "1000"}'))
        opened(session, "2026-01")
    with owner.begin() as connection:
        connection.execute(text("UPDATE eligibility_decisions SET facts_number = NULL"))
        connection.execute(text("DELETE FROM decided_facts"))
    with offices.transaction("dz") as session:
        found = replay(session, OFFICER, "winter-2026", "2026-01")
    assert (found.decisions, found.not_kept, found.differing) == (1, 1, 0)


@pytest.mark.parametrize(
    ("every", "first", "last", "period", "days"),
    [
        ("quarter", "2026-Q1", "2026-Q4", "2026-q2", ("2026-04-01", "2026-06-30")),
        ("week", "2026-W02", "2026-W50", "٢٠٢٦-W07", ("2026-02-09", "2026-02-15")),
    ],
)
def test_cycles_can_be_quarters_and_weeks(
    session: Session, every: str, first: str, last: str, period: str, days: tuple[str, str]
) -> None:
    this = household(session)
    file = kind_file('{base: "100"}', every=every, first=first, last=last)
    apply(session, OFFICER, file)
    cycle = open_cycle(session, OFFICER, "winter-2026", period)
    stands = queries.cycle(session, cycle.id)[0]
    assert (str(stands.starts_on), str(stands.ends_on)) == days
    assert amounts(session, cycle) == {(this, "base"): "100.00"}
    with pytest.raises(PeriodNotScheduled, match=f"paid every {every}; 2026-02 is a month"):
        open_cycle(session, OFFICER, "winter-2026", "2026-02")
    with pytest.raises(RestsOnIt, match=f"opened for every {every}"):
        apply(session, OFFICER, kind_file('{base: "100"}'))


def test_cycles_can_be_fortnights(session: Session) -> None:
    file = kind_file('{base: "100"}', every="fortnight", first="2026-W02", last="2026-W51")
    weekly = file.replace("fortnight", "week")
    moved = file.replace("W02", "W03").replace("W51", "W50")
    apply(session, OFFICER, weekly)
    apply(session, OFFICER, file)
    this = household(session)
    cycle = opened(session, "2026-W06")
    stands = queries.cycle(session, cycle.id)[0]
    assert stands.period == "2026-W06--2026-W07"
    assert (str(stands.starts_on), str(stands.ends_on)) == ("2026-02-02", "2026-02-15")
    assert amounts(session, cycle) == {
        (this, "base"): "100.00"
    }  # for a fortnight, as it is written
    assert open_cycle(session, OFFICER, "winter-2026", stands.period).already_open
    with pytest.raises(PeriodNotScheduled, match="lies across two") as refused:
        open_cycle(session, OFFICER, "winter-2026", "2026-W07")
    assert refused.value.next_step.endswith("2026-W06--2026-W07, 2026-W08--2026-W09")
    with pytest.raises(PeriodNotScheduled, match="paid every 2 weeks; 2026-02 is a month"):
        open_cycle(session, OFFICER, "winter-2026", "2026-02")
    with pytest.raises(RestsOnIt, match="opened for every 2 weeks"):
        apply(session, OFFICER, weekly)
    with pytest.raises(RestsOnIt, match=r"2026-W06--2026-W07 .* would be in another period"):
        apply(session, OFFICER, moved)
    assert apply(session, OFFICER, file.replace("W02", "W04")).changed


def test_periods_may_change_their_length_while_none_is_open(session: Session) -> None:
    apply(session, OFFICER, kind_file('{base: "100"}'))
    changed = kind_file('{base: "100"}', every="week", first="2026-W02", last="2026-W50")
    assert "schedule.every: month → week" in apply(session, OFFICER, changed).what_changed
    with clock.frozen(datetime(2026, 4, 1, tzinfo=UTC)):
        assert open_cycle(session, OFFICER, "winter-2026", "2026-W05").eligible == 0
