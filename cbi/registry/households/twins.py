"""Whoever was on record twice is one person: a no that one record said, and a guardian that one had, hold for the other.

Else a child would be its own collector, and somebody who had said no would be written to and named to others, because
colleagues kept the record that nothing had been said of. What was carried so stops counting when the merge is undone.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Uuid,
    and_,
    case,
    exists,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased

from cbi import clock, ids
from cbi.messaging.choices import Level
from cbi.registry.consent.models import Answer, Consent
from cbi.registry.consent.standing import counts, make_one
from cbi.registry.households.models import ChangedPerson, Guardianship, HouseholdChange
from cbi.registry.models import Gone, Person, PrivacyChoice
from cbi.scope import seeing_all

_APPOINTED = (Guardianship.reference, Guardianship.decided_on, Guardianship.decided_by)


def one_person(session: Session, change: UUID) -> None:
    """Let what holds for the records that this change retired hold for those that stay."""
    with seeing_all(session):
        retired = session.scalars(
            select(ChangedPerson.person_id).where(
                ChangedPerson.change_id == change, ChangedPerson.gone_after == Gone.SAME.value
            )
        ).all()
        if retired:
            make_one(session)
            _words(session, change)
            _levels(session, change)
            _wards(session, change)
            _guardians(session, change)


def two_again(session: Session, merge: UUID, undoing: UUID) -> None:
    """Give each record back the guardian that it had before the merge; words that came by it count no more by themselves."""
    with seeing_all(session):
        _end(session, undoing, Guardianship.begun_by == merge)
        now = aliased(Guardianship)
        has_one = exists().where(now.child_id == Guardianship.child_id, now.ended_by.is_(None))
        _appoint(
            session,
            undoing,
            Guardianship.child_id,
            Guardianship.guardian_id,
            Guardianship.ended_by == merge,
            ~has_one,
        )


def _retired(change: UUID, record: Any) -> ColumnElement[bool]:
    made = aliased(ChangedPerson)
    return exists().where(
        made.change_id == change, made.person_id == record, made.gone_after == Gone.SAME.value
    )


def _words(session: Session, change: UUID) -> None:
    """A no that was said later than what the other record said; a yes only where that said nothing."""
    record, known = aliased(Person), aliased(Consent)
    of_other = (known.person_id == record.same_as, known.scope == Consent.scope, counts(known))
    later = exists().where(
        *of_other, tuple_(known.said_on, known.number) > tuple_(Consent.said_on, Consent.number)
    )
    own = aliased(Consent)
    last = ~exists().where(
        own.person_id == Consent.person_id, own.scope == Consent.scope, counts(own),
        tuple_(own.said_on, own.number) > tuple_(Consent.said_on, Consent.number),
    )  # fmt: skip
    kept = ("scope", "answer", "said_on", "notice_code", "notice_version", "notice", "language", "how", "guardian_id",
            "recorded_by")  # fmt: skip
    row = {
        "id": ids.fresh_in_sql(), "person_id": record.same_as, **{name: getattr(Consent, name) for name in kept},
        "recorded_at": literal(clock.now()), "carried_from": Consent.id, "carried_by": literal(change, Uuid),
    }  # fmt: skip
    session.execute(
        insert(Consent).from_select(
            list(row),
            select(*(value.label(name) for name, value in row.items()))
            .join(record, record.id == Consent.person_id)
            .where(
                _retired(change, record.id), counts(Consent), last, ~later,
                or_(Consent.answer != Answer.GIVEN, ~exists().where(*of_other)),
                Consent.guardian_id.is_distinct_from(record.same_as),
            )
            .order_by(Consent.said_on, Consent.number),
            include_defaults=False,
        )
    )  # fmt: skip


def _levels(session: Session, change: UUID) -> None:
    """How much texts may tell, where nobody asked the record that stays, or the other was asked later and chose less."""
    record = aliased(Person)
    row = {
        "person_id": record.same_as, "level": PrivacyChoice.level, "chosen_at": PrivacyChoice.chosen_at,
        "noted_by": PrivacyChoice.noted_by,
    }  # fmt: skip
    new = upsert(PrivacyChoice).from_select(
        list(row),
        select(*row.values())
        .ext(distinct_on(record.same_as))
        .join(record, record.id == PrivacyChoice.person_id)
        .where(_retired(change, record.id))
        .order_by(record.same_as, _silence(PrivacyChoice.level).desc()),
    )
    fresh = new.excluded
    session.execute(
        new.on_conflict_do_update(
            index_elements=[PrivacyChoice.person_id],
            set_={name: fresh[name] for name in ("level", "chosen_at", "noted_by")},
            where=and_(
                fresh.chosen_at > PrivacyChoice.chosen_at,
                _silence(fresh.level) > _silence(PrivacyChoice.level),
            ),
        )
    )


def _silence(level: Any) -> ColumnElement[int]:
    """How much less a level tells than all there is."""
    return case((level == Level.NO_SMS, 2), (level == Level.DISCREET, 1), else_=0)


def _wards(session: Session, change: UUID) -> None:
    """The guardian of a child's record that is used no more is that of the record that stays, unless it has one."""
    child, other = aliased(Person), aliased(Guardianship)
    has_one = exists().where(other.child_id == child.same_as, other.ended_by.is_(None))
    whose = select(child.same_as).where(child.id == Guardianship.child_id).scalar_subquery()
    _appoint(
        session, change, whose, Guardianship.guardian_id, Guardianship.ended_by.is_(None),
        exists().where(
            child.id == Guardianship.child_id, _retired(change, child.id), ~has_one,
            child.same_as != Guardianship.guardian_id,
        ),
    )  # fmt: skip


def _guardians(session: Session, change: UUID) -> None:
    """Who answers for a child still does, under the record that stays."""
    guardian = aliased(Person)
    goes = exists().where(
        guardian.id == Guardianship.guardian_id, _retired(change, guardian.id),
        guardian.same_as != Guardianship.child_id,
    )  # fmt: skip
    _end(session, change, goes)
    whose = (
        select(guardian.same_as).where(guardian.id == Guardianship.guardian_id).scalar_subquery()
    )
    _appoint(session, change, Guardianship.child_id, whose, Guardianship.ended_by == change, goes)


def _end(session: Session, change: UUID, which: ColumnElement[bool]) -> None:
    day = select(HouseholdChange.happened_on).where(HouseholdChange.id == change).scalar_subquery()
    session.execute(
        update(Guardianship)
        .where(which, Guardianship.ended_by.is_(None))
        .values(ended_on=day, ended_by=change)
        .execution_options(synchronize_session=False)
    )


def _appoint(
    session: Session, change: UUID, child: Any, guardian: Any, *which: ColumnElement[bool]
) -> None:
    row = {
        "id": ids.fresh_in_sql(), "child_id": child, "guardian_id": guardian,
        **{column.key: column for column in _APPOINTED}, "begun_by": literal(change, Uuid),
    }  # fmt: skip
    # A child has one guardian at a time, also where two of its records are found to be a third.
    session.execute(
        upsert(Guardianship)
        .from_select(
            list(row),
            select(*(value.label(name) for name, value in row.items())).where(*which),
            include_defaults=False,
        )
        .on_conflict_do_nothing()
    )
