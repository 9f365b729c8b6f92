"""One request is one transaction: opened when the whole request is here, committed before the answer goes out."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from enum import Enum
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any, cast

from anyio import from_thread, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer as BearerScheme
from fastapi.params import File, Form
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from sqlalchemy.orm import Session

from cbi import keys, offices
from cbi.http import replay
from cbi.http.bodies import UPLOAD_LIMIT, USUAL_LIMIT, Body, Fingerprint
from cbi.http.once import done_once
from cbi.http.requests import Principal, bearer, entrance

API = "/api/v1"

LARGEST_BODY = "x-largest-body"
"""In a route's `openapi_extra`: how many bytes it takes, where the usual limit is too low."""
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
        return UPLOAD_LIMIT if self._takes(File) else USUAL_LIMIT

    def _takes(self, kind: type[Form]) -> bool:
        return any(isinstance(field.field_info, kind) for field in _body_fields(self.dependant))

    def get_route_handler(self) -> Answer:
        """FastAPI's own handler, with everything around it that the class promises."""
        limit, guard = self.body_limit, self.guard
        run: Callable[[Answer, Request], Response] = from_thread.run
        if guard and not self._takes(Form):  # a large file waits for the disk
            if not iscoroutinefunction(self.endpoint):
                self.endpoint = _without_a_thread(self.endpoint)
                self.dependant = replace(self.dependant, call=self.endpoint)
            run = here
        answer = super().get_route_handler()
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

                def work(session: Session) -> Response:
                    request.state.session = session
                    return run(answer, Request(request.scope, body.again()))

                if key is None:
                    whole = partial(offices.transact, office, work, seen_by=principal)
                else:
                    marked = fingerprint.digest()
                    whole = partial(done_once, office, principal, key, marked, work, secret=secret)
                return await to_thread.run_sync(whole, limiter=door.gate)

        return partial(guarded, guard) if guard else public


def here(answer: Answer, request: Request) -> Response:
    """Answer in the present thread, which holds the transaction already, as every change of thread costs time.

    Only for what waits for nothing: the body has been taken in, and no dependency runs in a thread of its own. Raises
    RuntimeError.
    """
    answering = answer(request)
    try:
        answering.send(None)
    except StopIteration as done:
        return cast(Response, done.value)
    answering.close()
    raise RuntimeError("An endpoint of an office waits for something.")


def _without_a_thread(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The endpoint as FastAPI calls what needs no thread of its own."""

    @wraps(endpoint)
    async def at_once(*given: Any, **named: Any) -> Any:
        return endpoint(*given, **named)

    return at_once


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
