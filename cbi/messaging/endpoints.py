"""A simulated telephone over HTTP, as its holder sees it: in demonstrations only."""

from cbi.errors import NotFound
from cbi.http.routing import Router
from cbi.messaging.phones import phones
from cbi.messaging.schemas import InboxOut, TextOut
from cbi.settings import settings

router = Router(prefix="/phones", tags=["Simulated telephones"])


class NoTelephones(NotFound):
    """This deployment shows nobody's telephone."""

    code = "messaging.no_telephones"


@router.get("/{number}/messages")
def read_phone(number: str) -> InboxOut:
    """The texts on a simulated telephone. Open to all: these people are made up, or there is nothing here."""
    if not settings().demo:
        raise NoTelephones(
            "There are no telephones to look at here.",
            next_step="They exist in a demonstration only.",
        )
    return InboxOut(
        messages=[TextOut.model_validate(text) for text in phones(settings()).inbox(number)]
    )
