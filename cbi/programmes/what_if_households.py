"""The households of a comparison as its tables count them: those that are alike together, however many there are."""

from collections.abc import Iterator, Mapping

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from cbi import clock, db
from cbi.offices import office_of
from cbi.programmes.what_if_amounts import amounts
from cbi.programmes.what_if_bands import bands
from cbi.programmes.what_if_tables import Head, Household
from cbi.registry.models import Household as Registered
from cbi.registry.models import Person

_CHUNK = 1_000


def alike(session: Session, orders: Mapping[str, int] | None) -> Iterator[Household]:
    """Households by area, head, band and whether they move, from `bands` and `amounts`.

    All of them, and they move into what a programme pays or out of it. With `orders`, which says how far up each band
    is, those that were assessed, and they move up or down.
    """
    head = (
        select(Person.household_id, Person.sex, Person.born_year)
        .ext(distinct_on(Person.household_id))
        .where(Person.gone.is_(None))
        .order_by(Person.household_id, Person.is_head.desc(), Person.is_recipient.desc(), Person.id)
        .subquery("head")
    )
    owed = (
        select(
            amounts.c.household_id,
            cast(func.sum(amounts.c.before), BigInteger).label("before"),
            cast(func.sum(amounts.c.after), BigInteger).label("after"),
        )
        .group_by(amounts.c.household_id)
        .subquery("owed")
    )
    before, after = func.coalesce(owed.c.before, 0), func.coalesce(owed.c.after, 0)
    moved: ColumnElement[int] = case(
        (and_(before == 0, after > 0), 1), (and_(after == 0, before > 0), -1), else_=0
    )
    band = func.coalesce(bands.c.after, bands.c.before)
    if orders is not None:
        was, becomes = (case(dict(orders), value=each, else_=-1) for each in (bands.c.before, band))
        moved = becomes - was
    year = clock.today(office_of(session).timezone).year
    each = (
        select(
            Registered.area.label("area"), head.c.sex.label("sex"),
            (year - head.c.born_year).label("age"), band.label("band"), moved.label("moved"),
            before.label("before"), after.label("after"),
        )
        .outerjoin(head, head.c.household_id == Registered.id)
        .join(bands, bands.c.household_id == Registered.id, isouter=orders is None)
        .outerjoin(owed, owed.c.household_id == Registered.id)
        .subquery("each")
    )  # fmt: skip
    same = each.c.area, each.c.sex, each.c.age, each.c.band, each.c.moved
    counted = (
        select(*same, func.count(), func.sum(each.c.before), func.sum(each.c.after))
        .group_by(*same)
        .execution_options(yield_per=_CHUNK)
    )
    with db.planned_for_sets(session):
        for area, sex, age, name, moves, count, now, then in session.execute(counted):
            yield Household(
                area or "", Head.of(sex, age), name or "", moves, int(now), int(then), count
            )
