"""Pages about what people are told, and what each of them said to it."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, Query, UploadFile
from fastapi.responses import Response

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console import registry_consent_lists
from cbi.console.finance_parts import no_file
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.registry_consent_words import ANSWERS, HOW, REFUSALS, SCOPES, STOPS
from cbi.console.visit import Entry, ThisVisit
from cbi.http.requests import OfficeSession
from cbi.offices import office_of
from cbi.registry.consent import listing, notices, recording, standing
from cbi.registry.consent.models import Answer, How, Notice, Scope
from cbi.registry.consent.recording import STAFF_MAY_SAY, UnusableWord
from cbi.registry.consent.schemas import told_by

PATH, NOTICES = "/registry/consent", "/registry/notices"
router = Pages()
router.routes.extend(registry_consent_lists.router.routes)
MENU = (
    Entry(N_("Consent"), PATH, Permission.REGISTRY_READ, Group.DATA),
    Entry(N_("What people are told"), NOTICES, Permission.PROGRAMME_READ, Group.DATA),
)
__all__ = ["MENU", "REFUSALS", "router"]

LARGEST = 1 << 16

Registrar = Annotated[Actor, Depends(may(Permission.REGISTRY_READ))]
Recorder = Annotated[Actor, Depends(may(Permission.CONSENT_RECORD))]
Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
Proposer = Annotated[Actor, Depends(may(Permission.NOTICE_PROPOSE))]
Word = Annotated[str, Form(max_length=100)]


@router.get(PATH)
def consent(
    visit: ThisVisit, session: OfficeSession, actor: Registrar,
    household: Annotated[str, Query(max_length=200)] = "",
) -> Response:  # fmt: skip
    """The members of one household, what each said to each purpose, and everything that they ever said."""
    if not household.strip():
        return visit.show("registry_consent/household.html", path=PATH, number="", members=[])
    home, members = listing.members(session, actor, household.strip())
    story = standing.story(session, [each.person_id for each in members])
    numbers = {each.person_id: at for at, each in enumerate(members, 1)}
    today = clock.today(office_of(session).timezone)
    return visit.show(
        "registry_consent/household.html",
        path=PATH,
        number=household.strip(),
        household=home,
        members=list(enumerate(members, 1)),
        scopes=[(scope, visit.gettext(name), visit.gettext(STOPS[scope])) for scope, name in SCOPES.items()],
        answers={answer: (visit.gettext(name), kind) for answer, (name, kind) in ANSWERS.items()},
        how={how: visit.gettext(name) for how, name in HOW.items()},
        ways=[(str(how), visit.gettext(HOW[how])) for how in STAFF_MAY_SAY],
        told_by=told_by,
        story=[(row, numbers[row.person_id]) for row in story],
        names=names_of(session, [row.recorded_by for row in story]),
        notices=[each.code for each in notices.all_in_force(session, today)],
        tongues=office_of(session).languages,
        may_record=visit.may(Permission.CONSENT_RECORD),
        today=today.isoformat(),
    )  # fmt: skip


@router.post(f"{PATH}/say")
def say(
    visit: ThisVisit, session: OfficeSession, actor: Recorder, household: Word = "", member: Word = "",
    scopes: Annotated[list[str] | None, Form(max_length=len(Scope))] = None, answer: Word = "", how: Word = "",
    notice: Word = "", language: Word = "", on: Word = "", guardian: Word = "",
) -> Response:  # fmt: skip
    """Record what a member said."""
    if answer not in set(Answer):
        raise UnusableWord("Say whether it was a yes, a no, or taken back.")
    said = Answer(answer)
    word = recording.read(
        scopes or [], said, how, notice="" if said is Answer.WITHDRAWN else notice, language=language,
        on=_day(on), guardian_id=_key(guardian) if how == How.GUARDIAN else None,
    )  # fmt: skip
    person = listing.member(session, household, _key(member))
    recording.say(session, actor, person, word)
    return visit.go(
        f"{PATH}?household={household}", visit.gettext("Recorded. It counts from now on.")
    )


@router.get(NOTICES)
def told(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """Every version of every notice, with its words in the reader's language."""
    rows = notices.versions(session, actor)
    return visit.show(
        "registry_consent/notices.html",
        path=NOTICES,
        rows=[
            (row, [visit.gettext(SCOPES[Scope(each)]) for each in row.scopes], _words(visit.language, row))
            for row in rows
        ],
        scopes={str(scope): visit.gettext(name) for scope, name in SCOPES.items()},
        used={(row.code, row.version) for row in rows if _is_used(rows, row)},
        names=names_of(session, [each for row in rows for each in (row.proposed_by, row.decided_by)]),
        may_propose=visit.may(Permission.NOTICE_PROPOSE),
    )  # fmt: skip


@router.post(NOTICES)
def propose(
    visit: ThisVisit, session: OfficeSession, actor: Proposer, file: UploadFile | None = None
) -> Response:
    """Propose the notice that a file describes."""
    if file is None or not file.filename:
        raise no_file()
    text = file.file.read(LARGEST).decode("utf-8-sig", errors="replace")
    made = notices.propose(session, actor, text)
    said = visit.gettext("Version %(version)s is proposed. Somebody else accepts it.", version=made.version)  # fmt: skip
    return visit.go(NOTICES, said)


def _is_used(rows: Sequence[Notice], row: Notice) -> bool:
    """Whether it is the latest accepted version; `rows` are all versions."""
    accepted = [
        each.version for each in rows if each.code == row.code and each.decision == notices.ACCEPTED
    ]
    return row.version == max(accepted, default=0)


def _words(language: str, row: Notice) -> dict[str, str]:
    found: dict[str, str] = row.texts.get(language) or next(iter(row.texts.values()))
    return found


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed) if typed else None
    except ValueError:
        raise UnusableWord("That is no day.", next_step="Write it as 2026-03-01.") from None


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
