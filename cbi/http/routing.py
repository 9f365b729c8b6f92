"""One request is one transaction: opened when the whole request is here, committed before the answer goes out."""

from collections.abc import Callable, Coroutine
from enum import Enum
from functools import partial
from typing import Any

from anyio import from_thread, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer as BearerScheme
from fastapi.params import File
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from sqlalchemy.orm import Session

from cbi import keys, offices
from cbi.http import problems, replay
from cbi.http.bodies import UPLOAD_LIMIT, USUAL_LIMIT, Body, Fingerprint
from cbi.http.requests import Principal, bearer, entrance

API = "/api/v1"

LARGEST_BODY = "x-largest-body"
"""In a route's `openapi_extra`: how many bytes it takes, where the usual limit is too low."""
OPEN_WAIVERS = "Open-Waivers"
"""The header of whatever is read: the numbers of the waivers that are open where the reader works, if there are any."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
Answer = Callable[[Request], Coroutine[Any, Any, Response]]


class Guard(SecurityBase):
    """What a route demands of whoever calls it. It stands in the endpoint's signature and gives it the principal."""

    def __init__(self, permission: str | None) -> None:
        self.model = BearerScheme(
            description="A token from a sign-in, or the key of an API client."
        )
        self.scheme_name = "Bearer"
        self.permission = permission

    def check(self, principal: Principal) -> None:
        """Raise Forbidden unless the principal may come in."""
        raise NotImplementedError


class OfficeRoute(APIRoute):
    """A route of an office. Order: who asks, may they, the whole body, then one transaction around the endpoint.

    An endpoint that returns commits; one that raises undoes its work, unless the error says `keeps_work`. A POST runs
    once per Idempotency-Key: its answer, refusals too, is stored in the same transaction (never a failure of ours, a
    request's body, or an answer derived from `ShownOnce`). A route without a guard is public: no session, no key.
    """

    @property
    def guard(self) -> Guard | None:
        """The route's guard, or None for a public route."""
        for dependency in self.dependant.dependencies:
            if isinstance(dependency.call, Guard):
                return dependency.call
        return None

    @property
    def body_limit(self) -> int:
        """Bytes this route takes: more only where the endpoint asks for a file, or the route says so."""
        if own := (self.openapi_extra or {}).get(LARGEST_BODY):
            return int(own)
        takes_file = any(
            isinstance(field.field_info, File) for field in _body_fields(self.dependant)
        )
        return UPLOAD_LIMIT if takes_file else USUAL_LIMIT

    def get_route_handler(self) -> Answer:
        """FastAPI's own handler, with everything around it that the class promises."""
        answer = super().get_route_handler()
        limit, guard = self.body_limit, self.guard
        secret = isinstance(self.response_model, type) and issubclass(
            self.response_model, replay.ShownOnce
        )

        async def public(request: Request) -> Response:
            with Body() as body:
                if request.method not in _SAFE:
                    await body.take(request, limit, None)
                    request = Request(request.scope, body.again())
                async with entrance(request.app).gate:
                    return await answer(request)

        async def guarded(guard: Guard, request: Request) -> Response:
            office, token = bearer(request)
            door = entrance(request.app)
            principal = await to_thread.run_sync(door.principal, office, token, limiter=door.gate)
            request.state.principal = principal
            guard.check(principal)
            key = replay.key_of(request) if request.method == "POST" else None
            fingerprint = Fingerprint(keys.keyring(office).derive("request"), request)
            with Body() as body:
                if request.method not in _SAFE:
                    await body.take(request, limit, fingerprint)

                def once(session: Session) -> Response:
                    request.state.session = session
                    fresh = Request(request.scope, body.again())
                    work = partial(from_thread.run, answer, fresh)
                    if key is None:
                        read = work()
                        if request.method == "GET" and (
                            numbers := door.open_waivers(session, principal)
                        ):
                            read.headers[OPEN_WAIVERS] = ", ".join(map(str, numbers))
                        return read
                    known = replay.claim(session, principal, key, fingerprint.digest())
                    if known is None:
                        known = refusable(session, work, problems.answer_for)
                        replay.keep(session, principal, key, known, secret=secret)
                    return known

                work = partial(offices.transact, office, once, seen_by=principal)
                return await to_thread.run_sync(work, limiter=door.gate)

        return partial(guarded, guard) if guard else public


def refusable(
    session: Session, work: Callable[[], Response], tell: Callable[[Exception], Response | None]
) -> Response:
    """Do the work; a refusal undoes it (unless it keeps its work) and becomes an answer like any other.

    `tell` makes the answer; an error for which it has none is a failure of ours, and goes on.
    """
    step = session.begin_nested()
    try:
        response = work()
    except Exception as error:
        refusal = tell(error)
        if refusal is None:
            raise
        if getattr(error, "keeps_work", False):
            step.commit()
        else:
            step.rollback()
        return refusal
    step.commit()
    return response


def _body_fields(dependant: Dependant) -> list[Any]:
    return [
        *dependant.body_params,
        *(field for each in dependant.dependencies for field in _body_fields(each)),
    ]


class Router(APIRouter):
    """The routes of one stage, under `/api/v1`: `router = Router(prefix="/runs", tags=["Payment runs"])`."""

    def __init__(self, *, prefix: str = "", tags: list[str | Enum] | None = None) -> None:
        super().__init__(prefix=API + prefix, tags=tags, route_class=OfficeRoute)
