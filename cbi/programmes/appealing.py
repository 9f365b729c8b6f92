"""Appeals against being left out of a cycle: written down against whoever decided, and decided by somebody else."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import Invalid
from cbi.programmes import queries
from cbi.programmes.models import Cycle, EligibilityDecision, ProgrammeVersion
from cbi.registry.models import Household
from cbi.registry.scorecards import appeals
from cbi.registry.scorecards.models import Appeal


class NotDecided(Invalid):
    """Nothing was decided about the household in that cycle."""

    code = "appeal.not_decided"


def lodge(
    session: Session, actor: Actor, household: Household, programme: str, period: str, says: str
) -> Appeal:
    """Write down that a household does not agree with what a cycle decided about it.

    Whoever opened the cycle made the decision; where the clock did, whoever wrote the rules it went by.
    Raises UnknownProgramme, NotDecided, AppealOpen, UnusableReason.
    """
    actor.require(Permission.APPEAL_LODGE)
    found = queries.find(session, programme)
    row = session.execute(
        select(Cycle.id, Cycle.opened_by, ProgrammeVersion.applied_by)
        .join(EligibilityDecision, EligibilityDecision.cycle_id == Cycle.id)
        .join(
            ProgrammeVersion,
            (ProgrammeVersion.programme_id == Cycle.programme_id)
            & (ProgrammeVersion.version == Cycle.version),
        )
        .where(
            Cycle.programme_id == found.id,
            Cycle.period == period,
            EligibilityDecision.household_id == household.id,
        )
    ).one_or_none()
    if row is None:
        raise NotDecided(
            f"Nothing was decided about this household in {programme} {period}.",
            next_step="See which cycles were opened: cbi cycle list",
        )
    cycle_id, opened_by, applied_by = row
    return appeals.write(
        session, actor, household.id, says, against=opened_by or applied_by, cycle_id=cycle_id
    )
