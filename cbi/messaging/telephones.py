"""A simulated telephone over HTTP, as its holder sees and uses it: in demonstrations only."""

from fastapi import Request

from cbi.http.requests import sign_in_at
from cbi.http.routing import Router
from cbi.messaging import phones
from cbi.messaging.phones import NoTelephones
from cbi.messaging.schemas import InboxOut, SaidOut, SayIn, TextOut
from cbi.settings import settings

router = Router(prefix="/phones", tags=["Simulated telephones"])


@router.get("/{number}/messages")
def read_phone(number: str) -> InboxOut:
    """The texts on a simulated telephone. Open to all: these people are made up, or there is nothing here."""
    _only_in_a_demonstration()
    return InboxOut(
        messages=[TextOut.model_validate(text) for text in phones.phones(settings()).inbox(number)]
    )


@router.post("/{number}/messages", status_code=201)
def say(request: Request, number: str, body: SayIn) -> SaidOut:
    """Send a text to the office from a simulated telephone. Open to all, for the same reason."""
    _only_in_a_demonstration()
    new = sign_in_at(request, body.office, lambda session: phones.say(session, number, body.text))
    return SaidOut(new=new)


def _only_in_a_demonstration() -> None:
    if not settings().demo:
        raise NoTelephones(
            "There are no telephones to look at here.",
            next_step="They exist in a demonstration only.",
        )
