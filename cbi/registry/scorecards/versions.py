"""Versions of scorecards: one person proposes a file, another accepts it, and from then on it stays word for word."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons, refusing
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, NotFound
from cbi.registry.scorecards import reading
from cbi.registry.scorecards.definition import Scorecard
from cbi.registry.scorecards.models import ScorecardVersion
from cbi.registry.text import folded

ACCEPTED, REFUSED = "accepted", "refused"


class UnknownScorecard(NotFound):
    """No scorecard of that name, or none of that version."""

    code = "scorecard.unknown"


class ScorecardWaits(Conflict):
    """A version of the scorecard waits for a second person already."""

    code = "scorecard.waits"


class ScorecardDecided(Conflict):
    """Somebody has decided about this version already."""

    code = "scorecard.decided"


class OwnScorecard(Forbidden):
    """Whoever proposed a version cannot accept it."""

    code = "scorecard.own"


class ScorecardTaken(Conflict):
    """Another scorecard's name is spelt so alike that programmes could not tell them apart."""

    code = "scorecard.name_taken"


@dataclass(frozen=True, slots=True)
class Proposed:
    """What came of a file. `changed` is false when it says what is accepted or waits already."""

    code: str
    version: int
    changed: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """An accepted version: what it is called in bands, and what it says."""

    code: str
    version: int
    key: str
    scorecard: Scorecard


@lru_cache(maxsize=64)
def parsed(text: str) -> Scorecard:
    """The scorecard of a file's text, read once in each process. Raises ScorecardFileErrors."""
    return reading.read(text)


def new(text: str) -> Scorecard:
    """The same of a file that nobody has accepted yet: it may not sort people by what nobody is asked."""
    scorecard = parsed(text)
    reading.refuse_sorting(text)
    return scorecard


def propose(session: Session, actor: Actor, text: str) -> Proposed:
    """Propose the file as the scorecard's next version. Raises ScorecardFileErrors, ScorecardWaits, ScorecardTaken."""
    actor.require(Permission.SCORECARD_PROPOSE)
    scorecard = new(text)
    code, key = scorecard.code, folded(scorecard.code)
    versions = session.scalars(
        select(ScorecardVersion)
        .where(ScorecardVersion.key == key)
        .order_by(ScorecardVersion.version.desc())
    ).all()
    if other := next((each.code for each in versions if each.code != code), None):
        raise ScorecardTaken(
            f"There is a scorecard {other!r}, and {code!r} would look the same in programmes and bands.",
            next_step="Give it another name.",
        )
    for each in versions:
        if each.decision is None:
            if each.text == text:
                return Proposed(code, each.version, changed=False, warnings=scorecard.warnings)
            raise ScorecardWaits(
                f"Version {each.version} of {code} waits for a second person.",
                next_step=f"Accept or refuse it first: cbi scorecard show {code} --version {each.version}",
            )
    accepted = next((each for each in versions if each.decision == ACCEPTED), None)
    if accepted is not None and parsed(accepted.text) == scorecard:
        return Proposed(code, accepted.version, changed=False, warnings=scorecard.warnings)
    version = versions[0].version + 1 if versions else 1
    digest = hashlib.sha256(text.encode()).digest()
    made = session.scalar(
        insert(ScorecardVersion)
        .values(
            code=code, version=version, key=key, text=text, digest=digest, proposed_by=actor.id,
            proposed_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(ScorecardVersion.version)
    )  # fmt: skip
    if made is None:
        raise ScorecardWaits(
            f"Somebody proposed a version of {code} at the same moment.",
            next_step="Look at it first.",
        )
    record(
        session,
        actor,
        "scorecard.proposed",
        "scorecard",
        code,
        version=version,
        digest=digest.hex(),
    )
    return Proposed(code, version, changed=True, warnings=scorecard.warnings)


def accept(session: Session, actor: Actor, code: str, version: int) -> ScorecardVersion:
    """Accept a version that somebody else proposed; it is used from now on.

    Raises UnknownScorecard, OwnScorecard, ScorecardDecided.
    """
    return _decide(session, actor, code, version, ACCEPTED, None)


def refuse(
    session: Session, actor: Actor, code: str, version: int, reason: str
) -> ScorecardVersion:
    """Refuse a version with a reason, or take one's own back. Raises UnknownScorecard, ScorecardDecided."""
    return _decide(session, actor, code, version, REFUSED, reasons.plain(reason))


def _decide(
    session: Session, actor: Actor, code: str, version: int, decision: str, reason: str | None
) -> ScorecardVersion:
    actor.require(Permission.SCORECARD_ACCEPT)
    row = _row(session, code, version)
    if decision == ACCEPTED and row.proposed_by == actor.id:
        raise OwnScorecard(
            "You proposed this version, so somebody else must accept it.",
            next_step="Ask a colleague with the permission scorecard.accept.",
        )
    moved = session.scalar(
        update(ScorecardVersion)
        .where(
            ScorecardVersion.code == row.code,
            ScorecardVersion.version == version,
            ScorecardVersion.decision.is_(None),
        )
        .values(decision=decision, decided_by=actor.id, decided_at=clock.now(), reason=reason)
        .returning(ScorecardVersion.version)
    )
    if moved is None:
        raise ScorecardDecided(
            f"Version {version} of {row.code} was decided about before.",
            next_step="Propose a new version.",
        )
    record(
        session, actor, f"scorecard.{decision}", "scorecard", row.code, version=version,
        digest=row.digest.hex(),
    )  # fmt: skip
    if reason is not None:
        which = ("scorecard", f"{row.code}.{version}")
        refusing.note(session, actor, which, reason, by=row.proposed_by, at=row.proposed_at)
    session.expire(row)
    return row


def find(session: Session, code: str, version: int | None = None) -> Kept:
    """An accepted version of a scorecard; without a number the one in use. Raises UnknownScorecard."""
    wanted = select(ScorecardVersion).where(
        ScorecardVersion.key == folded(code), ScorecardVersion.decision == ACCEPTED
    )
    if version is not None:
        wanted = wanted.where(ScorecardVersion.version == version)
    row = session.scalar(wanted.order_by(ScorecardVersion.version.desc()).limit(1))
    if row is None:
        codes = session.scalars(
            select(ScorecardVersion.code)
            .where(ScorecardVersion.decision == ACCEPTED)
            .distinct()
            .order_by(ScorecardVersion.code)
        ).all()
        raise UnknownScorecard(
            f"No scorecard {code[:50]!r} is in use." if version is None
            else f"Version {version} of {code[:50]!r} was never accepted.",
            next_step=f"There is: {', '.join(codes)}." if codes
            else "Propose one with: cbi scorecard propose FILE",
        )  # fmt: skip
    return Kept(row.code, row.version, row.key, parsed(row.text))


def is_kept(session: Session, key: str) -> bool:
    """Whether a scorecard of this folded name is in use here, so that its bands come of assessments alone."""
    return bool(
        session.scalar(
            select(func.count()).where(
                ScorecardVersion.key == key, ScorecardVersion.decision == ACCEPTED
            )
        )
    )


def shown(
    session: Session, actor: Actor, code: str, version: int | None = None
) -> ScorecardVersion:
    """A version as it was proposed; without a number the latest. Raises UnknownScorecard."""
    actor.require(Permission.PROGRAMME_READ)
    if version is None:
        latest = session.scalar(
            select(func.max(ScorecardVersion.version)).where(ScorecardVersion.key == folded(code))
        )
        version = latest or 1
    return _row(session, code, version)


def listed(session: Session, actor: Actor) -> Sequence[ScorecardVersion]:
    """Every version of every scorecard, the latest first."""
    actor.require(Permission.PROGRAMME_READ)
    return session.scalars(
        select(ScorecardVersion).order_by(ScorecardVersion.code, ScorecardVersion.version.desc())
    ).all()


def _row(session: Session, code: str, version: int) -> ScorecardVersion:
    row = session.scalar(
        select(ScorecardVersion).where(
            ScorecardVersion.key == folded(code), ScorecardVersion.version == version
        )
    )
    if row is None:
        raise UnknownScorecard(
            f"There is no version {version} of a scorecard {code[:50]!r}.",
            next_step="See: cbi scorecard list",
        )
    return row
