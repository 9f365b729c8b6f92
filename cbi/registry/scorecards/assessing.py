"""Assessments by people: one at a time, put right with a reason, and accepted by a second person where that is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons, refusing
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.offices import office_of
from cbi.registry import viewing
from cbi.registry.intake.checks import Unusable
from cbi.registry.linkage.staff import refuse_own
from cbi.registry.models import Household, Person
from cbi.registry.purposes import Purpose
from cbi.registry.scorecards import landing, versions
from cbi.registry.scorecards.definition import Form, Kind, Scorecard
from cbi.registry.scorecards.landing import Answered, Landed
from cbi.registry.scorecards.models import AnswerKey, Assessment, AssessmentDecision
from cbi.registry.scorecards.sealing import AnswerSealer, place
from cbi.registry.text import plain_digits

LONGEST_SOURCE = 100
ANSWERS = "answers"
"""What `viewing` calls the opened content of an assessment."""
_YES, _NO = {"yes", "true", "1"}, {"no", "false", "0"}


class UnusableAssessment(Invalid):
    """The assessment cannot be taken so."""

    code = "assessment.unusable"


class UnknownAssessment(NotFound):
    """There is no assessment of that number."""

    code = "assessment.unknown"


class OwnAssessment(Forbidden):
    """Whoever made an assessment that needs a second person cannot be that person."""

    code = "assessment.own"


class AssessmentDecided(Conflict):
    """The assessment waits for nobody: it needed no second person, or one has decided."""

    code = "assessment.decided"


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """An assessment with what was answered and why the score is what it is; for caseworkers. None: erased.

    Where the answers alone were destroyed, because they were kept as long as they may be, `content` has the reasons.
    """

    row: Assessment
    scorecard: Scorecard
    content: dict[str, Any] | None


def assess(
    session: Session,
    actor: Actor,
    household: Household,
    scorecard: str,
    form: Form,
    answers: Mapping[str, Any],
    *,
    on: date | None = None,
    source: str = "visit",
    reason: str | None = None,
) -> Landed:
    """Score what one household answered, with the version in use. `reason`: why it puts an earlier one right.

    Raises UnknownScorecard, UnusableAssessment, UnusableReason, OwnRecord.
    """
    actor.require(Permission.ASSESS)
    refuse_own(session, actor, household.id)
    kept = versions.find(session, scorecard)
    refuse_missing_form(kept.scorecard, form)
    today = clock.today(office_of(session).timezone)
    if on is not None and on > today:
        raise UnusableAssessment(
            "The day of the assessment is in the future.", next_step="Write the day it was made on."
        )
    given = Answered(
        household.id, answers, on or today, reasons.plain(source, longest=LONGEST_SOURCE),
        reasons.plain(reason) if reason else None,
    )  # fmt: skip
    return land_one(session, actor, kept, form, given)


def land_one(
    session: Session,
    actor: Actor,
    kept: versions.Kept,
    form: Form,
    given: Answered,
    *,
    apart: bool = False,
) -> Landed:
    """Put one down and write that down. Raises UnusableAssessment."""
    made = landing.land(session, actor, kept, form, [given], apart=apart)[0]
    if isinstance(made, Unusable):
        raise UnusableAssessment(made.message, next_step=made.next_step, why=made.code)
    # What was answered, and the band, stand in the registry only: the audit log is read by more people.
    record(
        session, actor, "assessment.noted", "household", given.household_id, assessment=made.id,
        scorecard=kept.code, version=kept.version, waits=made.waits,
    )  # fmt: skip
    return made


def refuse_missing_form(scorecard: Scorecard, form: Form) -> None:
    """Raise UnusableAssessment where the scorecard has no short form and one is asked for."""
    if form is Form.SHORT and scorecard.short is None:
        raise UnusableAssessment(
            f"The scorecard {scorecard.code} has no short form.", next_step="Use the long one."
        )


def typed(scorecard: Scorecard, form: Form, said: Mapping[str, str]) -> dict[str, Any]:
    """Answers as they are typed at a terminal (`rent=late`, `needs=chronic,pregnant`), as the scorecard means them.

    What cannot be meant stays as it was typed, and is refused when it is scored.
    """
    kinds = {each.name: each.kind for each in scorecard.asked(form)}
    found: dict[str, Any] = {}
    for name, text in said.items():
        word = plain_digits(text).strip()
        kind = kinds.get(name)
        if kind is Kind.NUMBER and word.isdecimal():
            found[name] = int(word)
        elif kind is Kind.YES_NO and word.lower() in _YES | _NO:
            found[name] = word.lower() in _YES
        elif kind is Kind.MANY:
            found[name] = sorted(filter(None, (part.strip() for part in word.split(","))))
        else:
            found[name] = word
    return found


def confirm(session: Session, actor: Actor, number: int) -> Assessment:
    """Accept somebody else's assessment that waits: it counts from now on. Raises as `refuse` does, and OwnAssessment."""
    row = _decide(session, actor, number, versions.ACCEPTED, None)
    kept = versions.find(session, row.scorecard, row.version)
    columns = {each.key: getattr(row, each.key) for each in Assessment.__table__.columns}
    landing.note_bands(session, kept.key, [columns])
    return row


def refuse(session: Session, actor: Actor, number: int, reason: str) -> Assessment:
    """Refuse somebody else's assessment that waits. Raises UnknownAssessment, OwnAssessment, AssessmentDecided."""
    return _decide(session, actor, number, versions.REFUSED, reasons.plain(reason))


def _decide(
    session: Session, actor: Actor, number: int, decision: str, reason: str | None
) -> Assessment:
    actor.require(Permission.ASSESSMENT_CONFIRM)
    row = find(session, number)
    refuse_own(session, actor, row.household_id)
    if row.noted_by == actor.id:
        raise OwnAssessment(
            "You made this assessment, so somebody else must decide about it.",
            next_step="Ask a colleague with the permission assessment.confirm.",
        )
    made = None
    if row.needs_second:
        made = session.scalar(
            insert(AssessmentDecision)
            .values(
                assessment_id=row.id, proposed_by=row.noted_by, decision=decision,
                decided_by=actor.id, decided_at=clock.now(), reason=reason,
            )
            .on_conflict_do_nothing()
            .returning(AssessmentDecision.assessment_id)
        )  # fmt: skip
    if made is None:
        raise AssessmentDecided(
            f"The assessment {number} waits for nobody.", next_step="See: cbi assess waiting"
        )
    record(
        session, actor, f"assessment.{decision}", "household", row.household_id, assessment=row.id
    )
    if reason is not None:
        which = ("assessment", row.id)
        refusing.note(session, actor, which, reason, by=row.noted_by, at=row.noted_at, said=row.reason)  # fmt: skip
    return row


def waiting(actor: Actor) -> Select[Assessment]:
    """Assessments that wait for a second person."""
    actor.require(Permission.ASSESSMENT_CONFIRM)
    return select(Assessment).where(landing.waits())


def of_household(session: Session, actor: Actor, household: Household) -> Sequence[Assessment]:
    """A household's assessments, the latest first: scores and bands, no answers."""
    actor.require(Permission.ASSESSMENT_OPEN)
    return session.scalars(
        select(Assessment)
        .where(Assessment.household_id == household.id)
        .order_by(Assessment.id.desc())
    ).all()


def find(session: Session, number: int) -> Assessment:
    """The assessment of that number. Raises UnknownAssessment."""
    row = session.get(Assessment, number)
    if row is None:
        raise UnknownAssessment(
            f"There is no assessment {number}.", next_step="See: cbi assess list HOUSEHOLD"
        )
    return row


def open_(
    session: Session, actor: Actor, number: int, purpose: Purpose = Purpose.ASSESSMENT
) -> Opened:
    """An assessment with its answers and reasons; the look is written down. Raises UnknownAssessment, Unreadable."""
    actor.require(Permission.ASSESSMENT_OPEN)
    row = find(session, number)
    kept = versions.find(session, row.scorecard, row.version)
    viewing.noted(session, actor, [row.person_id], [ANSWERS], purpose)
    data_key, *own = session.execute(
        select(Person.data_key, AnswerKey.id, AnswerKey.data_key)
        .outerjoin(AnswerKey, AnswerKey.assessment_id == row.id)
        .where(Person.id == row.person_id)
    ).one_or_none() or (None, None, None)
    content = None
    if data_key is not None:
        where = place(row.household_id, row.scorecard, row.version, row.form, row.assessed_on)
        sealer = AnswerSealer(office_of(session).keys)
        content = sealer.open(row.person_id, data_key, where, row.content, *own)
    return Opened(row, kept.scorecard, content)
