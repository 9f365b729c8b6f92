"""Scorecards and the assessments made with them. What a household answered is sealed; its score and band are not."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, Ordinal, may_update

CODE_PATTERN = "^[a-z0-9][a-z0-9_-]{1,39}$"


class ScorecardVersion(Base):
    """What one scorecard file said, word for word. Proposed by one person; accepted, by another, it never changes.

    `key` is the code as bands and programmes spell it.
    """

    __tablename__ = "scorecard_versions"
    __table_args__ = (
        CheckConstraint(f"code ~ '{CODE_PATTERN}'", name="code"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint("decision IN ('accepted', 'refused')", name="decision"),
        CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)", name="decided_whole"
        ),
        CheckConstraint(
            "decision = 'refused' OR decided_by <> proposed_by", name="accepted_by_another"
        ),
        CheckConstraint(
            "(decision IS NOT DISTINCT FROM 'refused') = (reason IS NOT NULL)",
            name="refused_with_reason",
        ),
        Index(
            "uq_scorecard_versions_open",
            "code",
            unique=True,
            postgresql_where="decision IS NULL",
        ),
        {"info": may_update("decision", "decided_by", "decided_at", "reason")},
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    text: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the text."""
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[Instant]
    decision: Mapped[str | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class AssessmentForm(Base):
    """A form that went out: for which scorecard, and how many households. Its number stands in its rows' tokens."""

    __tablename__ = "assessment_forms"
    __table_args__ = (
        CheckConstraint("form IN ('short', 'long')", name="form"),
        CheckConstraint("households > 0", name="households"),
        ForeignKeyConstraint(
            ["scorecard", "version"], ["scorecard_versions.code", "scorecard_versions.version"]
        ),
    )

    id: Mapped[Ordinal]
    scorecard: Mapped[str]
    version: Mapped[int]
    form: Mapped[str]
    households: Mapped[int]
    made_by: Mapped[UUID | None] = mapped_column(Uuid)
    made_at: Mapped[Instant]


class Assessment(Base):
    """What an assessment found. Append-only: a correction is another one, which names the one it puts right.

    `band` is empty where the short form flagged the household for the long one. `needs_second`: it counts once another
    person has accepted it. `content` is reasons and, sealed once more under a key of their own (`AnswerKey`), answers and
    facts; all of it is sealed under a key of the office for this purpose together with that of `person_id`, so that
    erasing the person erases them. It changes only where an older assessment, whose answers have no key of their own,
    has them destroyed; `reason` goes with the person.
    """

    __tablename__ = "assessments"
    __table_args__ = (
        CheckConstraint("form IN ('short', 'long')", name="form"),
        CheckConstraint("band IS NOT NULL OR form = 'short'", name="band"),
        CheckConstraint("(corrects IS NULL) = (reason IS NULL)", name="corrected_with_reason"),
        CheckConstraint("NOT needs_second OR noted_by IS NOT NULL", name="needs_second"),
        CheckConstraint("num_nulls(form_id, form_row) IN (0, 2)", name="form_row"),
        ForeignKeyConstraint(
            ["scorecard", "version"], ["scorecard_versions.code", "scorecard_versions.version"]
        ),
        UniqueConstraint("form_id", "form_row"),
        UniqueConstraint("id", "noted_by"),
        Index(None, "household_id", "scorecard"),
        {"info": may_update("content", "reason")},
    )

    id: Mapped[Ordinal]
    household_id: Mapped[UUID] = mapped_column(Uuid)
    person_id: Mapped[UUID] = mapped_column(Uuid)
    scorecard: Mapped[str]
    version: Mapped[int]
    form: Mapped[str]
    assessed_on: Mapped[date]
    source: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    score_hundredths: Mapped[int]
    band: Mapped[str | None]
    corrects: Mapped[int | None] = mapped_column(ForeignKey("assessments.id"))
    reason: Mapped[str | None]
    needs_second: Mapped[bool]
    form_id: Mapped[int | None] = mapped_column(ForeignKey("assessment_forms.id"))
    form_row: Mapped[int | None]
    noted_by: Mapped[UUID | None] = mapped_column(Uuid)
    noted_at: Mapped[Instant]


class AnswerKey(Base):
    """The key of an assessment's answers. It is destroyed once they were kept as long as they may be; the rest stays."""

    __tablename__ = "answer_keys"
    __table_args__ = {"info": may_update("data_key")}

    id: Mapped[Key]
    assessment_id: Mapped[int] = mapped_column(ForeignKey("assessments.id"), unique=True)
    data_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Sealed under a wrapping key, as people's own keys are; None: destroyed."""


class AssessmentDecision(Base):
    """What a second person said of an assessment that needed one. Append-only, but for the reason."""

    __tablename__ = "assessment_decisions"
    __table_args__ = (
        CheckConstraint("decision IN ('accepted', 'refused')", name="decision"),
        CheckConstraint("decided_by <> proposed_by", name="decided_by_another"),
        CheckConstraint("decision = 'accepted' OR reason IS NOT NULL", name="refused_with_reason"),
        ForeignKeyConstraint(
            ["assessment_id", "proposed_by"], ["assessments.id", "assessments.noted_by"]
        ),
        {"info": may_update("reason")},
    )

    assessment_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    proposed_by: Mapped[UUID] = mapped_column(Uuid)
    decision: Mapped[str]
    decided_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[Instant]
    reason: Mapped[str | None]


class Appeal(Base):
    """Somebody does not agree with an assessment, or with being left out; decided by another than who made that.

    `against` made what is appealed; neither they nor whoever lodged it may decide. `outcome`: `stands` or `changed`.
    `says` and `answer` are sealed (`appeal_words`), and empty once they were destroyed.
    """

    __tablename__ = "appeals"
    __table_args__ = (
        CheckConstraint("num_nulls(assessment_id, cycle_id) = 1", name="about_one"),
        CheckConstraint("outcome IN ('stands', 'changed')", name="outcome"),
        CheckConstraint(
            "num_nulls(outcome, decided_by, decided_at, answer) IN (0, 4)", name="decided_whole"
        ),
        CheckConstraint(
            "(against IS NULL OR decided_by <> against) AND (lodged_by IS NULL OR decided_by <> lodged_by)",
            name="decided_by_another",
        ),
        CheckConstraint("outcome = 'changed' OR reassessment_id IS NULL", name="reassessment"),
        Index(
            "uq_appeals_open_assessment",
            "assessment_id",
            unique=True,
            postgresql_where="outcome IS NULL",
        ),
        Index(
            "uq_appeals_open_decision",
            "cycle_id",
            "household_id",
            unique=True,
            postgresql_where="outcome IS NULL",
        ),
        Index(None, "household_id"),
        {
            "info": may_update(
                "outcome",
                "decided_by",
                "decided_at",
                "answer",
                "reassessment_id",
                "says",
                "person_id",
            )
        },
    )

    id: Mapped[Ordinal]
    household_id: Mapped[UUID] = mapped_column(Uuid)
    assessment_id: Mapped[int | None] = mapped_column(ForeignKey("assessments.id"))
    cycle_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The cycle for which the household was decided about."""
    against: Mapped[UUID | None] = mapped_column(Uuid)
    person_id: Mapped[UUID | None] = mapped_column(Uuid)
    """Under whose key the words are sealed; empty in older appeals until the worker has sealed them."""
    says: Mapped[bytes] = mapped_column(LargeBinary)
    lodged_by: Mapped[UUID | None] = mapped_column(Uuid)
    lodged_at: Mapped[Instant]
    outcome: Mapped[str | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    reassessment_id: Mapped[int | None] = mapped_column(ForeignKey("assessments.id"))
