"""Whatever is still open about somebody keeps their data from being destroyed, and the proposal says what it is."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import (
    ARRAY,
    URL,
    Boolean,
    Date,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    Uuid,
    create_engine,
    insert,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

import cbi.models
from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.db import Base
from cbi.payments.signing import waiver_seals
from cbi.protection import erasing, obstacles, retention
from cbi.registry.naming import UnknownHousehold
from tests.factories import households
from tests.flow.signing import colleague

assert cbi.models
AT = datetime(2026, 3, 1, tzinfo=UTC)
WHY = "They asked for it in a letter."
Rows = Callable[["Someone"], list[tuple[str, dict[str, Any]]]]


class Someone:
    """A person whose household takes no part any more, and what finds them."""

    def __init__(self, session: Session, number: str) -> None:
        found = session.execute(
            text(
                "SELECT p.id AS person, p.household_id AS household, p.document_index AS document, a.value_index AS"
                " phone FROM persons p JOIN payment_accounts a ON a.person_id = p.id"
                " JOIN households h ON h.id = p.household_id WHERE h.source_id = :number"
            ),
            {"number": number},
        ).one()
        self.person, self.household, self.document, self.phone = found
        self.payment, self.other = uuid4(), uuid4()


def paid(who: Someone, **values: Any) -> tuple[str, dict[str, Any]]:
    told = {
        "id": who.payment,
        "person_id": who.person,
        "household_id": who.household,
        "state": "paid",
        "live": True,
    }
    return "payments", told | values


OPEN: Mapping[str, Rows] = {
    "a payment to them is not settled": lambda who: [paid(who, state="unknown")],
    "a payment to them is in a discrepancy": lambda who: [
        paid(who), ("discrepancies", {"payment_id": who.payment}),
    ],
    "what was found of a payment": lambda who: [
        paid(who), ("amount_findings", {"payment_id": who.payment}),
    ],
    "money that was paid to them is owed back": lambda who: [
        paid(who), ("receivables", {"payment_id": who.payment, "state": "open"}),
    ],
    "work of theirs was signed": lambda who: [
        ("work_rows", {"person_id": who.person, "sheet_id": 7, "version": 2, "earned_minor": 500, "attendance": ""}),
        ("work_signatures", {"sheet_id": 7, "version": 2}),
    ],
    "a top-up for their household": lambda who: [
        ("top_ups", {"id": who.other, "basis": "list"}),
        ("top_up_rows", {"top_up_id": who.other, "household_id": who.household}),
    ],
    "met a condition": lambda who: [("conditions_met", {"household_id": who.household, "condition": "plan"})],
    "a complaint of theirs is open": lambda who: [
        paid(who), ("complaints", {"payment_id": who.payment, "state": "open", "category": "complaint"}),
    ],
    "an appeal of theirs": lambda who: [("appeals", {"household_id": who.household, "cycle_id": who.other})],
    "an assessment of theirs waits": lambda who: [
        ("assessments", {"household_id": who.household, "person_id": who.person, "form": "long", "band": "high",
                         "needs_second": True, "noted_by": who.other}),
    ],
    "a change of their household waits": lambda who: [
        ("household_requests", {"household_id": who.other, "kind": "merged", "details": {"other": str(who.household)}}),
    ],
    "they answer for a child": lambda who: [
        ("households", {"id": who.other, "source_id": "other", "status": "active"}),
        ("persons", {"id": who.payment, "household_id": who.other}),
        ("guardianships", {"guardian_id": who.person, "child_id": who.payment}),
    ],
    "the same person as somebody else": lambda who: [
        ("link_pairs", {"first_id": UUID(int=0), "second_id": who.person, "state": "open", "per_mille": 950}),
    ],
    "a telephone or document of theirs": lambda who: [
        ("duplicate_flags", {"kind": "same_document", "value_index": who.document, "household_count": 2}),
    ],
    "a member of staff": lambda who: [("staff_matches", {"person_id": who.person, "staff_kind": "user"})],
    "a request from their telephone": lambda who: [
        ("referrals", {"kind": "self", "state": "waiting", "phone_index": who.phone}),
    ],
    "a text of theirs waits to be read": lambda who: [("inbound_texts", {"sender_index": who.phone})],
}  # fmt: skip
"""How each obstacle begins, and the rows that make it."""


@pytest.fixture(scope="module")
def someone(own_database: URL) -> Iterator[tuple[Engine, Someone, UUID]]:
    """The owner of a database, a person in it, and a proposal to destroy their data."""
    with offices.transaction("dz") as session:
        (number,) = households(session, [2])
        session.execute(text("UPDATE households SET status = 'closed'"))
        who = Someone(session, number)
        asker = colleague(session, Role.REGISTRATION_OFFICER)
        erasure = erasing.ask(session, asker.actor, [number], WHY)
        assert erasing.obstacles(session, erasure) == []
    owner = create_engine(own_database, connect_args={"options": "-c search_path=dz"})
    yield owner, who, erasure.id
    owner.dispose()


def whole(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """These values, and something for every other column that must hold something."""
    told = dict(values)
    for column in Base.metadata.tables[table].columns:
        needs = not column.nullable and column.server_default is None and column.identity is None
        if column.name not in told and needs:
            told[column.name] = _something(column.type, column.name)
    return told


def _something(kind: Any, name: str) -> Any:
    match kind:
        case Uuid():
            return uuid4()
        case LargeBinary():
            return uuid4().bytes
        case Boolean():
            return False
        case Integer():
            return 1
        case DateTime():
            return AT
        case Date():
            return date(2026, 3, 1)
        case JSONB():
            return {}
        case ARRAY():
            return []
    return {"currency": "DZD", "sex": "unknown", "language": "ar"}.get(name, "x")


@pytest.mark.parametrize("why", OPEN)
def test_whatever_is_open_about_somebody_keeps_their_data(
    someone: tuple[Engine, Someone, UUID], why: str
) -> None:
    owner, who, erasure = someone
    with Session(owner) as session:
        session.execute(
            text("SET LOCAL session_replication_role = replica")
        )  # other rows are not at issue
        for table, values in OPEN[why](who):
            session.execute(insert(Base.metadata.tables[table]), [whole(table, values)])
        obstacles.note(session, erasure)
        found = session.scalar(
            text("SELECT obstacle FROM erasure_persons WHERE erasure_id = :e"), {"e": erasure}
        )
        assert found
        assert why in found
        session.rollback()


@pytest.mark.parametrize(
    ("per_mille", "other", "stands"),
    [
        (400, {}, True),
        (399, {}, False),
        (900, {"data_key": None}, False),
        (900, {"data_key": b"k", "gone": "same"}, False),
    ],
)
def test_a_pair_that_nobody_ever_decides_keeps_nobody_s_data(
    someone: tuple[Engine, Someone, UUID], per_mille: int, other: dict[str, Any], *, stands: bool
) -> None:
    owner, who, erasure = someone
    pair = {
        "first_id": UUID(int=0),
        "second_id": who.person,
        "state": "open",
        "per_mille": per_mille,
    }
    persons = {"id": UUID(int=0), "household_id": who.other} | other
    with Session(owner) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("ALTER TABLE persons DROP CONSTRAINT ck_persons_same_as"))
        for table, values in (("link_pairs", pair), *((("persons", persons),) if other else ())):
            session.execute(insert(Base.metadata.tables[table]), [whole(table, values)])
        obstacles.note(session, erasure)
        found = session.scalar(
            text("SELECT obstacle FROM erasure_persons WHERE erasure_id = :e"), {"e": erasure}
        )
        assert (found is not None) is stands
        session.rollback()


def test_every_obstacle_is_tried_here_or_where_its_story_is_told() -> None:
    tried = ("their household is active", "a text to them waits", "they are one person with", *OPEN)
    assert [each for each in obstacles.OBSTACLES if not any(why in each for why in tried)] == []
    assert len(obstacles.OBSTACLES) == len(tried)


@pytest.mark.parametrize(
    ("days", "decided", "stands"), [(1, None, True), (1, "refused", False), (-1, None, False)]
)
def test_a_waiver_for_the_household_keeps_their_data_while_it_holds(
    someone: tuple[Engine, Someone, UUID], days: int, decided: str | None, *, stands: bool
) -> None:
    owner, who, erasure = someone
    until = clock.now().date() + timedelta(days=days)
    with Session(owner) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        waiver = {
            "id": who.other, "concerns": [waiver_seals.concern(session, who.household)],
            "first_day": until - timedelta(days=3), "last_day": until,
        }  # fmt: skip
        session.execute(
            insert(Base.metadata.tables["waivers"]),
            [{k: v for k, v in whole("waivers", waiver).items() if k != "number"}],
        )
        if decided:
            session.execute(
                insert(Base.metadata.tables["waiver_decisions"]),
                [whole("waiver_decisions", {"waiver_id": who.other, "what": decided})],
            )
        obstacles.note(session, erasure)
        found = session.scalar(text("SELECT obstacle FROM erasure_persons"))
        assert found == (obstacles.WAIVED if stands else None)
        session.rollback()


def test_a_household_is_kept_as_long_again_after_its_last_change(session: Session) -> None:
    (number,) = households(session, [1])
    asker = colleague(session, Role.REGISTRATION_OFFICER)
    session.execute(text("UPDATE households SET status = 'departed'"))
    change = {"change": uuid4(), "n": number, "at": clock.now() + timedelta(days=600)}
    session.execute(
        text(
            "INSERT INTO household_changes (id, kind, happened_on, reason, details, recorded_at)"
            " VALUES (:change, 'departed', CAST(:at AS date), 'They left.', '{}', :at)"
        ),
        change,
    )
    session.execute(
        text(
            "INSERT INTO changed_households (change_id, household_id, version_before, version_after, status_before,"
            " status_after, size_before, size_after, language_before, language_after)"
            " SELECT :change, id, 1, 2, 'active', 'departed', size, size, language, language FROM households"
            " WHERE source_id = :n"
        ),
        change,
    )
    for days, people in ((731, 0), (1329, 0), (1331, 1)):
        with clock.frozen(clock.now() + timedelta(days=days)):
            assert retention.due(session, asker.actor).people == people, days


def test_whoever_was_found_to_be_the_same_goes_with_the_record_that_stays(session: Session) -> None:
    kept, other, third = households(session, [1, 2, 1])
    session.execute(text("UPDATE households SET status = 'closed'"))
    session.execute(
        text(
            "UPDATE persons p SET gone = 'same', same_as = k.id, is_head = false, is_recipient = false"
            " FROM persons k JOIN households h ON h.id = k.household_id, households o"
            " WHERE h.source_id = :kept AND o.id = p.household_id AND o.source_id = :other"
        ),
        {"kept": kept, "other": other},
    )
    asker = colleague(session, Role.REGISTRATION_OFFICER)
    made = erasing.ask(session, asker.actor, [kept, kept], WHY)
    count = text("SELECT count(*) FROM erasure_persons WHERE erasure_id = :e")
    assert session.scalar(count, {"e": made.id}) == 2
    with pytest.raises(UnknownHousehold, match="nobody"):
        erasing.ask(session, asker.actor, [third, "nobody"], WHY)
