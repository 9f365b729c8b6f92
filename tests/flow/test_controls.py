"""A control keeps a run from being signed or released until it is mended, or until two people let it pass for a time."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.audit.models import AuditEntry
from cbi.payments.models import Discrepancy, Payment, PaymentRun
from cbi.payments.runs import payees, queries, runs
from cbi.payments.runs.sheet_models import FindingKind, RunFinding
from cbi.payments.sending import dispatch
from cbi.payments.signing import blocking, openings, recall, waivers
from cbi.payments.signing.approval import sign as sign_step
from cbi.payments.signing.blocking import Blocked, ListsUnopened
from cbi.payments.signing.waiver_models import ControlCheck
from cbi.programmes.periods import Period
from cbi.proofs import waivers as proofs
from tests.approval_factory import look
from tests.factories import PERIOD, START
from tests.flow.waiving import Town, locked, sign, town

SHARED = "  blocking: [{control: shared_account}]"


@pytest.fixture(autouse=True)
def at_the_start() -> Iterator[None]:
    with clock.frozen(START):
        yield


def breaches(session: Session) -> list[str]:
    return [breach for check in proofs.waived for breach in check(session)]


def refused(session: Session, people: Town, run: PaymentRun) -> list[str]:
    """The codes of the controls that keep the run from being signed."""
    with pytest.raises(Blocked) as refusal, session.begin_nested():
        sign(session, people, run)
    found = refusal.value.details["controls"]
    assert isinstance(found, list)
    return found


def later(**more: float) -> AbstractContextManager[None]:
    return clock.frozen(clock.now() + timedelta(**more))


def test_a_run_for_somebody_who_left_is_not_signed_until_they_are_taken_out(
    session: Session,
) -> None:
    people = town(session)
    run = locked(session, people, left="W-0002")
    assert refused(session, people, run) == ["inactive"]
    assert [each.code for each in queries.sheet(session, run.id).cautions if each.blocks] == [
        "inactive"
    ]
    recall.send_back(session, people.team.certifier.actor, run.id, "one has left")
    payment = session.scalars(
        select(Payment.id).where(Payment.run_id == run.id, Payment.number == _number(session, run))
    ).one()
    runs.exclude(session, people.team.maker.actor, run.id, payment, "has left")
    runs.lock(session, people.team.maker.actor, run.id)
    sign(session, people, run)
    assert breaches(session) == []


def _number(session: Session, run: PaymentRun) -> int:
    return session.scalars(
        select(RunFinding.payment_number).where(
            RunFinding.run_id == run.id, RunFinding.kind == FindingKind.INACTIVE
        )
    ).first() or 0  # fmt: skip


def test_a_family_that_shares_a_telephone_is_only_a_warning_as_the_engine_comes(
    session: Session,
) -> None:
    people = town(session, shared=True)
    run = locked(session, people)
    sign(session, people, run)
    assert "shared_account" in [each.code for each in queries.sheet(session, run.id).cautions]


def test_where_the_office_says_so_two_payees_at_one_telephone_need_a_waiver_to_two(
    session: Session,
) -> None:
    people = town(session, shared=True, controls=SHARED)
    run = locked(session, people)
    assert refused(session, people, run) == ["shared_account"]
    people.waived(session, "shared_account", at_most=2)
    sign(session, people, run)
    (kept,) = session.scalars(select(ControlCheck))
    assert kept.facts["found"]["shared_account"][:2] == [2, 1]
    (line,) = queries.sheet(session, run.id).waivers
    assert line.sentence.startswith(f"Waiver {line.number} (open, until")
    assert breaches(session) == []


def test_a_waiver_for_one_household_lets_only_that_household_pass(session: Session) -> None:
    people = town(session, shared=True, controls=SHARED)
    run = locked(session, people)
    people.waived(session, "shared_account", households=("W-0001",))
    assert refused(session, people, run) == ["shared_account"]
    with later(minutes=1):
        made = people.waived(session, "shared_account", households=("W-0005", "W-0006"), at_most=2)
        assert b"W-0005" not in b"".join(made.concerns)
        sign(session, people, run)
    assert breaches(session) == []


def test_a_zero_too_many_is_not_signed_where_the_office_has_a_largest_amount(
    session: Session,
) -> None:
    people = town(session, controls='  amounts: [{currency: DZD, at_most: "3500.00"}]')
    run = locked(session, people)
    assert refused(session, people, run) == ["amount_bounds"]
    told = {each.code: each for each in queries.sheet(session, run.id).cautions}
    assert (told["amount_bounds"].worst, told["amount_bounds"].blocks) == (1, True)


def test_nobody_collects_more_within_thirty_days_than_the_office_lets_one_person_or_account_get(
    session: Session,
) -> None:
    people = town(session, shared=True, controls='  payees: [{currency: DZD, at_most: "3999.99"}]')
    first = locked(session, people)
    # One household gets 4,000 by itself; two of 2,000 each are collected at one telephone.
    assert refused(session, people, first) == ["payee_limit"]
    told = {each.code: each for each in queries.sheet(session, first.id).cautions}["payee_limit"]
    assert (told.worst, told.blocks) == (3, True)
    limit = blocking.payee_limit(session, first)
    assert limit is not None
    who = people.team.certifier.actor
    lines = payees.listed(session, who, first, limit)
    assert sorted((each.household, each.person.minor, each.account.minor) for each in lines) == [
        ("W-0004", 400_000, 400_000),
        ("W-0005", 200_000, 400_000),
        ("W-0006", 200_000, 400_000),
    ]
    with later(minutes=1):
        people.waived(session, "payee_limit", at_most=3)
        sign(session, people, first)
    # Twenty days later the next cycle adds to it, and thirty-one days later it does not.
    with later(days=20):
        second = locked(session, people, period=str(Period.parse(PERIOD).next))
        assert payees.above(session, second, limit) == 5  # all but the one who got 1,000 twice
    with later(days=31):
        assert payees.above(session, second, limit) == 3
    assert breaches(session) == []


def test_an_office_may_switch_a_control_off_by_two_people(session: Session) -> None:
    people = town(session, controls="  blocking: [{control: inactive, blocks: false}]")
    run = locked(session, people, left="W-0002")
    assert sign(session, people, run).state == "certified"


def test_nobody_signs_what_is_unusual_without_having_opened_the_list(session: Session) -> None:
    people = town(session, shared=True)
    run = locked(session, people)
    who = people.team.certifier
    with pytest.raises(ListsUnopened) as refusal, session.begin_nested():
        sign(session, people, run, looks=False)
    assert refusal.value.details["lists"] == ["shared_account", "open_duplicate"]
    look(session, people.team.authoriser.actor, run.id)  # another's look is not one's own
    with pytest.raises(ListsUnopened), session.begin_nested():
        sign(session, people, run, looks=False)
    with later(minutes=-3):
        look(session, who.actor, run.id)
    sign_step(session, who.actor, run.id, "certifier", who.code())
    (kept,) = session.scalars(select(ControlCheck))
    assert set(kept.facts["opened"]) == {"sheet", "shared_account", "open_duplicate"}


def test_lists_of_an_earlier_revision_do_not_count(session: Session) -> None:
    people = town(session, shared=True)
    run = locked(session, people)
    look(session, people.team.certifier.actor, run.id)
    recall.send_back(session, people.team.authoriser.actor, run.id, "look again")
    runs.lock(session, people.team.maker.actor, run.id)
    with pytest.raises(ListsUnopened):
        sign(session, people, run, looks=False)


def test_a_waiver_that_ends_between_two_signatures_stops_the_second(session: Session) -> None:
    people = town(session)
    run = locked(session, people, left="W-0002")
    made = people.waived(session, "inactive")
    with later(minutes=1):
        sign(session, people, run)
    with later(days=7):
        assert refused(session, people, run) == ["inactive"]
    with later(minutes=2), session.begin_nested() as undone:
        waivers.revoke(session, people.head.actor, made.number, "They came back")
        assert refused(session, people, run) == ["inactive"]
        undone.rollback()
    with later(minutes=3):
        sign(session, people, run)
    assert breaches(session) == []


def test_a_waiver_that_is_revoked_before_the_release_holds_the_run_back(session: Session) -> None:
    people = town(session)
    run = locked(session, people, left="W-0002")
    made = people.waived(session, "inactive", run=run.number)
    for minute in (1, 2):
        with later(minutes=minute):
            sign(session, people, run)
    with later(hours=1):
        with session.begin_nested() as undone:
            waivers.revoke(session, people.asker.actor, made.number, "It is not true")
            with pytest.raises(Blocked) as refusal:
                dispatch.begin_release(session, people.team.authoriser.actor, run.id)
            assert "cancel the run" in refusal.value.next_step
            undone.rollback()
        dispatch.begin_release(session, people.team.authoriser.actor, run.id)
    with later(days=40):
        assert [each.number for each in queries.sheet(session, run.id).waivers] == [made.number]
    assert breaches(session) == []


def test_old_discrepancies_stop_the_next_cycle(session: Session) -> None:
    people = town(session)
    first = locked(session, people)
    for minute in (1, 2):
        with later(minutes=minute):
            sign(session, people, first)
    payment = session.scalars(select(Payment.id).where(Payment.run_id == first.id)).first()
    assert payment
    session.add(_discrepancy(payment))
    session.flush()
    with later(days=31):
        following = f"{clock.now():%Y-%m}"
        second = locked(session, people, period=following)
        assert refused(session, people, second) == ["old_discrepancies"]
        people.waived(session, "old_discrepancies", at_most=90)
        sign(session, people, second)
    assert breaches(session) == []


def _discrepancy(payment_id: UUID) -> Discrepancy:
    return Discrepancy(
        kind="amount_differs", subject=f"payment:{payment_id}", provider="post_office", payment_id=payment_id,
        details={}, since=clock.now(), opened_at=clock.now(),
    )  # fmt: skip


def test_how_long_a_signer_looked_is_kept_in_the_open(session: Session) -> None:
    people = town(session)
    run = locked(session, people)
    openings.note(session, people.team.certifier.actor, run)
    with later(minutes=4):
        sign(session, people, run)
    (kept,) = session.scalars(select(ControlCheck))
    assert kept.facts["dwelt"] == 240
    said = session.scalars(
        select(AuditEntry.details).where(AuditEntry.act == "payment_run.certified")
    ).one()
    assert said["controls"] == kept.seal.hex()
