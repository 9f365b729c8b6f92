"""A role held for areas: who may be given one, and what a transaction held to areas sees and may write."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, select, text, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from cbi import clock, offices, scope
from cbi.access import roles, users
from cbi.access.actor import Actor
from cbi.access.holders import holding
from cbi.access.permissions import AREA_ROLES, IN_AN_AREA, ROLE_PERMISSIONS, Permission, Role
from cbi.db import Base
from cbi.errors import CbiError, NotFound
from cbi.payments.models import Payment
from cbi.proofs import places as proofs
from cbi.redemption import reissuing
from cbi.redemption.models import CodeIssue
from cbi.registry import duplicates, queries
from cbi.registry.areas.standing import AreaNeeded, OutsideYourAreas, resolve
from cbi.registry.intake import importing
from cbi.registry.models import Household, PaymentAccount, Person
from tests.flow.people import ADMINISTRATOR, Caller, actor_of, make_user, token_for
from tests.places import listed, take_in
from tests.redemption_factory import OPEN, issued


@pytest.fixture
def office(database: object) -> None:
    """An office with a tree and four households: two in Oran, one in Algiers, one whose area nobody said."""
    with offices.transaction("dz") as session:
        take_in(session)
    register("A", "DZ3101", "B", "DZ3102", "C", "DZ1601", "D", "")


def register(*given: str, by: UUID | None = None, first: int = 0) -> list[str]:
    """Take in numbers and their areas as somebody; returns the reasons of rows that could not land."""
    rows = list(zip(given[::2], given[1::2], strict=True))
    from tests.factories import EVERYTHING  # noqa: PLC0415 - beside the others it reads as if everybody were it

    actor = actor_of(by) if by else EVERYTHING

    def work(session: Session) -> list[str]:
        result = importing.import_file(
            session, actor, listed(rows, first=first), filename="made.csv"
        )
        return [reason.code for row in result.rows for reason in row.reasons]

    return offices.transact("dz", work, seen_by=actor)


def held_to(*areas: str, roles_held: tuple[Role, ...] = (Role.REGISTRATION_OFFICER,)) -> UUID:
    """A colleague with these roles in these areas."""
    user_id = make_user(f"user.{'.'.join(areas).lower()}")
    with offices.transaction("dz") as session:
        for role in roles_held:
            for area in areas:
                assert roles.grant_role(session, ADMINISTRATOR, user_id, role, area=area)
    return user_id


@contextmanager
def looking(*areas: str) -> Iterator[Session]:
    """A transaction that is held to these areas."""
    with offices.transaction("dz") as session:
        scope.look_only_at(session, "dz", areas)
        yield session


def numbers(session: Session) -> set[str]:
    """The numbers of the households that the transaction sees."""
    return set(session.scalars(select(Household.source_id)))


def refusal(user_id: UUID, role: Role, area: str | None) -> str:
    """The code of the refusal to give a role, or nothing."""
    try:
        with offices.transaction("dz") as session:
            roles.grant_role(session, ADMINISTRATOR, user_id, role, area=area)
    except CbiError as error:
        return error.code
    return ""


@pytest.mark.usefixtures("office")
def test_a_transaction_sees_its_areas_with_all_that_lies_in_them() -> None:
    for areas, seen in (
        (("DZ31",), {"A", "B"}), (("DZ3102", "DZ16"), {"B", "C"}), (("DZ",), {"A", "B", "C"}), (("DZ27",), set()),
        ((), set()),
    ):  # fmt: skip
        with looking(*areas) as session:
            assert numbers(session) == seen
            assert session.scalar(select(Person.id).limit(1)) is None or seen
            people = session.scalars(select(Person.household_id)).all()
            assert len(people) == len(seen) == len(session.scalars(select(PaymentAccount.id)).all())
    with offices.transaction("dz") as session:
        assert numbers(session) == {"A", "B", "C", "D"}


@pytest.mark.usefixtures("office")
def test_nothing_is_seen_where_nobody_said_what_may_be(owner: Engine) -> None:
    with offices.transaction("dz") as session:
        session.execute(text("SET LOCAL ROLE cbifield_dz"))
        assert numbers(session) == set()
    with owner.begin() as connection:  # a table's owner is held to nothing, and so are its keys
        assert connection.scalar(text("SELECT count(*) FROM households")) == 4


@pytest.mark.usefixtures("office")
def test_what_is_not_seen_is_not_written_either() -> None:
    with looking("DZ31") as session:
        moved = session.execute(
            update(Household).where(Household.source_id == "C").values(area="DZ3101")
        )
        assert moved.rowcount == 0  # type: ignore[attr-defined]
    with pytest.raises(ProgrammingError, match="row-level security"), looking("DZ31") as session:
        session.execute(update(Household).where(Household.source_id == "A").values(area="DZ1601"))
    with offices.transaction("dz") as session:
        assert numbers(session) == {"A", "B", "C", "D"}


@pytest.mark.usefixtures("office")
def test_keys_still_see_every_row() -> None:
    with (
        pytest.raises(Exception, match="uq_households_source_source_id"),
        looking("DZ31") as session,
    ):
        session.execute(
            text(
                "INSERT INTO households (id, source, source_id, size, area, language, status, fingerprint, import_id,"
                " line, registered_at) SELECT gen_random_uuid(), source, 'C', 1, 'DZ3101', language, status,"
                " fingerprint, import_id, 1, registered_at FROM households WHERE source_id = 'A'"
            )
        )


@pytest.mark.usefixtures("office")
def test_the_engine_looks_at_everything_in_between_and_the_transaction_is_held_again() -> None:
    with looking("DZ31") as session:
        with scope.seeing_all(session):
            assert len(numbers(session)) == 4
            with scope.seeing_all(session):
                assert len(numbers(session)) == 4
            assert len(numbers(session)) == 4
        assert numbers(session) == {"A", "B"}
        with pytest.raises(ZeroDivisionError), scope.seeing_all(session):
            1 / 0  # noqa: B018
        assert numbers(session) == {"A", "B"}
        undone = session.begin_nested()
        with pytest.raises(ProgrammingError), scope.seeing_all(session):
            session.execute(text("SELECT no_such_thing"))
        undone.rollback()
        assert numbers(session) == {"A", "B"}
    with offices.transaction("dz") as session:
        assert len(numbers(session)) == 4


@pytest.mark.usefixtures("office")
def test_somebody_held_to_areas_registers_there_and_nowhere_else() -> None:
    amina = held_to("DZ31")
    assert register("E", "es senia", "F", "DZ1601", "G", "", by=amina, first=20) == [
        "area_outside_yours", "area_needed",
    ]  # fmt: skip
    with offices.transaction("dz") as session:
        assert numbers(session) == {"A", "B", "C", "D", "E"}
        actor = users.actor_named(session, "user.dz31")
        assert resolve(session, actor, "DZ3102") == "DZ3102"
        with pytest.raises(OutsideYourAreas):
            resolve(session, actor, "DZ16")
        with pytest.raises(AreaNeeded):
            resolve(session, actor, None)


@pytest.mark.usefixtures("office")
def test_the_same_person_is_found_across_areas_and_decided_by_whoever_sees_both() -> None:
    amina = held_to("DZ31")
    assert (
        register("E", "DZ3101", by=amina, first=2) == []
    )  # C's telephone and document, in Algiers
    assert register("F", "DZ3102", by=amina, first=0) == []  # A's, in Oran
    with offices.transaction("dz") as session:
        found = duplicates.list_flags(session, ADMINISTRATOR_READS)
        assert {frozenset(h.source_id for h in each.households) for each in found} == {
            frozenset("CE"), frozenset("AF"),
        }  # fmt: skip
        across = [
            each.flag.id for each in found if len({h.source_id for h in each.households} & {"C"})
        ]
        assert len(queries.blocked_households().subquery().c) == 1
    actor = actor_of(amina)
    shown = offices.transact("dz", lambda s: duplicates.list_flags(s, actor), seen_by=actor)
    assert {h.source_id for each in shown for h in each.households} == {"A", "F"}
    with pytest.raises(duplicates.UnknownFlag):
        offices.transact(
            "dz", lambda s: duplicates.decide(s, actor, across[0], "different", "seen both"), seen_by=actor
        )  # fmt: skip
    offices.transact(
        "dz", lambda s: duplicates.decide(s, actor, shown[0].flag.id, "different", "seen both"), seen_by=actor
    )  # fmt: skip


@pytest.mark.usefixtures("office")
def test_roles_of_the_field_are_given_for_areas_and_no_others() -> None:
    somebody = make_user("somebody")
    assert refusal(somebody, Role.CERTIFIER, "DZ31") == "access.not_for_areas"
    assert refusal(somebody, Role.AUDITOR, "DZ31") == "access.not_for_areas"
    assert refusal(somebody, Role.ADMINISTRATOR, "DZ31") == "access.not_for_areas"
    assert refusal(somebody, Role.REGISTRATION_OFFICER, "DZ99") == "access.no_such_area"
    assert refusal(somebody, Role.REGISTRATION_OFFICER, "DZ31") == ""
    assert refusal(somebody, Role.COMPLAINT_HANDLER, None) == "access.not_for_areas"
    assert refusal(somebody, Role.COMPLAINT_HANDLER, "DZ16") == ""
    actor = actor_of(somebody)
    assert actor.areas == frozenset({"DZ31", "DZ16"})
    everywhere = make_user("everywhere", Role.REGISTRATION_OFFICER)
    assert refusal(everywhere, Role.COMPLAINT_HANDLER, "DZ31") == "access.not_for_areas"
    with offices.transaction("dz") as session:
        assert roles.revoke_role(
            session, ADMINISTRATOR, somebody, Role.COMPLAINT_HANDLER, area="DZ16"
        )
        assert not roles.revoke_role(session, ADMINISTRATOR, somebody, Role.REGISTRATION_OFFICER)
    assert actor_of(somebody).areas == frozenset({"DZ31"})


@pytest.mark.usefixtures("office")
def test_a_role_for_an_area_does_nothing_to_the_whole_office() -> None:
    manager = held_to("DZ31", roles_held=(Role.PROGRAMME_MANAGER,))
    actor = actor_of(manager)
    held = ROLE_PERMISSIONS[Role.PROGRAMME_MANAGER]
    assert {permission for permission, _ in actor.grants} == held & IN_AN_AREA
    assert Permission.CYCLE_OPEN in held - IN_AN_AREA
    with offices.transaction("dz") as session:
        assert manager not in {each.user_id for each in holding(session, Permission.RUN_SIGN)}
        assert manager in {each.user_id for each in holding(session, Permission.PAYMENT_READ)}
    for role in AREA_ROLES:
        assert ROLE_PERMISSIONS[role] & IN_AN_AREA, role


@pytest.mark.usefixtures("office")
def test_an_administrator_gives_and_takes_areas_over_http() -> None:
    from cbi.app import create_app  # noqa: PLC0415 - the only test here that needs the door

    app = create_app()
    amina, root = make_user("amina"), make_user("root", Role.ADMINISTRATOR)
    given = {"role": "registration_officer", "area": "DZ31"}
    caller, door = Caller(app, token_for(root)), Caller(app, token_for(amina))
    assert caller.post(f"/users/{amina}/roles", given).json() == {"changed": True}
    assert door.get("/me").json()["areas"] == ["DZ31"]
    assert {each["area"] for each in door.get("/households").json()["items"]} == {
        "DZ3101",
        "DZ3102",
    }
    assert door.get("/areas", params={"below": "DZ31"}).json()["items"][1]["code"] == "DZ3101"
    assert door.get("/areas/DZ31").json()["area"]["names"]["ar"] == "وهران"
    assert caller.post(f"/users/{amina}/roles/revoke", given).json() == {"changed": True}
    assert door.get("/households").status_code == 403


def test_the_rules_cost_the_engine_nothing(owner: Engine) -> None:
    def plan(connection: Session | Connection) -> list[str]:
        asked = (
            "EXPLAIN (COSTS OFF) SELECT 1 FROM payments p JOIN households h ON h.id = p.household_id"
            " JOIN persons r ON r.household_id = h.id AND r.is_recipient LEFT JOIN payment_accounts a"
            " ON a.person_id = r.id WHERE h.status = 'active'"
        )
        return list(connection.scalars(text(asked)))

    with owner.connect() as connection:
        connection.execute(text("SET enable_nestloop = off"))
        as_owner = plan(connection)
    with offices.transaction("dz") as session:
        session.execute(text("SET LOCAL enable_nestloop = off"))
        assert (
            plan(session) == as_owner
        )  # no filter, no subquery: PostgreSQL drops what is plainly true
        scope.look_only_at(session, "dz", ["DZ31"])
        assert plan(session) != as_owner


def test_every_table_with_households_in_it_says_who_sees_its_rows() -> None:
    keys = {"household_id", "person_id", "payment_id", "first_id", "child_id"}
    silent = [
        table.name
        for table in Base.metadata.sorted_tables
        if keys & {column.name for column in table.columns}
        and table.name not in scope.SEEN.keys() | scope.OPEN.keys()
    ]
    assert silent == [], "say in cbi/scope.py what field staff see of these tables"
    assert not scope.SEEN.keys() & scope.OPEN.keys()


def test_verify_shows_rules_that_were_taken_away(owner: Engine) -> None:
    def broken() -> list[str]:
        with offices.transaction("dz") as session:
            return list(proofs.rows_are_seen_as_declared(session))

    assert broken() == []
    with owner.begin() as connection:
        connection.execute(text("ALTER TABLE persons DISABLE ROW LEVEL SECURITY"))
        connection.execute(text("CREATE POLICY more ON payments USING (true)"))
    assert broken() == [
        f"the rows of {table} are not held to the areas of those who look"
        for table in ("payments", "persons")
    ]
    assert offices.upgrade(owner) == ["dz"]
    assert broken() == []


def test_a_new_code_sent_by_somebody_held_to_areas_is_unlike_every_live_one(owner: Engine) -> None:
    run = issued(owner, (4, 4))
    with offices.transaction("dz") as session:
        take_in(session)
        payments = [session.get_one(Payment, each) for each in run.payments]
        for payment, area in zip(payments, ("DZ31", "DZ16"), strict=True):
            session.get_one(Household, payment.household_id).area = area
    held = actor_of(held_to("DZ31", roles_held=(Role.COMPLAINT_HANDLER,)))
    mine, theirs = (payment.id for payment in payments)
    seen: list[set[str]] = []

    def live(session: Session) -> set[str]:
        return set(session.scalars(select(CodeIssue.locator).where(CodeIssue.live)))

    def again(payment_id: UUID) -> None:
        def work(session: Session) -> None:
            seen.append(live(session))
            with scope.seeing_all(session):
                seen.append(live(session))
            reissuing.reissue(session, held, payment_id, "lost")

        with clock.frozen(OPEN + timedelta(hours=3)):
            offices.transact("dz", work, seen_by=held)

    again(mine)
    assert [len(each) for each in seen] == [1, 2]
    with pytest.raises(NotFound):
        again(theirs)
    with offices.transaction("dz") as session:
        assert len(live(session)) == 3  # the code that died keeps its locator for a while


ADMINISTRATOR_READS = Actor(
    "user", None, "reads all", frozenset({(Permission.REGISTRY_READ, None)})
)
