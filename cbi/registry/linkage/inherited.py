"""What is asked about a record that is used no more, because it was found to be one with another, is asked about that one.

Somebody may be on record three times. Once two of the records are one, nobody looks any more at the one that went, though
only that one resembles the third; and a colleague who may be the one that went may be the one that stays. Else the third
would be paid beside it, and the colleague would have a hand on their own record.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased

from cbi import ids
from cbi.registry.households.models import ChangedPerson
from cbi.registry.linkage import scoring, staff
from cbi.registry.linkage.models import Pair, PairState, StaffMatch
from cbi.registry.linkage.staff import Colleague
from cbi.registry.models import DuplicateFlag, Gone, Household, Person
from cbi.registry.queries import is_asked_about, is_current
from cbi.scope import seeing_all

_CERTAIN = 1000
_ONE_DOCUMENT = {"document": "document_same"}


def by_who_stays(session: Session, change: UUID) -> None:
    """Ask about the records that stay what nobody has answered of those that this change retired."""
    with seeing_all(session):
        _pairs(session, change)
        _colleagues(session, change)


def _retired(change: UUID, record: Any) -> ColumnElement[bool]:
    made = aliased(ChangedPerson)
    return exists().where(
        made.change_id == change, made.person_id == record, made.gone_after == Gone.SAME.value
    )


def _pairs(session: Session, change: UUID) -> None:
    """An open pair holds payment by the most that it came to, whichever of the records it was found of."""
    asked = union_all(
        _asked(change, Pair.first_id, Pair.second_id),
        _asked(change, Pair.second_id, Pair.first_id),
        _one_document(change),
    ).subquery()
    both = (asked.c.first_id, asked.c.second_id)
    most = select(asked).ext(distinct_on(*both)).order_by(*both, asked.c.per_mille.desc())
    each = most.subquery()
    columns = ("first_id", "second_id", "per_mille", "levels", "model", "found_at")
    new = upsert(Pair).from_select(
        ["id", "state", *columns],
        select(ids.fresh_in_sql(), literal(PairState.OPEN.value), *(each.c[name] for name in columns)),
        include_defaults=False,
    )  # fmt: skip
    fresh = new.excluded
    more = fresh.per_mille > Pair.per_mille
    session.execute(
        new.on_conflict_do_update(
            index_elements=[Pair.first_id, Pair.second_id],
            set_={
                "per_mille": func.greatest(Pair.per_mille, fresh.per_mille),
                "now_per_mille": case(
                    (more, func.coalesce(Pair.now_per_mille, Pair.per_mille)), else_=Pair.now_per_mille
                ),
                "found_at": func.least(Pair.found_at, fresh.found_at),
            },
            where=Pair.state == PairState.OPEN,
        )
    )  # fmt: skip


def _ordered(stays: Any, third: Any) -> tuple[ColumnElement[Any], ...]:
    first, second = func.least(stays, third), func.greatest(stays, third)
    return first.label("first_id"), second.label("second_id")


def _asked(change: UUID, mine: Any, theirs: Any) -> Select[Any]:
    record, third = aliased(Person), aliased(Person)
    other = func.coalesce(third.same_as, third.id)  # two of one family may be used no more at once
    return (
        select(*_ordered(record.same_as, other), Pair.per_mille, Pair.levels, Pair.model, Pair.found_at)
        .join(record, record.id == mine)
        .join(third, third.id == theirs)
        .where(
            _retired(change, record.id), Pair.state != PairState.DIFFERENT,
            other.not_in([record.id, record.same_as]), third.data_key.is_not(None),
        )
    )  # fmt: skip


def _one_document(change: UUID) -> Select[Any]:
    """Whoever showed the document of somebody elsewhere, which the record that stays does not: their flag asks no more."""
    record, stays, third = aliased(Person), aliased(Person), aliased(Person)
    home, flag = aliased(Household), aliased(DuplicateFlag)
    return (
        select(
            *_ordered(stays.id, third.id), literal(_CERTAIN).label("per_mille"),
            literal(_ONE_DOCUMENT, JSONB).label("levels"),
            literal(scoring.model_version()).label("model"), flag.flagged_at.label("found_at"),
        )
        .select_from(record)
        .join(stays, stays.id == record.same_as)
        .join(third, third.document_index == record.document_index)
        .join(home, home.id == third.household_id)
        .join(flag, flag.value_index == record.document_index)
        .where(
            _retired(change, record.id), stays.document_index.is_distinct_from(record.document_index),
            third.id.not_in([record.id, stays.id]), third.household_id != stays.household_id,
            is_asked_about(third, home), flag.kind == "same_document", is_current(flag),
            flag.decision.is_distinct_from("different"),
        )
    )  # fmt: skip


def _colleagues(session: Session, change: UUID) -> None:
    """Who may be a member of staff is looked at once more, under the record that stays."""
    record = aliased(Person)
    found = session.execute(
        select(StaffMatch.staff_id, StaffMatch.staff_kind, record.same_as)
        .distinct()
        .join(record, record.id == StaffMatch.person_id)
        .where(
            _retired(change, record.id),
            or_(StaffMatch.decision.is_(None), StaffMatch.decision == staff.SAME),
        )
    )
    staff.keep(session, [(Colleague(kind, who, ""), stays) for who, kind, stays in found if stays])


def because_of(session: Session, pair: Pair) -> Sequence[UUID]:
    """The open pairs of records that are used no more by which this one is asked about: what is alike stands in those."""
    both = [pair.first_id, pair.second_id]
    others = session.execute(select(Person.id, Person.same_as).where(Person.same_as.in_(both)))
    stays = {**{each: each for each in both}, **dict(others.all())}
    found = session.scalars(
        select(Pair)
        .where(
            Pair.id != pair.id, Pair.state == PairState.OPEN, Pair.first_id.in_(stays), Pair.second_id.in_(stays)
        )
        .order_by(Pair.per_mille.desc(), Pair.id)
    )  # fmt: skip
    return [each.id for each in found if stays[each.first_id] != stays[each.second_id]]
