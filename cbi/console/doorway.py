"""Signing in and out at a browser, for staff and for tellers, and choosing a language."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi.access import tokens, users
from cbi.access.actor import Actor
from cbi.access.guards import signed_in
from cbi.access.permissions import Permission
from cbi.access.users import CodeNeeded
from cbi.console import assets, cookies, forms, tries
from cbi.console.pages import SIGN_OUT, STAFF_DOOR, TELLER_DOOR, Pages
from cbi.console.refusals import Table
from cbi.console.visit import Entry, ThisVisit, Visit
from cbi.errors import Forbidden
from cbi.http.refused import Unauthenticated
from cbi.http.requests import OfficeSession, entrance, sign_in_at
from cbi.offices import LANGUAGES
from cbi.redemption import tellers

router = Pages()
MENU: tuple[Entry, ...] = ()
REFUSALS: Table = {}

router.add_api_route(assets.PATH, assets.serve, methods=["GET"])

Typed = Annotated[str, Form(max_length=200)]
Password = Annotated[str, Form(max_length=1000)]
Wanted = Annotated[str, Form(alias="next", max_length=1100)]


class NotSafeHere(Forbidden):
    """The page came without https from another machine, so a password would travel in the open."""

    code = "console.not_safe_here"


@router.get("/language/{language}")
def choose_language(request: Request, visit: ThisVisit, language: str) -> Response:
    """Remember a language at this browser, and go back to the page."""
    back = forms.local(request.query_params.get("next")) or "/"
    answer = visit.go(back)
    if language in LANGUAGES:
        cookies.keep_language(request, answer, language)
    return answer


@router.get(STAFF_DOOR)
def staff_door(request: Request, visit: ThisVisit) -> Response:
    """The form of a member of staff."""
    return _door(visit, request, "staff", wanted=request.query_params.get("next", ""))


@router.post(STAFF_DOOR)
def let_staff_in(
    request: Request,
    visit: ThisVisit,
    office: Typed = "",
    username: Typed = "",
    password: Password = "",
    code: Typed = "",
    wanted: Wanted = "",
) -> Response:
    """Open a sign-in, and go where they wanted to go."""

    def sign_in(session: Session) -> str:
        return users.sign_in(session, username, password, code.strip() or None)

    return _let_in(visit, request, "staff", office, username, wanted, sign_in)


@router.get(TELLER_DOOR)
def teller_door(request: Request, visit: ThisVisit) -> Response:
    """The form of a teller."""
    return _door(visit, request, "teller", wanted=request.query_params.get("next", ""))


@router.post(TELLER_DOOR)
def let_teller_in(
    request: Request,
    visit: ThisVisit,
    office: Typed = "",
    username: Typed = "",
    password: Password = "",
    wanted: Wanted = "",
) -> Response:
    """Open a teller's sign-in; one they had elsewhere ends."""

    def sign_in(session: Session) -> str:
        return tellers.sign_in(session, username, password)

    return _let_in(visit, request, "teller", office, username, wanted, sign_in)


@router.post(SIGN_OUT)
def sign_out(
    request: Request,
    visit: ThisVisit,
    session: OfficeSession,
    actor: Annotated[Actor, Depends(signed_in)],
) -> Response:
    """End the sign-in, here and in the database."""
    assert visit.token is not None
    tokens.end_sign_in(session, visit.token)
    door = TELLER_DOOR if actor.kind == "teller" else STAFF_DOOR
    answer = visit.go(door, visit.gettext("You are signed out."))
    cookies.close_session(request, answer)
    return answer


def let_in(visit: Visit, request: Request, token: str, to: str) -> Response:
    """Answer a right password: the browser keeps the token, and goes on."""
    answer = visit.go(to)
    cookies.open_session(request, answer, token)
    return answer


def _let_in(
    visit: Visit,
    request: Request,
    who: str,
    office: str,
    username: str,
    wanted: str,
    sign_in: Callable[[Session], str],
) -> Response:
    chosen = office or (visit.office.code if visit.office else "")
    typed = {"wanted": wanted, "username": username, "chosen": chosen}
    try:
        require_safe(request)
        tries.require_some_left(request, tries.Use(who))
        token = sign_in_at(request, chosen, sign_in)
    except CodeNeeded as refusal:
        return _door(visit, request, who, refusal=refusal, **typed)
    except Unauthenticated as refusal:
        tries.count_wrong(request, tries.Use(who))
        return _door(visit, request, who, refusal=refusal, **typed)
    except (NotSafeHere, tries.TooManyTries) as refusal:
        return _door(visit, request, who, refusal=refusal, **typed)
    return let_in(visit, request, token, forms.local(wanted) or _first_page(request, who))


def _first_page(request: Request, who: str) -> str:
    """Where somebody begins: a teller at the counter, who has no other page."""
    entries: list[Entry] = request.app.state.console_menu
    counters = [each.path for each in entries if each.permission is Permission.REDEMPTION_PERFORM]
    return counters[0] if who == "teller" and counters else "/"


def _door(
    visit: Visit,
    request: Request,
    who: str,
    *,
    wanted: str = "",
    username: str = "",
    chosen: str = "",
    refusal: Exception | None = None,
) -> Response:
    return visit.show(
        "access/sign_in.html",
        who=who,
        action=TELLER_DOOR if who == "teller" else STAFF_DOOR,
        offices=sorted(entrance(request.app).codes()),
        wanted=forms.local(wanted) or "",
        username=username,
        chosen=chosen,
        ended="ended" in request.query_params,
        refusal=refusal,
    )


def require_safe(request: Request) -> None:
    """Raise NotSafeHere unless what is typed here travels protected."""
    if not cookies.is_safe(request):
        raise NotSafeHere(
            "This page was opened without protection: a password typed here could be read on the way.",
            next_step="Open it with an address that begins with https.",
        )
