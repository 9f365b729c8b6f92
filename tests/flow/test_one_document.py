"""Two households that show one document: nobody of them is paid on the strength of what was decided before they did."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.payments.models import Payment
from cbi.payments.outcomes.holding import held, may_leave
from cbi.payments.runs import runs
from cbi.payments.sending.recipients import payee_stands
from cbi.programmes.applying import apply
from cbi.programmes.cycles import open_cycle
from cbi.protection import erasing, obstacles
from cbi.registry import duplicates, standing
from cbi.registry.duplicates import flag_households
from cbi.registry.linkage import finding
from cbi.registry.models import DuplicateFlag, Household
from cbi.registry.queries import blocked_households, current_flags, shares_a_document
from cbi.reporting.overview import overview
from cbi.reporting.stuck import Reason
from tests.factories import EVERYTHING
from tests.household_factory import ASKER, change, family, fresh
from tests.kinds_factory import kind_file
from tests.programme_factory import OFFICER

PAPER, ANOTHER = "AB1234567", "CD7654321"


@pytest.fixture(autouse=True)
def ticking() -> Iterator[None]:
    """The stories are told in April 2026."""
    with clock.frozen(datetime(2026, 4, 1, 9, tzinfo=UTC)):
        yield


def shows(session: Session, hours: float, home: UUID, person: UUID, document: str) -> None:
    """It is put right which document somebody has."""
    told = {"document_kind": "passport", "document": document}
    with clock.frozen(clock.now() + timedelta(hours=hours)):
        change(session, "corrected", home, person=person, told=told)


def decided(session: Session, hours: float, decision: str) -> None:
    """People have said of the one open flag what it is."""
    flag = session.scalars(current_flags(open_only=True)).one()
    session.execute(
        update(DuplicateFlag)
        .where(DuplicateFlag.id == flag.id)
        .values(
            decision=decision, decided_at=clock.now() + timedelta(hours=hours), reason="seen with both papers"
        )
    )  # fmt: skip


def blocked(session: Session) -> set[UUID]:
    return set(session.scalars(blocked_households()))


def test_that_two_were_different_says_nothing_of_who_shows_the_same_document_later(
    session: Session,
) -> None:
    (one, first), (other, second), (later, third) = (family(session) for _ in range(3))
    shows(session, 1, one, first["head"], PAPER)
    shows(session, 2, other, second["head"], PAPER)
    assert blocked(session) == {one, other}
    decided(session, 3, "different")
    shows(session, 4, other, second["head"], ANOTHER)  # it had been typed wrongly
    assert blocked(session) == set()
    shows(session, 5, later, third["head"], PAPER)
    assert blocked(session) == {one, later}
    decided(session, 6, "different")
    shows(session, 7, one, first["head"], ANOTHER)
    assert session.scalars(current_flags(open_only=True)).all() != []


def test_who_was_found_to_be_one_and_is_not_merged_stands_in_a_list_until_they_are(
    session: Session,
) -> None:
    (one, first), (other, second) = family(session), family(session)
    shows(session, 1, one, first["head"], PAPER)
    shows(session, 2, other, second["head"], PAPER)
    assert standing.unmerged(session) is None, "it is not decided yet"
    decided(session, 3, "same")
    assert standing.shared(session) is None, "nobody has to decide it any more"
    found = standing.unmerged(session)
    assert found is not None
    assert found.count == 1
    (flagged,) = duplicates.list_unmerged(session, EVERYTHING)
    assert {each.id for each in flagged.households} == {one, other} == blocked(session)
    assert Reason.NOT_MERGED in {each.reason for each in overview(session, EVERYTHING).stuck}
    with clock.frozen(clock.now() + timedelta(hours=4)):
        change(session, "merged", one, other=other)
    assert (standing.unmerged(session), blocked(session)) == (None, set())


def test_what_was_decided_holds_while_others_come_to_share_another_document(
    session: Session,
) -> None:
    (one, first), (other, second), (third, _), (fourth, _) = homes = [
        family(session) for _ in range(4)
    ]
    shows(session, 1, one, first["head"], PAPER)
    shows(session, 2, other, second["head"], PAPER)
    decided(session, 3, "different")
    for hours, (home, people) in enumerate(homes[2:], start=4):
        shows(session, hours, home, people["head"], ANOTHER)
    with clock.frozen(clock.now() + timedelta(hours=6)):  # as when all four come again in one list
        assert flag_households(session, [home for home, _ in homes]) == {
            "shared_phone": 0, "same_document": 0,
        }  # fmt: skip
    assert blocked(session) == {third, fourth}


def test_whoever_departs_and_shows_their_document_in_a_new_household_is_asked_about(
    session: Session,
) -> None:
    (one, first), (anew, second) = (family(session) for _ in range(2))
    shows(session, 1, one, first["head"], PAPER)
    with clock.frozen(clock.now() + timedelta(hours=2)):
        change(session, "departed", one)
    assert blocked(session) == set()
    shows(session, 3, anew, second["head"], PAPER)
    assert anew in blocked(session)
    assert session.scalar(select(shares_a_document(Household.id)).where(Household.id == anew))
    with clock.frozen(clock.now() + timedelta(hours=4)):
        change(session, "departed", anew)
        assert blocked(session) == set(), "nobody is paid"
        change(session, "returned", anew)
    decided(session, 5, "different")
    assert blocked(session) == set()


def test_what_two_records_of_one_document_hold_does_not_end_with_the_data_of_one_of_them(
    session: Session,
) -> None:
    (one, first), (other, second) = (family(session) for _ in range(2))
    shows(session, 1, one, first["head"], PAPER)
    shows(session, 2, other, second["head"], PAPER)
    decided(session, 3, "same")
    change(session, "departed", one)
    numbers = [fresh(session, home).source_id for home in (one, other)]
    alone = erasing.ask(session, ASKER, numbers[:1], "They asked for it.")
    (why,) = erasing.obstacles(session, alone)
    assert why.why.startswith("they are one person with somebody else who shows their document")
    assert other in blocked(session)
    together = erasing.ask(session, ASKER, numbers, "They asked for it.")
    assert len(erasing.obstacles(session, together)) == 2, "the other is active, so neither goes"
    change(session, "departed", other)
    for asked, kept in ((alone, 1), (together, 0)):
        obstacles.note(session, asked.id)
        assert len(erasing.obstacles(session, asked)) == kept


def test_who_turned_out_to_be_one_person_after_the_cycle_was_opened_is_in_no_run(
    session: Session,
) -> None:
    (one, first), (other, second), (alone, _) = (family(session) for _ in range(3))
    apply(session, OFFICER, kind_file('{per_member: "1000"}'))
    cycle = open_cycle(session, OFFICER, "winter-2026", "2026-01")
    shows(session, 1, one, first["head"], PAPER)
    shows(session, 2, other, second["head"], PAPER)
    decided(session, 3, "same")
    finding.catch_up(session)
    run = runs.build(session, EVERYTHING, cycle.id)
    paid = select(Payment.household_id).where(Payment.run_id == run.id)
    assert session.scalars(paid).all() == [alone]


def test_what_is_approved_waits_while_its_household_shows_the_document_of_another(
    session: Session,
) -> None:
    (one, first), (other, second) = (family(session) for _ in range(2))
    apply(session, OFFICER, kind_file('{per_member: "1000"}'))
    cycle = open_cycle(session, OFFICER, "winter-2026", "2026-01")
    run = runs.build(session, EVERYTHING, cycle.id)

    def goes() -> tuple[set[UUID], set[UUID]]:
        """Whose payment may leave, and to whom cash may be handed over."""
        finding.catch_up(session)
        of_run = select(Payment.household_id).where(Payment.run_id == run.id)
        may = session.scalars(of_run.where(may_leave("post_office"))).all()
        return set(may), set(session.scalars(of_run.where(payee_stands())))

    assert goes() == ({one, other}, {one, other})
    shows(session, 1, one, first["head"], PAPER)
    shows(session, 2, other, second["head"], PAPER)
    assert goes() == (set(), set())
    assert [(each.why, each.payments) for each in held(session, [run.id])] == [
        ("possible_duplicate", 2)
    ]
    decided(session, 3, "different")
    assert goes() == ({one, other}, {one, other})


def test_who_splits_off_while_a_document_is_asked_about_is_asked_about_too(
    session: Session,
) -> None:
    (one, first), (other, second) = family(session, "Lina"), family(session)
    shows(session, 1, one, first["head"], PAPER)
    shows(session, 2, other, second["head"], PAPER)
    with clock.frozen(clock.now() + timedelta(hours=3)):
        change(
            session, "split", one, people=[first["Lina"]], head=first["Lina"], collector=first["Lina"],
            told={"phone": "0550999114", "word": "orange"},
        )  # fmt: skip
    homes = set(session.scalars(select(Household.id).where(shares_a_document(Household.id))))
    assert len(homes) == 3
    assert blocked(session) == homes, "what is sent, and handed over, waits as what is built does"
    decided(session, 4, "different")
    assert not session.scalars(select(Household.id).where(shares_a_document(Household.id))).all()
