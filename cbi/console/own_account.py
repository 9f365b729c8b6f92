"""One's own account: the authenticator, registered before anything else is done, and the password."""

from typing import Annotated
from uuid import UUID

import segno
from fastapi import Depends, Form, Request
from fastapi.responses import Response
from markupsafe import Markup

from cbi.access import enrolment, totp, users
from cbi.access.actor import Actor
from cbi.access.guards import signed_in
from cbi.console import cookies
from cbi.console.pages import AUTHENTICATOR, STAFF_DOOR, Pages
from cbi.console.refusals import Table
from cbi.console.visit import Entry, ThisVisit, Visit
from cbi.errors import CbiError, Forbidden, Invalid
from cbi.http.requests import OfficeSession

router = Pages()
MENU: tuple[Entry, ...] = ()
REFUSALS: Table = {}

Anybody = Annotated[Actor, Depends(signed_in)]
Typed = Annotated[str, Form(max_length=1000)]
PASSWORD = "/password"  # noqa: S105 - a path


class OnlyForStaff(Forbidden):
    """A teller's account is kept by the provider's supervisor."""

    code = "console.only_for_staff"


class PasswordsDiffer(Invalid):
    """The new password was typed in two ways."""

    code = "console.passwords_differ"


@router.get(AUTHENTICATOR)
def authenticator(visit: ThisVisit, session: OfficeSession, actor: Anybody) -> Response:
    """A secret for the telephone, as a picture and as text, until a code from it is right."""
    if totp.is_enrolled(session, _member(actor)):
        return visit.go("/")
    return _offer(visit, enrolment.propose(session, _member(actor)))


@router.post(AUTHENTICATOR)
def register(
    visit: ThisVisit, session: OfficeSession, actor: Anybody, proposal: Typed = "", code: Typed = ""
) -> Response:
    """Take the secret into use once the telephone shows the right code for it."""
    proposed = enrolment.proposed(session, _member(actor), proposal)
    try:
        enrolment.accept(session, proposed, code)
    except enrolment.NotYetRight as refusal:  # raised before anything is written
        return _offer(visit, proposed, refusal)
    return visit.go("/", visit.gettext("Your authenticator is registered."))


@router.get(PASSWORD)
def password(visit: ThisVisit, actor: Anybody) -> Response:
    """The form for another password."""
    _member(actor)
    return visit.show("access/password.html", username=actor.name, action=PASSWORD)


@router.post(PASSWORD)
def change_password(
    request: Request,
    visit: ThisVisit,
    session: OfficeSession,
    actor: Anybody,
    old: Typed = "",
    new: Typed = "",
    again: Typed = "",
) -> Response:
    """Change it, and ask for the new one at once: every sign-in has ended."""
    if new != again:
        raise PasswordsDiffer(
            "The two new passwords are not the same.", next_step="Type the same one twice."
        )
    users.change_password(session, actor, old, new)
    answer = visit.go(
        STAFF_DOOR, visit.gettext("Your password is changed. Sign in with the new one.")
    )
    cookies.close_session(request, answer)
    return answer


def _offer(visit: Visit, proposed: enrolment.Proposal, refusal: CbiError | None = None) -> Response:
    assert visit.actor is not None
    assert visit.office is not None
    address = enrolment.address(proposed, visit.actor.name, visit.office.code)
    picture = segno.make(address, error="m").svg_inline(border=4, light="#fff", omitsize=True)
    return visit.show(
        "access/authenticator.html",
        picture=Markup(picture),  # noqa: S704 - made here, of nothing that anybody typed
        secret=proposed.secret,
        proposal=proposed.sealed,
        refusal=refusal,
    )


def _member(actor: Actor) -> UUID:
    """The id of a member of staff. Raises OnlyForStaff for a teller, who has neither."""
    if actor.kind != "user" or actor.id is None:
        raise OnlyForStaff(
            "Only a member of staff has a password and an authenticator here.",
            next_step="Ask the supervisor of your office.",
        )
    return actor.id
