"""Who lives in households, by sex and age band, without opening a name or a birthday."""

from collections.abc import Callable
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    Uuid,
    bindparam,
    case,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.keys import unseal
from cbi.offices import office_of
from cbi.registry.models import Person
from cbi.registry.personal import Sealer

CHUNK = 5_000

AGE_BANDS = ((0, 4), (5, 17), (18, 59), (60, None))
"""Ages from and to, both included; the last has no end. Of a birthday only the year is known, so the age is the one
that is reached in the year."""
UNKNOWN_AGE = "unknown"


def born_year(born_on: date | None, age: int | None, on: datetime) -> int | None:
    """The year of birth, all of a birthday that stands in clear; of an age the year that it makes likely."""
    if born_on is not None:
        return born_on.year
    return on.year - age if age is not None else None


def fill_years(
    session: Session, actor: Actor, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Note the year of birth of people who were registered before it was kept; returns of how many.

    Whoever's data was erased has none. Raises NotPermitted, Unreadable.
    """
    actor.require(Permission.HOUSEHOLD_CONFIRM)
    sealer, filled, after = Sealer(office_of(session).keys), 0, UUID(int=0)
    while chunk := session.execute(
        select(Person.id, Person.data_key, Person.born_on, Person.registered_at)
        .where(
            Person.id > after, Person.born_year.is_(None), Person.born_on.is_not(None), Person.data_key.is_not(None)
        )
        .order_by(Person.id)
        .limit(CHUNK)
    ).all():  # fmt: skip
        years = {
            row.id: _year(sealer, row.id, row.data_key, row.born_on, row.registered_at)
            for row in chunk
        }
        told = (
            func.unnest(
                bindparam(None, list(years), ARRAY(Uuid)),
                bindparam(None, list(years.values()), ARRAY(BigInteger)),
            )
            .table_valued("id", "year")
            .render_derived(name="told")
        )
        session.execute(
            update(Person)
            .where(Person.id == told.c.id)
            .values(born_year=told.c.year)
            .execution_options(synchronize_session=False)
        )
        filled, after = filled + len(chunk), chunk[-1].id
        progress(len(chunk))
    session.expire_all()
    return filled


def _year(
    sealer: Sealer, person_id: UUID, wrapped: bytes, born_on: bytes, registered_at: datetime
) -> int | None:
    said = unseal(
        sealer.key_of(person_id, wrapped), born_on, f"person/{person_id}/born_on"
    ).decode()
    if said.startswith("age "):
        return born_year(None, int(said.removeprefix("age ")), registered_at)
    return born_year(date.fromisoformat(said), None, registered_at)


def composition(on: date, households: Select[UUID] | None = None) -> Select[UUID, str, str, int]:
    """The listed members of each household by sex and age band: `household_id`, `sex`, `age_band`, `members`.

    Nothing sealed is opened. The band is one of `AGE_BANDS` written as `5-17` and `60+`, or `unknown`. Members who are
    not listed by name are not in it: a household's `size` may be larger than the sum.
    """
    age = on.year - Person.born_year
    band = case(
        (Person.born_year.is_(None), literal(UNKNOWN_AGE, Text)),
        *(
            (age <= last, literal(f"{first}-{last}", Text))
            for first, last in AGE_BANDS
            if last is not None
        ),
        else_=literal(f"{AGE_BANDS[-1][0]}+", Text),
    )
    counted = (
        select(
            Person.household_id.label("household_id"), Person.sex.label("sex"), band.label("age_band"),
            func.count().label("members"),
        )
        .where(Person.gone.is_(None))
        .group_by(Person.household_id, Person.sex, band)
    )  # fmt: skip
    return counted if households is None else counted.where(Person.household_id.in_(households))
