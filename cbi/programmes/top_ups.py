"""Topping up a cycle: households that were owed too little are owed more, once two people have decided so.

What the cycle decided stands as it is. A top-up is owed beside it, under a component of its own, and is paid by a run of
its own.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock, db
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons, refusing
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, NotFound
from cbi.programmes import cycles, queries
from cbi.programmes.definition import Definition
from cbi.programmes.models import Cycle, Entitlement, Programme
from cbi.programmes.top_up_lists import Line, UnusableTopUp
from cbi.programmes.top_up_models import TopUp, TopUpRow
from cbi.programmes.top_up_owing import (
    check_ceilings,
    check_consent,
    check_current,
    entitling,
    rows_digest,
)
from cbi.registry.linkage import staff
from cbi.registry.naming import by_number
from cbi.registry.text import clean, plain_digits

ACCEPTED, REFUSED = "accepted", "refused"
LIST, RULES = "list", "rules"
"""What a top-up rests on: amounts of named households, or what the cycle's rules make of today's facts."""


class UnknownTopUp(NotFound):
    """No such top-up."""

    code = "top_up.unknown"


class PaidByWork(Conflict):
    """What is owed for work comes from signed sheets alone."""

    code = "top_up.paid_by_work"


class ProposedBefore(Conflict):
    """The same list, or another one that rests on the same decision, was proposed for this cycle."""

    code = "top_up.proposed_before"


class AlreadyDecided(Conflict):
    """The top-up was accepted or refused."""

    code = "top_up.already_decided"


class OthersTopUp(Forbidden):
    """Somebody took back what another proposed."""

    code = "top_up.not_yours"


class OwnTopUp(Forbidden):
    """Whoever proposed a top-up does not decide about it."""

    code = "top_up.own"


def propose(
    session: Session,
    actor: Actor,
    cycle_id: UUID,
    lines: Sequence[Line],
    *,
    reason: str,
    reference: str,
) -> TopUp:
    """Propose amounts on top for named households. Nothing is owed until somebody else accepts it.

    `reference` is where the decision behind it can be found. Raises UnknownCycle, NotPermitted, PaidByWork, UnusableTopUp
    with every line that cannot be taken, ProposedBefore, AboveTheCeiling, UnusableReason.
    """
    cycle, programme, definition = begin(session, actor, cycle_id)
    top_up_id = uuid4()
    rows = _checked(session, actor, cycle, programme, lines)
    session.execute(insert(TopUpRow), [{"top_up_id": top_up_id, **row} for row in rows])
    return finish(session, actor, cycle, programme, definition, top_up_id, LIST, reason, reference)


def begin(session: Session, actor: Actor, cycle_id: UUID) -> tuple[Cycle, Programme, Definition]:
    """The cycle, its programme and the rules it was opened under, for whoever may propose to top it up."""
    cycle, programme = queries.cycle(session, cycle_id)
    actor.require(Permission.CYCLE_OPEN, programme.code)
    if actor.kind != "user" or actor.id is None:
        raise OwnTopUp("A top-up is proposed by somebody who can be asked about it.")
    # One proposal at a time: each has the next number.
    session.refresh(programme, with_for_update={"key_share": True})
    definition = queries.definition(session, programme, cycle.version)
    if definition.work is not None:
        raise PaidByWork(
            "What is owed for work comes from signed sheets.",
            next_step="Correct the sheet: the next cycle pays the difference.",
        )
    return cycle, programme, definition


def _checked(
    session: Session, actor: Actor, cycle: Cycle, programme: Programme, lines: Sequence[Line]
) -> list[dict[str, Any]]:
    """The rows of a list, each household once and owed something by the cycle. Raises UnusableTopUp."""
    known = by_number(session, [line.household for line in lines])
    homes = [each.id for each in known.values() if not isinstance(each, str)]
    owed, own = _owed_before(session, cycle, homes), staff.own_among(session, actor, homes)
    rows: dict[UUID, dict[str, Any]] = {}
    problems = []
    for line in lines:
        household = known[line.household]
        if isinstance(household, str):
            problems.append((line.place, household))
        elif household.id in own:
            problems.append((line.place, f"{line.household} may be your own household."))
        elif household.id in rows:
            problems.append((line.place, f"{line.household} stands there twice."))
        elif line.amount.minor <= 0 or line.amount.currency != programme.currency:
            problems.append((line.place, f"{line.amount} cannot be owed on top."))
        elif household.id not in owed:
            problems.append((line.place, f"{line.household} is owed nothing for {cycle.period}."))
        else:
            rows[household.id] = {
                "household_id": household.id, "before_minor": owed[household.id], "amount_minor": line.amount.minor,
                "currency": programme.currency, "reason": reasons.plain(line.reason),
            }  # fmt: skip
    if not lines:
        problems = [("", "The list names nobody.")]
    if problems:
        raise UnusableTopUp(problems)
    return list(rows.values())


def _owed_before(session: Session, cycle: Cycle, households: Sequence[UUID]) -> dict[UUID, int]:
    rows = session.execute(
        select(Entitlement.household_id, func.sum(Entitlement.amount_minor))
        .where(Entitlement.cycle_id == cycle.id, Entitlement.household_id.in_(households))
        .group_by(Entitlement.household_id)
    )
    return {household: int(minor) for household, minor in rows}


def finish(
    session: Session, actor: Actor, cycle: Cycle, programme: Programme, definition: Definition, top_up_id: UUID,
    basis: str, reason: str, reference: str,
) -> TopUp:  # fmt: skip
    """Write down the proposal over the rows that are there. Raises OwnRecord and what `propose` raises."""
    _check_not_own(session, actor, top_up_id, basis)
    check_ceilings(session, definition, top_up_id)
    count, minor, digest = session.execute(
        select(func.count(), func.sum(TopUpRow.amount_minor), rows_digest()).where(
            TopUpRow.top_up_id == top_up_id
        )
    ).one()
    last = select(func.coalesce(func.max(TopUp.number), 0)).where(TopUp.cycle_id == cycle.id)
    top_up = TopUp(
        id=top_up_id, cycle_id=cycle.id, number=(session.scalar(last) or 0) + 1, basis=basis,
        reason=reasons.plain(reason), reference=reasons.plain(reference), reference_key=_key(reference), digest=digest,
        households=count, total_minor=int(minor), currency=programme.currency, proposed_by=actor.id, proposed_at=clock.now(),
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(top_up)
    except IntegrityError as error:
        if db.constraint(error) not in {"uq_top_ups_rows", "uq_top_ups_reference"}:
            raise
        raise ProposedBefore(
            f"This list, or another one under {reference!r}, was proposed for {programme.code} {cycle.period} before.",
            next_step=f"See: cbi cycle top-up list {programme.code} {cycle.period}",
        ) from error
    record(
        session, actor, "top_up.proposed", "top_up", top_up.id, programme=programme.code, period=cycle.period,
        number=top_up.number, households=count, total=int(minor), digest=digest.hex(),
    )  # fmt: skip
    return top_up


def _key(reference: str) -> str:
    return "".join(plain_digits(clean(reference)).casefold().split())


def accept(session: Session, actor: Actor, top_up_id: UUID, code: str) -> TopUp:
    """Accept a colleague's top-up with a fresh one-time code: from now on it is owed, and a run of its own pays it.

    Raises UnknownTopUp, NotPermitted, WrongCode, OwnTopUp, OwnRecord, AlreadyDecided, Outdated, AboveTheCeiling.
    """
    top_up, cycle, programme = _to_decide(session, actor, top_up_id)
    totp.step_up(session, actor, code)
    _check_other(actor, top_up)
    _check_not_own(session, actor, top_up.id, top_up.basis)
    # Whatever else counts towards the same ceiling waits until this is owed.
    cycles.settled(session, programme)
    definition = queries.definition(session, programme, cycle.version)
    _decide(session, actor, top_up, ACCEPTED, None)
    check_current(session, top_up)
    check_consent(session, top_up)
    check_ceilings(session, definition, top_up.id)
    with db.planned_for_sets(session):
        session.execute(entitling(top_up, cycle, programme))
    record(
        session, actor, "top_up.accepted", "top_up", top_up.id, programme=programme.code, period=cycle.period,
        number=top_up.number, digest=top_up.digest.hex(), total=top_up.total_minor,
    )  # fmt: skip
    session.refresh(top_up)
    return top_up


def refuse(session: Session, actor: Actor, top_up_id: UUID, remark: str) -> TopUp:
    """Refuse a colleague's top-up with a remark; it can be proposed anew. Raises as `accept`, and UnusableReason."""
    top_up, cycle, programme = _to_decide(session, actor, top_up_id)
    _check_other(actor, top_up)
    return _refuse(session, actor, top_up, cycle, programme, remark)


def withdraw(session: Session, actor: Actor, top_up_id: UUID, remark: str) -> TopUp:
    """Take back a top-up that one proposed.

    Raises UnknownTopUp, NotPermitted, OthersTopUp, AlreadyDecided, UnusableReason.
    """
    top_up, cycle, programme = _to_decide(session, actor, top_up_id, Permission.CYCLE_OPEN)
    if top_up.proposed_by != actor.id:
        raise OthersTopUp(
            "Somebody else proposed this top-up.", next_step="Whoever may accept it may refuse it."
        )
    return _refuse(session, actor, top_up, cycle, programme, remark)


def _refuse(
    session: Session, actor: Actor, top_up: TopUp, cycle: Cycle, programme: Programme, remark: str
) -> TopUp:
    said = reasons.plain(remark)
    _decide(session, actor, top_up, REFUSED, said)
    refusing.note(
        session, actor, ("top-up", top_up.id), said, by=top_up.proposed_by, at=top_up.proposed_at, said=top_up.reason
    )  # fmt: skip
    record(
        session, actor, "top_up.refused", "top_up", top_up.id, programme=programme.code, period=cycle.period,
        number=top_up.number,
    )  # fmt: skip
    session.refresh(top_up)
    return top_up


def _to_decide(
    session: Session,
    actor: Actor,
    top_up_id: UUID,
    permission: Permission = Permission.VALUE_ACCEPT,
) -> tuple[TopUp, Cycle, Programme]:
    top_up = session.get(TopUp, top_up_id, populate_existing=True)
    if top_up is None:
        actor.require(permission)
        raise UnknownTopUp("There is no such top-up.", next_step="See: cbi cycle top-up list")
    cycle, programme = queries.cycle(session, top_up.cycle_id)
    actor.require(permission, programme.code)
    return top_up, cycle, programme


def _check_not_own(session: Session, actor: Actor, top_up_id: UUID, basis: str) -> None:
    """Raise OwnRecord where it pays a household of whoever acts; on a list, which somebody chose, also one that may be.

    What the rules make of every household of a cycle waits for nobody's namesakes, as the signatures on its run do not.
    """
    rows = select(TopUpRow.household_id).where(TopUpRow.top_up_id == top_up_id)
    own: Collection[UUID] = staff.own_households(session, actor)
    mine = own and session.scalar(select(rows.where(TopUpRow.household_id.in_(own)).exists()))
    if mine or (basis == LIST and staff.own_among(session, actor, rows)):
        raise staff.OwnRecord(
            "It may pay your own household.",
            next_step="Somebody else must do this; they decide whether it is yours, too.",
        )


def _check_other(actor: Actor, top_up: TopUp) -> None:
    if actor.kind != "user" or top_up.proposed_by == actor.id:
        raise OwnTopUp(
            "You proposed this top-up, so somebody else has to accept it.",
            next_step="Ask a colleague who may accept what households are owed.",
        )


def _decide(
    session: Session, actor: Actor, top_up: TopUp, decision: str, remark: str | None
) -> None:
    decided = session.scalar(
        update(TopUp)
        .where(TopUp.id == top_up.id, TopUp.decision.is_(None))
        .values(decision=decision, decided_by=actor.id, decided_at=clock.now(), remark=remark)
        .returning(TopUp.id)
    )
    if decided is None:
        raise AlreadyDecided("This top-up was decided already.", next_step="Look at it again.")
