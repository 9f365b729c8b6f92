"""The register of waivers: how each stands now, and the lines about those in use that stand on every report."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, aliased

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.offices import office_of
from cbi.payments.models import PaymentRun
from cbi.payments.signing import waiver_seals, waivers
from cbi.payments.signing.controls import CONTROLS, MEASURES
from cbi.payments.signing.waiver_models import ControlCheck, Waiver, WaiverDecision
from cbi.payments.states import RunState
from cbi.programmes.models import Programme


class State(StrEnum):
    """How a waiver stands."""

    ASKED = "asked"
    COMING = "coming"
    OPEN = "open"
    EXPIRED = "expired"
    REFUSED = "refused"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Line:
    """One waiver with everybody's name, in plain values. `concerns` are the keyed hashes of households.

    `granted_by` is who granted or refused it; `why`: why it was refused or revoked.
    """

    id: UUID
    number: int
    control: str
    state: State
    programme: str
    run: int | None
    period: str | None
    concerns: tuple[str, ...]
    at_most: int | None
    reason: str
    evidence: str
    risk_owner: str
    first_day: date
    last_day: date
    asked_by: str
    asked_by_id: UUID
    asked_at: datetime
    granted_by: str | None
    granted_by_id: UUID | None
    answered_at: datetime | None
    revoked_by: str | None
    ended_at: datetime | None
    why: str | None

    @property
    def scope(self) -> str:
        """What it is for, in English."""
        scope = f"{self.programme} {self.period}" if self.period else self.programme
        scope += f", run {self.run}" if self.run else ""
        return scope + (f", {len(self.concerns)} households" if self.concerns else "")

    @property
    def sentence(self) -> str:
        """What stands on every report while it is open, and with whatever it let pass, in English."""
        control = CONTROLS[self.control]
        limit = (
            "" if self.at_most is None else f", up to {self.at_most} {MEASURES[control.measure]}"
        )
        return (
            f"Waiver {self.number} ({self.state}, until {self.last_day}): {control.sentence}{limit} ({self.scope})."
            f" Risk owner: {self.risk_owner}."
        )


_GRANTED, _REFUSED, _REVOKED = (aliased(WaiverDecision) for _ in range(3))


def listed(session: Session, actor: Actor) -> list[Line]:
    """Every waiver of the actor's programmes, the latest first. Raises NotPermitted."""
    programmes = actor.programmes(Permission.POLICY_READ)
    if programmes is None:
        return every(session)
    if not programmes:
        actor.require(Permission.POLICY_READ)
    return [line for _, line in _found(session, Programme.code.in_(programmes))]


def every(session: Session) -> list[Line]:
    """Every waiver, the latest first: for whoever runs the server."""
    return [line for _, line in _found(session)]


def one(session: Session, waiver_id: UUID) -> Line:
    """One waiver as it stands now."""
    ((_, line),) = _found(session, Waiver.id == waiver_id)
    return line


def in_use(session: Session, run: PaymentRun | None = None) -> list[Line]:
    """The waivers that are open now; of one run: those whose scope it is in."""
    return [line for _, line in _open(session, *(_serving(run) if run else ()))]


def in_use_for(session: Session, actor: Actor, permission: Permission) -> list[Line]:
    """The open waivers of the programmes for which the actor holds a permission, latest first."""
    codes = actor.programmes(permission)
    return [each for each in in_use(session) if codes is None or each.programme in codes]


def used(session: Session, run: PaymentRun) -> list[Line]:
    """The waivers that let something of the run's present revision pass, at a signature or at its release."""
    rows = session.scalars(
        select(ControlCheck.facts["found"]).where(
            ControlCheck.run_id == run.id, ControlCheck.revision == run.revision
        )
    )
    ids = {UUID(each) for found in rows for _, _, *waived in found.values() for each in waived}
    return [line for _, line in _found(session, Waiver.id.in_(ids))] if ids else []


def of_run(session: Session, run: PaymentRun) -> tuple[Line, ...]:
    """The waivers that were used for a run, and, until it is released, those that could be; by number."""
    lines = used(session, run)
    if run.state in _UNRELEASED:
        lines += [each for each in in_use(session, run) if each not in lines]
    return tuple(sorted(lines, key=lambda each: each.number))


_UNRELEASED = (RunState.DRAFT, RunState.LOCKED, RunState.CERTIFIED, RunState.APPROVED)


def _serving(run: PaymentRun) -> tuple[ColumnElement[bool], ...]:
    """What narrows waivers to those whose scope a run is in."""
    return (
        Waiver.programme_id == run.programme_id,
        or_(Waiver.run_id.is_(None), Waiver.run_id == run.id),
        or_(Waiver.period.is_(None), Waiver.period == run.period),
    )


def for_run(session: Session, run: PaymentRun) -> list[Line]:
    """The open waivers that may let something of this run pass: none that its makers had a part in.

    They stay so until the transaction ends. Raises WaiverAltered.
    """
    waivers.hold(session)
    found = _open(session, *_serving(run))
    if not found:
        return []
    makers = waivers.makers_of(session, run.id)
    decisions = session.scalars(
        select(WaiverDecision).where(WaiverDecision.waiver_id.in_([row.id for row, _ in found]))
    ).all()
    usable = []
    for row, line in found:
        about = [each for each in decisions if each.waiver_id == row.id]
        if not waiver_seals.is_sealed(session, row, *about):
            raise waiver_seals.altered(row)
        if not makers & {row.asked_by, *(each.by_id for each in about)}:
            usable.append(line)
    return usable


def cover(
    session: Session, actor: Actor | None = None, programme: str | None = None
) -> tuple[str, ...]:
    """One sentence for each waiver that is open now, in English: what stands in front of every report and export.

    For an `actor` who works for some programmes only, those of these programmes; of a report about one programme, its own.
    """
    return tuple(
        line.sentence for line in in_front_of(session, actor) if programme in {None, line.programme}
    )


def in_front_of(session: Session, actor: Actor | None) -> list[Line]:
    """The open waivers that stand on the reports which an actor reads, by number; of whoever runs the server: all."""
    codes = None if actor is None else _works_for(actor)
    return [line for line in reversed(in_use(session)) if codes is None or line.programme in codes]


def numbers_open(session: Session, actor: Actor) -> list[int]:
    """The numbers of the open waivers of the programmes that an actor works for: at every answer, hence one light read."""
    codes, today = _works_for(actor), clock.today(office_of(session).timezone)
    about = select(WaiverDecision.waiver_id)
    return list(
        session.scalars(
            select(Waiver.number)
            .join(Programme, Programme.id == Waiver.programme_id)
            .where(
                Waiver.first_day <= today, Waiver.last_day >= today,
                Waiver.id.in_(about.where(WaiverDecision.what == waivers.GRANTED)),
                Waiver.id.not_in(about.where(WaiverDecision.what == waivers.REVOKED)),
                *(() if codes is None else (Programme.code.in_(codes),)),
            )
            .order_by(Waiver.number)
        )
    )  # fmt: skip


def _works_for(actor: Actor) -> set[str] | None:
    """The programmes that somebody works for; None: for the whole office."""
    codes = {programme for _, programme in actor.grants}
    return None if None in codes else {code for code in codes if code}


def held(session: Session, first: date, last: date) -> tuple[str, ...]:
    """One sentence, in English, for each waiver that held on some of these days: what the closing of a month keeps."""
    lines = _found(
        session, _GRANTED.waiver_id.is_not(None), Waiver.first_day <= last, Waiver.last_day >= first
    )  # fmt: skip
    zone = office_of(session).timezone
    begun = (
        line
        for row, line in reversed(lines)
        if line.ended_at is None
        or line.ended_at.astimezone(zone).date() >= max(first, row.first_day)
    )
    return tuple(line.sentence for line in begun)


def _open(session: Session, *where: ColumnElement[bool]) -> list[tuple[Waiver, Line]]:
    today = clock.today(office_of(session).timezone)
    return _found(
        session, _GRANTED.waiver_id.is_not(None), _REVOKED.waiver_id.is_(None),
        Waiver.first_day <= today, Waiver.last_day >= today, *where,
    )  # fmt: skip


def _found(session: Session, *where: ColumnElement[bool]) -> list[tuple[Waiver, Line]]:
    owner, asker, giver, revoker = (aliased(User) for _ in range(4))
    answer = aliased(User)
    today = clock.today(office_of(session).timezone)

    def decided(decision: type[WaiverDecision], what: str) -> ColumnElement[bool]:
        return and_(decision.waiver_id == Waiver.id, decision.what == what)

    rows = session.execute(
        select(
            Waiver, _GRANTED, _REFUSED, _REVOKED, Programme.code, PaymentRun.number,
            owner.full_name, asker.full_name, giver.full_name, answer.full_name, revoker.full_name,
        )
        .join(Programme, Programme.id == Waiver.programme_id)
        .join(owner, owner.id == Waiver.risk_owner_id)
        .join(asker, asker.id == Waiver.asked_by)
        .outerjoin(PaymentRun, PaymentRun.id == Waiver.run_id)
        .outerjoin(_GRANTED, decided(_GRANTED, waivers.GRANTED))
        .outerjoin(_REFUSED, decided(_REFUSED, waivers.REFUSED))
        .outerjoin(_REVOKED, decided(_REVOKED, waivers.REVOKED))
        .outerjoin(giver, giver.id == _GRANTED.by_id)
        .outerjoin(answer, answer.id == _REFUSED.by_id)
        .outerjoin(revoker, revoker.id == _REVOKED.by_id)
        .where(*where)
        .order_by(Waiver.number.desc())
    )  # fmt: skip
    found = []
    for given, granted, refused, revoked, code, run, risk, asked, gave, refuser, ended in rows:
        answered: WaiverDecision | None = granted or refused
        last: WaiverDecision | None = revoked or refused
        line = Line(
            id=given.id, number=given.number, control=given.control,
            state=_state(given, granted, refused, revoked, today), programme=code, run=run, period=given.period,
            concerns=tuple(each.hex() for each in given.concerns), at_most=given.at_most, reason=given.reason,
            evidence=given.evidence, risk_owner=risk, first_day=given.first_day, last_day=given.last_day,
            asked_by=asked, asked_by_id=given.asked_by, asked_at=given.asked_at, granted_by=gave or refuser,
            granted_by_id=answered.by_id if answered else None,
            answered_at=answered.at if answered else None, revoked_by=ended,
            ended_at=revoked.at if revoked else None, why=last.reason if last else None,
        )  # fmt: skip
        found.append((given, line))
    return found


def _state(
    given: Waiver,
    granted: WaiverDecision | None,
    refused: WaiverDecision | None,
    revoked: WaiverDecision | None,
    today: date,
) -> State:
    if revoked or refused:
        return State.REVOKED if revoked else State.REFUSED
    if given.last_day < today:
        return State.EXPIRED
    if granted is None:
        return State.ASKED
    return State.OPEN if given.first_day <= today else State.COMING
