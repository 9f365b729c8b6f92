"""Lists of people above the limits, and disclosures, among all that waits for a second person."""

from datetime import date
from typing import Any

from sqlalchemy import Select, Text, Uuid, cast, select
from sqlalchemy.dialects.postgresql import ARRAY, array

from cbi import clock
from cbi.access.permissions import Permission
from cbi.console.exports_words import COLUMNS, PURPOSES
from cbi.console.languages import N_
from cbi.console.waiting_proposals import Kind, Looking, Sheet, of_day, row
from cbi.protection.exporting import asking
from cbi.protection.exporting.models import Export
from cbi.registry.disclosing import disclosing
from cbi.registry.disclosing.models import Disclosure


def _list(looking: Looking) -> Sheet:
    gettext = looking.visit.gettext
    number = int(looking.proposal.key)
    found = asking.find(looking.session, looking.actor, number)
    says = ", ".join(gettext(COLUMNS[each]) for each in found.columns)
    return Sheet(
        facts=[(gettext("What the list says"), says)],
        link=(f"/exports/{number}", gettext("List %(number)s", number=number)),
    )


def _disclosure(looking: Looking) -> Sheet:
    gettext = looking.visit.gettext
    number = int(looking.proposal.key)
    found = disclosing.find(looking.session, looking.actor, number)
    return Sheet(
        facts=[
            (gettext("On which legal ground?"), found.legal_ground),
            (gettext("Why would nothing less do?"), found.necessity),
            (gettext("What could happen to the people?"), found.risk),
        ],
        link=(f"/disclosures/{number}", gettext("Disclosure %(number)s", number=number)),
        again=gettext("Why?"),
    )


def _lists(_: date) -> Select[Any]:
    return select(
        *row(
            Export.number, Export.asked_at, Export.asked_by, why=Export.reason, number=Export.number,
            people=Export.people, purpose=cast(Export.purpose, Text),
            barred=cast(array([Export.recipient_id], type_=Uuid), ARRAY(Uuid)),
        )
    ).where(
        Export.needs_approval, Export.decision.is_(None), Export.revoked_at.is_(None),
        Export.expires_at > clock.now(),
    )  # fmt: skip


def _disclosures(_: date) -> Select[Any]:
    return select(
        *row(
            Disclosure.number, Disclosure.proposed_at, Disclosure.proposed_by, why=Disclosure.wanted_for,
            number=Disclosure.number, requester=Disclosure.requester, until=of_day(Disclosure.until),
        )
    ).where(Disclosure.decision.is_(None), Disclosure.revoked_at.is_(None))  # fmt: skip


LIST = Kind(
    "export", N_("A list of people"), N_("List %(number)s of %(people)s people, for: %(purpose)s"),
    N_("Whoever it is for can fetch it, encrypted."),
    Permission.EXPORT_APPROVE, Permission.EXPORT_APPROVE, _lists, _list,
    lambda session, actor, it, typed: asking.approve(session, actor, int(it.key), typed.code),
    lambda session, actor, it, typed: asking.refuse(session, actor, int(it.key), typed.reason),
    lambda session, actor, it, typed: asking.revoke(session, actor, int(it.key), typed.reason),
    words={"purpose": PURPOSES},
)  # fmt: skip

DISCLOSURE = Kind(
    "disclosure", N_("A disclosure to somebody outside"),
    N_("Disclosure %(number)s: %(requester)s asks, until %(until)s"),
    N_("From then on lists can be made for them, no more than it says."),
    Permission.DISCLOSURE_READ, Permission.DISCLOSURE_APPROVE, _disclosures, _disclosure,
    lambda session, actor, it, typed: disclosing.approve(
        session, actor, int(it.key), typed.again, typed.code
    ),
    lambda session, actor, it, typed: disclosing.refuse(session, actor, int(it.key), typed.reason),
    lambda session, actor, it, typed: disclosing.revoke(session, actor, int(it.key), typed.reason),
)  # fmt: skip
