"""Destroys what households answered once it was kept as long as it may be; score, band and reasons stay."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import ids
from cbi.offices import office_of
from cbi.registry.scorecards.sealing import AnswerSealer, place

CHUNK = 5_000
COUNTS = (
    "(NOT {a}.needs_second OR EXISTS (SELECT FROM assessment_decisions d"
    " WHERE d.assessment_id = {a}.id AND d.decision = 'accepted'))"
)
"""Whether an assessment counts, in SQL."""

_PAST = f"""
    a.noted_at < :before
    AND NOT EXISTS (SELECT FROM appeals o WHERE o.household_id = a.household_id AND o.outcome IS NULL)
    AND (NOT a.needs_second OR EXISTS (SELECT FROM assessment_decisions d WHERE d.assessment_id = a.id))
    AND NOT (
      EXISTS (SELECT FROM households h WHERE h.id = a.household_id AND h.status = 'active')
      AND {COUNTS.format(a="a")}
      AND NOT EXISTS (SELECT FROM assessments l WHERE l.household_id = a.household_id
        AND l.scorecard = a.scorecard AND l.id > a.id AND {COUNTS.format(a="l")}))"""  # noqa: S608 - our own words
"""Long ago, with nothing open about it, and not what an active household still receives by."""

_WITH_KEYS = (
    "SELECT a.id FROM assessments a JOIN answer_keys k ON k.assessment_id = a.id"  # noqa: S608
    f" WHERE k.data_key IS NOT NULL AND {_PAST}"
)
# Of assessments that are older than keys of their own; whoever was erased has no answers left.
_WITHOUT = (
    "FROM assessments a JOIN persons p ON p.id = a.person_id WHERE p.data_key IS NOT NULL"
    f" AND NOT EXISTS (SELECT FROM answer_keys k WHERE k.assessment_id = a.id) AND {_PAST}"
)


def due(session: Session, before: datetime) -> int:
    """Of how many assessments that were noted before then the answers are to be destroyed."""
    return int(
        session.execute(
            text(
                f"SELECT (SELECT count(*) FROM ({_WITH_KEYS}) k) + (SELECT count(*) {_WITHOUT})"  # noqa: S608 - our own words
            ),
            {"before": before},
        ).scalar_one()
    )


def forget(session: Session, before: datetime | None) -> int:
    """Destroy the answers of every assessment that is due, and say of how many. Raises Unreadable.

    Their keys are destroyed. Where the answers have none of their own, because the assessment is older than such keys,
    what is kept is sealed anew without them.
    """
    if before is None:
        return 0
    gone = session.scalars(
        text(
            f"UPDATE answer_keys SET data_key = NULL WHERE assessment_id IN ({_WITH_KEYS}) RETURNING id"  # noqa: S608
        ),
        {"before": before},
    ).all()
    count = len(gone)
    while some := _forget_older(session, before):
        count += some
    return count


_THEIRS = "(SELECT id FROM assessments WHERE person_id = ANY(CAST(:people AS uuid[])))"
_REASONS = (
    f"UPDATE assessments SET reason = '' WHERE reason <> '' AND id IN {_THEIRS}",  # noqa: S608
    f"UPDATE assessment_decisions SET reason = '' WHERE reason <> '' AND assessment_id IN {_THEIRS}",  # noqa: S608
    (
        "UPDATE refusals SET said = CASE WHEN said IS NOT NULL THEN '' END, reason = '' WHERE kind = 'assessment'"  # noqa: S608
        f" AND reason <> '' AND key IN (SELECT id::text FROM {_THEIRS} a)"
    ),
)


def of_erased(session: Session, people: Sequence[UUID]) -> None:
    """Destroy the keys of the answers that are sealed under the keys of these people, too, and the reasons that colleagues
    gave for putting them right or for refusing that.
    """
    for statement in _REASONS:
        session.execute(text(statement), {"people": list(people)})
    session.execute(
        text(
            "UPDATE answer_keys SET data_key = NULL WHERE data_key IS NOT NULL AND assessment_id IN"
            " (SELECT id FROM assessments WHERE person_id = ANY(CAST(:people AS uuid[])))"
        ),
        {"people": list(people)},
    )


def _forget_older(session: Session, before: datetime) -> int:
    sealer = AnswerSealer(office_of(session).keys)
    rows = session.execute(
        text(
            "SELECT a.id, a.household_id, a.person_id, a.scorecard, a.version, a.form, a.assessed_on, a.content,"
            f" p.data_key {_WITHOUT} ORDER BY a.id LIMIT {CHUNK}"
        ),
        {"before": before},
    ).all()
    if not rows:
        return 0
    contents = [
        sealer.without_answers(
            row.person_id,
            row.data_key,
            place(row.household_id, row.scorecard, row.version, row.form, row.assessed_on),
            row.content,
        )
        for row in rows
    ]
    told = {
        "ids": [row.id for row in rows],
        "contents": contents,
        "keys": [ids.fresh() for _ in rows],
    }
    session.execute(
        text(
            "UPDATE assessments a SET content = n.content"
            " FROM unnest(CAST(:ids AS bigint[]), CAST(:contents AS bytea[])) AS n(id, content) WHERE a.id = n.id"
        ),
        told,
    )
    session.execute(
        text(
            "INSERT INTO answer_keys (id, assessment_id)"
            " SELECT unnest(CAST(:keys AS uuid[])), unnest(CAST(:ids AS bigint[]))"
        ),
        told,
    )
    return len(rows)
