"""Keeps the pairs that a comparison found: new ones, what open ones come to by the facts of today, and settled ones of whom
facts have changed since.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, any_, bindparam, case, func, insert, null, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from cbi import clock, ids
from cbi.access.actor import SYSTEM
from cbi.audit.record import record
from cbi.db import chunks
from cbi.registry.linkage import scoring
from cbi.registry.linkage.models import Finding, Pair, PairState, Verdict
from cbi.registry.linkage.queries import ask_from
from cbi.registry.linkage.scoring import Scored

CORRECTED_SINCE = "What is on record of them was corrected since, and agrees more closely now."


def open_pairs_of(session: Session, person_ids: Sequence[UUID]) -> set[tuple[UUID, UUID]]:
    """The open pairs that these people are in: they are scored anew, however little may be alike by now."""
    these = any_(bindparam(None, list(person_ids), ARRAY(Uuid)))
    rows = session.execute(
        select(Pair.first_id, Pair.second_id).where(
            Pair.state == PairState.OPEN, or_(Pair.first_id == these, Pair.second_id == these)
        )
    )
    return {(first, second) for first, second in rows}


def keep(session: Session, found: Sequence[Scored]) -> None:
    """Keep what was found.

    An open pair shows how the facts of today agree, and holds payment by the most that it ever came to: correcting
    somebody decides nothing. A pair of two people that agrees more closely than when that was said is asked about again.
    """
    now = clock.now()
    rows = [
        {
            "id": ids.fresh(), "first_id": min(each.first, each.second), "second_id": max(each.first, each.second),
            "per_mille": each.per_mille, "levels": dict(each.levels), "model": scoring.model_version(),
            "found_at": now, "state": PairState.OPEN,
        }
        for each in found
    ]  # fmt: skip
    for some in chunks(rows, 2_000):
        _ask_again(session, some)
        new = upsert(Pair).values(some)
        fresh = new.excluded
        lower = and_(Pair.model == fresh.model, Pair.per_mille > fresh.per_mille)
        session.execute(
            new.on_conflict_do_update(
                index_elements=[Pair.first_id, Pair.second_id],
                set_={
                    "per_mille": case((lower, Pair.per_mille), else_=fresh.per_mille),
                    "now_per_mille": case(
                        (and_(lower, Pair.levels == fresh.levels), Pair.now_per_mille),
                        (lower, fresh.per_mille),
                        else_=null(),
                    ),
                    "levels": fresh.levels,
                    "model": fresh.model,
                },
                where=(Pair.state == PairState.OPEN),
            )
        )


def _ask_again(session: Session, rows: Sequence[dict[str, object]]) -> None:
    """Open the pairs that were found to be two people, and of whom something was corrected that makes them more alike."""
    fresh = {(row["first_id"], row["second_id"]): row for row in rows}
    settled = session.scalars(
        select(Pair).where(
            Pair.state == PairState.DIFFERENT, tuple_(Pair.first_id, Pair.second_id).in_(list(fresh)),
        )
    ).all()  # fmt: skip
    asked = session.scalar(select(func.coalesce(ask_from(), 0))) if settled else 0
    for pair in settled:
        row = fresh[pair.first_id, pair.second_id]
        closer = (
            pair.model == row["model"]
            and pair.levels != row["levels"]
            and max(pair.per_mille, (asked or 0) - 1) < int(str(row["per_mille"]))
        )
        if not closer:
            continue
        session.execute(
            insert(Verdict).values(
                pair_id=pair.id, finding=Finding.TAKEN_BACK, reason=CORRECTED_SINCE, said_by=None,
                said_at=clock.now(), settles=False,
            )
        )  # fmt: skip
        session.execute(
            update(Pair)
            .where(Pair.id == pair.id, Pair.state == PairState.DIFFERENT)
            .values(state=PairState.OPEN, settled_at=None),
            execution_options={"synchronize_session": False},
        )
        session.expire(pair)
        record(
            session, SYSTEM, "registry.pair_taken_back", "pair", pair.id, asked_by=None,
            per_mille=row["per_mille"],
        )  # fmt: skip
