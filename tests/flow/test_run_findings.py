"""What approvers are told of a run is what its payments say, was worked out once, and cannot be altered unseen."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.permissions import Permission
from cbi.audit.models import AuditEntry
from cbi.money import Money
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs import cautions, finding_lists, queries, runs, summaries
from cbi.payments.runs.sheet_models import FindingKind, RunFinding, RunSummary
from cbi.payments.runs.summaries import Change
from cbi.payments.signing import approval, recall, required
from cbi.registry.models import Household
from cbi.registry.queries import ACTIVE
from tests import made_up
from tests.approval_factory import first_cycle, programme, registered, second_cycle
from tests.factories import EVERYTHING, START, Team, locked_run, team


def dzd(amount: str) -> Money:
    return Money.parse(amount, "DZD")


@pytest.fixture
def people(session: Session) -> Iterator[Team]:
    """The first cycle is approved; it is two minutes later, so that everybody has another code."""
    with clock.frozen(START):
        three = team(session)
        first_cycle(
            session,
            three.maker.actor,
            (three.certifier.actor, three.certifier.code),
            (three.authoriser.actor, three.authoriser.code),
        )
    with clock.frozen(START + timedelta(minutes=2)):
        yield three


@pytest.fixture
def run(session: Session, people: Team) -> PaymentRun:
    return runs.lock(session, people.maker.actor, second_cycle(session, people.maker.actor))


def change(payments: int, before: str, after: str) -> Change:
    return Change(payments, dzd(before), dzd(after))


def test_what_changed_is_told_with_its_money(session: Session, run: PaymentRun) -> None:
    facts = queries.sheet(session, run.id).summary
    assert facts.of(FindingKind.NEW) == change(2, "0.00", "3000.00")
    assert facts.of(FindingKind.GONE) == change(1, "1000.00", "0.00")
    assert facts.of(FindingKind.AMOUNT) == change(3, "21000.00", "15000.00")
    assert facts.of(FindingKind.ACCOUNT) == change(1, "4000.00", "4000.00")
    assert facts.against is not None
    assert (facts.against.payments, facts.against.total) == (10, dzd("44000.00"))
    assert (facts.payments, facts.households, facts.total) == (11, 11, dzd("40000.00"))
    assert (facts.smallest, facts.median, facts.largest) == tuple(
        map(dzd, ("1000.00", "4000.00", "5000.00"))
    )


def test_every_amount_is_in_one_band_of_the_spread(session: Session, run: PaymentRun) -> None:
    spread = queries.sheet(session, run.id).summary.spread
    assert [(band.first.decimal, band.payments) for band in spread] == [
        ("1000.00", 1), ("2000.00", 2), ("3000.00", 1), ("4000.00", 3), ("5000.00", 4)
    ]  # fmt: skip
    assert sum(band.total.minor for band in spread) == run.total_minor


def test_what_is_unusual_comes_first_the_gravest_before(session: Session, run: PaymentRun) -> None:
    told = queries.sheet(session, run.id).cautions
    assert [(each.code, each.payments) for each in told] == [
        ("shared_account", 2), ("open_duplicate", 2), ("inactive", 1), ("account", 1)
    ]  # fmt: skip
    assert [each.code for each in told if each.blocks] == ["inactive"]


def test_missing_money_is_told_before_anything_else(session: Session) -> None:
    with clock.frozen(START):
        three = team(session)
        registered(session, [4, 4], 1)
        programme(session, budgeted="7999.99", floated="5000.00")
        run_id = locked_run(session, three, "winter").id
        first, second = queries.sheet(session, run_id).cautions[:2]
    assert (first.code, first.amount, first.blocks) == (cautions.BUDGET_SHORT, dzd("0.01"), True)
    assert (second.code, second.amount, second.blocks) == (
        cautions.FLOAT_SHORT, dzd("3000.00"), False
    )  # fmt: skip


def test_a_draft_is_told_the_same_as_when_it_is_locked(session: Session, people: Team) -> None:
    run_id = second_cycle(session, people.maker.actor)
    draft = queries.sheet(session, run_id).summary
    runs.lock(session, people.maker.actor, run_id)
    locked = queries.sheet(session, run_id).summary
    assert draft.made_at is None
    assert locked.made_at == clock.now()
    assert (draft.found, draft.spread, draft.against) == (locked.found, locked.spread, locked.against)  # fmt: skip


def test_a_run_for_those_who_were_left_out_makes_nobody_gone(
    session: Session, people: Team
) -> None:
    run_id = second_cycle(session, people.maker.actor)
    left_out = session.scalars(
        select(Payment.id)
        .join(Household, Household.id == Payment.household_id)
        .where(Payment.run_id == run_id, Household.status == ACTIVE)
        .order_by(Payment.number)
        .limit(8)
    ).all()
    for payment_id in left_out:
        runs.exclude(session, people.maker.actor, run_id, payment_id, "the next time")
    cycle_id = session.get_one(PaymentRun, run_id).cycle_id
    second = runs.build(session, people.maker.actor, cycle_id)
    for each in (run_id, second.id):
        gone = queries.sheet(session, each).summary.of(FindingKind.GONE)
        assert gone == change(1, "1000.00", "0.00")


def test_a_list_names_households_by_number_and_that_it_was_opened_is_noted(
    session: Session, run: PaymentRun, people: Team
) -> None:
    certifier = people.certifier.actor
    first = finding_lists.listed(session, certifier, run, FindingKind.AMOUNT, limit=2)
    assert [(line.household, line.before, line.after) for line in first.items] == [
        ("W-0008", dzd("8000.00"), dzd("5000.00")), ("W-0007", dzd("7000.00"), dzd("5000.00"))
    ]  # fmt: skip
    rest = finding_lists.listed(
        session, certifier, run, FindingKind.AMOUNT, limit=2, cursor=first.next_cursor
    )
    assert [line.household for line in rest.items] == ["W-0006"]
    assert rest.next_cursor is None
    assert all(line.recipient is None for line in (*first.items, *rest.items))
    noted = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.act == "payment_run.list_viewed")
        .order_by(AuditEntry.id)
    ).all()
    assert [(entry.actor_id, entry.details["rows"]) for entry in noted] == [
        (certifier.id, 2), (certifier.id, 1)
    ]  # fmt: skip


def test_those_who_share_a_telephone_stand_together_and_are_masked_for_the_registry(
    session: Session, run: PaymentRun
) -> None:
    shared = finding_lists.listed(session, EVERYTHING, run, FindingKind.SHARED_ACCOUNT, limit=50)
    assert {line.household for line in shared.items} == {"W-0011", "W-0012"}
    assert len({line.together for line in shared.items}) == 1
    assert {line.recipient.initials for line in shared.items if line.recipient} == {
        "".join(f"{word[0]}. " for word in made_up.name(each).split()).strip()
        for each in ("W11", "W12")
    }
    assert EVERYTHING.may(Permission.REGISTRY_READ)


def test_what_is_gone_is_in_no_place_of_this_run(session: Session, run: PaymentRun) -> None:
    gone = finding_lists.listed(session, EVERYTHING, run, FindingKind.GONE, limit=50).items
    assert [(line.household, line.number, line.after) for line in gone] == [("W-0001", None, None)]


def test_a_run_that_came_back_has_a_summary_for_each_time_it_was_locked(
    session: Session, run: PaymentRun, people: Team
) -> None:
    recall.send_back(session, people.certifier.actor, run.id, "the new ones are wrong")
    payment = session.scalars(
        select(RunFinding.payment_number).where(RunFinding.kind == FindingKind.NEW)
    ).first()
    out = session.scalars(
        select(Payment.id).where(Payment.run_id == run.id, Payment.number == payment)
    ).one()
    runs.exclude(session, people.maker.actor, run.id, out, "not in this month")
    runs.lock(session, people.maker.actor, run.id)
    assert queries.sheet(session, run.id).summary.of(FindingKind.NEW).payments == 1
    kept = session.scalars(select(RunSummary.revision).where(RunSummary.run_id == run.id)).all()
    assert sorted(kept) == [1, 2]


@pytest.fixture
def locked(database: object) -> tuple[UUID, Team]:
    """A locked run that is committed."""
    with clock.frozen(START), offices.transaction("dz") as session:
        three = team(session)
        registered(session, [4, 4], 1)
        programme(session)
        return locked_run(session, three, "winter").id, three


@pytest.mark.parametrize("table", ["run_summaries", "run_findings"])
@pytest.mark.parametrize("deed", ["UPDATE {} SET revision = 2", "DELETE FROM {}"])
def test_the_application_cannot_change_what_was_kept(
    locked: tuple[UUID, Team], table: str, deed: str
) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), offices.transaction("dz") as session:  # fmt: skip
        session.execute(text(deed.format(table)))


@pytest.mark.parametrize(
    "deed",
    [
        "UPDATE run_summaries SET facts = jsonb_set(facts, '{content,largest}', '1')",
        "UPDATE run_summaries SET digest = sha256('other')",
        "UPDATE payment_runs SET digest = sha256('other')",
    ],
)
def test_an_altered_or_stale_summary_is_neither_shown_nor_signed(
    locked: tuple[UUID, Team], owner: Engine, deed: str
) -> None:
    run_id, people = locked
    with owner.begin() as intruder:
        intruder.execute(text(deed))
    altered = (summaries.SummaryAltered, required.RequirementAltered, approval.ContentAltered)
    with pytest.raises(altered), offices.transaction("dz") as session:
        queries.sheet(session, run_id)
    with (
        clock.frozen(START),
        pytest.raises(altered),
        offices.transaction("dz") as session,
    ):
        approval.certify(session, people.certifier.actor, run_id, people.certifier.code())


def test_a_run_without_a_summary_is_told_from_its_payments(
    locked: tuple[UUID, Team], owner: Engine
) -> None:
    with owner.begin() as before_the_upgrade:
        before_the_upgrade.execute(text("DELETE FROM run_summaries"))
    with offices.transaction("dz") as session:
        facts = queries.sheet(session, locked[0]).summary
    assert (facts.made_at, facts.payments, facts.total) == (None, 2, dzd("8000.00"))
