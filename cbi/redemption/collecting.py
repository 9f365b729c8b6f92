"""Who may take a household's cash at a counter: its primary collector, its alternate, or the guardian appointed for a child.

An alternate or guardian counts for a payment when two people had recorded them before it was sent; whoever was recorded
while it was under way counts for it only if the second person had them before their eyes. Else whoever learns a code could
be made an alternate for it. For an unaccompanied child only the guardian collects. Nobody who may work here or at a
counter is an alternate or a guardian there.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    DateTime,
    SQLColumnExpression,
    Uuid,
    and_,
    bindparam,
    cast,
    exists,
    extract,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased
from sqlalchemy.types import Text

from cbi.payments.models import Attempt, Payment
from cbi.redemption.models import Authorisation
from cbi.redemption.states import CollectedAs
from cbi.registry.households.models import (
    ChangedPerson,
    Guardianship,
    HouseholdChange,
    HouseholdRequest,
    MemberRole,
)
from cbi.registry.linkage.staff import may_be_staff
from cbi.registry.models import FactorKind, Person

CHILD_UNTIL = 18
"""Who reaches more years than these in this year collects for themself again. Of a birthday only the year is in clear."""


class Collector(NamedTuple):
    """Somebody who may take the cash, and what they show or say; None: nothing was registered."""

    person_id: UUID
    collected_as: CollectedAs
    factor_kind: FactorKind | None


def collectors(session: Session, payment_id: UUID, attempt: int, now: datetime) -> list[Collector]:
    """Who may take the cash of this attempt, the one whom it is for first. Empty: a child whom nobody answers for."""
    given = {"payment": payment_id, "attempt": attempt, "now": now}
    rows = session.connection().execute(_WHO, given)
    return [
        Collector(row.person_id, CollectedAs(row.collected_as), row.factor_kind) for row in rows
    ]


def is_ward(now: SQLColumnExpression[datetime]) -> ColumnElement[bool]:
    """Whether a payment's person is a child for whom a guardian was appointed at some time."""
    child, guarded, undoing = aliased(Person), aliased(Guardianship), aliased(HouseholdChange)
    grown_up = cast(extract("year", now), BigInteger) - child.born_year > CHILD_UNTIL
    return exists().where(
        guarded.child_id == Payment.person_id, child.id == guarded.child_id,
        or_(child.born_year.is_(None), ~grown_up),
        # A child's record that came by a merge was another child's, once that is undone.
        ~exists().where(undoing.undoes_id == guarded.begun_by),
    )  # fmt: skip


def still_may(now: SQLColumnExpression[datetime]) -> ColumnElement[bool]:
    """Whether whoever was recognised for an authorisation may still take the cash of its payment."""
    them = Authorisation.collector_id
    alternate, guarded = aliased(Person), aliased(Guardianship)
    steps_in = exists().where(
        alternate.id == them, alternate.is_alternate, alternate.household_id == Payment.household_id
    )
    answers = exists().where(
        guarded.child_id == Payment.person_id,
        guarded.guardian_id == them,
        guarded.ended_by.is_(None),
    )
    as_, ward = Authorisation.collected_as, is_ward(now)
    return or_(
        and_(as_ == CollectedAs.PRIMARY, func.coalesce(them, Payment.person_id) == Payment.person_id, ~ward),
        and_(as_ == CollectedAs.ALTERNATE, steps_in, ~ward, ~may_be_staff(them)),
        and_(as_ == CollectedAs.GUARDIAN, answers, ward, ~may_be_staff(them)),
    )  # fmt: skip


def _in_time(
    change_id: SQLColumnExpression[UUID], sent_at: SQLColumnExpression[datetime]
) -> ColumnElement[bool]:
    """Whether two people had recorded a change before the payment was sent, or with the person before them."""
    change, asked = aliased(HouseholdChange), aliased(HouseholdRequest)
    seen = exists().where(asked.id == change.request_id, asked.face_to_face.is_(True))
    return exists().where(
        change.id == change_id, change.confirmed_by != change.recorded_by,
        or_(change.recorded_at < sent_at, seen),
    )  # fmt: skip


def _who() -> CompoundSelect[Any]:
    now = bindparam("now", type_=DateTime(timezone=True))
    ward = is_ward(now)
    this = and_(
        Payment.id == bindparam("payment", type_=Uuid),
        Attempt.payment_id == Payment.id,
        Attempt.number == bindparam("attempt", type_=BigInteger),
    )
    primary, alternate, guardian = aliased(Person), aliased(Person), aliased(Person)
    made = aliased(ChangedPerson)
    role = literal(MemberRole.ALTERNATE.value, Text)
    appointed = (
        select(made.change_id)
        .where(
            made.person_id == alternate.id, role == func.any(made.roles_after), ~(role == func.any(made.roles_before))
        )
        .order_by(made.id.desc())
        .limit(1)
        .correlate(alternate)
        .scalar_subquery()
    )  # fmt: skip

    def as_(who: Any, what: CollectedAs, place: int) -> tuple[Any, ...]:
        return (
            who.id.label("person_id"), literal(what.value, Text).label("collected_as"), who.factor_kind,
            literal(place).label("place"),
        )  # fmt: skip

    themself = (
        select(*as_(primary, CollectedAs.PRIMARY, 1))
        .select_from(Payment, Attempt)
        .join(primary, primary.id == Payment.person_id)
        .where(this, ~ward)
    )
    in_their_place = (
        select(*as_(alternate, CollectedAs.ALTERNATE, 2))
        .select_from(Payment, Attempt)
        .join(
            alternate, and_(alternate.household_id == Payment.household_id, alternate.is_alternate)
        )
        .where(this, ~ward, _in_time(appointed, Attempt.started_at), ~may_be_staff(alternate.id))
    )
    for_the_child = (
        select(*as_(guardian, CollectedAs.GUARDIAN, 1))
        .select_from(Payment, Attempt)
        .join(Guardianship, Guardianship.child_id == Payment.person_id)
        .join(guardian, guardian.id == Guardianship.guardian_id)
        .where(
            this, ward, Guardianship.ended_by.is_(None), guardian.gone.is_(None), ~may_be_staff(guardian.id),
            _in_time(Guardianship.begun_by, Attempt.started_at),
        )
    )  # fmt: skip
    return union_all(themself, in_their_place, for_the_child).order_by("place")


_WHO = _who()
"""Somebody waits while this is asked: it is built once, not at every try."""
