"""What people were owed in the households they lived in then: it goes with them when they move, split off or register anew.

Only households stand here that somebody has come to or gone from, or whose people are on record more than once:
everybody else has lived through what their household was owed, and nothing more.
"""

from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Numeric,
    Subquery,
    Text,
    Uuid,
    and_,
    cast,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from cbi.programmes.definition import Definition
from cbi.programmes.models import Entitlement, Programme

LIVED_THROUGH = """
    WITH RECURSIVE shared AS (
        SELECT value_index FROM (SELECT DISTINCT ON (value_index) value_index, decision FROM duplicate_flags
            WHERE kind = 'same_document' ORDER BY value_index, household_count DESC) f
        WHERE decision IS DISTINCT FROM 'different'
    ), concerned AS (
        SELECT p.household_id FROM persons p WHERE p.gone IS NULL
            AND (p.id IN (SELECT person_id FROM changed_persons)
                OR p.id IN (SELECT same_as FROM persons WHERE same_as IS NOT NULL)
                OR p.document_index IN (SELECT value_index FROM shared))
        GROUP BY p.household_id
    ), members AS (
        SELECT p.household_id, p.id AS person_id, p.is_head OR p.is_recipient AS leads,
            CASE WHEN p.document_index IN (SELECT value_index FROM shared) THEN p.document_index END AS document_index,
            count(*) OVER (PARTITION BY p.household_id) AS listed
        FROM persons p JOIN concerned USING (household_id) WHERE p.gone IS NULL
    ), known (person_id, record_id, document_index) AS (
        SELECT person_id, person_id, document_index FROM members
        UNION
        SELECT k.person_id, other.id, other.document_index FROM known k CROSS JOIN LATERAL (
            SELECT p.id, CASE WHEN p.document_index IN (SELECT value_index FROM shared) THEN p.document_index END
                AS document_index
            FROM persons p WHERE p.same_as = k.record_id
            UNION
            SELECT p.id, p.document_index FROM persons p WHERE p.document_index = k.document_index
        ) other
    ), lines AS (
        SELECT c.person_id, c.household_before, c.household_after, c.gone_before, c.gone_after, h.recorded_at,
            row_number() OVER (PARTITION BY c.person_id ORDER BY c.id) AS place,
            lead(h.recorded_at) OVER (PARTITION BY c.person_id ORDER BY c.id) AS next_at
        FROM changed_persons c JOIN household_changes h ON h.id = c.change_id
        WHERE c.person_id IN (SELECT record_id FROM known)
    ), stays AS (
        SELECT p.id AS record_id, p.household_id, timestamptz '-infinity' AS from_at,
            timestamptz 'infinity' AS until_at
        FROM persons p WHERE p.id IN (SELECT record_id FROM known) AND p.id NOT IN (SELECT person_id FROM lines)
        UNION ALL
        SELECT person_id, household_before, timestamptz '-infinity', recorded_at FROM lines
        WHERE place = 1 AND household_before IS NOT NULL AND gone_before IS NULL
        UNION ALL
        SELECT person_id, household_after, recorded_at, coalesce(next_at, timestamptz 'infinity') FROM lines
        WHERE gone_after IS NULL
    ), there AS (
        SELECT DISTINCT m.household_id, m.person_id, m.leads, m.listed, e.id AS entitlement_id
        FROM members m JOIN known k USING (person_id) JOIN stays s USING (record_id)
        JOIN entitlements e ON e.household_id = s.household_id
        JOIN cycles c ON c.id = e.cycle_id AND c.opened_at >= s.from_at AND c.opened_at < s.until_at
    )
    SELECT t.household_id, e.programme_id, e.period, e.component, e.once, e.amount_minor, t.listed,
        count(*) AS were_there, bool_or(t.leads) OR 2 * count(*) >= t.listed AS is_theirs,
        e.household_id <> t.household_id AS elsewhere, e.household_id AS owed_to, e.cycle_id
    FROM there t JOIN entitlements e ON e.id = t.entitlement_id
    GROUP BY t.household_id, t.listed, e.id
"""
"""For each such household each entitlement that some of its members were there for, in it or elsewhere. `is_theirs`:
its head or collector was, or half of those who are listed: what was given then was given to this household."""


def lived_through(name: str) -> Subquery:
    """`LIVED_THROUGH` as a table to join with."""
    return (
        text(LIVED_THROUGH)
        .columns(
            household_id=Uuid, programme_id=Uuid, period=Text, component=Text, once=Boolean,
            amount_minor=BigInteger, listed=BigInteger, were_there=BigInteger, is_theirs=Boolean, elsewhere=Boolean,
        )
        .subquery(name)
    )  # fmt: skip


def counted(definition: Definition) -> Subquery:
    """What counts towards a lifetime's ceiling: `household_id`, `minor`, and what of it its people brought, `brought`.

    It is all that the household itself was ever owed, paid or not yet; or, where that is more, what its listed members
    have been owed wherever they lived then, on average, rounded up. So nobody's ceiling begins anew by a split, and a
    household is not left without because one who had much has joined it.
    """
    own = (
        select(Entitlement.household_id, func.sum(Entitlement.amount_minor).label("minor"))
        .join(Programme, Programme.id == Entitlement.programme_id)
        .where(Programme.code.in_(definition.counting))
        .group_by(Entitlement.household_id)
        .subquery("own")
    )
    through = lived_through("through")
    average = (
        select(
            through.c.household_id,
            func.ceil(
                cast(func.sum(through.c.amount_minor * through.c.were_there), Numeric)
                / func.min(through.c.listed)
            ).label("minor"),
        )
        .join(Programme, Programme.id == through.c.programme_id)
        .where(Programme.code.in_(definition.counting))
        .group_by(through.c.household_id)
        .subquery("average")
    )
    both = own.join(average, own.c.household_id == average.c.household_id, full=True)
    had, lived = func.coalesce(own.c.minor, 0), func.coalesce(average.c.minor, 0)
    return (
        select(
            func.coalesce(own.c.household_id, average.c.household_id).label("household_id"),
            cast(func.greatest(had, lived), BigInteger).label("minor"),
            cast(func.greatest(lived - had, 0), BigInteger).label("brought"),
        )
        .select_from(both)
        .subquery("counted")
    )


def given(programme_id: UUID) -> Subquery:
    """What each household was owed once in this programme, also as other households: `household_id`, `given`."""
    through = lived_through("through")
    as_this = select(Entitlement.household_id, Entitlement.component).where(
        Entitlement.programme_id == programme_id, Entitlement.once
    )
    as_others = select(through.c.household_id, through.c.component).where(
        and_(through.c.programme_id == programme_id, through.c.once, through.c.is_theirs)
    )
    every = as_this.union(as_others).subquery("every")
    each = func.jsonb_agg(aggregate_order_by(every.c.component, every.c.component))
    return (
        select(every.c.household_id, cast(each, JSONB).label("given"))
        .group_by(every.c.household_id)
        .subquery("given")
    )
