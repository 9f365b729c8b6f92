"""Changes that two people make: one asks, another confirms or refuses within thirty days; what stops money needs one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons, refusing
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.keys import seal, unseal
from cbi.offices import office_of
from cbi.registry.households import own_facts
from cbi.registry.households.acting import carry_out
from cbi.registry.households.asked import (
    AT_ONCE,
    NOTHING_PERSONAL,
    Asked,
    Personal,
    UnusableChange,
    read_facts,
    read_personal,
)
from cbi.registry.households.going import Going
from cbi.registry.households.models import ChangeKind, Decision, HouseholdRequest
from cbi.registry.households.recording import LONGEST_EVIDENCE, UnknownHome
from cbi.registry.models import Household, Person

KEPT_FOR = timedelta(days=30)
SAW_ALL_OF_IT = frozenset({ChangeKind.SPLIT, ChangeKind.MERGED, ChangeKind.CORRECTED})
"""Kinds that rest on all that the asker saw: they are refused when anything of the household has changed since."""
_TOLD_TO = frozenset({ChangeKind.PHONE, ChangeKind.COLLECTOR})
_NEWCOMERS = frozenset({ChangeKind.BORN, ChangeKind.JOINED})
"""Kinds about people to whom no money goes by them."""


class UnknownRequest(NotFound):
    """There is no such request."""

    code = "household.unknown_request"


class WaitsAlready(Conflict):
    """The same is asked for already, and waits."""

    code = "household.waits_already"


class DecidedAlready(Conflict):
    """The request was decided, or nobody did in time."""

    code = "household.decided_already"


class OwnRequest(Forbidden):
    """Whoever asked for a change does not confirm it."""

    code = "household.own_request"


class TypedOtherwise(Invalid):
    """The second person read another telephone or document from the paper than the first, or none."""

    code = "household.typed_otherwise"


@dataclass(frozen=True, slots=True)
class Said:
    """What became of asking: the change, if it was made at once; the request's number, if it waits."""

    kind: ChangeKind
    change_id: UUID | None = None
    request: int | None = None
    lapses_at: datetime | None = None


def ask(session: Session, actor: Actor, asked: Asked) -> Said:
    """Change a household, or ask for it: what can only stop money is done at once, all else waits for a second person.

    What could not be done is refused now, not when it is confirmed. Of a change of telephone or collector whoever
    holds the telephone on record is told. Raises NotPermitted, UnusableChange, CannotChange, ChangedMeanwhile,
    UnknownHome, NotYet, WaitsAlready, UnusableReason.
    """
    actor.require(Permission.HOUSEHOLD_CHANGE)
    asked = read_facts(session, actor, asked)
    if asked.kind in AT_ONCE:
        return Said(asked.kind, change_id=carry_out(Going(session, actor, asked)))
    lapse_due(session)
    _rehearse(session, actor, asked)
    seen = session.scalar(select(Household.version).where(Household.id == asked.household))
    if seen is None:
        raise UnknownHome("There is no such household.")
    now = clock.now()
    personal = asked.personal
    row = session.execute(
        insert(HouseholdRequest)
        .values(
            kind=asked.kind, household_id=asked.household, person_id=asked.person,
            version=asked.version or seen, happened_on=asked.happened_on or clock.today(office_of(session).timezone),
            reason=reasons.plain(asked.reason),
            evidence=asked.evidence and reasons.plain(asked.evidence, longest=LONGEST_EVIDENCE),
            details=asked.details(),
            sealed=seal(_key(session, asked.person), personal.sealable(), _place(asked.household, asked.kind))
            if personal.named else None,
            asked_by=_somebody(actor), asked_at=now, lapses_at=now + KEPT_FOR,
        )
        .on_conflict_do_nothing()
        .returning(HouseholdRequest.id)
    ).one_or_none()  # fmt: skip
    if row is None:
        raise WaitsAlready(
            f"A change of the kind {asked.kind} of this person waits already.",
            next_step="Have it confirmed or refused first: cbi household waiting",
        )
    if asked.kind in _TOLD_TO:
        _tell(session, asked, row.id)
    record(
        session, actor, "household.change_asked", "household", asked.household, request=row.id, kind=asked.kind.value
    )  # fmt: skip
    return Said(asked.kind, request=row.id, lapses_at=now + KEPT_FOR)


def _rehearse(session: Session, actor: Actor, asked: Asked) -> None:
    """Do it, and take it back: whatever refuses it does so before anybody else is troubled."""
    if actor.may(Permission.HOUSEHOLD_CONFIRM):
        undo = session.begin_nested()
        try:
            carry_out(Going(session, actor, asked))
        finally:
            undo.rollback()
            session.expire_all()


def confirm(
    session: Session, actor: Actor, number: int, *, again: str = "", face_to_face: bool = False
) -> UUID:
    """Make a change that somebody else asked for; returns its id.

    `again`: the new telephone or document, as the actor reads it from the paper (`typed_again`). `face_to_face`: the actor
    had the person before them, so that a code may go to a new telephone at once. Raises NotPermitted, UnknownRequest,
    DecidedAlready, OwnRequest, TypedOtherwise, and what the change itself raises.
    """
    actor.require(Permission.HOUSEHOLD_CONFIRM)
    request = _waiting(session, actor, number)
    asked = _opened(session, request)
    _read_alike(session, request, asked.personal, again)
    change = carry_out(
        Going(session, actor, asked, request.asked_by, request.id, face_to_face=face_to_face)
    )
    _decide(session, actor, request, Decision.CONFIRMED, face_to_face=face_to_face)
    return change


def typed_again(request: HouseholdRequest) -> str | None:
    """What the second person types from the paper: `phone`, else `document`; None where money goes by neither."""
    if request.kind in _NEWCOMERS or request.sealed is None:
        return None
    facts = request.details.get("facts", ())
    return next((each for each in ("phone", "document") if each in facts), None)


def _read_alike(
    session: Session, request: HouseholdRequest, personal: Personal, again: str
) -> None:
    """Refuse where two people read two numbers. Nobody is shown the first one's: they would only nod."""
    which = typed_again(request)
    if which is None:
        return
    try:
        read = getattr(read_personal(session, {which: again}), which)
    except UnusableChange:
        read = None
    if read is None or read != getattr(personal, which):
        what = "telephone" if which == "phone" else "document"
        raise TypedOtherwise(
            f"This is not the {what} that your colleague wrote down." if again.strip()
            else f"Type the new {what} from the paper: it must be the one that your colleague wrote down.",
            next_step="Read it from the paper once more. If it is right, refuse the change and have it asked for anew.",
            field=which,
        )  # fmt: skip


def refuse(session: Session, actor: Actor, number: int, remark: str) -> None:
    """Refuse a change that somebody else asked for; what nobody decides lapses by itself.

    Raises NotPermitted, UnknownRequest, DecidedAlready, OwnRequest, UnusableReason.
    """
    actor.require(Permission.HOUSEHOLD_CONFIRM)
    request = _waiting(session, actor, number)
    said = reasons.plain(remark)
    _decide(session, actor, request, Decision.REFUSED, remark=said)
    refusing.note(
        session, actor, ("household", number), said, by=request.asked_by, at=request.asked_at, said=request.reason
    )  # fmt: skip


def lapse_due(session: Session) -> int:
    """End the requests that nobody decided in time, and erase what they said of people; returns how many."""
    ended = session.scalars(
        update(HouseholdRequest)
        .where(HouseholdRequest.decision.is_(None), HouseholdRequest.lapses_at <= clock.now())
        .values(decision=Decision.LAPSED, decided_at=clock.now(), sealed=None)
        .returning(HouseholdRequest.id)
        .execution_options(synchronize_session=False)
    )
    return len(ended.all())


def _waiting(session: Session, actor: Actor, number: int) -> HouseholdRequest:
    """The request, locked, for somebody who may decide it."""
    found = session.scalar(
        select(HouseholdRequest)
        .where(HouseholdRequest.id == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise UnknownRequest(
            "There is no such request.", next_step="See those that wait: cbi household waiting"
        )
    if found.decision is not None:
        raise DecidedAlready(f"This was {found.decision} before.")
    if found.lapses_at <= clock.now():
        raise DecidedAlready(
            f"Nobody decided this until {found.lapses_at:%Y-%m-%d}, so it counts no more.",
            next_step="Ask for it anew, if it is still right.",
        )
    if found.asked_by == _somebody(actor):
        raise OwnRequest(
            "You asked for this yourself, so somebody else has to look at it.",
            next_step="Ask a colleague who may confirm changes of households.",
        )
    return found


def _decide(
    session: Session, actor: Actor, request: HouseholdRequest, decision: Decision, *,
    remark: str | None = None, face_to_face: bool | None = None,
) -> None:  # fmt: skip
    session.execute(
        update(HouseholdRequest)
        .where(HouseholdRequest.id == request.id, HouseholdRequest.decision.is_(None))
        .values(
            decision=decision, decided_by=actor.id, decided_at=clock.now(), remark=remark, sealed=None,
            face_to_face=face_to_face,
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    record(
        session, actor, f"household.change_{decision}", "household", request.household_id, request=request.id,
        kind=request.kind.value, **({"face_to_face": True} if face_to_face else {}),
    )  # fmt: skip


def _opened(session: Session, request: HouseholdRequest) -> Asked:
    """What was asked for, as it was."""
    personal = NOTHING_PERSONAL
    if request.sealed is not None:
        key = _key(session, request.person_id)
        place = _place(request.household_id, request.kind)
        personal = Personal.of(unseal(key, request.sealed, place).decode())
    return Asked.from_details(
        request.kind, request.household_id, request.reason, request.details, happened_on=request.happened_on,
        evidence=request.evidence, version=request.version if request.kind in SAW_ALL_OF_IT else None,
        personal=personal,
    )  # fmt: skip


def _key(session: Session, person_id: UUID | None) -> bytes:
    """The key of whom it is about; of somebody who is not on record yet, the office's."""
    if person_id is not None:
        return own_facts.key_of(session, person_id)
    return office_of(session).keys.derive("registry/household requests")


def _place(household_id: UUID, kind: ChangeKind) -> str:
    return f"household request/{household_id}/{kind}"


def _tell(session: Session, asked: Asked, number: int) -> None:
    """Tell whom money goes to now. Of a new telephone that is the person, of a new collector the one there was."""
    person = asked.person
    if asked.kind is ChangeKind.COLLECTOR:
        person = session.scalar(
            select(Person.id).where(Person.household_id == asked.household, Person.is_recipient)
        )
    if person is not None:
        own_facts.warn(session, person, asked.household, number)


def _somebody(actor: Actor) -> UUID:
    if actor.id is None:
        raise OwnRequest(
            "Two people stand behind a change of a household, and you are nobody by name.",
            next_step="Sign in.",
        )
    return actor.id
