"""Which band each assessed household is in, and which one another scorecard would put it into, side by side.

Both stand in a table that vanishes with its transaction, so that no memory grows with the number of households.
"""

from collections.abc import Mapping, Set
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Select, Text, Uuid, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from cbi import db
from cbi.offices import office_of
from cbi.registry.models import Person
from cbi.registry.scorecards import landing, scoring, versions
from cbi.registry.scorecards.definition import Form, Scorecard
from cbi.registry.scorecards.models import AnswerKey, Assessment
from cbi.registry.scorecards.sealing import AnswerSealer, place
from cbi.scratch import copied, scratch

LONG_FORM = "(long form)"
"""What stands for a band where the short form would flag the household."""
_CHUNK = 1_000

Asked = Mapping[Form, Set[str]]
"""The names of a form's questions."""

bands = scratch(
    "what_if_bands",
    Column("household_id", Uuid),
    Column("before", Text),
    Column("after", Text),
)
"""The households that were assessed with the scorecard. `after` is NULL where one could not be scored anew."""


def rescore(session: Session, kept: versions.Kept, card: Scorecard) -> None:
    """Add to `bands`: open what each household answered last, and score it by the file."""
    sealer = AnswerSealer(office_of(session).keys)
    asked = {form: {each.name for each in card.asked(form)} for form in Form}
    with db.planned_for_sets(session):
        found = session.execute(_newest(kept.code), execution_options={"yield_per": _CHUNK})
        for some in found.partitions():
            rows = (_rescored(sealer, kept.code, card, asked, row) for row in some)
            copied(session, bands.name, bands.columns.keys(), rows)
    session.execute(text(f"ANALYZE {bands.name}"))


def counted(session: Session) -> tuple[int, int]:
    """How many households were scored anew, and how many could not be."""
    anew = func.count(bands.c.after)
    assessed, unknown = session.execute(select(anew, func.count() - anew).select_from(bands)).one()
    return assessed, unknown


def moves(session: Session) -> tuple[tuple[str, str, int], ...]:
    """Band before, band after, households; those that stay, too."""
    found = session.execute(
        select(bands.c.before, bands.c.after, func.count())
        .where(bands.c.after.is_not(None))
        .group_by(bands.c.before, bands.c.after)
    )
    return tuple(sorted((was, becomes, count) for was, becomes, count in found))


def _newest(code: str) -> Select[*tuple[Any, ...]]:
    """The assessment of each household that counts, with the keys of what was answered."""
    newest = (
        select(Assessment.id)
        .ext(distinct_on(Assessment.household_id))
        .where(Assessment.scorecard == code, landing.counts())
        .order_by(Assessment.household_id, Assessment.id.desc())
        .subquery()
    )
    return (
        select(
            Assessment.household_id, Assessment.version, Assessment.form, Assessment.assessed_on,
            Assessment.band, Assessment.content, Assessment.person_id, Person.data_key,
            AnswerKey.id, AnswerKey.data_key,
        )
        .join(newest, newest.c.id == Assessment.id)
        .outerjoin(Person, Person.id == Assessment.person_id)
        .outerjoin(AnswerKey, AnswerKey.assessment_id == Assessment.id)
    )  # fmt: skip


def _rescored(
    sealer: AnswerSealer, code: str, card: Scorecard, asked: Asked, row: Any
) -> tuple[UUID, str, str | None]:
    household, version, form, on, band, content, person, data_key, *own = row
    before = band or LONG_FORM
    if data_key is None:
        return household, before, None
    opened = sealer.open(person, data_key, place(household, code, version, form, on), content, *own)
    if "answers" not in opened:
        return household, before, None
    which = Form(form) if card.short or form == Form.LONG else Form.LONG
    answers = {name: answer for name, answer in opened["answers"].items() if name in asked[which]}
    try:
        made = scoring.score(card, which, answers, opened["facts"])
    except scoring.CannotScore:
        return household, before, None
    return household, before, made.band or LONG_FORM
