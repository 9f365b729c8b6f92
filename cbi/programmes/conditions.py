"""What a household has shown to get the next part of its grant: noted by one person, confirmed by another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons, refusing
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, NotFound
from cbi.programmes import queries
from cbi.programmes.household_models import ConditionMet
from cbi.programmes.models import Programme
from cbi.registry.linkage.staff import refuse_own
from cbi.registry.models import Household
from cbi.registry.naming import named

CONFIRMED, REFUSED = "confirmed", "refused"


class UnknownCondition(NotFound):
    """The grant asks for no such condition."""

    code = "programmes.unknown_condition"


class NotNoted(Conflict):
    """Nothing waits for a decision there."""

    code = "programmes.condition_not_noted"


class OwnNote(Forbidden):
    """Whoever noted that a condition was met does not confirm it."""

    code = "programmes.own_note"


@dataclass(frozen=True, slots=True)
class Noted:
    """One condition of one household, as far as it has come."""

    id: UUID
    household: str
    """Its registration number."""
    condition: str
    evidence: str
    noted_at: datetime
    decision: str | None
    remark: str | None


def note(
    session: Session, actor: Actor, programme: str, household: str, condition: str, evidence: str
) -> Noted:
    """Note that a household (its registration number) has met a condition; `evidence` says where the proof is.

    Noting what is noted already changes nothing. Raises UnknownProgramme, UnknownCondition, UnknownHousehold, OwnNote,
    OwnRecord, UnusableReason.
    """
    actor.require(Permission.CONDITION_NOTE, programme)
    found = queries.find(session, programme)
    _check_condition(session, found, condition)
    whose = named(session, household)
    refuse_own(session, actor, whose.id)
    made = session.scalar(
        insert(ConditionMet)
        .values(
            id=uuid4(), programme_id=found.id, household_id=whose.id, condition=condition,
            evidence=reasons.plain(evidence), noted_by=_somebody(actor), noted_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(ConditionMet.id)
    )  # fmt: skip
    if made is not None:
        record(
            session, actor, "condition.noted", "household", whose.id, programme=programme, condition=condition
        )  # fmt: skip
    stands = listed(session, found, household_id=whose.id, condition=condition)
    return next(each for each in stands if each.decision != REFUSED)


def confirm(
    session: Session, actor: Actor, programme: str, household: str, condition: str
) -> Noted:
    """Confirm a colleague's note: the next cycle gives what the condition stood before.

    Raises UnknownProgramme, UnknownHousehold, NotNoted, OwnNote, OwnRecord.
    """
    return _decide(session, actor, programme, household, condition, CONFIRMED, None)


def refuse(
    session: Session, actor: Actor, programme: str, household: str, condition: str, remark: str
) -> Noted:
    """Refuse a colleague's note with a remark; it can be noted anew. Raises as `confirm`, and UnusableReason."""
    return _decide(session, actor, programme, household, condition, REFUSED, reasons.plain(remark))


def _decide(
    session: Session, actor: Actor, programme: str, household: str, condition: str, decision: str,
    remark: str | None,
) -> Noted:  # fmt: skip
    actor.require(Permission.CONDITION_CONFIRM, programme)
    found = queries.find(session, programme)
    # What a cycle that is being opened has read stays as it is until it is open.
    session.refresh(found, with_for_update={"key_share": True})
    whose = named(session, household)
    refuse_own(session, actor, whose.id)
    this = (
        ConditionMet.programme_id == found.id,
        ConditionMet.household_id == whose.id,
        ConditionMet.condition == condition,
        ConditionMet.decision.is_(None),
    )
    by, at, evidence = session.execute(
        select(ConditionMet.noted_by, ConditionMet.noted_at, ConditionMet.evidence).where(*this)
    ).one_or_none() or (None, None, None)
    if by is None or at is None:
        raise NotNoted(
            f"Nothing about {condition[:40]!r} of this household waits for a decision.",
            next_step="It is noted first, with its evidence: cbi condition note",
        )
    if by == _somebody(actor):
        raise OwnNote(
            "You noted this, so somebody else has to look at it.",
            next_step="Ask a colleague who may confirm conditions.",
        )
    decided = session.scalar(
        update(ConditionMet)
        .where(*this)
        .values(decision=decision, decided_by=actor.id, decided_at=clock.now(), remark=remark)
        .returning(ConditionMet.id)
    )
    if decided is None:
        raise NotNoted("Somebody else decided it at the same moment.")
    if remark is not None:
        refusing.note(session, actor, ("condition", decided), remark, by=by, at=at, said=evidence)
    record(
        session, actor, f"condition.{decision}", "household", whose.id, programme=programme, condition=condition
    )  # fmt: skip
    return next(
        each for each in listed(session, found, household_id=whose.id) if each.id == decided
    )


def listed(
    session: Session,
    programme: Programme,
    *,
    household_id: UUID | None = None,
    condition: str | None = None,
    waiting: bool = False,
) -> Sequence[Noted]:
    """What was noted in a programme, in its order; `waiting`: only what nobody has decided yet."""
    wanted = (
        select(ConditionMet, Household.source_id)
        .join(Household, Household.id == ConditionMet.household_id)
        .where(ConditionMet.programme_id == programme.id)
        .order_by(ConditionMet.noted_at, ConditionMet.id)
        .execution_options(populate_existing=True)
    )
    if household_id is not None:
        wanted = wanted.where(ConditionMet.household_id == household_id)
    if condition is not None:
        wanted = wanted.where(ConditionMet.condition == condition)
    if waiting:
        wanted = wanted.where(ConditionMet.decision.is_(None))
    return [
        Noted(
            id=each.id, household=number, condition=each.condition, evidence=each.evidence,
            noted_at=each.noted_at, decision=each.decision, remark=each.remark,
        )
        for each, number in session.execute(wanted)
    ]  # fmt: skip


def _check_condition(session: Session, programme: Programme, condition: str) -> None:
    grant = queries.definition(session, programme).grant
    known = sorted(grant.conditions) if grant else []
    if condition not in known:
        raise UnknownCondition(
            f"The programme {programme.code} does not ask for {condition[:40]!r}.",
            next_step=f"It asks for: {', '.join(known)}." if known else "It asks for nothing.",
        )


def _somebody(actor: Actor) -> UUID:
    """Who it is: two people stand behind a condition, so each is somebody. Raises OwnNote."""
    if actor.id is None:
        raise OwnNote(
            "Only a member of staff or a program with a name of its own notes conditions.",
            next_step="Sign in.",
        )
    return actor.id
