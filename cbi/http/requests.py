"""What a request brings: whose it is, which office it is for, and the transaction it works in."""

import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Protocol, TypeVar, cast
from uuid import UUID

from anyio import CapacityLimiter
from fastapi import Depends, Request
from sqlalchemy.orm import Session
from starlette.applications import Starlette

from cbi import offices
from cbi.http.refused import Unauthenticated

Result = TypeVar("Result")

AT_ONCE = 30
"""Requests that may be in a transaction at the same time. Fewer than the threads (40) that endpoints run on and than
the connections (40) of an office: a request which holds a row can always go on while others wait for that row."""

_TOKEN = re.compile(r"cbi_([a-z][a-z0-9_]{1,30})_[A-Za-z0-9_-]{43}\Z")
_ASK_AGAIN_AFTER = 5.0


class Principal(Protocol):
    """Whoever asks, as far as the door needs to know."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> UUID | None: ...
    @property
    def areas(self) -> frozenset[str] | None: ...


Authenticate = Callable[[Session, str], Principal | None]
"""Finds whoever holds a token; None when it is wrong, ended or expired."""
OpenWaivers = Callable[[Session, Principal], Sequence[int]]
"""The numbers of the waivers of controls that are open where this principal works."""


class Entrance:
    """What every request of one application shares; it hangs on `app.state`."""

    def __init__(
        self, authenticate: Authenticate, open_waivers: OpenWaivers = lambda session, principal: ()
    ) -> None:
        self.authenticate = authenticate
        self.open_waivers = open_waivers
        self.gate = CapacityLimiter(AT_ONCE)
        self._offices: frozenset[str] = frozenset()
        self._asked_at = float("-inf")
        self._asking = threading.Lock()

    def knows(self, office: str) -> bool:
        """Whether there is such an office. Asks the database when the name is new, but not at every guess."""
        return office in self.codes(unless=office)

    def codes(self, *, unless: str | None = None) -> frozenset[str]:
        """Every office, as the database said a few seconds ago; `unless` this one is among those known already."""
        with self._asking:
            stale = time.monotonic() - self._asked_at > _ASK_AGAIN_AFTER
            if unless not in self._offices and stale:
                self._offices = frozenset(offices.office_codes())
                self._asked_at = time.monotonic()
            return self._offices

    def principal(self, office: str, token: str) -> Principal:
        """Who holds this token. Raises Unauthenticated."""
        if self.knows(office):
            found = offices.transact(office, lambda session: self.authenticate(session, token))
            if found is not None:
                return found
        raise unauthenticated()


def entrance(app: Starlette) -> Entrance:
    """The application's entrance."""
    return cast(Entrance, app.state.entrance)


def unauthenticated() -> Unauthenticated:
    """The one answer to every token that does not open: it does not say why."""
    return Unauthenticated(
        "The request carries no token that is valid now.",
        next_step="Sign in, then send the token in the header `Authorization: Bearer …`.",
    )


def bearer(request: Request) -> tuple[str, str]:
    """The office that a request's token names, and the token. Raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    office = office_in(token.strip())
    if scheme.lower() != "bearer" or office is None:
        raise unauthenticated()
    return office, token.strip()


def office_in(token: str) -> str | None:
    """The office that a token names, or None when it does not look like a token."""
    found = _TOKEN.match(token)
    return found[1] if found else None


async def office_session(request: Request) -> Session:
    """The request's session; its transaction is opened and closed by the route, never by the endpoint."""
    return cast(Session, request.state.session)


OfficeSession = Annotated[Session, Depends(office_session)]


def sign_in_at(request: Request, office: str, work: Callable[[Session], Result]) -> Result:
    """Run a sign-in in the office that its body names, in a transaction of its own. Raises Unauthenticated."""
    if not entrance(request.app).knows(office):
        raise unauthenticated()
    return offices.transact(office, work)
