"""Versions of notices: one person proposes a file, another accepts it, and from then on it stays word for word."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Text, cast, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.offices import office_of
from cbi.registry.consent import notice_files
from cbi.registry.consent.models import Notice, Scope

ACCEPTED, REFUSED = "accepted", "refused"


class UnknownNotice(NotFound):
    """There is no notice of that name and version."""

    code = "notice.not_found"


class NoticeWaits(Conflict):
    """A version of the notice waits for a second person."""

    code = "notice.waits"


class NothingNew(Conflict):
    """The file says what the accepted version says."""

    code = "notice.nothing_new"


class NoticeDecided(Conflict):
    """Somebody has decided about this version."""

    code = "notice.decided"


class OwnNotice(Forbidden):
    """Whoever proposed a notice does not accept it."""

    code = "notice.own"


class CannotAskSo(Invalid):
    """Nobody may be asked for this with that notice, on that day."""

    code = "notice.cannot_ask_so"


def propose(session: Session, actor: Actor, text: str) -> Notice:
    """Propose the file as the notice's next version. Nobody is asked with it until somebody else accepts it.

    Raises UnusableNotice, NoticeWaits, NothingNew.
    """
    actor.require(Permission.NOTICE_PROPOSE)
    office = office_of(session)
    told = notice_files.read(text, office.languages)
    if told.valid_until < clock.today(office.timezone):
        raise notice_files.UnusableNotice(f"valid_until: {told.valid_until} is over.")
    latest = session.scalar(
        select(Notice).where(Notice.code == told.code).order_by(Notice.version.desc()).limit(1)
    )
    if latest is not None and latest.decision is None:
        raise NoticeWaits(
            f"Version {latest.version} of {told.code} waits for a second person.",
            next_step=f"Accept or refuse it first: cbi notice show {told.code} {latest.version}",
        )
    now = in_force(session, told.code)
    if now is not None and now.digest == told.digest():
        raise NothingNew(
            f"Version {now.version} of {told.code} says the same, word for word.",
            next_step="There is nothing to accept.",
        )
    made: Notice | None = session.scalar(
        insert(Notice)
        .values(
            code=told.code, version=latest.version + 1 if latest else 1, scopes=[str(s) for s in told.scopes],
            valid_until=told.valid_until, texts=told.canonical()["texts"], digest=told.digest(),
            proposed_by=actor.id, proposed_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(Notice)
    )  # fmt: skip
    if made is None:
        raise NoticeWaits(
            f"Somebody proposed a version of {told.code} at the same moment.",
            next_step="Look at it first.",
        )
    _note(session, actor, "notice.proposed", made)
    return made


def accept(session: Session, actor: Actor, code: str, version: int) -> Notice:
    """Accept a version that somebody else proposed: people are asked with it from now on.

    Raises UnknownNotice, OwnNotice, NoticeDecided.
    """
    actor.require(Permission.NOTICE_ACCEPT)
    return _decide(session, actor, code, version, ACCEPTED, None)


def refuse(session: Session, actor: Actor, code: str, version: int, reason: str) -> Notice:
    """Refuse a version with a reason, or take one's own back. Raises UnknownNotice, NoticeDecided, UnusableReason."""
    if _row(session, code, version).proposed_by != actor.id:
        actor.require(Permission.NOTICE_ACCEPT)
    return _decide(session, actor, code, version, REFUSED, reasons.plain(reason))


def _decide(
    session: Session, actor: Actor, code: str, version: int, decision: str, reason: str | None
) -> Notice:
    row = _row(session, code, version)
    if decision == ACCEPTED and row.proposed_by == actor.id:
        raise OwnNotice(
            "You proposed this notice, so somebody else accepts it.",
            next_step="Ask a colleague who may accept notices.",
        )
    moved = session.scalar(
        update(Notice)
        .where(Notice.code == row.code, Notice.version == version, Notice.decision.is_(None))
        .values(decision=decision, decided_by=actor.id, decided_at=clock.now(), reason=reason)
        .returning(Notice.version),
        execution_options={"synchronize_session": False},
    )
    if moved is None:
        raise NoticeDecided(
            f"Version {version} of {code} was decided about before.",
            next_step="Propose a new version.",
        )
    session.refresh(row)
    _note(session, actor, f"notice.{decision}", row)
    return row


def versions(session: Session, actor: Actor) -> Sequence[Notice]:
    """Every version of every notice, the latest first."""
    actor.require(Permission.PROGRAMME_READ)
    return session.scalars(select(Notice).order_by(Notice.code, Notice.version.desc())).all()


def shown(session: Session, actor: Actor, code: str, version: int | None = None) -> Notice:
    """A version as it was proposed; without a number the latest. Raises UnknownNotice."""
    actor.require(Permission.PROGRAMME_READ)
    if version is None:
        version = session.scalar(select(func.max(Notice.version)).where(Notice.code == code)) or 1
    return _row(session, code, version)


def in_force(session: Session, code: str) -> Notice | None:
    """The version that people are asked with now: the latest that was accepted."""
    return session.scalar(
        select(Notice)
        .where(Notice.code == code, Notice.decision == ACCEPTED)
        .order_by(Notice.version.desc())
        .limit(1)
    )


def all_in_force(session: Session, on: date) -> Sequence[Notice]:
    """Of each notice the version that people are asked with on that day."""
    latest = (
        select(Notice)
        .where(Notice.decision == ACCEPTED)
        .ext(distinct_on(Notice.code))
        .order_by(Notice.code, Notice.version.desc())
    )
    return [each for each in session.scalars(latest) if each.valid_until >= on]


def to_ask(
    session: Session, name: str, scope: Scope | None, on: date, language: str = ""
) -> Notice:
    """The notice of that name (`registration`, or `registration/2`) with which somebody was asked on that day.

    Without a version it is the one in force. Raises UnknownNotice, CannotAskSo.
    """
    code, _, number = name.strip().partition("/")
    found = None
    if number.isdecimal() and len(number) < 10:
        found = _row(session, code, int(number))
    elif not number:
        found = in_force(session, code)
    if found is None:
        raise UnknownNotice(f"No notice {name[:60]!r} is in use.", next_step="See: cbi notice list")
    called = f"{found.code}/{found.version}"
    if found.decision != ACCEPTED:
        raise CannotAskSo(f"{called} was never accepted.", next_step="See: cbi notice list")
    if on > found.valid_until:
        raise CannotAskSo(
            f"{called} was valid until {found.valid_until}.",
            next_step="Ask with a version that is valid on that day.",
        )
    if scope is not None and scope not in found.scopes:
        raise CannotAskSo(
            f"{called} does not ask for this purpose ({scope}), but for {', '.join(found.scopes)}.",
            next_step="Use a notice that asks for it.",
        )
    if language and language not in found.texts:
        raise CannotAskSo(
            f"{called} does not speak this language ({language[:10]}).",
            next_step=f"It speaks: {', '.join(found.texts)}.",
        )
    return found


def as_listed(session: Session, name: str) -> Notice | None:
    """The notice that a list names (`registration` or `registration/2`), where it is kept here and asks for assistance."""
    code, _, number = name.strip().partition("/")
    wanted = select(Notice).where(Notice.code == code, Notice.decision == ACCEPTED)
    if number:
        wanted = wanted.where(cast(Notice.version, Text) == number)
    found = session.scalar(wanted.order_by(Notice.version.desc()).limit(1))
    return found if found is not None and Scope.ASSISTANCE in found.scopes else None


def _row(session: Session, code: str, version: int) -> Notice:
    row = session.get(Notice, (code, version))
    if row is None:
        raise UnknownNotice(
            f"There is no version {version} of a notice {code[:40]!r}.",
            next_step="See: cbi notice list",
        )
    return row


def _note(session: Session, actor: Actor, act: str, row: Notice) -> None:
    record(
        session, actor, act, "notice", f"{row.code}/{row.version}", digest=row.digest.hex(),
        asks_for=list(row.scopes), valid_until=row.valid_until.isoformat(),
    )  # fmt: skip
