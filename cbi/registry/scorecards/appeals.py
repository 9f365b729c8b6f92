"""Appeals: somebody does not agree with an assessment or with being left out, and another person decides, with a reason."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.offices import office_of
from cbi.registry.linkage.staff import refuse_own
from cbi.registry.models import Household
from cbi.registry.scorecards import appeal_words, assessing, landing, versions
from cbi.registry.scorecards.definition import Form
from cbi.registry.scorecards.landing import Answered
from cbi.registry.scorecards.models import Appeal, Assessment, AssessmentDecision

STANDS, CHANGED = "stands", "changed"


class UnknownAppeal(NotFound):
    """There is no appeal of that number."""

    code = "appeal.unknown"


class AppealOpen(Conflict):
    """Somebody has appealed the same already, and it is not decided."""

    code = "appeal.open"


class AppealDecided(Conflict):
    """The appeal was decided before."""

    code = "appeal.decided"


class OwnDecision(Forbidden):
    """Whoever made what is appealed, or lodged the appeal, cannot decide about it."""

    code = "appeal.own"


class NothingToAppeal(Invalid):
    """There is no assessment of the household that counts, or this one is another household's."""

    code = "appeal.nothing"


class UnusableOutcome(Invalid):
    """The outcome does not say what comes of it."""

    code = "appeal.unusable_outcome"


def lodge(
    session: Session,
    actor: Actor,
    household: Household,
    says: str,
    *,
    assessment: int | None = None,
) -> Appeal:
    """Write down that a household does not agree with an assessment; without a number its latest that counts.

    Raises NothingToAppeal, AppealOpen, UnusableReason.
    """
    actor.require(Permission.APPEAL_LODGE)
    wanted = select(Assessment).where(Assessment.household_id == household.id, landing.counts())
    if assessment is not None:
        wanted = wanted.where(Assessment.id == assessment)
    row = session.scalar(wanted.order_by(Assessment.id.desc()).limit(1))
    if row is None:
        raise NothingToAppeal(
            "There is no such assessment of this household that counts.",
            next_step="See: cbi assess list HOUSEHOLD",
        )
    return write(session, actor, household.id, says, against=row.noted_by, assessment_id=row.id)


def write(
    session: Session,
    actor: Actor,
    household_id: UUID,
    says: str,
    *,
    against: UUID | None,
    assessment_id: int | None = None,
    cycle_id: UUID | None = None,
) -> Appeal:
    """Write an appeal down. Raises AppealOpen, NothingToAppeal, UnusableReason."""
    words, holder = reasons.plain(says), appeal_words.holder_for(session, household_id)
    if holder is None:
        raise NothingToAppeal(
            "Everybody of this household was erased.", next_step="Check the registration number."
        )
    sealed = appeal_words.sealed(holder, household_id, assessment_id or cycle_id, "says", words)
    made: Appeal | None = session.scalar(
        insert(Appeal)
        .values(
            household_id=household_id, assessment_id=assessment_id, cycle_id=cycle_id, against=against,
            person_id=holder.person_id, says=sealed, lodged_by=actor.id, lodged_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(Appeal)
    )  # fmt: skip
    if made is None:
        raise AppealOpen(
            "The same was appealed already, and waits for a decision.",
            next_step="See: cbi appeal list",
        )
    record(session, actor, "appeal.lodged", "household", household_id, appeal=made.id)
    return made


def decide(
    session: Session,
    actor: Actor,
    number: int,
    outcome: str,
    answer: str,
    *,
    answers: Mapping[str, Any] | None = None,
    on: date | None = None,
    reassessment: int | None = None,
) -> Appeal:
    """Decide an appeal with a reason that the household is told. `changed` says what comes of it: `answers` for the long
    form of the scorecard in use (a reassessment is made of them), or a `reassessment` that somebody made since. Of being
    left out of a cycle it says that this was wrong: where the programme pays arrears, the next cycle makes up for it.

    Raises UnknownAppeal, OwnDecision, AppealDecided, UnusableOutcome, UnusableAssessment, UnusableReason, OwnRecord.
    """
    actor.require(Permission.APPEAL_DECIDE)
    row = find(session, number)
    refuse_own(session, actor, row.household_id)
    makers = {row.against, row.lodged_by}
    if row.assessment_id is not None:
        makers |= _accepters(session, row.assessment_id)
    if actor.id in makers:
        raise OwnDecision(
            "You made or accepted what this appeal is about, or lodged it, so somebody else must decide.",
            next_step="Ask a colleague with the permission appeal.decide.",
        )
    told = reasons.plain(answer)
    if outcome not in {STANDS, CHANGED} or (outcome == STANDS and (answers or reassessment)):
        raise UnusableOutcome(
            "An appeal ends with `stands`, or with `changed` and what comes of it.",
            next_step="Say stands or changed.",
        )
    if row.assessment_id is None and (answers is not None or reassessment is not None):
        raise UnusableOutcome(
            "This appeal is about being left out of a cycle, and no assessment comes of it.",
            next_step="Say stands or changed; a new assessment is made by itself: cbi assess one",
        )
    if row.outcome is not None:
        raise _decided(number)
    if row.person_id is None:
        appeal_words.seal_older(session, only=row.id)
        session.refresh(row)
    holder, about = appeal_words.holder_of(session, row), row.assessment_id or row.cycle_id
    comes = None
    if outcome == CHANGED and row.assessment_id is not None:
        comes = _new(session, actor, row, answers, on, reassessment)
    moved = session.scalar(
        update(Appeal)
        .where(Appeal.id == row.id, Appeal.outcome.is_(None))
        .values(
            outcome=outcome, decided_by=actor.id, decided_at=clock.now(),
            answer=appeal_words.sealed(holder, row.household_id, about, "answer", told) if holder else b"",
            reassessment_id=comes,
        )
        .returning(Appeal.id)
    )  # fmt: skip
    if moved is None:
        raise _decided(number)
    record(session, actor, f"appeal.{outcome}", "household", row.household_id, appeal=row.id)
    session.refresh(row)
    return row


def _decided(number: int) -> AppealDecided:
    return AppealDecided(
        f"The appeal {number} was decided before.", next_step="A new reason is a new appeal."
    )


def _accepters(session: Session, assessment: int) -> set[UUID | None]:
    return set(
        session.scalars(
            select(AssessmentDecision.decided_by).where(
                AssessmentDecision.assessment_id == assessment
            )
        )
    )


def _new(
    session: Session,
    actor: Actor,
    appeal: Appeal,
    answers: Mapping[str, Any] | None,
    on: date | None,
    reassessment: int | None,
) -> int:
    """The assessment that takes the place of the appealed one. Raises UnusableOutcome, UnusableAssessment."""
    assert appeal.assessment_id is not None
    old = assessing.find(session, appeal.assessment_id)
    if answers is not None and reassessment is None:
        kept = versions.find(session, old.scorecard)
        if _counts_now(session, old) == actor.id:
            raise OwnDecision(
                "The assessment that counts now is yours, so somebody else must put another in its place.",
                next_step="Ask a colleague with the permission appeal.decide.",
            )
        day = on or clock.today(office_of(session).timezone)
        # What the household is told stands with the appeal, sealed.
        source = f"appeal {appeal.id}"
        given = Answered(appeal.household_id, answers, day, source, reason=source)
        return assessing.land_one(session, actor, kept, Form.LONG, given, apart=True).id
    new = session.scalar(
        select(Assessment).where(
            Assessment.id == reassessment,
            Assessment.household_id == appeal.household_id,
            Assessment.scorecard == old.scorecard,
            Assessment.id > old.id,
            Assessment.assessed_on >= old.assessed_on,
            Assessment.band.is_not(None),
            Assessment.noted_at >= appeal.lodged_at,
            Assessment.noted_by.is_distinct_from(appeal.against),
            landing.counts(),
        )
    )
    if new is None or answers is not None:
        raise UnusableOutcome(
            "A changed assessment needs the answers of a new one, or the number of one that another person made since"
            " the appeal and that counts.",
            next_step="Give the answers, or --reassessment NUMBER.",
        )
    return new.id


def _counts_now(session: Session, old: Assessment) -> UUID | None:
    """Who made the assessment that new answers would put right: not always the one that was appealed."""
    made = select(Assessment.noted_by).where(
        Assessment.household_id == old.household_id, Assessment.scorecard == old.scorecard, landing.counts()
    )  # fmt: skip
    return session.scalar(made.order_by(Assessment.id.desc()).limit(1))


def find(session: Session, number: int) -> Appeal:
    """The appeal of that number. Raises UnknownAppeal."""
    row = session.get(Appeal, number)
    if row is None:
        raise UnknownAppeal(f"There is no appeal {number}.", next_step="See: cbi appeal list")
    return row


def listed(actor: Actor, *, open_only: bool = True) -> Select[Appeal]:
    """Appeals, or those that wait for a decision."""
    actor.require(Permission.APPEAL_LODGE)
    wanted = select(Appeal)
    return wanted.where(Appeal.outcome.is_(None)) if open_only else wanted
