"""Which runs wait for whom: what each of them needs next, since when, and who can do it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.holders import holding
from cbi.access.models import User
from cbi.access.permissions import SIGNS, Permission, Role
from cbi.money import Money
from cbi.payments.models import MAKER, PaymentRun, RunEvent, RunPart
from cbi.payments.runs import queries
from cbi.payments.runs.queries import RunLine, RunSheet, Step
from cbi.payments.signing import delegations, required
from cbi.payments.signing.approval_policy import Step as Signature
from cbi.payments.signing.delegations import Able
from cbi.payments.states import RunState

_MOST = 200
_RECENT = 10
_DECIDED = (RunState.RELEASING, RunState.RELEASED, RunState.CLOSED, RunState.CANCELLED)


class Act(StrEnum):
    """What a run needs next from a person."""

    LOCK = "lock"
    CERTIFY = "certify"
    AUTHORISE = "authorise"
    SIGN = "sign"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Need:
    """An act, the permission for it, and the part that whoever does it has in the run from then on.

    For a signature: how many there have yet to be, this one included, and who gives it.
    """

    act: Act
    permission: Permission
    part: str | None
    role: Role | None = None
    left: int = 0


_NEEDS = {
    RunState.DRAFT: Need(Act.LOCK, Permission.RUN_LOCK, MAKER),
    RunState.APPROVED: Need(Act.RELEASE, Permission.RUN_RELEASE, None),
}
_UNSIGNED = (RunState.LOCKED, RunState.CERTIFIED)
_WAITING = (*_NEEDS, *_UNSIGNED)
_ACTS = {Role.CERTIFIER.value: Act.CERTIFY, Role.AUTHORISER.value: Act.AUTHORISE}
"""What signing is called where the step has one of these names."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that needs something from a person. `who` are those who can do it; nobody, when all had another part."""

    line: RunLine
    need: Need
    last: Step
    who: tuple[str, ...]
    is_mine: bool
    had: str | None
    """The part that the asker has in it."""
    release_after: datetime | None


@dataclass(frozen=True, slots=True)
class Inbox:
    """What waits for the asker, what waits for others, and the latest runs that were decided."""

    mine: tuple[Waiting, ...]
    others: tuple[Waiting, ...]
    decided: tuple[tuple[RunLine, Step], ...]


def inbox(session: Session, actor: Actor) -> Inbox:
    """The runs of the asker's programmes."""
    actor_sees = queries.visible(actor)
    waiting = all_waiting(session, actor)
    decided = queries.runs(session, PaymentRun.state.in_(_DECIDED), *actor_sees, limit=_RECENT)
    last = _last_steps(session, [line.id for line in decided])
    return Inbox(
        tuple(each for each in waiting if each.is_mine),
        tuple(each for each in waiting if not each.is_mine),
        tuple((line, last[line.id]) for line in decided),
    )


def all_waiting(session: Session, actor: Actor) -> list[Waiting]:
    """The runs of the asker's programmes that need something from a person, oldest first."""
    lines = queries.runs(
        session, PaymentRun.state.in_(_WAITING), *queries.visible(actor), limit=_MOST
    )
    return _waiting(session, actor, lines)


def waits(session: Session, actor: Actor, sheet: RunSheet) -> Waiting | None:
    """What the run of a sheet waits for; None when it needs nothing from a person."""
    line, needed = sheet.line, sheet.required
    if line.state not in _WAITING:
        return None
    taken = {each.step for each in sheet.signatures if each.at}
    steps = tuple(step for step in needed.steps if step.name not in taken) if needed else ()
    amount = needed.counted.amount if needed and needed.counted else line.total
    parts = {(line.id, user_id): part for part, user_id in sheet.parts}
    need, counts = _need(line, {line.id: (steps, amount)})
    able = _able(session, need)
    return _told(actor, line, need, counts, able, parts, sheet.steps[-1], sheet.release_after)


def totals(lines: Iterable[RunLine]) -> dict[str, tuple[int, Money]]:
    """How many payments there are in each currency, and what they add up to."""
    found: dict[str, tuple[int, Money]] = {}
    for line in lines:
        currency = line.total.currency
        payments, total = found.get(currency, (0, Money.zero(currency)))
        found[currency] = (payments + line.payments, total + line.total)
    return found


def _waiting(session: Session, actor: Actor, lines: Sequence[RunLine]) -> list[Waiting]:
    """Oldest first."""
    ids = [line.id for line in lines]
    last = _last_steps(session, ids)
    parts = {
        (run_id, user_id): part
        for run_id, user_id, part in session.execute(
            select(RunPart.run_id, RunPart.user_id, RunPart.part).where(RunPart.run_id.in_(ids))
        )
    }
    known = {
        run_id: (revision, after)
        for run_id, revision, after in session.execute(
            select(PaymentRun.id, PaymentRun.revision, PaymentRun.release_after).where(
                PaymentRun.id.in_(ids)
            )
        )
    }
    unsigned = required.pending(
        session,
        {
            line.id: (known[line.id][0], line.total.currency)
            for line in lines
            if line.state in _UNSIGNED
        },
    )
    able_to: dict[Need | Role, list[Able]] = {}
    found = []
    for line in lines:
        need, counts = _need(line, unsigned)
        who = need.role or need
        if who not in able_to:
            able_to[who] = _able(session, need)
        found.append(
            _told(
                actor, line, need, counts, able_to[who], parts, last[line.id], known[line.id][1]
            )
        )  # fmt: skip
    return sorted(found, key=lambda each: each.last.at)


def _told(
    actor: Actor, line: RunLine, need: Need, counts: Money, able_to: Iterable[Able],
    parts: Mapping[tuple[UUID, UUID], str], last: Step, release_after: datetime | None,
) -> Waiting:  # fmt: skip
    able = {
        each.user_id: each.full_name for each in able_to if _can(each, line, need, counts, parts)
    }
    had = parts.get((line.id, actor.id)) if actor.id else None
    return Waiting(line, need, last, tuple(able.values()), actor.id in able, had, release_after)


def _need(
    line: RunLine, unsigned: Mapping[UUID, tuple[tuple[Signature, ...], Money]]
) -> tuple[Need, Money]:
    """What a run needs next, and the amount that counts for whoever stands in for another."""
    if line.state in _NEEDS:
        return _NEEDS[line.state], line.total
    steps, counts = unsigned[line.id]
    step = steps[0]
    act = _ACTS.get(step.name, Act.SIGN)
    if counts.currency == line.total.currency:
        counts = max(line.total, counts)
    return Need(act, SIGNS[step.role], step.name, step.role, len(steps)), counts


def _able(session: Session, need: Need) -> list[Able]:
    if need.role:
        return delegations.able(session, need.role)
    return [
        Able(each.user_id, each.full_name, each.programme)
        for each in holding(session, need.permission)
    ]


def _can(
    person: Able, line: RunLine, need: Need, counts: Money, parts: Mapping[tuple[UUID, UUID], str]
) -> bool:
    if person.programme not in {None, line.programme}:
        return False
    if person.limit and (person.limit.currency != counts.currency or counts > person.limit):
        return False
    people = [each for each in (person.user_id, person.for_id) if each]
    if need.part is None:  # a release, which is nobody's part, but not of those who made the run
        return all(parts.get((line.id, each)) != MAKER for each in people)
    return all(parts.get((line.id, each)) in {None, need.part} for each in people)


def _last_steps(session: Session, run_ids: Sequence[UUID]) -> dict[UUID, Step]:
    of_these: ColumnElement[bool] = RunEvent.run_id.in_(run_ids)
    latest = select(func.max(RunEvent.id)).where(of_these).group_by(RunEvent.run_id)
    rows = session.execute(
        select(RunEvent, User.full_name)
        .outerjoin(User, User.id == RunEvent.actor_id)
        .where(RunEvent.id.in_(latest))
    )
    return {
        event.run_id: Step(event.before, event.after, name, event.at, event.reason)
        for event, name in rows
    }
