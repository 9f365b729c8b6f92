"""Who makes users and programs, and what nobody may do to themself."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import URL, Engine, text
from sqlalchemy.orm import Session

from cbi import db, offices
from cbi.access import clients, roles, totp, users
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Permission, Role, RolesNotAllowed
from cbi.app import create_app
from cbi.errors import CbiError
from tests.flow.people import (
    ADMINISTRATOR,
    PASSWORD,
    Caller,
    actor_of,
    make_user,
    refused,
    token_for,
)


def test_the_first_administrator_is_made_once_even_by_many_at_once(
    database: URL, owner: Engine
) -> None:
    def first(number: int) -> type[CbiError] | None:
        return refused(
            lambda session: users.create_first_administrator(
                session, username=f"admin{number}", full_name="A B", password=PASSWORD
            )
        )

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(first, range(6)))
    assert answers.count(None) == 1
    assert answers.count(users.NotTheFirst) == 5
    with owner.connect() as connection:
        assert connection.execute(text("SELECT role FROM role_grants")).scalars().all() == [
            "administrator"
        ]


def test_nobody_changes_their_own_roles_or_disables_themself(database: URL) -> None:
    user_id = make_user("admin", Role.ADMINISTRATOR)
    admin = actor_of(user_id)
    assert refused(lambda s: roles.grant_role(s, admin, user_id, Role.AUDITOR)) is roles.OwnRoles
    assert (
        refused(lambda s: roles.revoke_role(s, admin, user_id, Role.ADMINISTRATOR))
        is roles.OwnRoles
    )
    assert refused(lambda s: users.disable_user(s, admin, user_id)) is users.OwnAccount
    assert refused(lambda s: totp.withdraw(s, admin, user_id)) is not None


def test_a_role_for_one_programme_allows_nothing_in_another(database: URL) -> None:
    user_id = make_user("amina.h", Role.CERTIFIER, programme="stipend")
    actor = actor_of(user_id)
    actor.require(Permission.RUN_CERTIFY, "stipend")
    for elsewhere in ("grant", None):
        with pytest.raises(NotPermitted):
            actor.require(Permission.RUN_CERTIFY, elsewhere)
    assert actor.programmes(Permission.RUN_CERTIFY) == frozenset({"stipend"})


def test_a_role_is_given_once_taken_back_and_given_again(database: URL, owner: Engine) -> None:
    admin = actor_of(make_user("admin", Role.ADMINISTRATOR))
    user_id = make_user("amina.h")

    def give() -> bool:
        with offices.transaction("dz") as session:
            return roles.grant_role(session, admin, user_id, Role.CERTIFIER)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda _: give(), range(6))).count(True) == 1
    with offices.transaction("dz") as session:
        assert roles.revoke_role(session, admin, user_id, Role.CERTIFIER)
        assert not roles.revoke_role(session, admin, user_id, Role.CERTIFIER)
        assert not users.actor_of_user(session, user_id).grants
    assert give()
    with owner.connect() as connection:
        found = connection.execute(
            text("SELECT count(*), count(revoked_at) FROM role_grants WHERE role = 'certifier'")
        ).one()
    assert tuple(found) == (2, 1)


def test_roles_that_must_be_apart_cannot_be_given_to_one_person_even_at_the_same_time(
    database: URL,
) -> None:
    admin = actor_of(make_user("admin", Role.ADMINISTRATOR))
    user_id = make_user("amina.h")

    def give(role: Role) -> type[CbiError] | None:
        return refused(lambda session: roles.grant_role(session, admin, user_id, role))

    with ThreadPoolExecutor(1) as pool, Session(db.engine("dz")) as first:
        roles.grant_role(first, admin, user_id, Role.ADMINISTRATOR)
        second = pool.submit(give, Role.AUTHORISER)
        time.sleep(0.3)  # the second is on its way, and the first not yet committed
        first.commit()
        assert second.result(10) is RolesNotAllowed
    for role in (Role.TELLER, Role.INTEGRATOR):
        assert give(role) is RolesNotAllowed


def test_only_an_administrator_makes_users_and_clients(database: URL) -> None:
    actor = actor_of(make_user("amina.h", *(Role.CERTIFIER, Role.AUDITOR, Role.TREASURER)))
    assert (
        refused(
            lambda session: users.create_user(
                session, actor, username="other", full_name="A B", password=PASSWORD, roles=[]
            )
        )
        is NotPermitted
    )
    assert (
        refused(lambda session: clients.create_client(session, actor, name="kobo")) is NotPermitted
    )


def test_a_user_name_is_given_once(database: URL) -> None:
    make_user("amina.h")
    assert (
        refused(
            lambda session: users.create_user(
                session,
                ADMINISTRATOR,
                username=" AMINA.H",
                full_name="A B",
                password=PASSWORD,
                roles=[],
            )
        )
        is users.UsernameTaken
    )


def test_a_client_calls_with_its_key_until_it_is_disabled(database: URL, owner: Engine) -> None:
    app = create_app()
    admin = Caller(app, token_for(make_user("admin", Role.ADMINISTRATOR)))
    made = admin.post("/api-clients", {"name": "kobo"}, key="make-kobo")
    assert made.status_code == 201
    key = made.json()["key"]
    assert Caller(app, key).get("/me").json()["kind"] == "client"
    assert Caller(app, key).get("/users").status_code == 403
    again = admin.post("/api-clients", {"name": "kobo"}, key="make-kobo")
    assert (again.status_code, again.json()["code"]) == (409, "http.answer_not_kept")
    assert admin.post(f"/api-clients/{made.json()['id']}/disable").json() == {"changed": True}
    assert Caller(app, key).get("/me").status_code == 401
    with owner.connect() as connection:
        for table in ("api_clients", "answered_requests", "audit_entries"):
            rows = connection.execute(text(f"SELECT t::text FROM {table} t")).scalars().all()
            assert rows
            assert not any(key[-43:] in row for row in rows)


def test_what_administrators_do_is_in_the_audit_log(database: URL) -> None:
    app = create_app()
    admin_id = make_user("admin", Role.ADMINISTRATOR)
    admin = Caller(app, token_for(admin_id))
    user_id = admin.post(
        "/users",
        {"username": "amina.h", "full_name": "A B", "password": PASSWORD, "roles": ["certifier"]},
    ).json()["id"]
    admin.post(f"/users/{user_id}/roles", {"role": "auditor"})
    admin.post(f"/users/{user_id}/roles/revoke", {"role": "auditor"})
    admin.post(f"/users/{user_id}/disable")
    auditor = Caller(app, token_for(make_user("auditor", Role.AUDITOR)))
    entries = auditor.get("/audit-entries", params={"subject_id": user_id, "limit": 200}).json()[
        "items"
    ]
    assert [entry["act"] for entry in entries] == [
        "access.user_disabled",
        "access.role_revoked",
        "access.role_granted",
        "access.user_created",
    ]
    assert {entry["actor_id"] for entry in entries} == {str(admin_id)}


def test_users_are_listed_in_pages_with_their_roles(database: URL) -> None:
    admin = Caller(create_app(), token_for(make_user("admin", Role.ADMINISTRATOR)))
    for number in range(4):
        make_user(f"user{number}", Role.CERTIFIER, Role.AUDITOR)
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        page = admin.get(
            "/users", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        ).json()
        seen += [user["username"] for user in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == ["admin", "user0", "user1", "user2", "user3"]
    assert [role["role"] for role in page["items"][0]["roles"]] == ["auditor", "certifier"]
