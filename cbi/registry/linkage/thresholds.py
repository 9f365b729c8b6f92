"""From what score an office asks about a pair, and from what it calls it certain: versions that two people agree on."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.registry.linkage import rules
from cbi.registry.linkage.finding import KEPT
from cbi.registry.linkage.models import Thresholds
from cbi.registry.text import clean

ACCEPTED, REFUSED = "accepted", "refused"


class UnusableThresholds(Invalid):
    """The scores cannot be used."""

    code = "registry.unusable_thresholds"


class UnknownThresholds(NotFound):
    """There is no such version."""

    code = "registry.unknown_thresholds"


class ThresholdsDecided(Conflict):
    """This version was decided before."""

    code = "registry.thresholds_decided"


class OwnThresholds(Forbidden):
    """Whoever proposed the scores does not accept them."""

    code = "registry.own_thresholds"


@dataclass(frozen=True, slots=True)
class InForce:
    """The scores that hold now, per mille; `version` is 0 for those that the engine comes with."""

    version: int
    ask: int
    certain: int


def in_force(session: Session) -> InForce:
    """What holds now."""
    found = session.scalar(
        select(Thresholds)
        .where(Thresholds.decision == ACCEPTED)
        .order_by(Thresholds.decided_at.desc(), Thresholds.version.desc())
        .limit(1)
    )
    if found is None:
        return InForce(0, rules.ASK, rules.CERTAIN)
    return InForce(found.version, found.ask, found.certain)


def versions(session: Session, actor: Actor) -> Sequence[Thresholds]:
    """Every version, the newest first."""
    actor.require(Permission.REGISTRY_READ)
    return session.scalars(select(Thresholds).order_by(Thresholds.version.desc())).all()


def propose(session: Session, actor: Actor, *, ask: int, certain: int, reason: str) -> Thresholds:
    """Propose scores, per mille. They hold once somebody else accepts them. Raises UnusableThresholds, UnusableReason."""
    actor.require(Permission.REGISTRY_DECIDE)
    if not KEPT <= ask < 1000 or not ask <= certain <= 1000:
        raise UnusableThresholds(
            f"Pairs are asked about from {KEPT} to 999 per mille, and certain from there to 1000.",
            next_step="A lower score asks about more pairs that are two people.",
        )
    made = Thresholds(
        ask=ask, certain=certain, reason=reasons.plain(clean(reason)), proposed_by=actor.id, proposed_at=clock.now(),
    )  # fmt: skip
    session.add(made)
    session.flush()
    record(
        session, actor, "registry.thresholds_proposed", "thresholds", made.version, ask=ask, certain=certain
    )  # fmt: skip
    return made


def decide(session: Session, actor: Actor, version: int, *, accept: bool) -> Thresholds:
    """Accept or refuse a version, or take back one's own. Raises UnknownThresholds, ThresholdsDecided, OwnThresholds."""
    found = session.get(Thresholds, version)
    if accept or found is None or actor.id != found.proposed_by:
        actor.require(Permission.HOUSEHOLD_CONFIRM)
    if found is None:
        raise UnknownThresholds(
            "There is no such version.", next_step="See: cbi registry thresholds"
        )
    if accept and actor.id == found.proposed_by:
        raise OwnThresholds("You proposed these scores.", next_step="Somebody else accepts them.")
    decision = ACCEPTED if accept else REFUSED
    decided = session.scalars(
        update(Thresholds)
        .where(Thresholds.version == version, Thresholds.decision.is_(None))
        .values(decision=decision, decided_by=actor.id, decided_at=clock.now())
        .returning(Thresholds),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).one_or_none()
    if decided is None:
        raise ThresholdsDecided("This was decided before.", next_step="Propose another version.")
    record(
        session, actor, f"registry.thresholds_{decision}", "thresholds", version, ask=decided.ask,
        certain=decided.certain,
    )  # fmt: skip
    return decided
