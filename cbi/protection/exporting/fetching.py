"""A list is made when it is fetched, and every fetch is written down; its passphrase is told by somebody else, once."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.db import chunks
from cbi.errors import Conflict, Forbidden
from cbi.offices import office_of
from cbi.protection.exporting import asking, choosing, envelope, passphrases, sheets
from cbi.protection.exporting.asking import SUBJECT, unknown
from cbi.protection.exporting.marks import Marker
from cbi.protection.exporting.models import Export, ExportDecision, ExportFetch, ExportPerson
from cbi.protection.exporting.sheets import Heading, Row
from cbi.registry import personal, viewing
from cbi.registry.consent.models import Scope
from cbi.registry.consent.standing import said_no
from cbi.registry.disclosing import disclosing
from cbi.registry.disclosing.models import IDENTIFYING, Column, Disclosure, Form, RequesterKind
from cbi.registry.models import Household, Person

_AT_ONCE = 1_000


class NotToBeFetched(Conflict):
    """The list waits, was refused or revoked, is over, or was fetched as often as it may be."""

    code = "export.not_to_be_fetched"


class NotYours(Forbidden):
    """Somebody else fetches this list; or they fetch it, and so somebody else reads its passphrase."""

    code = "export.not_yours"


class PassphraseShown(Conflict):
    """The passphrase was shown to somebody before, and is shown once."""

    code = "export.passphrase_shown"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A list as it leaves: an encrypted ZIP file, or (XLSX) somebody's own list back to them. It is not kept."""

    name: str
    content: bytes = field(repr=False)
    people: int


def fetch(session: Session, actor: Actor, number: int) -> Fetched:
    """Make the file, and write down of everybody in it that it left. Raises UnknownExport, NotYours, NotToBeFetched."""
    found = asking.held(session, number)
    if found is None:
        raise unknown(number)
    if actor.kind != "user" or actor.id != found.recipient_id:
        raise NotYours(
            f"List {number} is for somebody else to fetch.",
            next_step="They fetch it with their own account; or ask for a list of your own.",
        )
    # What they may do now, which may be less than when it was asked for.
    actor.require(Permission.EXPORT_ASK, found.programme)
    if IDENTIFYING.intersection(found.columns):
        actor.require(Permission.PERSON_OPEN, found.programme)
    disclosure = _standing(session, found)
    if found.fetches >= found.most_fetches:
        raise _not(number, "it was fetched as often as it may be")
    now = clock.now()
    session.execute(
        update(Export)
        .where(Export.id == found.id, Export.fetches < Export.most_fetches)
        .values(fetches=Export.fetches + 1)
    )
    session.refresh(found)
    rows = list(_rows(session, found, disclosure))
    if not rows:
        raise _not(number, "nobody is left in it whose data you may see")
    keys = office_of(session).keys
    columns = [each for each in Column if each in found.columns]
    heading = _heading(session, actor, found, disclosure)
    book = sheets.written(heading, columns, rows, Marker(keys))
    content = envelope.closed(
        f"export-{number}.xlsx", book, passphrases.of(keys, found.id), now.astimezone(office_of(session).timezone)
    )  # fmt: skip
    viewing.noted(
        session, actor, [row.person_id for row in rows], found.columns, found.purpose, export_id=found.id,
        disclosure_id=found.disclosure_id, at=now,
    )  # fmt: skip
    digest = hashlib.sha256(content).digest()
    session.execute(
        insert(ExportFetch).values(
            export_id=found.id, fetched_by=actor.id, fetched_at=now, people=len(rows), digest=digest
        )
    )
    record(
        session, actor, "export.fetched", SUBJECT, found.id, number=number, people=len(rows), digest=digest.hex()
    )  # fmt: skip
    return Fetched(f"export-{number}.zip", content, len(rows))


def passphrase(session: Session, actor: Actor, number: int) -> str:
    """The passphrase, to be read out to whoever opens the file; shown once, to somebody who does not fetch it.

    Raises UnknownExport, NotYours, NotToBeFetched, PassphraseShown.
    """
    actor.require(Permission.EXPORT_APPROVE)
    found = asking.held(session, number)
    if found is None:
        raise unknown(number)
    if actor.kind != "user" or actor.id in {found.asked_by, found.recipient_id}:
        raise NotYours(
            "You asked for this list or fetch it, so somebody else reads its passphrase out.",
            next_step="Ask a colleague who may approve lists of people.",
        )
    _standing(session, found)
    shown = session.scalar(
        update(Export)
        .where(Export.id == found.id, Export.passphrase_at.is_(None))
        .values(passphrase_by=actor.id, passphrase_at=clock.now())
        .returning(Export.id)
    )
    if shown is None:
        raise PassphraseShown(
            f"The passphrase of list {number} was shown before.",
            next_step="Whoever asked for the list revokes it and asks anew: that one has another passphrase.",
        )
    record(session, actor, "export.passphrase_shown", SUBJECT, found.id, number=number)
    return passphrases.of(office_of(session).keys, found.id)


def fetches(
    session: Session, actor: Actor, found: Export
) -> Sequence[tuple[ExportFetch, str | None]]:
    """Each time that a list was fetched, and by whom. Raises UnknownExport."""
    asking.find(session, actor, found.number)
    rows = session.execute(
        select(ExportFetch, User.full_name)
        .outerjoin(User, User.id == ExportFetch.fetched_by)
        .where(ExportFetch.export_id == found.id)
        .order_by(ExportFetch.id)
    )
    return [(each, who) for each, who in rows]


def _standing(session: Session, found: Export) -> Disclosure | None:
    if found.revoked_at is not None:
        raise _not(found.number, "it was revoked")
    if found.decision is ExportDecision.REFUSED:
        raise _not(found.number, "it was refused")
    if found.needs_approval and found.decision is None:
        raise _not(found.number, "somebody else has to approve it first")
    if found.expires_at <= clock.now():
        raise _not(found.number, "its time is over")
    if not asking.asker_stands(session, found):
        raise _not(found.number, "whoever asked for it may do so no more")
    if found.disclosure_id is None:
        return None
    return disclosing.allowing(session, Form.FILE, disclosure_id=found.disclosure_id)


def _not(number: int, why: str) -> NotToBeFetched:
    return NotToBeFetched(
        f"List {number} is not given out: {why}.", next_step="See: cbi export show, or ask for it anew."
    )  # fmt: skip


def _rows(session: Session, found: Export, disclosure: Disclosure | None) -> Iterator[Row]:
    """Everybody of the list who is a member still, was not erased and lives where it is about, and whom its fetcher may see.

    Who was found since to be of the household of whoever asked or fetches is left out, as when it was asked for.
    A partner is not told of those who have said no to being named to one by now.
    """
    chosen = (
        select(Person.id)
        .join(ExportPerson, ExportPerson.person_id == Person.id)
        .join(Household, Household.id == Person.household_id)
        .where(
            ExportPerson.export_id == found.id, Person.data_key.is_not(None), Person.gone.is_(None),
            *choosing.within(found.area), *choosing.not_own(found.asked_by, found.recipient_id),
        )
    )  # fmt: skip
    if disclosure is not None and disclosure.requester_kind is RequesterKind.PARTNER:
        chosen = chosen.where(~said_no(Person.id, Scope.REFERRAL))
    wanted = session.scalars(chosen.order_by(Person.id)).all()
    for some in chunks(wanted, _AT_ONCE):
        people = session.execute(
            select(Person, Household)
            .join(Household, Household.id == Person.household_id)
            .where(Person.id.in_(some), Person.data_key.is_not(None))
            .order_by(Person.id)
        ).all()
        secret = bool(IDENTIFYING.intersection(found.columns))
        clear = personal.in_clear(session, [person for person, _ in people]) if secret else {}
        for person, household in people:
            one = clear.get(person.id, personal.Clear())
            cells = {
                Column.NUMBER: household.source_id, Column.ROLE: _role(person), Column.AREA: household.area or "",
                Column.SIZE: str(household.size), Column.SEX: str(person.sex),
                Column.BORN_YEAR: str(person.born_year or ""), Column.NAME: one.name or "",
                Column.PHONE: one.phone or "", Column.DOCUMENT: one.document or "", Column.BORN_ON: one.born_on or "",
            }  # fmt: skip
            yield Row(person.id, household.source_id, cells)


def _role(person: Person) -> str:
    if person.is_recipient:
        return "collects"
    if person.is_alternate:
        return "may collect"
    return "head" if person.is_head else "member"


def _heading(
    session: Session, actor: Actor, found: Export, disclosure: Disclosure | None
) -> Heading:
    zone = office_of(session).timezone
    at = f"{clock.now().astimezone(zone):%Y-%m-%d %H:%M %Z}"
    asker, fetcher = _name(session, found.asked_by), _name(session, actor.id)
    goes = f"{disclosure.requester} (disclosure {disclosure.number})" if disclosure else fetcher
    short = f"Export {found.number}, {at}, {fetcher}, {found.purpose}"
    facts = [
        ("Export", str(found.number)), ("For", goes), ("Purpose", str(found.purpose)), ("What for", found.reason),
        ("Asked for by", asker), ("Fetched by", f"{fetcher}, {at}"),
        ("Approved by", _name(session, found.decided_by) if found.decided_by else "not needed: within the limits"),
        ("Programme", found.programme or "any"), ("Period", found.period or "any"), ("Area", found.area or "any"),
        ("Who", "all members" if found.everybody else "those who collect"),
    ]  # fmt: skip
    return Heading(found.number, f"{short}. For {goes}. Confidential.", short, facts)


def _name(session: Session, user_id: UUID | None) -> str:
    user = session.get(User, user_id) if user_id else None
    return user.full_name if user else "somebody"
