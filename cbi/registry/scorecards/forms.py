"""Assessment forms: written for households by their numbers, taken in as they come back, row by row."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from sqlalchemy import exists, func, insert, or_, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.db import chunks
from cbi.errors import Invalid, NotFound
from cbi.offices import office_of
from cbi.registry import naming, returned_sheets
from cbi.registry.areas.models import Area
from cbi.registry.intake.checks import Reason, Unusable
from cbi.registry.intake.facts import Outcome
from cbi.registry.intake.files import File, opened
from cbi.registry.intake.mapping import missing_columns
from cbi.registry.intake.results import RowNote, count_reasons
from cbi.registry.intake.wording import copy_word, told
from cbi.registry.linkage import staff
from cbi.registry.models import Household
from cbi.registry.scorecards import assessing, form_files, landing, versions
from cbi.registry.scorecards.definition import Form
from cbi.registry.scorecards.form_layout import Asked, Paper, find_columns, token_columns
from cbi.registry.scorecards.form_reading import Filled, Reader
from cbi.registry.scorecards.landing import Answered, Landed
from cbi.registry.scorecards.models import Assessment, AssessmentForm

MOST_ROWS = 5_000
CHUNK = 1_000


class NobodyToAssess(Invalid):
    """No household is to be assessed so, or too many are."""

    code = "assessment.nobody"


class NotAnAssessmentForm(Invalid):
    """No row of the file has the token of an assessment form."""

    code = "assessment.not_a_form"


class UnknownAssessmentForm(NotFound):
    """There is no assessment form of that number."""

    code = "assessment.unknown_form"


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What came of a form. `bands` counts those that have one now; `flagged` are for the long form, `waiting` for a second
    person; `rows` are those that could not be taken.
    """

    form_id: int
    scorecard: str
    version: int
    form: str
    taken: int
    unchanged: int
    empty: int
    flagged: int
    waiting: int
    bands: dict[str, int]
    rows: tuple[RowNote, ...]
    dry_run: bool = False

    def counts(self) -> dict[str, int]:
        """The numbers by name."""
        return {
            "taken": self.taken, "unchanged": self.unchanged, "empty": self.empty,
            "flagged": self.flagged, "waiting": self.waiting, "refused": len(self.rows),
        }  # fmt: skip


def write(
    session: Session,
    actor: Actor,
    scorecard: str,
    form: Form,
    target: IO[bytes],
    *,
    numbers: Sequence[str] = (),
    area: str | None = None,
    kind: str = "xlsx",
    language: str = "en",
) -> Paper:
    """Write a form for these households; without numbers for those whom nobody assessed yet (the long form: whom the
    short one flagged), in one area, with those below it, or everywhere. `kind`: xlsx or csv.

    Raises UnknownScorecard, NobodyToAssess, UnknownHousehold.
    """
    actor.require(Permission.ASSESS)
    kept = versions.find(session, scorecard)
    assessing.refuse_missing_form(kept.scorecard, form)
    households = _named(session, numbers) if numbers else _due(session, kept, form, area)
    if not 0 < len(households) <= MOST_ROWS:
        raise NobodyToAssess(
            f"{len(households):,} households would be on this form; it has 1 to {MOST_ROWS:,}.",
            next_step="Name households with --households, or an area with --area.",
        )
    form_id = session.scalar(
        insert(AssessmentForm)
        .values(
            scorecard=kept.code, version=kept.version, form=form, households=len(households),
            made_by=actor.id, made_at=clock.now(),
        )
        .returning(AssessmentForm.id)
    )  # fmt: skip
    assert form_id is not None
    record(
        session, actor, "assessment.form_written", "assessment_form", form_id, scorecard=kept.code,
        version=kept.version, households=len(households),
    )  # fmt: skip
    several = _ambiguous(session, households)
    rows = [
        Asked(
            at,
            each.id,
            f"{each.source}/{each.source_id}" if each.source_id in several else each.source_id,
        )
        for at, each in enumerate(households, start=1)
    ]
    paper = Paper(form_id, kept.scorecard, kept.version, form, len(rows), rows)
    make = form_files.write_workbook if kind == "xlsx" else form_files.write_csv
    make(paper, office_of(session).keys, target, language=language)
    return paper


def take_in(
    session: Session,
    actor: Actor,
    content: Path | BinaryIO,
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> TakenIn:
    """Take in a filled form (XLSX or CSV): each row that is whole is taken, the others come back with their reasons.

    The same rows again change nothing. Raises UnusableFile kinds, NotAnAssessmentForm, UnknownAssessmentForm.
    """
    actor.require(Permission.ASSESS)
    undo = session.begin_nested()
    try:
        with opened(content) as file:
            result = _take(session, actor, file, dry_run=dry_run, progress=progress)
    except BaseException:
        undo.rollback()
        raise
    if dry_run:
        undo.rollback()
        return result
    undo.commit()
    if result.taken:
        record(
            session, actor, "assessment.form_taken_in", "assessment_form", result.form_id, **result.counts()
        )  # fmt: skip
    return result


def write_report(
    result: TakenIn, content: Path | BinaryIO, target: Path | BinaryIO, cover: Iterable[str] = (), *,
    language: str = "en",
) -> None:  # fmt: skip
    """Write a copy of the user's own file (XLSX) with the reasons beside the rows, and the numbers in front."""
    returned_sheets.write_report(
        result.rows, content, target, token_columns, summary=_summary(result, language), cover=cover, language=language
    )  # fmt: skip


def _take(
    session: Session, actor: Actor, file: File, *, dry_run: bool, progress: Callable[[int], None]
) -> TakenIn:
    returned = returned_sheets.find(file, token_columns)
    if returned is None:
        raise NotAnAssessmentForm(
            "No row of this file has the token of an assessment form.",
            next_step="Hand in the file as it was written (cbi scorecard form), filled in.",
        )
    table, number = returned
    known = session.get(AssessmentForm, number)
    if known is None:
        raise UnknownAssessmentForm(
            f"There is no assessment form {number}.", next_step="Check that it is of this office."
        )
    kept = versions.find(session, known.scorecard, known.version)
    form, office = Form(known.form), office_of(session)
    paper = Paper(known.id, kept.scorecard, known.version, form, known.households)
    places, missing = find_columns(kept.scorecard, form, table.columns)
    if missing:
        raise missing_columns(missing, table.sheet)
    reader = Reader(paper, office.keys, places, table.sheet, clock.today(office.timezone))
    sum_ = _Sum()
    for lines in chunks(table.lines, CHUNK):
        filled = [found for line in lines if (found := reader.read(line)) is not None]
        sum_.empty += len(lines) - len(filled)
        _land(session, actor, kept, form, reader, filled, sum_)
        progress(len(lines))
    return TakenIn(
        known.id, kept.code, kept.version, form, sum_.taken, sum_.unchanged, sum_.empty, sum_.flagged,
        sum_.waiting, sum_.bands, tuple(sum_.notes), dry_run,
    )  # fmt: skip


class _Sum:
    def __init__(self) -> None:
        self.taken = self.unchanged = self.empty = self.flagged = self.waiting = 0
        self.bands: dict[str, int] = {}
        self.notes: list[RowNote] = []

    def add(self, landed: Landed) -> None:
        self.taken += 1
        self.waiting += landed.waits
        self.flagged += landed.band is None
        if landed.band is not None:
            self.bands[landed.band] = self.bands.get(landed.band, 0) + 1

    def refuse(self, found: Filled) -> None:
        row = found.row
        self.notes.append(
            RowNote(row.sheet, row.line.number, Outcome.REJECTED, tuple(row.reasons), ())
        )


def _land(
    session: Session, actor: Actor, kept: versions.Kept, form: Form, reader: Reader,
    filled: Sequence[Filled], sum_: _Sum,
) -> None:  # fmt: skip
    households = naming.by_number(session, [each.registration for each in filled])
    whole: list[tuple[Filled, Answered]] = []
    for found in filled:
        answered = reader.whose(found, households.get(found.registration))
        if answered is None:
            sum_.refuse(found)
        else:
            whole.append((found, answered))
    own = staff.own_among(session, actor, {answered.household_id for _, answered in whole})
    for found, answered in whole:
        if answered.household_id in own:
            found.row.reasons.append(_OWN)
            sum_.refuse(found)
    whole = [(found, answered) for found, answered in whole if answered.household_id not in own]
    before = landing.of_rows(session, [answered for _, answered in whole])
    fresh = []
    for found, answered in whole:
        known = before.get(answered.form_row)
        if known is None:
            fresh.append((found, answered))
        elif known[0] == answered.answers and (known[1] == answered.on or not found.has_day):
            sum_.unchanged += 1
        else:
            found.row.reasons.append(_TAKEN)
            sum_.refuse(found)
    made = landing.land(session, actor, kept, form, [answered for _, answered in fresh])
    for (found, _), landed in zip(fresh, made, strict=True):
        if isinstance(landed, Unusable):
            reason = Reason(landed.code, "", landed.message, landed.next_step)
            found.row.reasons.append(reason)
            sum_.refuse(found)
        else:
            sum_.add(landed)


_OWN = Reason(
    "own_record", "", "This record may be your own.", "Somebody else hands the row in, and says whether it is yours."
)  # fmt: skip
_TAKEN = Reason(
    "taken", "", "This row was taken in before, with other answers.",
    "To put it right, write a new form, and give the reason there.",
)  # fmt: skip


def _named(session: Session, numbers: Sequence[str]) -> list[Household]:
    found = naming.by_number(session, numbers)
    if wrong := next((each for each in found.values() if isinstance(each, str)), None):
        raise naming.UnknownHousehold(wrong, next_step="Check the number in the registration list.")
    return list({each.id: each for each in found.values() if isinstance(each, Household)}.values())


def _due(session: Session, kept: versions.Kept, form: Form, area: str | None) -> list[Household]:
    mine = (Assessment.household_id == Household.id) & (Assessment.scorecard == kept.code)
    wanted = select(Household).where(Household.status == landing.ACTIVE)
    if form is Form.SHORT or kept.scorecard.short is None:
        wanted = wanted.where(~exists().where(mine))
    else:
        newest = (
            select(func.max(Assessment.id))
            .where(mine, landing.counts())
            .correlate(Household)
            .scalar_subquery()
        )
        wanted = wanted.where(
            exists().where(Assessment.id == newest, Assessment.band.is_(None)),
        )
    if area is not None:
        below = select(Area.code).where(Area.above.contains([area]))
        wanted = wanted.where(or_(Household.area == area, Household.area.in_(below)))
    return list(
        session.scalars(
            wanted.order_by(Household.source_id, Household.id).limit(MOST_ROWS + 1)
        ).all()
    )


def _ambiguous(session: Session, households: Sequence[Household]) -> set[str]:
    """Numbers that several sources use."""
    found = naming.by_number(session, [each.source_id for each in households])
    return {number for number, each in found.items() if isinstance(each, str)}


def _summary(result: TakenIn, language: str) -> Iterator[tuple[str, ...]]:
    def word(name: str) -> str:
        return copy_word(name, language)

    form = word("form").format(result.form_id)
    yield (f"{form}: {result.scorecard}/{result.version}, {result.form}", word("rows"))
    called = {"taken": "would_land" if result.dry_run else "landed", "refused": "rejected"}
    for name, count in result.counts().items():
        yield (word(called.get(name, name)), str(count))
    yield ()
    yield (word("reason"), word("rows"), word("column"), word("next"))
    for reason, rows in count_reasons(result.rows):
        said = told(reason, language)
        yield (said.message, str(rows), said.column, said.next_step)
