"""Standing in: who is away lets another sign in their place, for some days, up to an amount, once a third person agrees."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.holders import holding, user_actor
from cbi.access.models import User
from cbi.access.permissions import SIGNS, Permission, Role
from cbi.audit import reasons, refusing
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.signing.approval_policy import Step
from cbi.payments.signing.signing_models import Delegation
from cbi.programmes.models import Programme

ACCEPTED, WITHDRAWN = "delegation.accepted", "delegation.withdrawn"
PROPOSAL = "delegation"
"""What one that waits is called among the refusals."""


class UnusableDelegation(Invalid):
    """It cannot be given like this."""

    code = "delegation.unusable"


class UnknownDelegation(NotFound):
    """There is no such delegation, or it does not wait for this."""

    code = "delegation.unknown"


class OwnDelegation(Forbidden):
    """Neither side of a delegation accepts it."""

    code = "delegation.own"


class DelegationNotValid(Conflict):
    """There is a delegation, and it does not reach this run."""

    code = "delegation.not_valid"


@dataclass(frozen=True, slots=True)
class Terms:
    """What somebody else may do in one's place. No programme: all of one's own; no limit: any amount."""

    to_id: UUID
    role: Role
    first_day: date
    last_day: date
    programmes: tuple[str, ...] = ()
    limit: Money | None = None


@dataclass(frozen=True, slots=True)
class Able:
    """Somebody who may take a step now: by their own role, or for somebody else (`for_id`) up to a limit."""

    user_id: UUID
    full_name: str
    programme: str | None
    for_id: UUID | None = None
    limit: Money | None = None


def make(session: Session, actor: Actor, terms: Terms, code: str) -> Delegation:
    """Let somebody sign in one's place, with a fresh one-time code; it holds once a third person accepts it.

    Raises NotPermitted where one may not sign oneself, UnusableDelegation, WrongCode.
    """
    permission = _permission(terms.role)
    known = set(session.scalars(select(Programme.code).where(Programme.code.in_(terms.programmes))))
    for programme in terms.programmes or (None,):
        if programme is None and actor.may_somewhere(permission):
            continue
        actor.require(permission, programme)
    other = user_actor(session, terms.to_id)
    today = clock.today(office_of(session).timezone)
    if other is None or terms.to_id == actor.id or not other.may_somewhere(Permission.RUN_SIGN):
        raise UnusableDelegation(
            "Only a colleague who may sign payment runs can stand in.",
            next_step="Name one, or have an administrator give them a role.",
        )
    if missing := sorted(set(terms.programmes) - known):
        raise UnusableDelegation(f"There is no programme {', '.join(missing)}.")
    if terms.last_day < terms.first_day or terms.last_day < today:
        raise UnusableDelegation(
            f"From {terms.first_day} to {terms.last_day} is no time to come.",
            next_step="Give a first and a last day; both are included.",
        )
    if terms.limit is not None and terms.limit.minor <= 0:
        raise UnusableDelegation("A limit is above zero.", next_step="Leave it out, or raise it.")
    totp.step_up(session, actor, code)
    given = Delegation(
        from_id=actor.id, to_id=terms.to_id, role=terms.role.value, programmes=sorted(terms.programmes),
        limit_minor=terms.limit and terms.limit.minor, currency=terms.limit and terms.limit.currency,
        first_day=terms.first_day, last_day=terms.last_day, made_at=clock.now(),
    )  # fmt: skip
    session.add(given)
    session.flush()
    record(session, actor, "delegation.made", "delegation", given.id, **facts(given))
    return given


def accept(session: Session, actor: Actor, delegation_id: UUID, code: str) -> Delegation:
    """Agree to a delegation, with a fresh one-time code. Raises UnknownDelegation, OwnDelegation, WrongCode."""
    actor.require(Permission.POLICY_CHANGE)
    given = _found(session, delegation_id)
    if given.accepted_at is not None:
        raise UnknownDelegation("This delegation has been accepted already.")
    if actor.id in {given.from_id, given.to_id}:
        raise OwnDelegation(
            "A delegation is accepted by neither of the two whom it concerns.",
            next_step="Ask a third person who may change the approval policy.",
        )
    totp.step_up(session, actor, code)
    session.execute(
        update(Delegation)
        .where(Delegation.id == given.id, Delegation.accepted_at.is_(None))
        .values(accepted_by=actor.id, accepted_at=clock.now())
    )
    session.refresh(given)
    record(session, actor, ACCEPTED, "delegation", given.id, **facts(given))
    return given


def withdraw(session: Session, actor: Actor, delegation_id: UUID, reason: str) -> Delegation:
    """End a delegation at once, with a reason: by whoever gave it, or by whoever may change the approval policy.

    One that nobody has accepted is refused by that, or taken back. Raises UnknownDelegation, UnusableReason.
    """
    given = _found(session, delegation_id)
    if actor.id != given.from_id:
        actor.require(Permission.POLICY_CHANGE)
    why = reasons.plain(reason)
    if given.accepted_at is None:
        refusing.note(session, actor, (PROPOSAL, given.id), why, by=given.from_id, at=given.made_at)
    return drop(session, actor, delegation_id, why)


def drop(session: Session, actor: Actor, delegation_id: UUID, reason: str) -> Delegation:
    """End a delegation, once it is noted who wanted that where nobody had accepted it. Raises UnknownDelegation."""
    given = _found(session, delegation_id)
    session.execute(
        update(Delegation)
        .where(Delegation.id == given.id, Delegation.withdrawn_at.is_(None))
        .values(withdrawn_by=actor.id, withdrawn_at=clock.now())
    )
    session.refresh(given)
    record(session, actor, WITHDRAWN, "delegation", given.id, reason=reason)
    return given


def authority(
    session: Session, actor: Actor, step: Step, programme: str, amount: Money
) -> Delegation | None:
    """In whose place the actor takes a step: None for their own. `amount` is what counts towards the signatures.

    Raises NotPermitted, and DelegationNotValid where a delegation says who stands in, but not for this.
    """
    permission = SIGNS[step.role]
    if actor.may(permission, programme):
        return None
    given = session.scalars(
        select(Delegation)
        .where(Delegation.to_id == actor.id, Delegation.role == step.role.value)
        .order_by(Delegation.made_at)
        # Whoever withdraws it waits, so that the audit log has both in their order.
        .with_for_update(read=True)
    ).all()
    today = clock.today(office_of(session).timezone)
    why = ""
    for each in given:
        if not (why := _why_not(session, each, permission, programme, amount, today)):
            return each
    if why:
        raise DelegationNotValid(
            f"You cannot sign as {step.name} in the place of another: {why}.",
            next_step="Ask whoever you stand in for, or somebody who holds the role.",
            step=step.name,
        )
    actor.require(permission, programme)
    return None


def able(session: Session, role: Role) -> list[Able]:
    """Everybody who may take a step of this role today: its holders, and who stands in for one of them."""
    holders = holding(session, SIGNS[role])
    found = [Able(each.user_id, each.full_name, each.programme) for each in holders]
    today = clock.today(office_of(session).timezone)
    rows = session.execute(
        select(Delegation, User.full_name)
        .join(User, User.id == Delegation.to_id)
        .where(
            Delegation.role == role.value, Delegation.accepted_at.is_not(None), Delegation.withdrawn_at.is_(None),
            Delegation.first_day <= today, Delegation.last_day >= today, User.disabled_at.is_(None),
        )
    )  # fmt: skip
    for given, name in rows:
        theirs = {each.programme for each in holders if each.user_id == given.from_id}
        found += [
            Able(given.to_id, name, programme, given.from_id, limit_of(given))
            for programme in _both(theirs, given.programmes)
        ]
    return found


def listed(session: Session, actor: Actor) -> Sequence[Delegation]:
    """Every delegation, the latest first."""
    actor.require(Permission.POLICY_READ)
    return session.scalars(select(Delegation).order_by(Delegation.made_at.desc())).all()


def limit_of(given: Delegation) -> Money | None:
    """Up to how much it goes; None: any amount."""
    if given.limit_minor is None or given.currency is None:
        return None
    return Money(given.limit_minor, given.currency)


def facts(given: Delegation) -> dict[str, object]:
    """What it says, in plain values: what the audit log keeps, and `cbi verify` compares."""
    return {
        "from": str(given.from_id),
        "to": str(given.to_id),
        "role": given.role,
        "programmes": list(given.programmes),
        "limit_minor": given.limit_minor,
        "currency": given.currency,
        "first_day": given.first_day.isoformat(),
        "last_day": given.last_day.isoformat(),
    }


def _why_not(
    session: Session, given: Delegation, permission: Permission, programme: str, amount: Money, today: date
) -> str:  # fmt: skip
    """Why it does not reach a run; nothing when it does."""
    limit = limit_of(given)
    if given.withdrawn_at is not None:
        return "it was withdrawn"
    if given.accepted_at is None:
        return "nobody has accepted it yet"
    if not given.first_day <= today <= given.last_day:
        return f"it holds from {given.first_day} to {given.last_day}"
    if given.programmes and programme not in given.programmes:
        return f"it is for {', '.join(given.programmes)}"
    if limit is not None and (limit.currency != amount.currency or amount > limit):
        return f"it goes up to {limit}, and {amount} counts"
    delegator = user_actor(session, given.from_id)
    if delegator is None or not delegator.may(permission, programme):
        return "whoever gave it may not sign this run"
    return ""


def _both(theirs: Collection[str | None], given: Sequence[str]) -> set[str | None]:
    """The programmes of both: what the delegator may sign for, and what the delegation is for."""
    if not given:
        return set(theirs)
    return {each for each in given if None in theirs or each in theirs}


def _permission(role: Role) -> Permission:
    if role not in SIGNS:
        raise UnusableDelegation(
            f"The role {role} does not sign runs.", next_step=f"There is: {', '.join(SIGNS)}."
        )
    return SIGNS[role]


def _found(session: Session, delegation_id: UUID) -> Delegation:
    given = session.get(Delegation, delegation_id, with_for_update=True, populate_existing=True)
    if given is None or given.withdrawn_at is not None:
        raise UnknownDelegation(
            "There is no such delegation, or it was withdrawn.",
            next_step="See: cbi delegation list",
        )
    return given
