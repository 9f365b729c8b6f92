"""Promises about assessments: what was answered gives the score and the band, and what needed two people had two."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from cbi.audit.models import AuditEntry
from cbi.errors import CbiError
from cbi.keys import Unreadable
from cbi.offices import office_of
from cbi.proofs.promise import SHOWN, Breaches, none_of
from cbi.protection import certificates
from cbi.protection.models import Erasure
from cbi.registry.models import Person
from cbi.registry.scorecards import scoring, versions
from cbi.registry.scorecards.definition import Form, Scorecard
from cbi.registry.scorecards.models import AnswerKey, Assessment, ScorecardVersion
from cbi.registry.scorecards.sealing import AnswerSealer, place

_CHUNK = 1_000
_COUNTS = (
    "(NOT a.needs_second OR EXISTS (SELECT 1 FROM assessment_decisions d"
    " WHERE d.assessment_id = a.id AND d.decision = 'accepted'))"
)


def give_their_scores(session: Session) -> Breaches:
    """Open every assessment that is not erased, and work its score, band and reasons out again.

    Where the answers were destroyed, because they were kept as long as they may be, its reasons give score and band.
    """
    scorecards: dict[tuple[str, int], Scorecard | None] = {}
    sealer = AnswerSealer(office_of(session).keys)
    rows = session.execute(
        select(
            Assessment.id, Assessment.household_id, Assessment.person_id, Assessment.scorecard,
            Assessment.version, Assessment.form, Assessment.assessed_on, Assessment.content,
            Assessment.score_hundredths, Assessment.band, Person.data_key,
            AnswerKey.id.label("key_id"), AnswerKey.data_key.label("key"),
        )
        .join(Person, Person.id == Assessment.person_id)
        .outerjoin(AnswerKey, AnswerKey.assessment_id == Assessment.id)
        .where(Person.data_key.is_not(None))
        .order_by(Assessment.id)
        .execution_options(yield_per=_CHUNK)
    )  # fmt: skip
    for row in rows:
        version = (row.scorecard, row.version)
        if version not in scorecards:
            scorecards[version] = _kept(session, version)
        scorecard = scorecards[version]
        if scorecard is not None and (wrong := _replayed(sealer, scorecard, row)):
            yield f"assessment {row.id} {wrong}"


def _kept(session: Session, version: tuple[str, int]) -> Scorecard | None:
    try:
        return versions.find(session, *version).scorecard
    except CbiError:
        return None  # the check of scorecards names it


def _replayed(sealer: AnswerSealer, scorecard: Scorecard, row: Any) -> str | None:
    where = place(row.household_id, row.scorecard, row.version, row.form, row.assessed_on)
    try:
        content = sealer.open(row.person_id, row.data_key, where, row.content, row.key_id, row.key)
        if "answers" not in content:
            return _without_answers(scorecard, content["reasons"], row)
        made = scoring.score(scorecard, Form(row.form), content["answers"], content["facts"])
    except Unreadable:
        return "does not hold what was sealed for its household, scorecard and day"
    except CbiError as problem:
        return f"cannot be worked out again: {problem}"
    if (made.score, made.band) != (row.score_hundredths, row.band):
        return "has another score or band than its answers give"
    if list(made.reasons) != content["reasons"]:
        return "gives other reasons than its answers do"
    return None


def _without_answers(scorecard: Scorecard, reasons: list[Any], row: Any) -> str | None:
    if row.key_id is None:
        return "has no answers, and nothing says that they were destroyed"
    if not scoring.stands(scorecard, Form(row.form), reasons, row.score_hundredths, row.band):
        return "has another score or band than its reasons give"
    return None


def gone_as_certified(session: Session) -> Breaches:
    """Answers are gone only of assessments that are older than a certificate, under its seal, says."""
    certified = [
        datetime.fromisoformat(each.certificate["answers_before"])
        for each in session.scalars(select(Erasure).where(Erasure.answers_before.is_not(None)))
        if each.certificate and certificates.is_sealed(session, each)
    ]
    rows = session.scalars(
        select(Assessment.id)
        .join(AnswerKey, AnswerKey.assessment_id == Assessment.id)
        .join(Person, Person.id == Assessment.person_id)
        .where(
            AnswerKey.data_key.is_(None),
            Person.data_key.is_not(None),
            Assessment.noted_at >= max(certified, default=datetime.min.replace(tzinfo=UTC)),
        )
        .order_by(Assessment.id)
        .limit(SHOWN)
    )
    for number in rows:
        yield f"the answers of assessment {number} are gone, and no certificate says so"


def cannot_be_worked_out(session: Session) -> Iterator[str]:
    """How many assessments nobody can work out from their answers any more, and why that is right."""
    erased, past = session.execute(
        select(
            func.count().filter(Person.data_key.is_(None)),
            func.count().filter(Person.data_key.is_not(None), AnswerKey.data_key.is_(None)),
        )
        .select_from(Assessment)
        .join(Person, Person.id == Assessment.person_id)
        .outerjoin(AnswerKey, AnswerKey.assessment_id == Assessment.id)
        .where(or_(Person.data_key.is_(None), AnswerKey.id.is_not(None)))
    ).one()
    if erased:
        yield f"{erased} assessments were not worked out again: their people's data was destroyed by two people"
    if past:
        yield (
            f"{past} assessments were compared with their reasons only: two people destroyed the answers, which had"
            " been kept as long as they may be"
        )


def are_what_was_accepted(session: Session) -> Breaches:
    """Every accepted version of a scorecard is, word for word, the one that the audit log says was accepted."""
    said = {
        (code, details.get("version")): (actor_id, details.get("digest"))
        for code, actor_id, details in session.execute(
            select(AuditEntry.subject_id, AuditEntry.actor_id, AuditEntry.details).where(
                AuditEntry.subject_kind == "scorecard", AuditEntry.act == "scorecard.accepted"
            )
        )
    }
    rows = session.scalars(
        select(ScorecardVersion).where(ScorecardVersion.decision == versions.ACCEPTED)
    )
    for row in rows:
        name = f"version {row.version} of the scorecard {row.code}"
        digest = hashlib.sha256(row.text.encode()).digest()
        expected = said.pop((row.code, row.version), None)
        if expected != (row.decided_by, digest.hex()) or digest != row.digest:
            yield f"{name} is not what the audit log says was accepted"
        try:
            versions.parsed(row.text)
        except CbiError:
            yield f"{name} cannot be read any more"
    for code, version in said:
        yield f"version {version} of the scorecard {code} was accepted, as the audit log says, and is not there"


def corrected_by_two(session: Session) -> Breaches:
    """What was put right after the days that its scorecard leaves to one person was seen by two."""
    earlier = aliased(Assessment)
    rows = session.execute(
        select(
            Assessment.id, Assessment.scorecard, Assessment.version, Assessment.noted_at,
            earlier.noted_at, Assessment.noted_by, earlier.noted_by,
        )
        .join(earlier, earlier.id == Assessment.corrects)
        .where(~Assessment.needs_second)
        .execution_options(yield_per=_CHUNK)
    )  # fmt: skip
    days: dict[tuple[str, int], int] = {}
    for number, code, version, at, before, who, first in rows:
        if (code, version) not in days:
            scorecard = _kept(session, (code, version))
            days[code, version] = scorecard.alone_for_days if scorecard else 0
        if who == first and (at - before).days >= days[code, version]:
            yield f"assessment {number} was put right late by whoever made it, and nobody else saw it"


as_answered = (
    are_what_was_accepted,
    give_their_scores,
    gone_as_certified,
    none_of(
        "assessment {id} counts, and its band is not where programmes read it",
        f"SELECT a.id FROM assessments a WHERE a.band IS NOT NULL AND {_COUNTS} AND NOT EXISTS"
        " (SELECT 1 FROM household_bands b JOIN scorecard_versions v ON v.code = a.scorecard"
        " AND v.version = a.version WHERE b.assessment_id = a.id AND b.household_id = a.household_id"
        " AND b.scorecard = v.key AND b.scorecard_version = a.version AND b.word = a.band"
        " AND b.assessed_on = a.assessed_on)",
    ),
    none_of(
        "band {id} says that it comes of assessment {assessment_id}, which gives no such band",
        "SELECT b.id, b.assessment_id FROM household_bands b WHERE b.assessment_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM assessments a JOIN scorecard_versions v ON v.code = a.scorecard"
        " AND v.version = a.version WHERE a.id = b.assessment_id AND a.household_id = b.household_id"
        f" AND v.key = b.scorecard AND a.band = b.word AND {_COUNTS})",
    ),
    none_of(
        "band {id} was noted by hand for a scorecard that only assessments speak for",
        "SELECT b.id FROM household_bands b WHERE b.assessment_id IS NULL AND b.carried_by IS NULL AND EXISTS (SELECT 1"
        " FROM scorecard_versions v WHERE v.key = b.scorecard AND v.decision = 'accepted'"
        " AND v.decided_at < b.noted_at)",
    ),
)

by_two = (
    corrected_by_two,
    none_of(
        "assessment {id} was accepted by whoever made it",
        "SELECT a.id FROM assessments a JOIN assessment_decisions d ON d.assessment_id = a.id"
        " WHERE d.decided_by = a.noted_by OR d.proposed_by <> a.noted_by",
    ),
    none_of(
        "appeal {id} was decided by whoever made what it is about, or lodged it",
        "SELECT p.id FROM appeals p LEFT JOIN assessments a ON a.id = p.assessment_id"
        " WHERE p.decided_by IN (a.noted_by, p.against, p.lodged_by)",
    ),
    none_of(
        "version {version} of the scorecard {code} was accepted by whoever proposed it",
        "SELECT code, version FROM scorecard_versions WHERE decision = 'accepted'"
        " AND decided_by = proposed_by",
    ),
)
