"""What a changed programme file must keep, because cycles that were opened rest on it; and what it may count with."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cbi.errors import Conflict, Invalid
from cbi.programmes.definition import Definition
from cbi.programmes.models import Cycle, Entitlement, Programme


class RestsOnIt(Conflict):
    """Cycles that were opened rest on what the file changes."""

    code = "programmes.rests_on_it"


class CannotCount(Invalid):
    """A ceiling cannot count with that programme."""

    code = "programmes.cannot_count"


def check_kept(
    session: Session, programme: Programme, before: Definition, after: Definition
) -> None:
    """Refuse periods of another length once a cycle is open, and tranches that were given and are gone.

    Days would be paid for twice, and a tranche under another code would be given again. Raises RestsOnIt.
    """
    if before.schedule.every != after.schedule.every:
        opened = select(exists().where(Cycle.programme_id == programme.id))
        if session.scalar(opened):
            raise RestsOnIt(
                f"Cycles of {programme.code} have been opened for every {before.schedule.every}.",
                next_step=f"Keep `every: {before.schedule.every}`, or make another programme.",
            )
    if after.grant is None:
        return
    given = session.scalars(
        select(Entitlement.component)
        .where(Entitlement.programme_id == programme.id, Entitlement.once)
        .distinct()
    ).all()
    if gone := sorted(set(given) - {part.code for part in after.grant.parts}):
        raise RestsOnIt(
            f"Households of {programme.code} have been given {', '.join(gone)}, which the file does not have any more.",
            next_step="Keep the code of a tranche that was given: under another one it would be given again.",
        )


def check_counting(session: Session, definition: Definition) -> None:
    """Refuse a ceiling that counts with programmes that are not there, or pay in another currency. Raises CannotCount."""
    others = definition.counting[1:]
    known = dict(
        session.execute(
            select(Programme.code, Programme.currency).where(Programme.code.in_(others))
        ).all()
    )
    if strange := [code for code in others if code not in known]:
        raise CannotCount(
            f"There is no programme {', '.join(strange)}.",
            next_step="Apply its file first, or delete it from ceilings.counting.",
        )
    if other := [code for code in others if known[code] != definition.currency]:
        raise CannotCount(
            f"The programme {', '.join(other)} pays in another currency than {definition.currency}.",
            next_step="A ceiling counts in one currency: give each currency a ceiling of its own.",
        )
