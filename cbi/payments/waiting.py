"""Which runs wait for whom: what each of them needs next, since when, and who can do it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.holders import Holder, holding
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.money import Money
from cbi.payments import queries
from cbi.payments.models import Part, PaymentRun, RunEvent, RunPart
from cbi.payments.queries import RunLine, Step
from cbi.payments.states import RunState

_MOST = 200
_RECENT = 10
_DECIDED = (RunState.RELEASING, RunState.RELEASED, RunState.CLOSED, RunState.CANCELLED)


class Act(StrEnum):
    """What a run needs next from a person."""

    LOCK = "lock"
    CERTIFY = "certify"
    AUTHORISE = "authorise"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Need:
    """An act, the permission for it, and the part that whoever does it has in the run from then on."""

    act: Act
    permission: Permission
    part: Part | None


NEEDS = {
    RunState.DRAFT: Need(Act.LOCK, Permission.RUN_LOCK, Part.MAKER),
    RunState.LOCKED: Need(Act.CERTIFY, Permission.RUN_CERTIFY, Part.CERTIFIER),
    RunState.CERTIFIED: Need(Act.AUTHORISE, Permission.RUN_AUTHORISE, Part.AUTHORISER),
    RunState.APPROVED: Need(Act.RELEASE, Permission.RUN_RELEASE, None),
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that needs something from a person. `who` are those who can do it; nobody, when all had another part."""

    line: RunLine
    need: Need
    last: Step
    who: tuple[str, ...]
    is_mine: bool
    had: Part | None
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
    lines = queries.runs(session, PaymentRun.state.in_(NEEDS), *queries.visible(actor), limit=_MOST)
    return _waiting(session, actor, lines)


def waits(session: Session, actor: Actor, run_id: UUID) -> Waiting | None:
    """What one run waits for; None when it needs nothing from a person."""
    lines = queries.runs(session, PaymentRun.id == run_id, PaymentRun.state.in_(NEEDS))
    return next(iter(_waiting(session, actor, lines)), None)


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
    after = dict(
        session.execute(
            select(PaymentRun.id, PaymentRun.release_after).where(PaymentRun.id.in_(ids))
        ).all()
    )
    states = {line.state for line in lines}
    able_to = {state: holding(session, NEEDS[state].permission) for state in states}
    found = []
    for line in lines:
        need = NEEDS[line.state]
        able = {
            each.user_id: each.full_name
            for each in able_to[line.state]
            if _can(each, line, need, parts.get((line.id, each.user_id)))
        }
        had = parts.get((line.id, actor.id)) if actor.id else None
        found.append(
            Waiting(
                line, need, last[line.id], tuple(able.values()), actor.id in able, had, after[line.id]
            )
        )  # fmt: skip
    return sorted(found, key=lambda each: each.last.at)


def _can(person: Holder, line: RunLine, need: Need, had: Part | None) -> bool:
    covers = person.programme in {None, line.programme}
    return covers and (need.part is None or had in {None, need.part})


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
