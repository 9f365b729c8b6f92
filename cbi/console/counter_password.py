"""A teller's own password: known to nobody else, and changed at the counter."""

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response

from cbi.console import cookies
from cbi.console.counter_paying import AtCounter
from cbi.console.own_account import PasswordsDiffer
from cbi.console.pages import TELLER_DOOR, Pages
from cbi.console.visit import ThisVisit
from cbi.http.requests import OfficeSession
from cbi.redemption import tellers

router = Pages()
PASSWORD = "/counter/password"  # noqa: S105 - a path

Typed = Annotated[str, Form(max_length=1000)]


@router.get(PASSWORD)
def password(visit: ThisVisit, actor: AtCounter) -> Response:
    """The form for another password."""
    return visit.show("access/password.html", username=actor.name, action=PASSWORD)


@router.post(PASSWORD)
def change_password(
    request: Request,
    visit: ThisVisit,
    session: OfficeSession,
    actor: AtCounter,
    old: Typed = "",
    new: Typed = "",
    again: Typed = "",
) -> Response:
    """Change it, and ask for the new one at once: the sign-in has ended."""
    if new != again:
        raise PasswordsDiffer(
            "The two new passwords are not the same.", next_step="Type the same one twice."
        )
    tellers.change_password(session, actor, old, new)
    answer = visit.go(
        TELLER_DOOR, visit.gettext("Your password is changed. Sign in with the new one.")
    )
    cookies.close_session(request, answer)
    return answer
