"""The first administrator of a new office comes in with a token that was printed when the office was made."""

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi.access import setting_up
from cbi.console import tries
from cbi.console.doorway import let_in, require_safe
from cbi.console.own_account import PasswordsDiffer
from cbi.console.pages import AUTHENTICATOR, Pages
from cbi.console.refusals import Table
from cbi.console.visit import Entry, ThisVisit
from cbi.errors import CbiError
from cbi.http.refused import Unauthenticated
from cbi.http.requests import office_in, sign_in_at

PATH = "/first-administrator"

router = Pages()
MENU: tuple[Entry, ...] = ()
REFUSALS: Table = {}

Typed = Annotated[str, Form(max_length=1000)]


@router.get(PATH)
def first_administrator(visit: ThisVisit) -> Response:
    """The form for the token, a name and a password."""
    return visit.show("access/first_administrator.html", username="", full_name="")


@router.post(PATH)
def become(
    request: Request,
    visit: ThisVisit,
    token: Typed = "",
    username: Typed = "",
    full_name: Typed = "",
    password: Typed = "",
    again: Typed = "",
) -> Response:
    """Make the administrator, sign them in, and ask for their authenticator."""
    given = token.strip()

    def set_up(session: Session) -> str:
        return setting_up.become_administrator(
            session, given, username=username, full_name=full_name, password=password
        )

    try:
        require_safe(request)
        tries.require_some_left(request, tries.Use.SET_UP)
        if password != again:
            raise PasswordsDiffer(
                "The two new passwords are not the same.", next_step="Type the same one twice."
            )
        signed_in = sign_in_at(request, office_in(given) or "", set_up)
    except CbiError as refusal:
        names_no_office = isinstance(refusal, Unauthenticated)
        if names_no_office or isinstance(refusal, setting_up.TokenRefused):
            tries.count_wrong(request, tries.Use.SET_UP)
        return visit.show(
            "access/first_administrator.html",
            username=username,
            full_name=full_name,
            refusal=setting_up.refused() if names_no_office else refusal,
        )
    return let_in(visit, request, signed_in, AUTHENTICATOR)
