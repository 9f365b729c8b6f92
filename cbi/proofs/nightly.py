"""Every promise is proved anew each night, so that a breach is on the front page in the morning and waits for no visitor."""

import logging
from datetime import date, time

from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.actor import SYSTEM
from cbi.audit import proved
from cbi.proofs.verify import verify

log = logging.getLogger(__name__)

FROM = time(1)
"""The hour of the office's night from which the day's proof is made; an office that was off then makes it in the morning."""


def prove(office: str) -> int:
    """Prove every promise where the office's day has no proof yet; returns how many promises are broken.

    After an outage of days it is made once. What is broken is named by number only: `cbi verify` shows the rest.
    """
    day = offices.transact(office, _due)
    if day is None:
        return 0
    with offices.transaction(office) as session:
        verdicts = verify(session)
    broken = [each.promise.number for each in verdicts if each.breaches]
    offices.transact(office, lambda session: proved.keep(session, SYSTEM, day, broken))
    if broken:
        log.error("%s: promises %s are broken; cbi verify says where", office, broken)
    return len(broken)


def _due(session: Session) -> date | None:
    now = clock.now().astimezone(offices.office_of(session).timezone)
    found = proved.last(session)
    if now.time() < FROM or (found and found.day >= now.date()):
        return None
    return now.date()
