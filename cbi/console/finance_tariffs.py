"""What providers charge: every version of each tariff, which of them counts today, and proposing one from a file."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import Depends, Form, UploadFile
from fastapi.responses import Response

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console.finance_parts import PATH as FINANCE
from cbi.console.finance_parts import no_file, parts
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.console.waiting_words import differences
from cbi.http.requests import OfficeSession
from cbi.offices import office_of
from cbi.payments.fees import tariffs
from cbi.payments.fees.fee_models import TariffVersion

PATH = f"{FINANCE}/tariffs"
router = Pages()
LARGEST = 1 << 20

Reader = Annotated[Actor, Depends(may(Permission.FUND_READ))]
Changer = Annotated[Actor, Depends(may(Permission.TARIFF_CHANGE))]
Code = Annotated[str, Form(max_length=20)]


@router.get(PATH)
def show(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """Every version, with what it says; those that count today are marked."""
    rows = tariffs.versions(session, actor)
    today = clock.today(office_of(session).timezone)
    return visit.show(
        "finance/tariffs.html",
        parts=parts(visit, actor),
        rows=[(row, [(place, then) for place, _, then in differences({}, row.rules)]) for row in rows],
        counting=_counting(rows, today),
        names=names_of(session, [each for row in rows for each in (row.proposed_by, row.accepted_by)]),
        may_change=actor.may(Permission.TARIFF_CHANGE),
    )  # fmt: skip


@router.post(PATH)
def propose(
    visit: ThisVisit, session: OfficeSession, actor: Changer, file: UploadFile | None = None, code: Code = ""
) -> Response:  # fmt: skip
    """Propose the tariff that a file describes."""
    if file is None or not file.filename:
        raise no_file()
    text = file.file.read(LARGEST).decode("utf-8-sig", errors="replace")
    made = tariffs.propose(session, actor, text, code)
    said = visit.gettext("Version %(version)s is proposed. Somebody else accepts it.", version=made.version)  # fmt: skip
    return visit.go(PATH, said)


def _counting(rows: Sequence[TariffVersion], today: date) -> set[tuple[str, str, int]]:
    """The versions that count today: of each provider and currency the latest accepted one whose first day has come."""
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.accepted_at is not None and row.valid_from <= today:
            found.setdefault((row.provider, row.currency), row.version)
    return {(*key, version) for key, version in found.items()}
