"""A new round of prices proposes a new transfer value: one person proposes it, another accepts it, and then it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons, refusing
from cbi.audit.record import record
from cbi.errors import CbiError, Conflict, Forbidden, NotFound
from cbi.programmes import baskets, price_rounds, queries, valuing
from cbi.programmes.definition import Definition
from cbi.programmes.models import Programme, ProgrammeVersion
from cbi.programmes.value_costs import cost
from cbi.programmes.value_models import TransferValue
from cbi.programmes.value_workings import (
    CannotBePaid,
    basis_of,
    check_currency,
    digest,
    revalued,
    work_out_again,
)

ACCEPTED, REFUSED = "accepted", "refused"
SAID = "transfer_value.accepted"
"""What the audit log calls it when a value is accepted."""


class NothingNew(Conflict):
    """The prices make the amounts that hold already."""

    code = "transfer_value.nothing_new"


class AlreadyProposed(Conflict):
    """Another value waits for its decision."""

    code = "transfer_value.already_proposed"


class UnknownValue(NotFound):
    """No such value waits to be decided."""

    code = "transfer_value.unknown"


class OwnValue(Forbidden):
    """Whoever proposed a value does not accept it."""

    code = "transfer_value.own"


class Outdated(Conflict):
    """The programme or the prices have changed since the value was proposed."""

    code = "transfer_value.outdated"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a round for one programme: a proposal, or why there is none."""

    programme: str
    value: TransferValue | None
    why_not: CbiError | None = None


def propose_all(session: Session, actor: Actor, round_id: int) -> list[Outcome]:
    """Propose what a round makes of every programme that names its basket and that the actor may propose for.

    Raises UnknownRound.
    """
    basket = price_rounds.find(session, round_id).basket
    outcomes = []
    for programme in resting_on(session, basket):
        if not actor.may(Permission.VALUE_PROPOSE, programme.code):
            continue
        try:
            value = propose(session, actor, programme.code, round_id)
        except (NothingNew, CannotBePaid, AlreadyProposed, valuing.NotPriced) as why_not:
            outcomes.append(Outcome(programme.code, None, why_not))
        else:
            outcomes.append(Outcome(programme.code, value))
    return outcomes


def propose(session: Session, actor: Actor, programme: str, round_id: int) -> TransferValue:
    """Propose the amounts that a round's latest prices make, with what they cost. Nothing changes until it is accepted.

    Raises UnknownProgramme, UnknownRound, NoBasis, NotPriced, NothingNew, CannotBePaid, AlreadyProposed.
    """
    actor.require(Permission.VALUE_PROPOSE, programme)
    if actor.id is None:
        raise OwnValue("A transfer value is proposed by somebody who can be asked about it.")
    found = queries.find(session, programme)
    definition = queries.definition(session, found)
    round_ = price_rounds.find(session, round_id)
    basis = basis_of(definition, round_.basket)
    if not round_.latest:
        raise valuing.NotPriced(
            f"The prices of the round {round_.name} have not come back yet.",
            next_step="Take its sheet in: cbi prices import FILE",
        )
    version, basket = baskets.find(session, round_.basket, round_.basket_version)
    check_currency(basket, definition)
    prices = price_rounds.prices(session, round_.id, round_.latest)
    worked = valuing.work_out(basket, prices, basis, *definition.schedule.length)
    after = revalued(definition, worked)
    assert definition.stipend is not None
    assert after.stipend is not None
    new = after.stipend.base, after.stipend.per_member
    if new == (definition.stipend.base, definition.stipend.per_member):
        raise NothingNew(
            f"The round {round_.name} makes the amounts that {programme} pays already.",
            next_step="There is nothing to accept.",
        )
    seen = price_rounds.before(session, round_)
    outliers = [
        f"{each.item} at {each.market}: {each.price}, {each.times} × the median {each.median}"
        for each in valuing.outliers(basket, prices, seen)
    ]
    workings: dict[str, Any] = {
        "trace": list(worked.trace),
        "before": {"base": definition.stipend.base.decimal, "per_member": definition.stipend.per_member.decimal},
        "cost": cost(session, found, definition, after).kept(), "outliers": outliers,
    }  # fmt: skip
    made: TransferValue | None = session.scalar(
        insert(TransferValue)
        .values(
            programme_id=found.id, programme_version=found.version, basket=round_.basket, basket_version=version,
            round_id=round_.id, round_version=round_.latest, base_minor=new[0].minor, per_member_minor=new[1].minor,
            currency=definition.currency, workings=workings, proposed_by=actor.id, proposed_at=clock.now(),
            digest=digest(programme, definition, basket, prices, after, worked),
        )
        .on_conflict_do_nothing()
        .returning(TransferValue)
    )  # fmt: skip
    if made is None:
        raise AlreadyProposed(
            f"A value of {programme} waits for its decision.",
            next_step="Accept or refuse it first: cbi value list --waiting",
        )
    _note(session, actor, "transfer_value.proposed", programme, made)
    return made


def accept(session: Session, actor: Actor, number: int, code: str) -> TransferValue:
    """Let a colleague's proposal hold for the cycles opened from now on, with a fresh one-time code.

    It becomes the programme's next version. Raises UnknownValue, OwnValue, Outdated, WrongCode.
    """
    value, programme = _waiting(session, number)
    actor.require(Permission.VALUE_ACCEPT, programme.code)
    if value.proposed_by == actor.id:
        raise OwnValue(
            "You proposed this value, so somebody else accepts it.",
            next_step="Ask a colleague who may accept transfer values.",
        )
    before = queries.definition(session, programme)
    after = _again(session, value, programme, before)
    totp.step_up(session, actor, code)
    programme.version += 1
    session.add(
        ProgrammeVersion(
            programme_id=programme.id, version=programme.version, definition=after.canonical(),
            digest=after.digest(), applied_by=actor.id, applied_at=clock.now(),
        )
    )  # fmt: skip
    session.flush()
    _decide(session, actor, value, decision=ACCEPTED, made_version=programme.version)
    _note(session, actor, SAID, programme.code, value, version=programme.version)
    return value


def refuse(session: Session, actor: Actor, number: int, reason: str) -> TransferValue:
    """Refuse a proposed value with a reason, which is kept; whoever proposed it may take it back so.

    Raises UnknownValue, UnusableReason.
    """
    value, programme = _waiting(session, number)
    if value.proposed_by != actor.id:
        actor.require(Permission.VALUE_ACCEPT, programme.code)
    said = reasons.plain(reason)
    _decide(session, actor, value, decision=REFUSED, reason=said)
    _note(session, actor, "transfer_value.refused", programme.code, value, reason=said)
    refusing.note(
        session, actor, ("transfer-value", value.id), said, by=value.proposed_by, at=value.proposed_at
    )  # fmt: skip
    return value


def resting_on(session: Session, basket: str) -> Sequence[Programme]:
    """The programmes whose latest version names this basket, by code."""
    named = ProgrammeVersion.definition["stipend"]["basis"]["basket"].astext
    return session.scalars(
        select(Programme)
        .join(
            ProgrammeVersion,
            (ProgrammeVersion.programme_id == Programme.id)
            & (ProgrammeVersion.version == Programme.version),
        )
        .where(named == basket)
        .order_by(Programme.code)
    ).all()


def _again(
    session: Session, value: TransferValue, programme: Programme, before: Definition
) -> Definition:
    """What the value makes of the programme as it is. Raises Outdated."""
    round_ = price_rounds.find(session, value.round_id)
    changed = (
        f"the rules of {programme.code} have changed"
        if programme.version != value.programme_version
        else f"the prices of the round {round_.name} were corrected"
        if round_.latest != value.round_version
        else ""
    )
    if not changed:
        after, _, said = work_out_again(session, value, programme)
        if said == value.digest:
            return after
        changed = "what it rests on was altered"
    raise Outdated(
        f"Since value {value.id} was proposed, {changed}.",
        next_step="Refuse it, and have it proposed anew.",
    )


def _waiting(session: Session, number: int) -> tuple[TransferValue, Programme]:
    """The value and its programme, both locked: the programme first, as when a file is applied. Raises UnknownValue."""
    programme_id = session.scalar(
        select(TransferValue.programme_id).where(TransferValue.id == number)
    )
    programme = programme_id and session.get(
        Programme, programme_id, with_for_update=True, populate_existing=True
    )
    value = session.get(TransferValue, number, with_for_update=True, populate_existing=True)
    if not programme or value is None or value.decision is not None:
        raise UnknownValue(
            f"No transfer value {number} waits for a decision.", next_step="See: cbi value list"
        )
    return value, programme


def _decide(session: Session, actor: Actor, value: TransferValue, **decision: object) -> None:
    session.execute(
        update(TransferValue)
        .where(TransferValue.id == value.id, TransferValue.decision.is_(None))
        .values(decided_by=actor.id, decided_at=clock.now(), **decision)
    )
    session.refresh(value)


def _note(
    session: Session, actor: Actor, act: str, programme: str, value: TransferValue, **more: object
) -> None:
    record(
        session, actor, act, "transfer_value", str(value.id), programme=programme,
        digest=value.digest.hex(), **more,
    )  # fmt: skip
    session.flush()
