"""Guardians: who answers for an unaccompanied child, by which decision, and who may not."""

from uuid import UUID

from sqlalchemy import Uuid, bindparam, insert, select, update
from sqlalchemy.orm import Session

from cbi import ids
from cbi.registry.households import own_facts, rules
from cbi.registry.households.going import Going, needed
from cbi.registry.households.models import Guardianship, HouseholdChange
from cbi.registry.households.rules import CannotChange, Picture
from cbi.registry.linkage.staff import may_be_staff


def works_not_here(session: Session, person: UUID) -> None:
    """Raise CannotChange where somebody who is to collect in another's place may work here or at a counter."""
    if session.scalar(select(may_be_staff(bindparam(None, person, Uuid)))):
        raise CannotChange(
            "This person may be a member of staff or a teller, who collects for nobody else.",
            next_step="Name somebody else. If they are not: cbi registry staff",
        )


def appoint(going: Going) -> UUID:
    """Somebody answers for an unaccompanied child from now on, by a decision. Raises UnusableChange, CannotChange."""
    asked, home = going.asked, going.asked.household
    needed(asked, "person", "other", "reference", "decided_on", "decided_by")
    assert asked.person is not None
    assert asked.other is not None
    child, guardian = asked.person, asked.other
    works_not_here(going.session, guardian)

    def both_are_members(picture: Picture) -> Picture:
        rules.member(picture, child, home)
        rules.member(picture, guardian, home)
        return picture

    change = going.apply(both_are_members, touched=(child, guardian))
    _end(going.session, change, child)
    going.session.execute(
        insert(Guardianship).values(
            id=ids.fresh(), child_id=child, guardian_id=guardian, reference=asked.reference,
            decided_on=asked.decided_on, decided_by=asked.decided_by, begun_by=change,
        )
    )  # fmt: skip
    own_facts.collects(going.session, going.actor, guardian, asked.personal, asked.consent_on)
    return change


def _end(session: Session, change: UUID, child: UUID) -> None:
    session.execute(
        update(Guardianship)
        .where(Guardianship.child_id == child, Guardianship.ended_on.is_(None))
        .values(ended_on=_happened_on(session, change), ended_by=change)
        .execution_options(synchronize_session=False)
    )


def end_with(session: Session, change: UUID, person: UUID) -> None:
    """Whoever has gone answers for nobody, and nobody for them."""
    session.execute(
        update(Guardianship)
        .where(
            (Guardianship.child_id == person) | (Guardianship.guardian_id == person),
            Guardianship.ended_on.is_(None),
        )
        .values(ended_on=_happened_on(session, change), ended_by=change)
        .execution_options(synchronize_session=False)
    )


def _happened_on(session: Session, change: UUID) -> object:
    return session.scalars(
        select(HouseholdChange.happened_on).where(HouseholdChange.id == change)
    ).one()
