"""On which legal basis a programme uses people's data: named in its file, and in force once a second person accepts it."""

import hashlib
import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, NotFound
from cbi.programmes import queries
from cbi.programmes.definition import Definition
from cbi.programmes.legal_models import Ground, LegalBasis
from cbi.programmes.models import Cycle, Programme, ProgrammeVersion

ACCEPTED, REFUSED = "accepted", "refused"
SUBJECT = "legal_basis"


class BasisLeftOut(Conflict):
    """The file leaves out the legal basis that two people gave the programme."""

    code = "legal_basis.left_out"


class BasisWaits(Conflict):
    """Nobody has accepted the legal basis that the programme's file names."""

    code = "legal_basis.waits"


class UnknownBasis(NotFound):
    """No such version waits to be decided."""

    code = "legal_basis.not_found"


class OwnBasis(Forbidden):
    """Whoever proposed a legal basis does not accept it."""

    code = "legal_basis.own"


def propose(
    session: Session, actor: Actor, programme: Programme, definition: Definition
) -> tuple[str, ...]:
    """Propose what a file that is being applied names, if that is new; returns what there is to say of it.

    Another proposal that nobody has decided about gives way to it. Raises BasisLeftOut, OwnBasis.
    """
    known = _versions(session, programme.id)
    terms = definition.legal_basis
    if terms is None:
        if any(each.decision != REFUSED for each in known):
            raise BasisLeftOut(
                f"The programme {programme.code} has a legal basis, which the file does not name any more.",
                next_step="Keep legal_basis, or name another one.",
            )
        return ()
    wanted = digest_of(terms.ground, terms.because)
    waiting = next((each for each in known if each.decision is None), None)
    held = next((each for each in known if each.decision == ACCEPTED), None)
    if waiting is not None:
        if waiting.digest == wanted:
            return ()
        _decide(session, actor, programme, waiting, REFUSED, "another file was applied meanwhile")
    if held is not None and held.digest == wanted:
        return ()
    if actor.id is None:
        raise OwnBasis("A legal basis is proposed by somebody who can be asked about it.")
    made: LegalBasis = session.scalars(
        insert(LegalBasis)
        .values(
            programme_id=programme.id, version=known[0].version + 1 if known else 1, ground=terms.ground,
            because=terms.because, digest=wanted, proposed_by=actor.id, proposed_at=clock.now(),
        )
        .returning(LegalBasis)
    ).one()  # fmt: skip
    _note(session, actor, "legal_basis.proposed", programme, made)
    return (f"its legal basis ({terms.ground}) waits for a second person",)


def accept(session: Session, actor: Actor, programme: str, version: int) -> LegalBasis:
    """Let a proposed legal basis be in force: cycles can be opened under it. Raises UnknownBasis, OwnBasis."""
    actor.require(Permission.LEGAL_BASIS_ACCEPT, programme)
    found, row = _waiting(session, programme, version)
    if row.proposed_by == actor.id:
        raise OwnBasis(
            "You applied the file that names this legal basis, so somebody else accepts it.",
            next_step="Ask a colleague who may accept legal bases.",
        )
    _decide(session, actor, found, row, ACCEPTED, None)
    return row


def refuse(session: Session, actor: Actor, programme: str, version: int, reason: str) -> LegalBasis:
    """Refuse it with a reason, or take one's own back; then the file is applied with another one.

    Raises UnknownBasis, UnusableReason.
    """
    found, row = _waiting(session, programme, version)
    if row.proposed_by != actor.id:
        actor.require(Permission.LEGAL_BASIS_ACCEPT, programme)
    _decide(session, actor, found, row, REFUSED, reasons.plain(reason))
    return row


def versions(session: Session, actor: Actor, programme: str) -> Sequence[LegalBasis]:
    """Every version of a programme's legal basis, the latest first. Raises UnknownProgramme."""
    actor.require(Permission.PROGRAMME_READ, programme)
    return _versions(session, queries.find(session, programme).id)


def check_accepted(session: Session, programme: Programme, definition: Definition) -> None:
    """Refuse to open a cycle under a legal basis that nobody else has accepted. Raises BasisWaits."""
    terms = definition.legal_basis
    if terms is None:
        return
    held = next(
        (each for each in _versions(session, programme.id) if each.decision == ACCEPTED), None
    )
    if held is None or held.digest != digest_of(terms.ground, terms.because):
        raise BasisWaits(
            f"Nobody has accepted the legal basis of {programme.code} ({terms.ground}) yet.",
            next_step=f"Somebody else than who applied the file does: cbi programme legal-basis {programme.code}",
            programme=programme.code,
        )


def cycle_asks_for_consent(cycle: ColumnElement[UUID] | UUID) -> ColumnElement[bool]:
    """Whether nobody is paid in a cycle who has not agreed to be: by its legal basis, or as its file asks."""
    said = ProgrammeVersion.definition
    return exists().where(
        Cycle.id == cycle,
        ProgrammeVersion.programme_id == Cycle.programme_id,
        ProgrammeVersion.version == Cycle.version,
        or_(
            said["eligibility"]["consent"].astext == "required",
            said["legal_basis"]["ground"].astext == Ground.CONSENT.value,
        ),
    )


def digest_of(ground: str, because: str) -> bytes:
    """SHA-256 of a legal basis."""
    said = json.dumps([str(ground), because], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(said.encode()).digest()


def name_of(programme: str, version: int) -> str:
    """What the audit log calls it."""
    return f"{programme}/{version}"


def _versions(session: Session, programme_id: UUID) -> Sequence[LegalBasis]:
    return session.scalars(
        select(LegalBasis)
        .where(LegalBasis.programme_id == programme_id)
        .order_by(LegalBasis.version.desc())
    ).all()


def _waiting(session: Session, programme: str, version: int) -> tuple[Programme, LegalBasis]:
    found = queries.find(session, programme)
    row = session.get(LegalBasis, (found.id, version), with_for_update=True, populate_existing=True)
    if row is None or row.decision is not None:
        raise UnknownBasis(
            f"Version {version} of the legal basis of {programme} does not wait for a decision.",
            next_step=f"See: cbi programme legal-basis {programme}",
        )
    return found, row


def _decide(
    session: Session, actor: Actor, programme: Programme, row: LegalBasis, decision: str, reason: str | None
) -> None:  # fmt: skip
    session.execute(
        update(LegalBasis)
        .where(
            LegalBasis.programme_id == row.programme_id, LegalBasis.version == row.version,
            LegalBasis.decision.is_(None),
        )
        .values(decision=decision, decided_by=actor.id, decided_at=clock.now(), reason=reason),
        execution_options={"synchronize_session": False},
    )  # fmt: skip
    session.refresh(row)
    _note(session, actor, f"legal_basis.{decision}", programme, row)


def _note(session: Session, actor: Actor, act: str, programme: Programme, row: LegalBasis) -> None:
    record(
        session, actor, act, SUBJECT, name_of(programme.code, row.version), ground=str(row.ground),
        digest=row.digest.hex(),
    )  # fmt: skip
    session.flush()
