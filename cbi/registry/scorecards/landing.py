"""Puts assessments down, many at once or one: each scored, sealed, and counted unless a second person must see it first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, any_, bindparam, case, exists, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from cbi import clock, db
from cbi.access.actor import Actor
from cbi.offices import office_of
from cbi.registry.intake.checks import Unusable
from cbi.registry.intake.landing import copy_rows
from cbi.registry.models import Band as NotedBand
from cbi.registry.models import Household, Person
from cbi.registry.scorecards import facts, scoring
from cbi.registry.scorecards.definition import Form
from cbi.registry.scorecards.models import AnswerKey, Assessment, AssessmentDecision
from cbi.registry.scorecards.sealing import AnswerSealer, Sealed, place
from cbi.registry.scorecards.versions import ACCEPTED, Kept
from cbi.registry.text import folded

ACTIVE = "active"


@dataclass(frozen=True, slots=True, repr=False)
class Answered:
    """What was answered for one household. `reason` is needed where it puts an assessment right."""

    household_id: UUID
    answers: Mapping[str, Any]
    on: date
    source: str
    reason: str | None = None
    form_id: int | None = None
    form_row: int | None = None


@dataclass(frozen=True, slots=True)
class Landed:
    """An assessment that was put down. `waits`: it counts once another person has accepted it."""

    id: int
    household_id: UUID
    score: int
    band: str | None
    waits: bool


@dataclass(frozen=True, slots=True)
class Last:
    """The assessment of a household that counts now."""

    id: int
    form: str
    band: str | None
    on: date
    noted_at: Any


def counts() -> Any:
    """Whether an assessment counts: it needed no second person, or one accepted it."""
    return or_(
        ~Assessment.needs_second,
        exists().where(
            AssessmentDecision.assessment_id == Assessment.id,
            AssessmentDecision.decision == ACCEPTED,
        ),
    )


def waits() -> Any:
    """Whether an assessment waits for a second person."""
    return Assessment.needs_second & ~exists().where(
        AssessmentDecision.assessment_id == Assessment.id
    )


def land(
    session: Session,
    actor: Actor,
    kept: Kept,
    form: Form,
    given: Sequence[Answered],
    *,
    apart: bool = False,
) -> list[Landed | Unusable]:
    """Put down what was answered, in the order given; what cannot be taken comes back as the reason why.

    `apart`: whoever does this is known to be another person than who made what it corrects, so nobody more is needed.
    Each household at most once. Whoever comes second for a household at the same moment waits for the first.
    """
    ids = sorted({each.household_id for each in given})
    wanted = any_(bindparam(None, ids, ARRAY(Uuid)))
    with db.planned_for_few(session):
        statuses = dict(
            iter(
                session.execute(
                    select(Household.id, Household.status)
                    .where(Household.id == wanted)
                    .order_by(Household.id)
                    .with_for_update()
                )
            )
        )
        keys = _keys(session, ids)
        last, waiting = _last(session, kept, ids), _waiting(session, kept, ids)
        taken = of_rows(session, [each for each in given if each.form_id is not None])
        told = {
            on: facts.of_households(
                session, [each.household_id for each in given if each.on == on], on
            )
            for on in {each.on for each in given}
        }
    sealer, now = AnswerSealer(office_of(session).keys), clock.now()
    found: list[Unusable | None] = []
    rows: list[dict[str, Any]] = []
    keyed: list[Sealed] = []
    for each in given:
        household = each.household_id
        try:
            _check(statuses.get(household), household in keys, household in waiting)
            if each.form_id is not None and each.form_row in taken:
                raise Unusable("taken", "Somebody has taken this row in meanwhile.", "Look first.")
            scored = _score(kept, form, each, told[each.on].get(household, {}))
            before = last.get(household)
            is_correction = before is not None and _corrects(kept, form, before, now)
            if is_correction and not each.reason:
                raise Unusable(
                    "assessed_already",
                    "This household was assessed with this scorecard a short while ago.",
                    "To put that right, give a reason; a new visit counts as a new assessment"
                    f" {kept.scorecard.again_after_days} days after the last one.",
                )
            if is_correction and before is not None and each.on < before.on:
                # The band of the later day would go on counting, and nothing would be put right.
                raise Unusable(
                    "earlier", f"What this would put right is of a later day: {before.on}.",
                    "Give the day on which it was found out.",
                )  # fmt: skip
        except Unusable as problem:
            found.append(problem)
            continue
        found.append(None)
        alone = before is None or (now - before.noted_at).days < kept.scorecard.alone_for_days
        person_id, data_key = keys[household]
        content = {
            "answers": each.answers, "facts": told[each.on][household], "reasons": scored.reasons,
        }  # fmt: skip
        where = place(household, kept.code, kept.version, form, each.on)
        keyed.append(sealer.seal(person_id, data_key, where, content))
        rows.append(
            {
                "household_id": household, "person_id": person_id, "scorecard": kept.code,
                "version": kept.version, "form": str(form), "assessed_on": each.on, "source": each.source,
                "content": keyed[-1].content,
                "score_hundredths": scored.score, "band": scored.band,
                "corrects": before.id if is_correction and before else None,
                "reason": each.reason if is_correction else None,
                "needs_second": is_correction and not apart and not alone,
                "form_id": each.form_id, "form_row": each.form_row, "noted_by": actor.id,
                "noted_at": now,
            }
        )  # fmt: skip
    _insert(session, rows)
    copy_rows(
        session,
        AnswerKey,
        [
            {"id": sealed.key_id, "assessment_id": row["id"], "data_key": sealed.key}
            for row, sealed in zip(rows, keyed, strict=True)
        ],
    )
    note_bands(session, kept.key, [row for row in rows if not row["needs_second"]])
    landed = iter(rows)
    return [problem or _landed(next(landed)) for problem in found]


def of_rows(
    session: Session, given: Sequence[Answered]
) -> dict[int | None, tuple[dict[str, Any], date]]:
    """What was taken of these rows of a form before: answers and day, by the row's number."""
    if not given:
        return {}
    rows = session.execute(
        select(Assessment, Person.data_key, AnswerKey.id, AnswerKey.data_key)
        .join(Person, Person.id == Assessment.person_id)
        .outerjoin(AnswerKey, AnswerKey.assessment_id == Assessment.id)
        .where(
            Assessment.form_id == given[0].form_id,
            Assessment.form_row
            == any_(bindparam(None, [each.form_row for each in given], ARRAY(BigInteger))),
        )
    )
    sealer = AnswerSealer(office_of(session).keys)
    found: dict[int | None, tuple[dict[str, Any], date]] = {}
    for row, data_key, key_id, key in rows:
        answers: dict[str, Any] = {}
        if data_key is not None:
            where = place(row.household_id, row.scorecard, row.version, row.form, row.assessed_on)
            opened = sealer.open(row.person_id, data_key, where, row.content, key_id, key)
            answers = opened.get("answers", {})
        found[row.form_row] = (answers, row.assessed_on)
    return found


def note_bands(session: Session, key: str, made: Sequence[Mapping[str, Any]]) -> None:
    """Write the bands of assessments that count, given by their columns, where programmes read them."""
    bands = [
        {
            "household_id": row["household_id"], "scorecard": key,
            "scorecard_version": row["version"], "band": folded(row["band"]), "word": row["band"],
            "assessed_on": row["assessed_on"], "source": f"assessment {row['id']}",
            "noted_by": row["noted_by"], "noted_at": clock.now(), "assessment_id": row["id"],
        }
        for row in made
        if row["band"] is not None
    ]  # fmt: skip
    copy_rows(session, NotedBand, bands)


def _insert(session: Session, rows: list[dict[str, Any]]) -> None:
    """Add the rows, and write their numbers into them."""
    numbers = dict(copy_rows(session, Assessment, rows, returning=("household_id", "id")))
    for row in rows:
        row["id"] = numbers[row["household_id"]]


def _landed(row: Mapping[str, Any]) -> Landed:
    return Landed(
        row["id"], row["household_id"], row["score_hundredths"], row["band"], row["needs_second"]
    )


def _check(status: str | None, has_people: bool, waits: bool) -> None:  # noqa: FBT001
    if status is None:
        raise Unusable("household", "There is no such household here.", "Check its number.")
    if status != ACTIVE:
        raise Unusable("inactive", f"The household is {status}.", "Assess active households only.")
    if not has_people:
        raise Unusable(
            "nobody", "Nobody of this household is listed, or their data was erased.",
            "Register its people first.",
        )  # fmt: skip
    if waits:
        raise Unusable(
            "waiting", "An assessment of this household waits for a second person.",
            "Have it accepted or refused first: cbi assess waiting",
        )  # fmt: skip


def _score(kept: Kept, form: Form, each: Answered, known: Mapping[str, Any]) -> scoring.Scored:
    try:
        return scoring.score(kept.scorecard, form, each.answers, known)
    except scoring.CannotScore as problem:
        raise Unusable(
            "answers", f"{problem.where}: {problem.message}", problem.next_step
        ) from None


def _corrects(kept: Kept, form: Form, before: Last, now: Any) -> bool:
    if before.band is None and form is Form.LONG:
        return False  # it is what the short form asked for
    return bool((now - before.noted_at).days < kept.scorecard.again_after_days)


def _keys(session: Session, ids: Sequence[UUID]) -> dict[UUID, tuple[UUID, bytes]]:
    """Under whose key a household's answers are sealed: the collector's, or the head's, or whoever is listed."""
    rows = session.execute(
        select(Person.household_id, Person.id, Person.data_key)
        .ext(distinct_on(Person.household_id))
        .where(
            Person.household_id == any_(bindparam(None, list(ids), ARRAY(Uuid))),
            Person.data_key.is_not(None),
            Person.gone.is_(None),
        )
        .order_by(
            Person.household_id,
            case((Person.is_recipient, 0), (Person.is_head, 1), else_=2),
            Person.id,
        )
    )
    return {
        household: (person, data_key)
        for household, person, data_key in rows
        if data_key is not None
    }


def _last(session: Session, kept: Kept, ids: Sequence[UUID]) -> dict[UUID, Last]:
    rows = session.execute(
        select(
            Assessment.household_id,
            Assessment.id,
            Assessment.form,
            Assessment.band,
            Assessment.assessed_on,
            Assessment.noted_at,
        )
        .ext(distinct_on(Assessment.household_id))
        .where(
            Assessment.household_id == any_(bindparam(None, list(ids), ARRAY(Uuid))),
            Assessment.scorecard == kept.code,
            counts(),
        )
        .order_by(Assessment.household_id, Assessment.id.desc())
    )
    return {row.household_id: Last(*row[1:]) for row in rows}


def _waiting(session: Session, kept: Kept, ids: Sequence[UUID]) -> set[UUID]:
    return set(
        session.scalars(
            select(Assessment.household_id).where(
                Assessment.household_id == any_(bindparam(None, list(ids), ARRAY(Uuid))),
                Assessment.scorecard == kept.code,
                waits(),
            )
        )
    )
