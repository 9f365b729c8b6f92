"""On how many days of a cycle households take part, and which earlier periods they were given too little of.

Only households with a first or last day or a suspension stand here; everybody else takes part on every day.
"""

import json
from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, Subquery, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from cbi.programmes.eligibility import ABSENCES
from cbi.programmes.lived_through import LIVED_THROUGH

# LEAST and GREATEST pass over NULL: no first day, no last day, not resumed yet. The day of resuming counts again.
# A resumption that was refused is none for cycles EARLIER than it, and its suspension was not wrong. It may then last beyond
# the beginning of the next: each day counts once.
_DAYS = """
    SELECT known.household_id, c.id AS cycle_id, e.starts_on,
        (c.ends_on - c.starts_on + 1)::bigint AS of,
        GREATEST(0, GREATEST(0, LEAST(c.ends_on, e.ends_on) - GREATEST(c.starts_on, e.starts_on) + 1)
            - (SELECT coalesce(sum(upper(away) - lower(away)), 0)
                FROM unnest(range_agg(SUSPENDED) FILTER (WHERE s.id IS NOT NULL)) away))::bigint AS days,
        coalesce(bool_or(s.resumes_on IS NULL AND s.begins_on <= c.ends_on), false) AS is_suspended,
        coalesce(e.starts_on > c.ends_on, false) AS is_early,
        coalesce(e.ends_on < c.starts_on, false) AS is_late, e.waits_since
    FROM (SELECT household_id FROM enrolments WHERE programme_id = :programme
        UNION SELECT household_id FROM suspensions WHERE programme_id = :programme
        UNION SELECT a.household_id FROM appeals a JOIN cycles w ON w.id = a.cycle_id
            WHERE w.programme_id = :programme AND a.outcome = 'changed') known
    CROSS JOIN (SELECT * FROM cycles WHERE programme_id = :programme AND WHICH) c
    LEFT JOIN (SELECT DISTINCT ON (household_id) household_id, starts_on, ends_on,
            CASE WHEN needs_second AND confirmed_by IS NULL AND id <> ALL(CAST(:confirmed_days AS bigint[]))
                THEN noted_at END AS waits_since FROM enrolments
        WHERE programme_id = :programme AND refusal_id IS NULL ORDER BY household_id, id DESC) e
        ON e.household_id = known.household_id
    LEFT JOIN suspensions s ON s.programme_id = :programme AND s.household_id = known.household_id
        AND (s.was_wrong IS NOT TRUE OR s.refusal_id IS NOT NULL) AND s.begins_on <= c.ends_on
    GROUP BY known.household_id, c.id, c.starts_on, c.ends_on, e.starts_on, e.ends_on, e.waits_since
""".replace(
    "SUSPENDED",
    """daterange(GREATEST(c.starts_on, e.starts_on, s.begins_on),
        GREATEST(c.starts_on, e.starts_on, s.begins_on, LEAST(c.ends_on, e.ends_on,
            CASE WHEN s.refusal_id IS NULL OR NOT EARLIER THEN s.resumes_on - 1 END) + 1))""",
)

_NOW = """
    SELECT household_id, days, CASE WHEN is_suspended THEN 'suspended' WHEN days > 0 THEN 'in'
        WHEN is_early THEN 'not_started' WHEN is_late THEN 'ended' ELSE 'suspended' END AS standing
    FROM (DAYS) days
""".replace("DAYS", _DAYS.replace("WHICH", "id = :cycle").replace("EARLIER", "false"))

_MISSED = """
    SELECT household_id, jsonb_agg(jsonb_build_object('period', period, 'version', version, 'given', given,
        'due', due, 'of', of) ORDER BY starts_on) AS missed
    FROM (
        SELECT d.household_id, c.period, c.version, c.starts_on, d.of,
            CASE WHEN :by_day OR d.days = 0 THEN d.days ELSE d.of END AS due,
            CASE WHEN was.eligible THEN coalesce((f.facts ->> 'days')::bigint, d.of) ELSE 0 END AS given
        FROM (DAYS) d
        JOIN cycles c ON c.id = d.cycle_id
        LEFT JOIN eligibility_decisions was ON was.cycle_id = d.cycle_id AND was.household_id = d.household_id
        LEFT JOIN decided_facts f ON f.cycle_id = was.cycle_id AND f.number = was.facts_number
        WHERE CASE WHEN was.cycle_id IS NULL THEN d.starts_on IS NOT NULL
                ELSE was.reasons <@ CAST(:absences AS jsonb) OR EXISTS (SELECT 1 FROM appeals a
                    WHERE a.cycle_id = c.id AND a.household_id = d.household_id AND a.outcome = 'changed') END
            AND (d.waits_since IS NULL OR c.opened_at > d.waits_since)
            AND NOT EXISTS (SELECT 1 FROM suspensions h WHERE h.programme_id = :programme
                AND h.household_id = d.household_id AND h.needs_second AND h.confirmed_by IS NULL
                AND h.refusal_id IS NULL AND h.id <> ALL(CAST(:confirmed_ends AS uuid[]))
                AND h.begins_on <= c.ends_on AND c.opened_at <= h.resumed_at)
            AND NOT EXISTS (SELECT 1 FROM arrears_paid a WHERE a.programme_id = :programme
                AND a.household_id = d.household_id AND a.period = c.period)
            AND NOT EXISTS (SELECT 1 FROM (LIVED_THROUGH) t
                LEFT JOIN arrears_paid later ON later.programme_id = t.programme_id
                    AND later.household_id = t.owed_to AND later.cycle_id = t.cycle_id AND t.component = 'arrears'
                WHERE t.household_id = d.household_id AND t.programme_id = :programme AND t.is_theirs AND t.elsewhere
                    AND c.period IN (t.period, later.period))
            AND NOT EXISTS (SELECT 1 FROM changed_households b JOIN household_changes h ON h.id = b.change_id
                WHERE b.household_id = d.household_id AND b.version_before = 0 AND h.recorded_at >= c.opened_at)
    ) periods
    WHERE due > given
    GROUP BY household_id
""".replace(
    "DAYS",
    _DAYS.replace("WHICH", "starts_on >= :since AND ends_on < :before").replace(
        "EARLIER", "(c.opened_at <= s.resumed_at)"
    ),
).replace("LIVED_THROUGH", LIVED_THROUGH)


def days_taken(programme_id: UUID, cycle_id: UUID) -> Subquery:
    """Of the households that stand here: `days` of the cycle on which they take part, and their `standing`.

    Whoever is suspended and not resumed yet takes no part in the cycle, whatever day of it the suspension begins.
    """
    return (
        text(_NOW)
        .bindparams(
            bindparam("confirmed_days", [], ARRAY(BigInteger)),
            programme=programme_id,
            cycle=cycle_id,
        )
        .columns(household_id=Uuid, days=BigInteger, standing=Text)
        .subquery("taking_part")
    )


def missed(
    programme_id: UUID,
    since: date,
    before: date,
    *,
    by_day: bool,
    confirmed: Collection[int | UUID] = (),
) -> Subquery:
    """The periods between these days of which households were given fewer days than they took part in, by what is known
    now, and which nothing has made up for: suspended wrongly, registered late with an earlier first day, or left out as an
    appeal found to be wrong.

    Nothing is missed where another reason kept a household out, nor what its people were owed in another household, in
    that period or for it later; nor of a cycle that was opened before days were noted, or a suspension ended, which a
    second person has yet to confirm; what is `confirmed`, days or suspensions' ends, is taken to be. What was decided
    before a household split off is the old household's.
    """
    return (
        text(_MISSED)
        .bindparams(
            bindparam("absences", json.dumps([str(reason) for reason in ABSENCES]), Text),
            bindparam(
                "confirmed_days",
                [each for each in confirmed if isinstance(each, int)],
                ARRAY(BigInteger),
            ),
            bindparam(
                "confirmed_ends",
                [each for each in confirmed if isinstance(each, UUID)],
                ARRAY(Uuid),
            ),
            programme=programme_id,
            since=since,
            before=before,
            by_day=by_day,
        )
        .columns(household_id=Uuid, missed=JSONB)
        .subquery("missed_periods")
    )
