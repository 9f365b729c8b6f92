"""Users, tokens and a client of the application, for tests that come in by a door."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

from anyio.from_thread import BlockingPortalProvider
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy.orm import Session

from cbi import offices
from cbi.access import tokens, users
from cbi.access.actor import Actor
from cbi.access.permissions import Permission, Role
from cbi.errors import CbiError

PASSWORD = "seven lanterns over water"
ADMINISTRATOR = Actor("user", uuid4(), "admin", frozenset({(Permission.USER_MANAGE, None)}))


def make_user(username: str, *roles: Role, programme: str | None = None) -> UUID:
    """A committed member of staff in the office dz, whose password is PASSWORD."""
    with offices.transaction("dz") as session:
        return users.create_user(
            session,
            ADMINISTRATOR,
            username=username,
            full_name="A B",
            password=PASSWORD,
            roles=roles,
            programme=programme,
        ).id


def token_for(user_id: UUID, kind: str = "user") -> str:
    """A token as a sign-in would give it."""
    with offices.transaction("dz") as session:
        return tokens.open_sign_in(session, kind, user_id)


def signing_in(
    password: str = PASSWORD, code: str | None = None, username: str = "amina.h"
) -> str | type[CbiError]:
    """The token, or the kind of refusal; in a transaction of its own, as the doors run it."""
    try:
        with offices.transaction("dz") as session:
            return users.sign_in(session, username, password, code)
    except CbiError as refusal:
        return type(refusal)


def resolved(token: str) -> Actor | None:
    """Whoever a token belongs to now."""
    with offices.transaction("dz") as session:
        return tokens.resolve(session, token, {})


def refused(work: Callable[[Session], object]) -> type[CbiError] | None:
    """The kind of refusal that some work meets, in a transaction of its own; None when it is done."""
    try:
        with offices.transaction("dz") as session:
            work(session)
    except CbiError as refusal:
        return type(refusal)
    return None


def actor_of(user_id: UUID) -> Actor:
    """A user as an actor, with the roles they hold now."""
    with offices.transaction("dz") as session:
        return users.actor_of_user(session, user_id)


event_loop = BlockingPortalProvider()
"""Where requests run; it lasts from the first that asks for it to the last that lets it go."""


class Caller:
    """Somebody at the HTTP door, with a token or without. Callers in several threads share one event loop."""

    def __init__(self, app: FastAPI, token: str | None = None) -> None:
        self._app = app
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **options: Any) -> Response:
        """GET under /api/v1."""
        return self.ask("GET", f"/api/v1{path}", **options)

    def post(
        self, path: str, json: object = None, *, key: str | None = "", **options: Any
    ) -> Response:
        """POST under /api/v1, with a fresh Idempotency-Key unless one is given (None: without)."""
        headers = {} if key is None else {"Idempotency-Key": key or str(uuid4())}
        return self.ask("POST", f"/api/v1{path}", headers=headers, json=json, **options)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Response:
        """Any request."""

        async def send() -> Response:
            transport = ASGITransport(self._app, raise_app_exceptions=False)
            async with AsyncClient(transport=transport, base_url="http://cbi") as client:
                sent = {**self._headers, **(headers or {})}
                return await client.request(method, path, headers=sent, **options)

        with event_loop as portal:
            return portal.call(send)
