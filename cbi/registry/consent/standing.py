"""What somebody's word is now: the latest that they said to a purpose, as a condition for whole sets of people."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    SQLColumnExpression,
    any_,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased
from sqlalchemy.types import Uuid

from cbi.offices import office_of
from cbi.registry.consent.models import NO, Answer, Consent, Scope
from cbi.registry.households.models import HouseholdChange
from cbi.registry.models import Person


def agreed(person: SQLColumnExpression[UUID], scope: Scope) -> ColumnElement[bool]:
    """Whether the person's latest word on a purpose is yes; who was never asked has not agreed."""
    return _latest(person, scope, (Answer.GIVEN,))


def said_no(person: SQLColumnExpression[UUID], scope: Scope) -> ColumnElement[bool]:
    """Whether the person's latest word on a purpose is no; who was never asked has not said so."""
    return _latest(person, scope, NO)


def _latest(
    person: SQLColumnExpression[UUID], scope: Scope, answers: Collection[Answer]
) -> ColumnElement[bool]:
    said, later = aliased(Consent), aliased(Consent)
    changed = exists().where(
        later.person_id == said.person_id,
        later.scope == scope,
        counts(later),
        tuple_(later.said_on, later.number) > tuple_(said.said_on, said.number),
    )
    # `<>` and not `IN`, so that the few who said no are found by their own index.
    says = said.answer == Answer.GIVEN if Answer.GIVEN in answers else said.answer != Answer.GIVEN
    return exists().where(
        said.person_id == person, said.scope == scope, says, counts(said), ~changed
    )


def counts(said: type[Consent]) -> ColumnElement[bool]:
    """Whether a word is the person's own, or of another record of theirs by a merge that nobody has undone."""
    undoing = aliased(HouseholdChange)
    return or_(said.carried_by.is_(None), ~exists().where(undoing.undoes_id == said.carried_by))


def latest(
    session: Session, people: Collection[UUID], at: datetime | None = None
) -> dict[UUID, dict[Scope, Consent]]:
    """What each of these people said last, by purpose: now, or as it had been recorded at a moment."""
    wanted = select(Consent).where(
        Consent.person_id == any_(bindparam(None, list(people), ARRAY(Uuid))), counts(Consent)
    )
    if at is not None:
        wanted = wanted.where(Consent.recorded_at <= at)
    found: dict[UUID, dict[Scope, Consent]] = {person: {} for person in people}
    for said in session.scalars(wanted.order_by(Consent.said_on, Consent.number)):
        found[said.person_id][said.scope] = said
    return found


def story(
    session: Session, people: Collection[UUID], *, counting: bool = False
) -> Sequence[Consent]:
    """Everything that these people ever said, the latest first; `counting`: without words of a merge that was undone."""
    wanted = select(Consent).where(
        Consent.person_id == any_(bindparam(None, list(people), ARRAY(Uuid)))
    )
    if counting:
        wanted = wanted.where(counts(Consent))
    return session.scalars(wanted.order_by(Consent.said_on.desc(), Consent.number.desc())).all()


def wait_for_words(session: Session) -> None:
    """Let nobody's word on being assisted change until this transaction ends: who decides by it sees all that was said."""
    _alone(session, "consents")


def hold_word(session: Session) -> None:
    """Taken by whoever records a word on being assisted: many may at once, and none while a cycle is being opened."""
    _beside_others(session, "consents")


def bring_list(session: Session) -> None:
    """Taken by whoever brings in a list of words, before it looks at what was said: nobody says anything meanwhile."""
    hold_word(session)
    _alone(session, "consent-lists")


def make_one(session: Session) -> None:
    """Taken by whoever makes one record of two, before it looks at what each said: nobody says anything meanwhile."""
    bring_list(session)


def beside_no_list(session: Session) -> None:
    """Taken by whoever records a word of any kind, or how much texts may tell: no list of the day and no merge misses it."""
    _beside_others(session, "consent-lists")


def _alone(session: Session, name: str) -> None:
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), _lock(session, name)
    )


def _beside_others(session: Session, name: str) -> None:
    session.execute(
        text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 0))"),
        _lock(session, name),
    )


def _lock(session: Session, name: str) -> dict[str, str]:
    return {"name": f"{name}:{office_of(session).code}"}


def people_of(session: Session, household_id: UUID) -> Sequence[UUID]:
    """The members of a household, its collector first."""
    return session.scalars(
        select(Person.id)
        .where(Person.household_id == household_id, Person.gone.is_(None))
        .order_by(Person.is_recipient.desc(), func.coalesce(Person.line, 0), Person.id)
    ).all()
