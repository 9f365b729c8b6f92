"""Asking for a list of people that leaves the house: by one person within limits, above them with a second one's word."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import and_, bindparam, func, insert, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from cbi import clock, ids
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.holders import user_actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Forbidden, Invalid, NotFound
from cbi.protection.exporting import choosing, outside
from cbi.protection.exporting.choosing import NobodyChosen, Whom
from cbi.protection.exporting.models import Export, ExportDecision, ExportPerson
from cbi.registry.disclosing import disclosing
from cbi.registry.disclosing.models import IDENTIFYING, Column, Form
from cbi.registry.purposes import Purpose
from cbi.settings import settings

SUBJECT = "export"
MOST_PEOPLE = 20_000
MOST_FETCHES = 3
A_DAY = timedelta(hours=24)


class UnknownExport(NotFound):
    """There is no such list, it is somebody else's, or it does not wait for what was meant to be done with it."""

    code = "export.unknown"


class UnusableExport(Invalid):
    """Something of what was asked for is missing, or cannot be."""

    code = "export.unusable"


class TooManyPeople(Invalid):
    """One list would hold more people than any may."""

    code = "export.too_many_people"


class OwnExport(Forbidden):
    """Nobody approves a list that they asked for or fetch."""

    code = "export.own"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. `disclosure`: the number of the one that lets it go outside; `recipient`: which colleague fetches
    it (None: whoever asks).
    """

    whom: Whom
    columns: tuple[str, ...]
    purpose: str
    reason: str
    fetches: int = 1
    recipient: UUID | None = None
    disclosure: int | None = None


def ask(session: Session, actor: Actor, wish: Wish) -> Export:
    """Ask for a list; whom it holds is settled now. Above the limits it waits for a second person.

    Raises UnusableExport, NobodyChosen, TooManyPeople, NothingAllowsIt, BeyondDisclosure, NotPermitted.
    """
    if actor.kind != "user" or actor.id is None:
        raise OwnExport("Only a member of staff asks for a list of people.", next_step="Sign in.")
    columns = _columns(wish)
    _may(actor, wish.whom.programme, columns)
    whom = choosing.settled(session, actor, wish.whom)
    recipient = _recipient(session, actor, wish, columns)
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('exports', 0))"))
    made = Export(
        id=ids.fresh(), number=(session.scalar(select(func.max(Export.number))) or 0) + 1, purpose=Purpose(wish.purpose),
        reason=reasons.plain(wish.reason), columns=[str(each) for each in columns], programme=whom.programme,
        period=whom.period, area=whom.area, everybody=whom.everybody, recipient_id=recipient,
        most_fetches=wish.fetches, asked_by=actor.id, asked_at=clock.now(),
        expires_at=clock.now() + timedelta(hours=settings().export_hours),
    )  # fmt: skip
    people = session.scalars(
        choosing.people(whom, *{actor.id, recipient}).limit(MOST_PEOPLE + 1)
    ).all()
    made.people = _checked_size(len(people))
    if wish.disclosure is not None:
        allowed = disclosing.allowing(session, Form.FILE, number=wish.disclosure)
        outside.refuse_beyond(session, made, allowed, people)
        made.disclosure_id = allowed.id
    made.needs_approval = _above_limits(session, made)
    session.add(made)
    session.flush()
    every = func.unnest(bindparam(None, list(people), ARRAY(Uuid)))
    session.execute(
        insert(ExportPerson).from_select(
            ["export_id", "person_id"], select(literal(made.id, Uuid), every)
        )
    )
    record(
        session, actor, "export.asked", SUBJECT, made.id, number=made.number, people=made.people, columns=made.columns,
        purpose=str(made.purpose), needs_approval=made.needs_approval, disclosure=wish.disclosure,
    )  # fmt: skip
    return made


def approve(session: Session, actor: Actor, number: int, code: str) -> Export:
    """Let a list above the limits be fetched, with a fresh one-time code. Raises UnknownExport, OwnExport, WrongCode."""
    found = waiting(session, actor, number)
    if actor.id in {found.asked_by, found.recipient_id}:
        raise OwnExport(
            "You asked for this list or fetch it, so somebody else approves it.",
            next_step="Ask a colleague who may approve lists of people.",
        )
    totp.step_up(session, actor, code)
    _decide(session, found, ExportDecision.APPROVED, actor, None)
    record(session, actor, "export.approved", SUBJECT, found.id, number=number, people=found.people)
    return found


def refuse(session: Session, actor: Actor, number: int, reason: str) -> Export:
    """Say no to a list that waits, and why. Raises UnknownExport, UnusableReason."""
    found = waiting(session, actor, number)
    _decide(session, found, ExportDecision.REFUSED, actor, reasons.plain(reason))
    record(session, actor, "export.refused", SUBJECT, found.id, number=number)
    return found


def revoke(session: Session, actor: Actor, number: int, reason: str) -> Export:
    """Let a list be fetched no more: whoever asked for it may, and whoever approves lists. Raises UnknownExport."""
    found = held(session, number)
    if found is None or found.revoked_at is not None or not _is_theirs(actor, found):
        raise unknown(number)
    session.execute(
        update(Export)
        .where(Export.id == found.id, Export.revoked_at.is_(None))
        .values(revoked_by=actor.id, revoked_at=clock.now(), revoked_because=reasons.plain(reason))
    )
    session.refresh(found)
    record(session, actor, "export.revoked", SUBJECT, found.id, number=number)
    return found


def listed(session: Session, actor: Actor, *, limit: int = 200) -> Sequence[Export]:
    """The lists that were asked for, the latest first: all of them for whoever approves or audits, else one's own."""
    _may_read(actor)
    wanted = select(Export).order_by(Export.number.desc()).limit(limit)
    if not _sees_all(actor):
        wanted = wanted.where(or_(Export.asked_by == actor.id, Export.recipient_id == actor.id))
    return session.scalars(wanted).all()


def find(session: Session, actor: Actor, number: int) -> Export:
    """One of those that `listed` gives. Raises UnknownExport."""
    _may_read(actor)
    found = session.scalar(select(Export).where(Export.number == number))
    if found is None or not (_sees_all(actor) or actor.id in {found.asked_by, found.recipient_id}):
        raise unknown(number)
    return found


def held(session: Session, number: int) -> Export | None:
    """The list of that number, its row held until the transaction ends."""
    return session.scalar(
        select(Export)
        .where(Export.number == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def waiting(session: Session, actor: Actor, number: int) -> Export:
    """A list that waits for a second person. Raises UnknownExport."""
    actor.require(Permission.EXPORT_APPROVE)
    found = held(session, number)
    if found is None or not found.needs_approval or found.decision or found.revoked_at:
        raise unknown(number)
    return found


def unknown(number: int) -> UnknownExport:
    """What is said of a list that is not there, or not theirs."""
    return UnknownExport(f"No list {number} is there for this.", next_step="See: cbi export list")


def _columns(wish: Wish) -> tuple[Column, ...]:
    wrong = [
        f"there is no column {each[:40]!r}" for each in wish.columns if each not in set(Column)
    ]
    if not wish.columns:
        wrong.append("say which columns")
    if wish.purpose not in set(Purpose):
        wrong.append("say what it is for")
    if not 1 <= wish.fetches <= MOST_FETCHES:
        wrong.append(f"it is fetched once to {MOST_FETCHES} times")
    if wrong:
        raise UnusableExport(
            f"This list cannot be made: {'; '.join(wrong)}.",
            next_step=f"Columns are: {', '.join(Column)}. Purposes are: {', '.join(Purpose)}.",
        )
    return tuple(each for each in Column if each in wish.columns)


def asker_stands(session: Session, found: Export) -> bool:
    """Whether whoever asked for a list still works here, and may still ask for one like it."""
    asker = user_actor(session, found.asked_by)
    needed = {Permission.EXPORT_ASK}
    if IDENTIFYING.intersection(found.columns):
        needed.add(Permission.PERSON_OPEN)
    return asker is not None and all(asker.may(each, found.programme) for each in needed)


def _may(actor: Actor, programme: str | None, columns: Collection[Column]) -> None:
    actor.require(Permission.EXPORT_ASK, programme)
    if IDENTIFYING.intersection(columns):
        actor.require(Permission.PERSON_OPEN, programme)


def _recipient(session: Session, actor: Actor, wish: Wish, columns: Collection[Column]) -> UUID:
    assert actor.id is not None
    if wish.recipient is None or wish.recipient == actor.id:
        return actor.id
    colleague = user_actor(session, wish.recipient)
    if colleague is None:
        raise UnusableExport("There is no such colleague.", next_step="See: cbi user list")
    _may(colleague, wish.whom.programme, columns)
    return wish.recipient


def _checked_size(people: int) -> int:
    if people == 0:
        raise NobodyChosen(
            "Nobody is meant whose data you may see.", next_step="Check programme, period and area."
        )
    if people > MOST_PEOPLE:
        raise TooManyPeople(
            f"This list would hold more than {MOST_PEOPLE:,} people, and none may.",
            next_step="Ask for one area after the other.",
        )
    return people


def _above_limits(session: Session, made: Export) -> bool:
    """Whether a list is too long for one person's word, by itself or with those before it.

    Several people together take no more of one programme and area than one of them could, nor of the office.
    """
    mine, people = Export.asked_by == made.asked_by, func.coalesce(Export.people, 0)
    same = and_(
        Export.programme.is_not_distinct_from(made.programme), Export.area.is_not_distinct_from(made.area)
    )  # fmt: skip
    alone = Export.decision.is_distinct_from(ExportDecision.APPROVED)
    lists, own, alike, together = session.execute(
        select(
            func.count().filter(mine), func.coalesce(func.sum(people).filter(mine), 0),
            func.coalesce(func.sum(people).filter(same), 0), func.coalesce(func.sum(people).filter(alone), 0),
        ).where(
            Export.asked_at > clock.now() - A_DAY, Export.decision.is_distinct_from(ExportDecision.REFUSED),
        )
    ).one()  # fmt: skip
    limits = settings()
    return bool(
        made.people > limits.export_rows
        or max(own, alike) + made.people > limits.export_rows_a_day
        or together + made.people > limits.export_rows_a_day_office
        or lists + 1 > limits.exports_a_day
    )


def _is_theirs(actor: Actor, found: Export) -> bool:
    return actor.id == found.asked_by or actor.may(Permission.EXPORT_APPROVE)


def _may_read(actor: Actor) -> None:
    # For one programme is enough: nobody but those who answer for all lists sees one that is not for them.
    if not actor.may_somewhere(Permission.EXPORT_READ):
        actor.require(Permission.EXPORT_READ)


def _sees_all(actor: Actor) -> bool:
    return actor.may(Permission.EXPORT_APPROVE) or actor.may(Permission.VIEWS_READ)


def _decide(
    session: Session, found: Export, decision: ExportDecision, actor: Actor, remark: str | None
) -> None:
    session.execute(
        update(Export)
        .where(Export.id == found.id, Export.decision.is_(None))
        .values(decision=decision, decided_by=actor.id, decided_at=clock.now(), remark=remark)
    )
    session.refresh(found)
