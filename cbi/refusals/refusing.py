"""Refusing what a colleague proposed, or taking back what one proposed oneself; and what was refused, for both of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.audit import reasons, refusing
from cbi.audit.refusal_models import Refusal
from cbi.errors import Forbidden, NotFound
from cbi.refusals.kinds import KINDS

SHOWN = 100


class NothingWaits(NotFound):
    """No such proposal waits for a decision."""

    code = "refusal.nothing_waits"


class OnlyPeopleRefuse(Forbidden):
    """A program decides about no proposal."""

    code = "refusal.only_people"


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused, with the names of both."""

    refusal: Refusal
    proposed_by: str
    refused_by: str

    @property
    def is_taken_back(self) -> bool:
        """Whether whoever proposed it took it back."""
        return self.refusal.proposed_by == self.refusal.refused_by


def refuse(session: Session, actor: Actor, kind: str, key: str, reason: str) -> Refusal:
    """Say no to what a colleague proposed, and why; or take back one's own. It never takes effect, and can be made anew.

    `kind` and `key` are what it is called where it waits. Whoever may accept it may refuse it.
    Raises NothingWaits, OnlyPeopleRefuse, NotPermitted, UnusableReason, and OwnRun where one has a part in it.
    """
    if actor.kind != "user" or actor.id is None:
        raise OnlyPeopleRefuse("A proposal is refused by a person.", next_step="Sign in.")
    found = KINDS[kind].find(session, key) if kind in KINDS else None
    if found is None:
        raise _over()
    if found.by != actor.id:
        actor.require(KINDS[kind].decide, found.programme)
        if (barred := KINDS[kind].barred) is not None:
            barred(session, actor, found)
    refusal = refusing.note(
        session, actor, (kind, key), reasons.plain(reason), by=found.by, at=found.at, said=found.said
    )  # fmt: skip
    assert refusal is not None, "both are people"
    if not KINDS[kind].end(session, actor, found, refusal.id):
        raise _over()
    session.expire(found.row)
    return refusal


def listed(session: Session, actor: Actor) -> Sequence[Refused]:
    """What was refused of what the actor proposed, and what they refused themself; the latest first."""
    proposer, refuser = aliased(User), aliased(User)
    rows = session.execute(
        select(Refusal, proposer.full_name, refuser.full_name)
        .outerjoin(proposer, proposer.id == Refusal.proposed_by)
        .join(refuser, refuser.id == Refusal.refused_by)
        .where(or_(Refusal.proposed_by == actor.id, Refusal.refused_by == actor.id))
        .order_by(Refusal.refused_at.desc(), Refusal.id)
        .limit(SHOWN)
    )
    return [Refused(row, by or "", no) for row, by, no in rows]


def _over() -> NothingWaits:
    return NothingWaits(
        "No such proposal waits for a decision.", next_step="See what was refused: cbi refusals"
    )
