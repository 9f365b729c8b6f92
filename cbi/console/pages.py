"""How a page is declared: who may see it stands in its signature, and whatever it does is one transaction."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any
from urllib.parse import quote

from anyio import from_thread, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.orm import Session

from cbi import offices
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.console import cookies, forms
from cbi.console.visit import Held, SeeOther, Visit
from cbi.http import replay
from cbi.http.bodies import Body, Fingerprint
from cbi.http.requests import Entrance, entrance
from cbi.http.routing import Guard, OfficeRoute, refusable

AUTHENTICATOR = "/authenticator"
STAFF_DOOR, TELLER_DOOR, SIGN_OUT = "/sign-in", "/counter/sign-in", "/sign-out"

_READING = frozenset({"GET", "HEAD"})
_BEFORE_ENROLMENT = frozenset({AUTHENTICATOR, SIGN_OUT})
Answer = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(OfficeRoute):
    """A page of an office. Order: who asks, may they, the whole form, is it ours, then one transaction around it.

    Whoever is not signed in is sent to do so, and comes back. A form is answered by sending its sender to a page, also
    with a refusal (which undoes the work unless it says `keeps_work`), and the same form sent twice is done once: where
    it led is stored in the same transaction; a page that was shown instead is not. A page without a guard is public: it
    has no session, and its forms are bound to the browser.
    """

    def get_route_handler(self) -> Answer:
        """FastAPI's own handler, with everything around it that the class promises."""
        answer = APIRoute.get_route_handler(self)
        guard, limit = self.guard, self.body_limit
        inner = (
            partial(_guarded, answer, guard, limit) if guard else partial(_public, answer, limit)
        )

        async def handle(request: Request) -> Response:
            response = await inner(request)
            if request.url.scheme == "https":
                response.headers["Strict-Transport-Security"] = "max-age=31536000"
            return response

        return handle


class Pages(APIRouter):
    """The pages of one area: `router = Pages()`. Paths are whole: `@router.get("/approvals")`."""

    def __init__(self) -> None:
        super().__init__(route_class=PageRoute)
        self.include_in_schema = False  # the description is for programs


async def look_in(request: Request) -> Visit:
    """A visit where there is no page: whoever is signed in still sees where they are."""
    door = entrance(request.app)
    held = await to_thread.run_sync(_held, door, request, limiter=door.gate)
    office = None if held else await to_thread.run_sync(_only_office, door, limiter=door.gate)
    return Visit(request, held, office)


async def _public(answer: Answer, limit: int, request: Request) -> Response:
    door = entrance(request.app)
    visit = Visit(request, None, await to_thread.run_sync(_only_office, door, limiter=door.gate))
    request.state.visit = visit
    with Body() as body:
        try:
            if request.method not in _READING:
                await body.take(request, limit, None)
                visit.form_key = await _check_form(request, body, visit)
            async with door.gate:
                return visit.given(await answer(Request(request.scope, body.again())))
        except Exception as error:
            told = visit.refused(error)
            if told is None:
                raise
            return told


async def _guarded(answer: Answer, guard: Guard, limit: int, request: Request) -> Response:
    door = entrance(request.app)
    held = await to_thread.run_sync(_held, door, request, limiter=door.gate)
    if held is None:
        return _to_the_door(request)
    request.state.principal = held.actor
    visit = request.state.visit = Visit(request, held, None)
    if held.must_enrol and request.url.path not in _BEFORE_ENROLMENT:
        return visit.go(AUTHENTICATOR)
    key, fingerprint = "", Fingerprint(held.office.keys.derive("request"), request)
    with Body() as body:

        def once(session: Session) -> Response:
            request.state.session = session
            work = partial(from_thread.run, answer, Request(request.scope, body.again()))
            if not key:
                return work()
            known = replay.claim(session, held.actor, key, fingerprint.digest())
            if known is None:
                known = refusable(session, work, visit.refused)
                kept = isinstance(known, SeeOther)
                replay.keep(session, held.actor, key, known, secret=not kept)
                return known
            return SeeOther.again(known)

        try:
            guard.check(held.actor)
            if request.method not in _READING:
                await body.take(request, limit, fingerprint)
                key = await _check_form(request, body, visit)
            work = partial(offices.transact, held.office.code, once, seen_by=held.actor)
            return visit.given(await to_thread.run_sync(work, limiter=door.gate))
        except Exception as error:
            told = visit.refused(error)
            if told is None:
                raise
            return told


async def _check_form(request: Request, body: Body, visit: Visit) -> str:
    """The form's own key. Remembers which page it stood on. Raises ForeignForm."""
    async with Request(request.scope, body.again()).form() as form:
        forms.check(request, form, visit.form_token)
        visit.came_from = forms.local(form.get(forms.CAME_FROM))
        return forms.once_of(form)


def _held(door: Entrance, request: Request) -> Held | None:
    """The sign-in that this browser shows, if it is valid now: of staff or of a teller, never the key of a program."""
    found = cookies.session_of(request)
    if found is None or not door.knows(found[0]):
        return None
    office, token = found

    def look(session: Session) -> Held | None:
        actor = door.authenticate(session, token)
        if not isinstance(actor, Actor) or actor.kind == "client" or actor.id is None:
            return None
        must_enrol = actor.kind == "user" and not totp.is_enrolled(session, actor.id)
        return Held(actor, offices.office_of(session), token, must_enrol)

    return offices.transact(office, look)


def _only_office(door: Entrance) -> offices.Office | None:
    """The office, where there is only one: before anybody signs in it gives the language and says if it is a demo."""
    codes = door.codes()
    return offices.transact(next(iter(codes)), offices.office_of) if len(codes) == 1 else None


def _to_the_door(request: Request) -> Response:
    """Send somebody to sign in, and remember where they wanted to go."""
    path = request.url.path
    at = TELLER_DOOR if path == "/counter" or path.startswith("/counter/") else STAFF_DOOR
    if request.method not in _READING:
        return SeeOther(f"{at}?ended=yes")
    wanted = path + (f"?{request.url.query}" if request.url.query else "")
    return SeeOther(at if wanted == "/" else f"{at}?next={quote(wanted, safe='')}")
