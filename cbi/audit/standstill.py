"""An office that stands still sends no payment, pays no code and hands over no text, until two people let it go on."""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock, ids
from cbi.audit import chain
from cbi.audit.record import Doer, record
from cbi.audit.standstill_models import Standstill
from cbi.errors import Conflict

BEGUN = "standstill.begun"

STANDS_STILL = select(Standstill.id).where(Standstill.open).correlate(None).exists()
"""Whether the office stands still: a condition for whatever would let something out."""


class StandsStill(Conflict):
    """Nothing leaves the office until two people let it go on."""

    code = "standstill.stands"


def now(session: Session) -> Standstill | None:
    """The standstill that lasts; None in an office that works."""
    return session.scalars(
        select(Standstill).where(Standstill.open).execution_options(populate_existing=True)
    ).one_or_none()


def refuse(session: Session) -> None:
    """Raise StandsStill where the office stands still."""
    if session.scalar(select(STANDS_STILL)):
        raise StandsStill(
            "The office stands still: no payment leaves, and no code is paid.",
            next_step="See why, and what is missing before it goes on: cbi standstill show",
        )


def begin(
    session: Session, actor: Doer, *, reason: str | None = None, witnessed: str | None = None
) -> Standstill:
    """Stop the office, or begin the standstill anew that lasts already: what was told before counts no more, nor who asked
    to go on. There is never more than one.
    """
    new = insert(Standstill).values(
        id=ids.fresh(), began_at=clock.now(), begun_by=actor.id, reason=reason, witnessed=witnessed,
        position=chain.head(session).position, open=True,
    )  # fmt: skip
    anew = {
        "began_at": new.excluded.began_at, "position": new.excluded.position,
        "witnessed": func.coalesce(new.excluded.witnessed, Standstill.witnessed),
        "asked_because": None, "asked_by": None, "asked_at": None,
    }  # fmt: skip
    begun = session.scalars(
        new.on_conflict_do_update(
            index_elements=["open"], index_where=Standstill.open.expression, set_=anew
        ).returning(Standstill),
        execution_options={"populate_existing": True},
    ).one()
    record(session, actor, BEGUN, "standstill", begun.id, witnessed=witnessed, reason=reason)
    return begun
