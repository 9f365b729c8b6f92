"""How the registry appears over the API: numbers, reasons and masked people, never a name or a number in full."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from cbi.registry.duplicates import Decision, Flagged, Kind
from cbi.registry.import_models import Import
from cbi.registry.intake.checks import Reason
from cbi.registry.intake.results import ImportResult, RowNote, count_reasons
from cbi.registry.intake.wording import told
from cbi.registry.models import Household
from cbi.registry.queries import Recipient

SHOWN_ROWS = 200


class ReasonOut(BaseModel):
    """Why a row did not land, or needs a look."""

    code: str
    column: str = Field(
        description="The column's name in the file; empty when it is the whole row."
    )
    message: str
    next_step: str

    @classmethod
    def of(cls, reason: Reason, language: str) -> "ReasonOut":
        return cls(**told(reason, language).as_json())


class CountedReason(ReasonOut):
    """A reason with the number of rows that have it."""

    rows: int


class RowOut(BaseModel):
    """A row that did not land, or that did and needs a look."""

    sheet: str | None
    line: int = Field(description="The row as the user's own program numbers it.")
    outcome: str
    reasons: list[ReasonOut]
    warnings: list[ReasonOut]

    @classmethod
    def of(cls, note: RowNote, language: str) -> "RowOut":
        return cls(
            sheet=note.sheet,
            line=note.line,
            outcome=note.outcome,
            reasons=[ReasonOut.of(reason, language) for reason in note.reasons],
            warnings=[ReasonOut.of(reason, language) for reason in note.warnings],
        )


class CountsOut(BaseModel):
    """How much of what was handed in landed. `total` counts households: landed, unchanged and rejected together."""

    import_id: UUID | None = Field(description="None for a dry run.")
    dry_run: bool
    repeated: bool = Field(description="The same was taken in before: nothing was changed.")
    total: int
    landed: int
    unchanged: int
    rejected: int
    warnings: int
    people: int
    flags: dict[str, int] = Field(
        description="Newly flagged, by kind: shared telephones, same documents."
    )

    @staticmethod
    def counted(result: ImportResult) -> dict[str, Any]:
        """The values of these fields."""
        return {
            "import_id": result.import_id, "dry_run": result.dry_run, "repeated": result.repeated, **result.counts(),
            "flags": dict(result.flags),
        }  # fmt: skip


class ImportedOut(CountsOut):
    """What came of a file."""

    reasons: list[CountedReason]
    rows: list[RowOut] = Field(
        description=f"The first {SHOWN_ROWS} rows there is something to say about."
    )

    @classmethod
    def of(cls, result: ImportResult, language: str) -> "ImportedOut":
        return cls(
            **cls.counted(result),
            reasons=[
                CountedReason(**told(reason, language).as_json(), rows=count)
                for reason, count in count_reasons(result.rows)
            ],
            rows=[RowOut.of(note, language) for note in result.rows[:SHOWN_ROWS]],
        )


class ImportOut(BaseModel):
    """An import as it was recorded. While it waits for the worker, the numbers are those of what was read so far."""

    id: UUID
    kind: str = Field(description="list, submissions or request.")
    state: str = Field(
        description="arriving, waiting (for the worker, or being read), done, or refused: no row could be used."
    )
    filename: str
    source: str
    imported_by: UUID | None
    imported_at: datetime
    total: int
    landed: int
    unchanged: int
    rejected: int
    warnings: int
    people: int
    expected: int | None = Field(
        description="Households in a list that the worker reads; `total` of them are read. None: it was read at once."
    )
    finished_at: datetime | None

    @classmethod
    def of(cls, row: Import) -> "ImportOut":
        return cls(
            id=row.id,
            kind=row.kind,
            state=row.state,
            expected=row.entries if row.parts else None,
            finished_at=row.finished_at,
            filename=row.filename,
            source=row.source,
            imported_by=row.imported_by,
            imported_at=row.imported_at,
            total=row.rows_total,
            landed=row.rows_landed,
            unchanged=row.rows_unchanged,
            rejected=row.rows_rejected,
            warnings=row.rows_warned,
            people=row.people_landed,
        )


class HouseholdOut(BaseModel):
    """A household, with whoever receives for it masked."""

    id: UUID
    source: str
    source_id: str
    size: int
    area: str | None
    language: str
    status: str
    registered_at: datetime
    people: int = Field(description="How many of its people are listed.")
    recipient: str | None = Field(description="Initials.")
    phone: str | None = Field(description="Only the last two digits show.")

    @classmethod
    def of(cls, row: Household, recipient: Recipient | None) -> "HouseholdOut":
        return cls(
            id=row.id,
            source=row.source,
            source_id=row.source_id,
            size=row.size,
            area=row.area,
            language=row.language,
            status=row.status,
            registered_at=row.registered_at,
            people=recipient.people if recipient else 0,
            recipient=recipient.initials if recipient else None,
            phone=recipient.phone if recipient else None,
        )


class NoteNeed(BaseModel):
    """A household's need, in the words that programmes use. `members`: how many have it; 0: nobody any more."""

    household: str = Field(
        min_length=1, max_length=200, description="The registration number, or source/number.", examples=["H-0042"]
    )  # fmt: skip
    need: str = Field(min_length=1, max_length=100, examples=["disability"])
    members: int = Field(default=1, ge=0, le=60)
    on: date | None = Field(default=None, description="Known since that day; today if left out.")
    source: str = Field(
        default="visit", min_length=3, max_length=100, examples=["visit of 3 March"]
    )


class NeedsOut(BaseModel):
    """One word in use, with the households and members that have this need now."""

    need: str
    households: int
    members: int


class NoteBand(BaseModel):
    """What an assessment made of a household; a scorecard names its version after a stroke."""

    household: str = Field(
        min_length=1, max_length=200, description="The registration number, or source/number.", examples=["H-0042"]
    )  # fmt: skip
    band: str = Field(min_length=1, max_length=40, examples=["severe"])
    scorecard: str = Field(
        default="assessment", min_length=1, max_length=45, examples=["vulnerability/2"]
    )
    on: date | None = Field(
        default=None, description="The day of the assessment; today if left out."
    )
    source: str = Field(
        default="visit", min_length=3, max_length=100, examples=["visit of 3 March"]
    )


class BandsOut(BaseModel):
    """One band of a scorecard, with the households that are in it now."""

    scorecard: str
    version: int
    band: str
    households: int

    @classmethod
    def of(cls, row: tuple[str, int, str, int]) -> "BandsOut":
        return cls(scorecard=row[0], version=row[1], band=row[2], households=row[3])


class FlaggedHousehold(BaseModel):
    """One of the households that share something."""

    id: UUID
    source: str
    source_id: str
    size: int
    area: str | None
    status: str


class FlagOut(BaseModel):
    """Several households share a telephone or a document. Which one it is, is not shown."""

    id: UUID
    kind: Kind
    flagged_at: datetime
    proposed_by: UUID | None = Field(
        description="Who said first that one document belongs to several people: somebody else must say so, too."
    )
    decision: Decision | None
    decided_by: UUID | None
    decided_at: datetime | None
    reason: str | None
    households: list[FlaggedHousehold]

    @classmethod
    def of(cls, flagged: Flagged) -> "FlagOut":
        flag = flagged.flag
        return cls(
            id=flag.id,
            kind=Kind(flag.kind),
            flagged_at=flag.flagged_at,
            proposed_by=flag.proposed_by,
            decision=Decision(flag.decision) if flag.decision else None,
            decided_by=flag.decided_by,
            decided_at=flag.decided_at,
            reason=flag.reason,
            households=[
                FlaggedHousehold(
                    id=each.id, source=each.source, source_id=each.source_id, size=each.size, area=each.area,
                    status=each.status,
                )
                for each in flagged.households
            ],
        )  # fmt: skip


class DecideDuplicate(BaseModel):
    """What a person found: different people who share something, or the same person twice; and how they know."""

    decision: Literal["different", "same"]
    reason: str = Field(min_length=1, max_length=500)
