"""When households take part in a programme: first day, last day, suspension and resumption, each with a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Uuid, any_, bindparam, func, insert, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict
from cbi.programmes import confirming, following, queries, resuming
from cbi.programmes.household_models import Enrolment, Suspension
from cbi.programmes.models import Programme
from cbi.registry.households.recording import keep_still
from cbi.registry.linkage.staff import is_own
from cbi.registry.models import Household
from cbi.registry.naming import by_number

_SHOWN = 20


class Act(StrEnum):
    """What can be said of a household in a programme. The words stand in the API and in the audit log."""

    START = "start"
    END = "end"
    SUSPEND = "suspend"
    RESUME = "resume"


class CannotChange(Conflict):
    """Of some households this cannot be said, so nothing was written down. `problems` names each with its place."""

    code = "programmes.cannot_change_enrolment"

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        lines = [f"{place}: {why}" for place, why in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            lines.append(f"… and {len(problems) - _SHOWN} more.")
        super().__init__(
            "\n".join(lines),
            next_step="Nothing was changed. Correct these, and give the whole list again.",
            problems=[{"place": place, "why": why} for place, why in problems],
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One household, the day it concerns and why. `place` says where it stands in the user's words."""

    place: str
    number: str
    on: date
    reason: str


@dataclass(frozen=True, slots=True)
class Present:
    """What is on record of one household: its days, and its last suspension."""

    starts_on: date | None = None
    ends_on: date | None = None
    waits: bool = False
    """Whether these days wait for a second person."""
    suspension: UUID | None = None
    """The one that nobody has ended."""
    suspended_on: date | None = None
    followed: bool = False
    """Whether it followed somebody from another household, whose suspension it is as well."""
    resumed_on: date | None = None
    """When the last suspension ended that is over."""

    def makes_room_for(self, on: date) -> bool:
        """Whether the open suspension gives way to one from that day on, because it would begin later by itself."""
        return not self.followed and self.suspended_on is not None and on < self.suspended_on


@dataclass(frozen=True, slots=True)
class Written:
    """Of how many households something was written down, and of how many of them a second person confirms it.

    `suspended`: how many of those that were resumed stay suspended, because people of another suspended one joined them.
    """

    households: int
    waiting: int
    suspended: int = 0


def change(
    session: Session,
    actor: Actor,
    programme: str,
    act: Act,
    lines: Sequence[Line],
    *,
    was_wrong: bool = False,
) -> Written:
    """Write down one thing about each of these households: all of them or none.

    `start`: the first day it takes part; `end`: the last. `suspend`: from that day on it gets nothing; `resume`: from
    that day on it takes part again. Earlier cycles are made up for once a second person has confirmed the days
    (`confirming`), or the resumption (`resuming`). A suspension from an earlier day takes the place of one that would begin
    later. `was_wrong` says of a resumption that there was no ground for the
    suspension: what was missed is owed. Raises UnknownProgramme, CannotChange, UnusableReason.
    """
    actor.require(Permission.ENROLMENT_CHANGE, programme)
    found = queries.find(session, programme)
    # A cycle that is being opened is not changed under its hands, and two changes of a household follow each other.
    session.refresh(found, with_for_update={"key_share": True})
    keep_still(session)  # nobody parts from who is being suspended
    following.catch_up(session)
    known = by_number(session, [line.number for line in lines])
    homes = [h.id for h in known.values() if isinstance(h, Household)]
    present, own = on_record(session, found.id, homes), _own(session, actor, homes)
    problems: list[tuple[str, str]] = []
    seen: set[UUID] = set()
    taken: list[tuple[Line, UUID, Present]] = []
    for line in lines:
        household = known[line.number]
        if isinstance(household, str):
            problems.append((line.place, household))
            continue
        now = present.get(household.id, Present())
        why = "It stands in the list twice." if household.id in seen else _refusal(act, line, now)
        if household.id in own:
            why = "This record may be your own: somebody else must say this of it."
        seen.add(household.id)
        if why:
            problems.append((line.place, why))
        else:
            taken.append((line, household.id, now))
    if problems:
        raise CannotChange(problems)
    held = _write(session, actor, found, act, taken, was_wrong=was_wrong) if taken else 0
    waiting = (
        held if held and session.scalar(select(confirming.makes_up_for(literal(found.id)))) else 0
    )
    homes = [household for _, household, _ in taken] if act is Act.RESUME else []
    return Written(len(taken), waiting, _suspended(session, found.id, homes))


def _refusal(act: Act, line: Line, now: Present) -> str | None:
    """Why this cannot be said of the household, in a sentence."""
    match act:
        case Act.START if now.ends_on is not None and now.ends_on < line.on:
            return f"Its last day is {now.ends_on}, before that. Move the last day first."
        case Act.END if now.starts_on is not None and line.on < now.starts_on:
            return f"Its first day is {now.starts_on}, after that."
        case Act.SUSPEND if now.suspension is not None and not now.makes_room_for(line.on):
            return f"It is suspended already, since {now.suspended_on}."
        case Act.SUSPEND if now.resumed_on is not None and line.on < now.resumed_on:
            return f"It was suspended before and resumed on {now.resumed_on}: begin on that day or later."
        case Act.RESUME if now.suspension is None:
            return "It is not suspended."
        case Act.RESUME if now.suspended_on is not None and line.on < now.suspended_on:
            return f"It is suspended since {now.suspended_on}, after that."
    return None


def _own(session: Session, actor: Actor, households: Sequence[UUID]) -> set[UUID]:
    """Those of these households that may be that of whoever acts."""
    these = Household.id == any_(bindparam(None, list(households), ARRAY(Uuid)))
    mine = bindparam(None, actor.id, Uuid)
    found = select(Household.id).where(these, is_own(actor.kind, mine, Household.id))
    return set(session.scalars(found)) if actor.id is not None else set()


def on_record(
    session: Session, programme_id: UUID, households: Sequence[UUID]
) -> Mapping[UUID, Present]:
    """What is on record of these households in a programme, in two queries; those without a word are left out."""
    wanted = any_(bindparam(None, list(households), ARRAY(Uuid)))
    days = session.scalars(
        select(Enrolment)
        .ext(distinct_on(Enrolment.household_id))
        .where(
            Enrolment.programme_id == programme_id,
            Enrolment.household_id == wanted,
            Enrolment.refusal_id.is_(None),
        )
        .order_by(Enrolment.household_id, Enrolment.id.desc())
    ).all()
    last = session.scalars(
        select(Suspension)
        .ext(distinct_on(Suspension.household_id))
        .where(Suspension.programme_id == programme_id, Suspension.household_id == wanted)
        .order_by(
            Suspension.household_id,
            Suspension.resumes_on.desc().nulls_first(),
            Suspension.begins_on.desc(),
        )
        .execution_options(populate_existing=True)
    ).all()
    over = dict(
        session.execute(
            select(Suspension.household_id, func.max(Suspension.resumes_on))
            .where(
                Suspension.programme_id == programme_id, Suspension.household_id == wanted,
                Suspension.resumes_on > Suspension.begins_on,
            )
            .group_by(Suspension.household_id)
        ).all()
    )  # fmt: skip
    known: dict[UUID, dict[str, Any]] = {}
    for each in days:
        known[each.household_id] = {
            "starts_on": each.starts_on, "ends_on": each.ends_on, "waits": confirming.waits(each),
        }  # fmt: skip
    for suspension in last:
        known.setdefault(suspension.household_id, {}).update(
            suspension=suspension.id if suspension.resumes_on is None else None,
            suspended_on=suspension.begins_on,
            followed=suspension.carried_from is not None,
            resumed_on=over.get(suspension.household_id),
        )
    return {household: Present(**told) for household, told in known.items()}


def _write(
    session: Session,
    actor: Actor,
    programme: Programme,
    act: Act,
    taken: Sequence[tuple[Line, UUID, Present]],
    *,
    was_wrong: bool,
) -> int:
    """Returns of how many it reaches back into cycles that are open."""
    now = confirming.moment(session, programme)
    opened = confirming.opened_until(session, programme)
    held = {
        household for line, household, present in taken
        if (present.waits and act is not Act.RESUME) or _reaches_back(act, line.on, present, opened, was_wrong=was_wrong)
    }  # fmt: skip
    whose = [
        {
            "programme_id": programme.id,
            "household_id": household,
            "reason": reasons.plain(line.reason),
        }
        for line, household, _ in taken
    ]
    if act is Act.SUSPEND:
        resuming.replace(
            session, actor,
            [
                resuming.End(present.suspension, present.suspended_on, reasons.plain(line.reason), reaches_back=False)
                for line, _, present in taken
                if present.suspension and present.suspended_on
            ],
            now,
        )  # fmt: skip
        by = {"suspended_by": actor.id, "suspended_at": now}
        session.execute(
            insert(Suspension),
            [
                {"id": uuid4(), "begins_on": line.on, **each, **by}
                for each, (line, _, _) in zip(whose, taken, strict=True)
            ],
        )
    elif act is Act.RESUME:
        ends = [
            resuming.End(present.suspension, line.on, reasons.plain(line.reason), household in held)
            for line, household, present in taken
            if present.suspension
        ]
        resuming.end(session, actor, ends, now, was_wrong=was_wrong)
    else:
        session.execute(
            insert(Enrolment),
            [
                {
                    **each,
                    "needs_second": each["household_id"] in held,
                    "starts_on": line.on if act is Act.START else present.starts_on,
                    "ends_on": line.on if act is Act.END else present.ends_on,
                    "noted_by": actor.id,
                    "noted_at": now,
                }
                for each, (line, _, present) in zip(whose, taken, strict=True)
            ],
        )
    for line, household, present in taken:
        instead = present.suspended_on if act is Act.SUSPEND and present.suspension else None
        record(
            session, actor, f"enrolment.{act}", "household", household, programme=programme.code,
            on=line.on.isoformat(), **({"was_wrong": was_wrong} if act is Act.RESUME else {}),
            **({"held": True} if household in held else {}), **({"instead_of": str(instead)} if instead else {}),
        )  # fmt: skip
    return len(held)


def _suspended(session: Session, programme_id: UUID, households: Sequence[UUID]) -> int:
    """How many of these households are suspended now."""
    held = select(func.count()).where(
        Suspension.programme_id == programme_id, Suspension.resumes_on.is_(None),
        Suspension.household_id == any_(bindparam(None, list(households), ARRAY(Uuid))),
    )  # fmt: skip
    return session.scalar(held) or 0 if households else 0


def _reaches_back(
    act: Act, on: date, present: Present, opened: date | None, *, was_wrong: bool
) -> bool:
    """Whether a household would take part in a cycle that is open already, which could be made up for."""
    match act:
        case _ if opened is None:
            return False
        case Act.START:
            return on <= opened
        case Act.END:
            return present.ends_on is not None and present.ends_on < min(on, opened)
        case Act.RESUME:
            since = present.suspended_on if was_wrong else on
            return since is not None and since <= opened
    return False
