"""Whether the office stands still, what is missing before it goes on, stopping it, and asking to let it go on."""

from typing import Annotated

from fastapi import Depends, Form
from fastapi.responses import Response
from markupsafe import Markup
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.audit import standstill
from cbi.audit.standstill_models import Standstill
from cbi.console import formats
from cbi.console.finance_parts import PATH as FINANCE
from cbi.console.finance_parts import parts
from cbi.console.languages import N_
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit, Visit
from cbi.console.waiting_proposals import Listing
from cbi.console.waiting_words import NONE, shown
from cbi.http.requests import OfficeSession
from cbi.reconciliation import going_on
from cbi.reconciliation.going_on import Told

PATH = f"{FINANCE}/standstill"
router = Pages()

RESTORED = N_(
    "The database was restored from a backup. What was paid or sent since that backup may not be in it, and could leave"
    " once more."
)

Reader = Annotated[Actor, Depends(may(Permission.FUND_READ))]
Closer = Annotated[Actor, Depends(may(Permission.BOOKS_CLOSE))]
Words = Annotated[str, Form(max_length=1000)]


@router.get(PATH)
def standing(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """Since when and why, what every provider has told since, and the next step."""
    still = standstill.now(session)
    return visit.show(
        "finance/standstill.html",
        parts=parts(visit, actor),
        still=still,
        why=(still.reason or visit.gettext(RESTORED)) if still else None,
        since=since(visit, still) if still else None,
        by=names_of(session, [still.begun_by]).get(still.begun_by) if still and still.begun_by else None,
        told=told_since(visit, session, still) if still else None,
        may_close=actor.may(Permission.BOOKS_CLOSE),
    )  # fmt: skip


@router.post(PATH + "/begin")
def begin(visit: ThisVisit, session: OfficeSession, actor: Closer, reason: Words = "") -> Response:
    """Stop the office at once."""
    going_on.stop(session, actor, reason)
    return visit.go(PATH, visit.gettext("The office stands still."))


@router.post(PATH + "/end")
def end(visit: ThisVisit, session: OfficeSession, actor: Closer, reason: Words = "") -> Response:
    """Ask to let it go on."""
    going_on.ask(session, actor, reason)
    return visit.go(PATH, visit.gettext("It is noted. Somebody else confirms it."))


def since(visit: Visit, still: Standstill) -> Markup:
    """When it began, on the office's clock."""
    assert visit.office is not None
    return formats.instant(still.began_at, visit.language, visit.office.timezone)


def told_since(visit: Visit, session: Session, still: Standstill) -> Listing:
    """What each provider has told since, and whether it is enough."""
    gettext = visit.gettext
    columns = [
        (gettext("Provider"), "text"), (gettext("Last statement"), "text"), (gettext("It tells until"), "text"),
        (gettext("Lines to be decided"), "number"), (gettext("Enough?"), "text"),
    ]  # fmt: skip
    rows = [_row(visit, each) for each in going_on.told(session, still)]
    return Listing(gettext("What the providers have told since"), columns, rows)


def _row(visit: Visit, each: Told) -> list[object]:
    assert visit.office is not None
    came: object = visit.gettext("none yet") if each.reads else visit.gettext("gives no statements")
    if each.taken_in is not None:
        came = formats.instant(each.taken_in, visit.language, visit.office.timezone)
    enough: object = visit.gettext("yes") if each.is_enough else visit.gettext("no")
    if each.taken_in is not None and not each.compared:
        enough = visit.gettext("no: reconcile it")
    elif each.taken_in is not None and each.lacking:
        enough = Markup("{} {}").format(
            visit.gettext("no: by its own balances lines are missing:"),
            shown(visit, list(each.lacking)),
        )
    return [
        each.provider.replace("_", " "), came, shown(visit, each.through or NONE), shown(visit, each.undecided),
        enough,
    ]  # fmt: skip
