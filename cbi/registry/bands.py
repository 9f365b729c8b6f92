"""What assessments made of households: bands by scorecard, noted with day and source; the latest assessment counts."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, insert, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Invalid
from cbi.offices import office_of
from cbi.registry import carried
from cbi.registry.intake import checks
from cbi.registry.linkage import staff
from cbi.registry.models import USUAL_SCORECARD, Band, Household
from cbi.registry.scorecards import versions
from cbi.registry.text import clean, folded

LONGEST_SOURCE = 100


class UnusableBand(Invalid):
    """The band cannot be written down so."""

    code = "registry.unusable_band"


def held(words: Collection[str]) -> Select[UUID, list[list[str]]]:
    """Households that are in these bands (folded words) now: `[[scorecard, band], …]` in the order of the scorecards."""
    latest = carried.bands().subquery()
    each = func.jsonb_build_array(latest.c.scorecard, latest.c.band)
    return (
        select(
            latest.c.household_id,
            func.jsonb_agg(aggregate_order_by(each, latest.c.scorecard)).label("bands"),
        )
        .where(latest.c.band.in_(words))
        .group_by(latest.c.household_id)
    )


def note(
    session: Session,
    actor: Actor,
    household: Household,
    band: str,
    *,
    scorecard: str = USUAL_SCORECARD,
    on: date | None = None,
    source: str = "visit",
) -> None:
    """Write down which band an assessment put a household into.

    `scorecard` may name its version: `vulnerability/2`. `on` is the day of the assessment. Raises UnusableBand,
    UnusableReason, OwnRecord.
    """
    actor.require(Permission.REGISTRY_IMPORT)
    staff.refuse_own(session, actor, household.id)
    try:
        word = checks.band(clean(band))
        name, version = checks.scorecard(clean(scorecard))
    except checks.Unusable as problem:
        raise UnusableBand(problem.message, next_step=problem.next_step) from None
    if versions.is_kept(session, name):
        raise UnusableBand(
            f"The scorecard {name} is kept here: its bands come of what households answered.",
            next_step="Assess the household: cbi assess one HOUSEHOLD --scorecard NAME",
        )
    today = clock.today(office_of(session).timezone)
    if on is not None and on > today:
        raise UnusableBand(
            "The day of the assessment is in the future.", next_step="Write the day it was made on."
        )
    session.execute(
        insert(Band).values(
            household_id=household.id, scorecard=name, scorecard_version=version, band=folded(word),
            word=word, assessed_on=on or today, source=reasons.plain(source, longest=LONGEST_SOURCE),
            noted_by=actor.id, noted_at=clock.now(),
        )
    )  # fmt: skip
    # Which band it is stands in the registry only: the audit log is read by more people.
    record(session, actor, "registry.band_noted", "household", household.id, scorecard=name)


def words(session: Session, actor: Actor) -> list[tuple[str, int, str, int]]:
    """Scorecard, its version, band, and the households that are in it now; the most frequent of a scorecard first."""
    actor.require(Permission.REGISTRY_READ)
    return _counted(session, true())


def words_of(session: Session, household_id: UUID) -> list[tuple[str, int, str, int]]:
    """The same for one household."""
    return _counted(session, Band.household_id == household_id)


def _counted(session: Session, whose: ColumnElement[bool]) -> list[tuple[str, int, str, int]]:
    latest = carried.bands(whose).subquery()
    households = func.count()
    found = session.execute(
        select(latest.c.scorecard, latest.c.scorecard_version, func.min(latest.c.word), households)
        .group_by(latest.c.scorecard, latest.c.scorecard_version, latest.c.band)
        .order_by(
            latest.c.scorecard,
            latest.c.scorecard_version,
            households.desc(),
            func.min(latest.c.word),
        )
    )
    return [
        (scorecard, int(version), word, int(count)) for scorecard, version, word, count in found
    ]
