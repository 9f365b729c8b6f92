"""Two people destroy somebody's data, because they asked for it or because it was kept as long as it may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import (
    Select,
    Uuid,
    any_,
    bindparam,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased

from cbi import clock, ids
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.protection import certificates, destroying
from cbi.protection import obstacles as in_the_way
from cbi.protection.destroying import Past
from cbi.protection.models import Erasure, ErasureDecision, ErasurePerson, Ground
from cbi.registry import naming
from cbi.registry.models import Household, Person

SUBJECT = "erasure"


class UnknownErasure(NotFound):
    """There is no such proposal, or it was decided."""

    code = "protection.unknown_erasure"


class OwnErasure(Forbidden):
    """Nobody confirms what they proposed themselves."""

    code = "protection.own_erasure"


class NothingToErase(Invalid):
    """Nothing of what was named is there to be destroyed."""

    code = "protection.nothing_to_erase"


class NobodyErasable(Conflict):
    """Something stands in the way of destroying the data of everybody who was named."""

    code = "protection.nobody_erasable"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the data of some people of a proposal stays for now."""

    why: str
    people: int


def ask(session: Session, actor: Actor, numbers: Sequence[str], reason: str) -> Erasure:
    """Propose to destroy the data of everybody in these households (by number). Nothing is destroyed yet.

    Raises UnknownHousehold, NothingToErase, UnusableReason.
    """
    actor.require(Permission.ERASURE_ASK)
    people = session.scalars(_with_other_records(_households(session, numbers))).all()
    if not people:
        raise NothingToErase(
            "Nobody's data is kept under these numbers.", next_step="Check the numbers."
        )
    erasure = new(session, actor, Ground.REQUEST, reason)
    session.execute(
        insert(ErasurePerson),
        [{"erasure_id": erasure.id, "person_id": person} for person in people],
    )
    return asked(session, actor, erasure)


def _households(session: Session, numbers: Sequence[str]) -> list[UUID]:
    found = naming.by_number(session, numbers).values()
    for each in found:
        if isinstance(each, str):
            raise naming.UnknownHousehold(
                each, next_step="Check the number in the registration list."
            )
    return [each.id for each in found if isinstance(each, Household)]


def _with_other_records(households: Sequence[UUID]) -> Select[UUID]:
    """Everybody in these households whose data is kept, and whoever else was found to be one of them."""
    meant = Person.household_id == any_(bindparam(None, list(households), ARRAY(Uuid)))
    other = aliased(Person)
    found = select(Person.id).where(meant).cte(recursive=True)
    # A record may have been found to be one with another that was itself used no more later.
    every = found.union(select(other.id).join(found, other.same_as == found.c.id))
    return select(Person.id).where(Person.id.in_(select(every.c.id)), Person.data_key.is_not(None))


def new(
    session: Session, actor: Actor, ground: Ground, reason: str, past: Past | None = None
) -> Erasure:
    """Begin a proposal that names nobody yet. Raises OwnErasure, UnusableReason."""
    if actor.kind != "user" or actor.id is None:
        raise OwnErasure("Only a member of staff proposes this.", next_step="Sign in.")
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('erasures', 0))"))
    last = session.scalar(select(func.max(Erasure.number)))
    erasure = Erasure(
        id=ids.fresh(), number=(last or 0) + 1, ground=ground, reason=reasons.plain(reason),
        texts_before=past and past.texts, rows_before=past and past.rows, answers_before=past and past.answers,
        asked_by=actor.id, asked_at=clock.now(),
    )  # fmt: skip
    session.add(erasure)
    session.flush()
    return erasure


def asked(session: Session, actor: Actor, erasure: Erasure) -> Erasure:
    """End a proposal that names everybody it is about: note what stands in the way, and who asked."""
    in_the_way.note(session, erasure.id)
    people = session.scalar(select(func.count()).where(ErasurePerson.erasure_id == erasure.id))
    record(
        session, actor, "erasure.asked", SUBJECT, erasure.id, number=erasure.number,
        ground=str(erasure.ground), people=people,
    )  # fmt: skip
    return erasure


def obstacles(session: Session, erasure: Erasure) -> Sequence[Obstacle]:
    """What stood in the way when it was last looked: at asking, and again at confirming."""
    return [
        Obstacle(why, people)
        for why, people in session.execute(
            select(ErasurePerson.obstacle, func.count())
            .where(ErasurePerson.erasure_id == erasure.id, ErasurePerson.obstacle.is_not(None))
            .group_by(ErasurePerson.obstacle)
            .order_by(func.count().desc(), ErasurePerson.obstacle)
        )
        if why
    ]


def confirm(session: Session, actor: Actor, number: int, code: str) -> Erasure:
    """Destroy the data as a colleague proposed, with a fresh one-time code, and certify it.

    Whom something stands in the way of is left as they are, and counted. Raises UnknownErasure, OwnErasure, WrongCode,
    NobodyErasable.
    """
    erasure = _waiting(session, actor, number)
    if erasure.asked_by == actor.id:
        raise OwnErasure(
            "You proposed this, so somebody else confirms it.",
            next_step="Ask a colleague who may confirm that data is destroyed.",
        )
    totp.step_up(session, actor, code)
    _hold(session, erasure.id)
    in_the_way.note(session, erasure.id)
    past = Past(erasure.texts_before, erasure.rows_before, erasure.answers_before)
    done = destroying.destroy(session, erasure.id, past)
    if not (done.people or done.old_texts or done.old_rows or done.referrals or done.answers):
        raise NobodyErasable(
            "Nothing can be destroyed yet: " + "; ".join(
                f"{each.why} ({each.people})" for each in obstacles(session, erasure)
            ) + ".",
            next_step="Settle that first, then confirm again; or refuse the proposal.",
        )  # fmt: skip
    certificate = certificates.write(session, erasure, actor, done)
    _decide(
        session, erasure, ErasureDecision.CONFIRMED, actor, None,
        certificate=certificate, seal=certificates.seal(session, erasure.id, certificate),
    )  # fmt: skip
    record(
        session, actor, "erasure.confirmed", SUBJECT, erasure.id, number=erasure.number, people=done.people,
        kept=done.kept, keys_digest=done.keys_digest,
    )  # fmt: skip
    return erasure


def refuse(session: Session, actor: Actor, number: int, reason: str) -> Erasure:
    """Refuse a proposal, or take back one's own, and say why. Raises UnknownErasure, UnusableReason."""
    erasure = _waiting(session, actor, number)
    remark = reasons.plain(reason)
    _decide(session, erasure, ErasureDecision.REFUSED, actor, remark)
    record(session, actor, "erasure.refused", SUBJECT, erasure.id, number=erasure.number)
    return erasure


def listed(session: Session, actor: Actor, *, waiting: bool = False) -> Sequence[Erasure]:
    """The proposals, the latest first; `waiting`: only those that nobody has decided."""
    actor.require(Permission.ERASURE_ASK)
    wanted = select(Erasure).order_by(Erasure.number.desc())
    return session.scalars(wanted.where(Erasure.decision.is_(None)) if waiting else wanted).all()


def _waiting(session: Session, actor: Actor, number: int) -> Erasure:
    actor.require(Permission.ERASURE_CONFIRM)
    found = session.scalar(
        select(Erasure)
        .where(Erasure.number == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None or found.decision is not None:
        raise UnknownErasure(
            f"No proposal {number} waits for a decision.", next_step="See: cbi erasure list"
        )
    return found


def _hold(session: Session, erasure_id: UUID) -> None:
    # Their households and payments, in one order: nobody is made active, or paid, between the look and the deed.
    held = {"erasure": erasure_id}
    mine = "SELECT person_id FROM erasure_persons WHERE erasure_id = :erasure"
    session.execute(
        text(
            "SELECT id FROM households WHERE id IN ("
            f" SELECT household_id FROM persons WHERE id IN ({mine})) ORDER BY id FOR UPDATE"
        ),
        held,
    )
    session.execute(
        text(f"SELECT id FROM payments WHERE person_id IN ({mine}) ORDER BY id FOR UPDATE"), held
    )


def _decide(
    session: Session, erasure: Erasure, decision: ErasureDecision, actor: Actor, remark: str | None,
    **certified: object,
) -> None:  # fmt: skip
    decided = session.scalar(
        update(Erasure)
        .where(Erasure.id == erasure.id, Erasure.decision.is_(None))
        .values(
            decision=decision, decided_by=actor.id, decided_at=clock.now(), remark=literal(remark), **certified
        )
        .returning(Erasure.id)
    )  # fmt: skip
    assert decided is not None  # it was locked while nobody had decided it
    session.refresh(erasure)
