"""What a household needs and how it was assessed goes with its people when it splits, and comes along when two become one.

A need of a person goes with that person: whoever asks for a split says of each how many of those concerned leave, so
that nobody counts twice and nobody is left out. What concerned the household as a whole, and what an assessment said of
it, holds for both until somebody has looked again: nobody loses help because their family parted.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.db import soon
from cbi.offices import office_of
from cbi.registry import carried
from cbi.registry.households.asked import UnusableChange
from cbi.registry.households.models import ChangedHousehold, ChangedPerson
from cbi.registry.households.recording import FOLLOWING
from cbi.registry.models import Band, Gone, Need
from cbi.registry.text import clean, folded
from cbi.scope import seeing_all
from cbi.settings import settings

BOTH = "both"
"""What is said of a need that is of the household as a whole."""


def on_split(
    session: Session, actor: Actor, change: UUID, old: UUID, new: UUID, told: Mapping[str, str]
) -> None:
    """Share the needs of a household that has split, and carry its bands over to both.

    `told` says of each need how many of those concerned have left, or `both`. Raises UnusableChange.
    """
    with seeing_all(session):
        had = {row.key: row for row in _needs(session, old)}
        said = _said(had, told)
        sizes = {home: sizes[1] for home, sizes in _sizes(session, change).items()}
        by, rows = reassess_by(session), []
        for key, leave in said.items():
            row = had[key]
            if leave is None:
                rows += [
                    _need(session, actor, change, row, home, min(row.members, sizes[home]), by)
                    for home in (old, new)
                ]
            elif leave:
                _fits(row, leave, sizes[old], sizes[new])
                shares = (old, row.members - leave), (new, leave)
                rows += [_need(session, actor, change, row, *share, None) for share in shares]
            else:
                _fits(row, 0, sizes[old], sizes[new])
        _write_needs(session, rows)
        bands = session.scalars(carried.bands(Band.household_id == old)).all()
        _write_bands(session, actor, change, [(row, home) for row in bands for home in (old, new)])
    soon(session, FOLLOWING)


def on_merge(session: Session, actor: Actor, change: UUID, kept: UUID, other: UUID) -> None:
    """Let the household that is kept have what both needed, and each band that was given later than its own.

    Those who have a need are added up where the people of both are, and are not where the two were one all along.
    """
    with seeing_all(session):
        sizes = _sizes(session, change)
        before, after = sizes[kept]
        twice = session.scalar(
            select(func.count()).where(
                ChangedPerson.change_id == change, ChangedPerson.gone_after == Gone.SAME
            )
        )
        together = not twice and after >= (before or 0) + (sizes[other][0] or 0)
        ours = {row.key: row for row in _needs(session, kept)}
        by, rows = reassess_by(session), []
        for row in _needs(session, other):
            mine = ours.get(row.key)
            had = mine.members if mine else 0
            apart = together and row.reassess_by is None and (not mine or mine.reassess_by is None)
            members = min(had + row.members if apart else max(had, row.members), after)
            if members > had:
                rows.append(_need(session, actor, change, row, kept, members, by))
        _write_needs(session, rows)
        known = {
            row.scorecard: row for row in session.scalars(carried.bands(Band.household_id == kept))
        }
        later = [
            (row, kept)
            for row in session.scalars(carried.bands(Band.household_id == other))
            if row.scorecard not in known or known[row.scorecard].assessed_on < row.assessed_on
        ]
        _write_bands(session, actor, change, later)
    soon(session, FOLLOWING)


def reassess_by(session: Session) -> date:
    """By when somebody should look at what is carried over today."""
    today = clock.today(office_of(session).timezone)
    return today + timedelta(days=settings().reassess_within_days)


def _needs(session: Session, household: UUID) -> list[Need]:
    """The needs that somebody of the household has now."""
    latest = session.scalars(carried.needs(Need.household_id == household))
    return [row for row in latest if row.members]


def _said(had: Mapping[str, Need], told: Mapping[str, str]) -> dict[str, int | None]:
    """How many of those concerned have left, by need; None: it is of both. Raises UnusableChange."""
    said = {folded(clean(word)): value.strip() for word, value in told.items()}
    if set(said) != set(had):
        raise UnusableChange(
            f"The household has {len(had)} named needs; of each it must be said how many of those concerned leave.",
            next_step="See them: cbi household show. Then say of each 0, a number, or `both` for one that is of the "
            "household as a whole: cbi household split … --need disability=1 --need 'no shelter=both'",
            field="needs",
        )
    found: dict[str, int | None] = {}
    for key, value in said.items():
        if value != BOTH and not (value.isascii() and value.isdigit() and len(value) < 3):
            raise UnusableChange(
                "How many leave of those who have a need is a number, or `both`.", field="needs"
            )
        found[key] = None if value == BOTH else int(value)
    return found


def _fits(row: Need, leave: int, staying_size: int, leaving_size: int) -> None:
    if leave > min(row.members, leaving_size) or row.members - leave > staying_size:
        raise UnusableChange(
            f"Of {row.members} who have a need {leave} would leave: more than there are, or than leave or stay.",
            next_step="Say how many of those concerned leave.",
            field="needs",
        )


def _sizes(session: Session, change: UUID) -> dict[UUID, tuple[int | None, int]]:
    """The sizes of the change's households before and after."""
    rows = session.execute(
        select(
            ChangedHousehold.household_id, ChangedHousehold.size_before, ChangedHousehold.size_after
        ).where(ChangedHousehold.change_id == change)
    )
    return {home: (before, after) for home, before, after in rows}


def _need(
    session: Session, actor: Actor, change: UUID, row: Need, home: UUID, members: int, by: date | None
) -> dict[str, Any]:  # fmt: skip
    return {
        "household_id": home, "key": row.key, "word": row.word, "members": members, "noted_on": row.noted_on,
        "source": row.source, "noted_by": actor.id, "noted_at": clock.now(), "carried_from": row.id,
        "carried_by": change, "reassess_by": by,
    }  # fmt: skip


def _write_needs(session: Session, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(Need), rows)


def _write_bands(
    session: Session, actor: Actor, change: UUID, which: Iterable[tuple[Band, UUID]]
) -> None:
    by = reassess_by(session)
    rows = [
        {
            "household_id": home, "scorecard": row.scorecard, "scorecard_version": row.scorecard_version,
            "band": row.band, "word": row.word, "assessed_on": row.assessed_on, "source": row.source,
            "noted_by": actor.id, "noted_at": clock.now(), "carried_from": row.id, "carried_by": change,
            "reassess_by": by,
        }
        for row, home in which
    ]  # fmt: skip
    if rows:
        session.execute(insert(Band), rows)
