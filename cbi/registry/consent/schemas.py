"""How notices and what people said to them appear over the API: purposes, days and notices, and no name."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from cbi.registry.consent.lists import TakenIn
from cbi.registry.consent.models import Answer, Consent, How, Notice, Scope
from cbi.registry.consent.recording import Word
from cbi.registry.schemas import RowOut

SHOWN_ROWS = 200


class ProposeNotice(BaseModel):
    """A notice's file (YAML), as docs/consent.md describes it."""

    model_config = ConfigDict(extra="forbid")

    file: str = Field(min_length=1, max_length=64 * 1024, examples=["notice: registration\n…"])


class RefuseNotice(BaseModel):
    """Why it is refused."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(
        min_length=3, max_length=500, examples=["The Arabic text is not plain enough"]
    )


class NoticeOut(BaseModel):
    """One version of a notice, with what it says in each language of each purpose."""

    code: str
    version: int
    asks_for: list[Scope]
    valid_until: date
    texts: dict[str, dict[str, str]]
    digest: str
    proposed_by: UUID
    proposed_at: datetime
    decision: str | None = Field(description="accepted, refused, or null while it waits.")
    decided_by: UUID | None
    decided_at: datetime | None
    reason: str | None

    @classmethod
    def of(cls, row: Notice) -> "NoticeOut":
        return cls(
            code=row.code, version=row.version, asks_for=[Scope(each) for each in row.scopes],
            valid_until=row.valid_until, texts=row.texts, digest=row.digest.hex(), proposed_by=row.proposed_by,
            proposed_at=row.proposed_at, decision=row.decision, decided_by=row.decided_by,
            decided_at=row.decided_at, reason=row.reason,
        )  # fmt: skip


class SayWord(BaseModel):
    """What a person said to some purposes, as a colleague heard or saw it."""

    model_config = ConfigDict(extra="forbid")

    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), examples=[["texts"]])
    answer: Answer = Field(examples=["withdrawn"])
    how: How = Field(examples=["in_person"], description="in_person, signed, call or guardian.")
    notice: str = Field(
        default="", max_length=60, examples=["registration"],
        description="`registration`, or one version of it: `registration/2`. A withdrawal needs none.",
    )  # fmt: skip
    language: str = Field(default="", max_length=2, examples=["ar"])
    on: date | None = Field(default=None, description="The day on which it was said; today if left out.")  # fmt: skip
    guardian: UUID | None = Field(default=None, description="Who answered for the person.")

    def word(self) -> Word:
        """The same, as it is recorded."""
        return Word(
            self.scopes, self.answer, self.how, self.notice, self.language, self.on, self.guardian
        )


class ConsentOut(BaseModel):
    """One thing that somebody said."""

    person_id: UUID
    scope: Scope
    answer: Answer
    said_on: date
    how: How
    notice: str | None = Field(
        description="`registration/2`; what it was called, where it was said before notices were kept."
    )
    language: str | None
    guardian_id: UUID | None
    recorded_by: UUID | None
    recorded_at: datetime
    counts: bool = Field(description="Whether it is the person's latest word on the purpose.")

    @classmethod
    def of(cls, row: Consent, *, counts: bool) -> "ConsentOut":
        return cls(
            person_id=row.person_id, scope=row.scope, answer=row.answer, said_on=row.said_on, how=row.how,
            notice=told_by(row), language=row.language, guardian_id=row.guardian_id, recorded_by=row.recorded_by,
            recorded_at=row.recorded_at, counts=counts,
        )  # fmt: skip


class ConsentListOut(BaseModel):
    """What came of a list of words, with the first rows that could not be taken."""

    dry_run: bool
    taken: int = Field(description="Rows of which something was recorded.")
    unchanged: int = Field(description="Rows that say what is on record already.")
    refused: int
    words: int = Field(description="What was recorded, purpose by purpose.")
    rows: list[RowOut]

    @classmethod
    def of(cls, result: TakenIn, language: str) -> "ConsentListOut":
        return cls(
            dry_run=result.dry_run, **result.counts(),
            rows=[RowOut.of(note, language) for note in result.rows[:SHOWN_ROWS]],
        )  # fmt: skip


def told_by(row: Consent) -> str | None:
    """What the notice is called that it was said to."""
    return f"{row.notice_code}/{row.notice_version}" if row.notice_code else row.notice
