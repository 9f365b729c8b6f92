"""Every route, visited as every role: in exactly where the role has the permission that the route declares."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Annotated
from uuid import UUID

import pytest
from fastapi import APIRouter, Depends
from httpx import Response
from sqlalchemy import URL

import cbi.app
from cbi import clock, offices
from cbi.access import clients, passwords, tokens, totp, users
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import ROLE_PERMISSIONS, Permission, Role
from cbi.app import UnguardedRoute, create_app, refuse_unguarded
from cbi.console.pages import Pages
from cbi.http.routing import Router
from cbi.models import redemption
from tests.flow.every_route import guarded_routes, is_page, visit
from tests.flow.people import ADMINISTRATOR, PASSWORD, Caller, make_user, token_for

NewToken = Callable[[], str]


def turned_away(answer: Response) -> bool:
    """Whether the asker was told that they may not, and nothing else."""
    if answer.headers["content-type"].startswith("text/html"):
        return answer.status_code == 403 and 'data-code="access.not_permitted"' in answer.text
    return answer.status_code == 403 and answer.json()["code"] == "access.not_permitted"


def sent_to_sign_in(answer: Response) -> bool:
    """Whether the asker must first say who they are."""
    if answer.status_code == 303:  # signing out leads there too, with a word about it
        at = answer.headers["location"].partition("?")[0]
        return at in {"/sign-in", "/counter/sign-in"} and "cbi-said" not in answer.cookies
    is_told = answer.headers["content-type"].startswith("text/html")
    return answer.status_code == 401 and not is_told


def make_teller() -> UUID:
    """A teller at an office of the post."""
    with offices.transaction("dz") as session:
        office = redemption.CounterOffice(
            provider="post_office", code="A1", name="Main office", created_at=clock.now()
        )
        session.add(office)
        session.flush()
        teller = redemption.Teller(
            office_id=office.id,
            username="teller",
            full_name="A B",
            password_hash=passwords.hash_password("teller", PASSWORD),
            created_at=clock.now(),
        )
        session.add(teller)
        session.flush()
        return teller.id


def holders_of_every_role() -> dict[Role, NewToken]:
    """For each role somebody who has it and no other, as a way to a fresh token."""

    def for_role(role: Role) -> NewToken:
        user_id = make_user(f"user.{role}", role)
        with offices.transaction("dz") as session:
            totp.enrol(session, user_id)
        return lambda: token_for(user_id)

    holders = {role: for_role(role) for role in Role if role not in {Role.TELLER, Role.INTEGRATOR}}
    with offices.transaction("dz") as session:
        _, key = clients.create_client(session, ADMINISTRATOR, name="program")
    teller = make_teller()
    return holders | {
        Role.INTEGRATOR: lambda: key,
        Role.TELLER: lambda: token_for(teller, "teller"),
    }


def test_every_route_lets_in_exactly_the_roles_that_have_its_permission(database: URL) -> None:
    app = create_app()
    routes = list(guarded_routes(app))
    assert len(routes) > 30
    wrong: list[str] = []
    for role, new_token in holders_of_every_role().items():
        held, token = ROLE_PERMISSIONS[role], new_token()
        # Signing out goes last: the token is needed until then, and then once more.
        for method, path, permission in sorted(routes, key=lambda route: "sign-out" in route[1]):
            answer = visit(app, method, path, new_token() if "sign-out" in path else token)
            allowed = permission is None or permission in held
            if role is Role.INTEGRATOR and is_page(path):
                # The key of a program is not a sign-in: it opens no page at all.
                if not sent_to_sign_in(answer):
                    wrong.append(f"a program came to {method} {path}: {answer.status_code}")
            elif allowed and (
                turned_away(answer) or sent_to_sign_in(answer) or answer.status_code >= 500
            ):
                wrong.append(f"{role} has {permission}, but {method} {path}: {answer.status_code}")
            elif not allowed and not turned_away(answer):
                wrong.append(
                    f"{role} lacks {permission}, but {method} {path}: {answer.status_code}"
                )
    assert not wrong, "\n".join(wrong)


def test_every_permission_of_a_route_is_held_by_some_role_and_known(database: URL) -> None:
    for method, path, permission in guarded_routes(create_app()):
        if permission is not None:
            assert any(permission in held for held in ROLE_PERMISSIONS.values()), f"{method} {path}"


def test_nobody_comes_in_without_a_token_that_is_valid_now(database: URL) -> None:
    app = create_app()
    disabled_id = make_user("disabled", Role.AUDITOR)
    idle_id = make_user("idle", Role.AUDITOR)
    disabled, ended = token_for(disabled_id), token_for(idle_id)
    with clock.frozen(clock.now() - tokens.IDLE - timedelta(seconds=1)):
        idle = token_for(idle_id)
    with offices.transaction("dz") as session:
        users.disable_user(session, ADMINISTRATOR, disabled_id)
        tokens.end_sign_in(session, ended)
    strangers = {
        "nobody": None,
        "a disabled user": disabled,
        "an idle sign-in": idle,
        "an ended sign-in": ended,
        "a made-up token": "cbi_dz_" + "a" * 43,
        "an unknown office": "cbi_nowhere_" + "a" * 43,
    }
    wrong = [
        f"{who} at {method} {path}: {answer.status_code}"
        for method, path, _ in guarded_routes(app)
        for who, token in strangers.items()
        if not sent_to_sign_in(answer := visit(app, method, path, token))
    ]
    assert not wrong, "\n".join(wrong)


def test_a_role_for_one_programme_comes_in_but_not_to_the_whole_office(database: URL) -> None:
    auditor = make_user("auditor", Role.AUDITOR, programme="stipend")
    answer = Caller(create_app(), token_for(auditor)).get("/audit-entries")
    assert (answer.status_code, answer.json()["code"]) == (403, "access.not_permitted")


def open_to_all() -> dict[str, str]:
    """An endpoint that forgot to say who may use it."""
    return {}


def guarded(actor: Annotated[Actor, Depends(may(Permission.AUDIT_READ))]) -> dict[str, str]:
    """An endpoint that did not."""
    return {}


def test_a_route_without_a_permission_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    router = Router(prefix="/forgotten")
    router.add_api_route("", open_to_all, methods=["GET"])
    monkeypatch.setattr(cbi.app, "STAGES", (*cbi.app.STAGES, SimpleNamespace(router=router)))
    with pytest.raises(UnguardedRoute, match="GET /api/v1/forgotten"):
        create_app()


def test_a_page_without_a_permission_stops_the_start() -> None:
    router = Pages()
    router.add_api_route("/forgotten", open_to_all, methods=["GET"])
    app = create_app()
    app.include_router(router)
    with pytest.raises(UnguardedRoute, match="GET /forgotten"):
        refuse_unguarded(app)


def test_a_route_that_goes_around_the_door_stops_the_start() -> None:
    # A plain router has no transaction, no key and no guard that is asked before the body is read.
    router = APIRouter(prefix="/api/v1/around")
    router.add_api_route("", guarded, methods=["GET"])
    app = create_app()
    app.include_router(router)
    with pytest.raises(UnguardedRoute, match="GET /api/v1/around"):
        refuse_unguarded(app)


def test_a_route_that_shares_only_its_path_with_a_public_one_stops_the_start() -> None:
    router = Router()
    router.add_api_route("/sign-in", open_to_all, methods=["GET"])
    app = create_app()
    app.include_router(router)
    with pytest.raises(UnguardedRoute, match="GET /api/v1/sign-in"):
        refuse_unguarded(app)
