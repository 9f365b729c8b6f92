"""Notes that a proposal was refused or taken back, where whoever proposed it finds it with the reason."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.audit.record import Doer, record
from cbi.audit.refusal_models import Refusal

SUBJECT = "proposal"
REFUSED, TAKEN_BACK = "proposal.refused", "proposal.taken_back"


def note(
    session: Session, actor: Doer, proposal: tuple[str, object], reason: str, *, by: UUID | None, at: datetime,
    said: str | None = None,
) -> Refusal | None:  # fmt: skip
    """Note that the actor refused this proposal (its kind and its key), which `by` made `at` that time.

    `said` is the proposal's own reason. The caller has made sure that it waited, and locked it. Nothing is noted of what
    nobody by name proposed or refused: then there is nobody to tell.
    """
    if actor.id is None or by is None:
        return None
    kind, key = proposal[0], str(proposal[1])
    made = session.scalars(
        insert(Refusal)
        .values(
            kind=kind, key=key, said=said, proposed_by=by, proposed_at=at, refused_by=actor.id, refused_at=clock.now(),
            reason=reason,
        )
        .returning(Refusal)
    ).one()  # fmt: skip
    act = TAKEN_BACK if by == actor.id else REFUSED
    # The log can never be changed, so it vouches for the words without having them: they may be about a person.
    digest = sha256(f"{made.id}/{reason}".encode()).hexdigest()
    record(
        session, actor, act, SUBJECT, f"{kind}/{key}", refusal=str(made.id), reason_sha256=digest
    )
    return made
