"""Households and people. What identifies a person is sealed under a key of that person's own."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    Uuid,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, Ordinal, may_update
from cbi.messaging.choices import Level
from cbi.registry.import_models import Import


class Household(Base):
    """People who live and eat together. `source` and `source_id` name it where it was registered."""

    __tablename__ = "households"
    __table_args__ = (
        CheckConstraint("size BETWEEN 1 AND 60", name="size"),
        UniqueConstraint("source", "source_id"),
        {"info": may_update("status", "version", "size", "area", "language")},
    )

    id: Mapped[Key]
    source: Mapped[str]
    source_id: Mapped[str]
    size: Mapped[int]
    area: Mapped[str | None]
    language: Mapped[str]
    status: Mapped[str] = mapped_column(default="active")
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    """A keyed hash of the row's facts: the same row again is recognised, a different one is shown to a person."""
    import_id: Mapped[UUID] = mapped_column(ForeignKey(Import.id), index=True)
    line: Mapped[int]
    registered_at: Mapped[Instant]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    """How many states it has been in: each change counts on from the one that it saw."""


def _carried(table: str) -> tuple[CheckConstraint | Index, ...]:
    """What holds of rows that went with people from one household to another."""
    return (
        CheckConstraint(
            "num_nulls(carried_from, carried_by) IN (0, 2) AND (reassess_by IS NULL OR carried_by IS NOT NULL)",
            name="carried_whole",
        ),
        Index(f"ix_{table}_carried_by", "carried_by", postgresql_where="carried_by IS NOT NULL"),
    )


class Need(Base):
    """A named vulnerability of a household. The latest row of a household and word counts. Append-only.

    `word` is what was written, `key` its one spelling. `members` are those concerned; 0: nobody any more.
    """

    __tablename__ = "household_needs"
    __table_args__ = (
        CheckConstraint("members BETWEEN 0 AND 60", name="members"),
        CheckConstraint("key <> ''", name="key"),
        *_carried("household_needs"),
        Index(None, "household_id"),
    )

    id: Mapped[Ordinal]
    household_id: Mapped[UUID] = mapped_column(Uuid)
    key: Mapped[str]
    word: Mapped[str]
    members: Mapped[int]
    noted_on: Mapped[date]
    source: Mapped[str]
    noted_by: Mapped[UUID | None] = mapped_column(Uuid)
    noted_at: Mapped[Instant]
    carried_from: Mapped[int | None]
    """The row of another household that it repeats, where people went from one to the other and took it with them."""
    carried_by: Mapped[UUID | None] = mapped_column(Uuid)
    """The change of households that carried it here. Undone, it carries nothing any more."""
    reassess_by: Mapped[date | None]
    """Until when somebody should look whether it still holds. It counts until somebody has said something else."""


USUAL_SCORECARD = "assessment"
"""What an assessment is called that does not say which scorecard it was made with."""


class Band(Base):
    """What an assessment made of a household. Of a household and scorecard the latest day counts. Append-only.

    `scorecard` and `band` are folded words; `word` is the band as it was written.
    """

    __tablename__ = "household_bands"
    __table_args__ = (
        CheckConstraint("scorecard <> '' AND band <> ''", name="words"),
        CheckConstraint("scorecard_version > 0", name="scorecard_version"),
        *_carried("household_bands"),
        Index(None, "household_id"),
    )

    id: Mapped[Ordinal]
    household_id: Mapped[UUID] = mapped_column(Uuid)
    scorecard: Mapped[str]
    scorecard_version: Mapped[int]
    band: Mapped[str]
    word: Mapped[str]
    assessed_on: Mapped[date]
    source: Mapped[str]
    noted_by: Mapped[UUID | None] = mapped_column(Uuid)
    noted_at: Mapped[Instant]
    assessment_id: Mapped[int | None] = mapped_column(unique=True)
    """The assessment that it comes of, where the scorecard is kept here."""
    carried_from: Mapped[int | None]
    """The row of another household that it repeats, where people went from one to the other and took it with them."""
    carried_by: Mapped[UUID | None] = mapped_column(Uuid)
    """The change of households that carried it here. Undone, it carries nothing any more."""
    reassess_by: Mapped[date | None]
    """Until when somebody should look whether it still holds. It counts until somebody has said something else."""


class Sex(StrEnum):
    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class Gone(StrEnum):
    """Why somebody is no member of their household any more. The words are stored."""

    DIED = "died"
    LEFT = "left"
    SAME = "same"
    """They were on record twice; `same_as` is the record that stays."""


class FactorKind(StrEnum):
    """What a recipient shows or says at the counter beside the code; the teller types it without seeing it."""

    DOCUMENT = "document"
    CARD = "card"
    WORD = "word"


class Person(Base):
    """A member of a household. `data_key` opens the sealed columns; destroying it erases the person."""

    __tablename__ = "persons"
    __table_args__ = (
        CheckConstraint("(factor_kind IS NULL) = (factor IS NULL)", name="factor_whole"),
        CheckConstraint("prefers ~ '^[a-z_]+$'", name="prefers"),
        CheckConstraint(
            "gone IS NULL OR NOT (is_head OR is_recipient OR is_alternate)",
            name="gone_does_nothing",
        ),
        CheckConstraint("NOT (is_recipient AND is_alternate)", name="one_way_to_collect"),
        CheckConstraint(
            "(gone IS NOT DISTINCT FROM 'same') = (same_as IS NOT NULL)", name="same_as"
        ),
        CheckConstraint("born_year BETWEEN 1850 AND 2200", name="born_year"),
        Index("uq_persons_recipient", "household_id", unique=True, postgresql_where="is_recipient"),
        Index("uq_persons_head", "household_id", unique=True, postgresql_where="is_head"),
        Index("uq_persons_alternate", "household_id", unique=True, postgresql_where="is_alternate"),
        Index("ix_persons_same_as", "same_as", postgresql_where="same_as IS NOT NULL"),
        Index(None, "household_id"),
        Index(None, "document_index"),
        {
            "info": may_update(
                "data_key",
                "household_id",
                "is_head",
                "is_recipient",
                "is_alternate",
                "gone",
                "same_as",
                "name",
                "born_on",
                "born_year",
                "document",
                "document_index",
                "sex",
                "factor_kind",
                "factor",
            )
        },
    )

    id: Mapped[Key]
    household_id: Mapped[UUID] = mapped_column(Uuid)
    is_head: Mapped[bool]
    is_recipient: Mapped[bool]
    """Whether this is the primary collector: the one whom the household's money goes to."""
    is_alternate: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether this is who may collect in the primary collector's place."""
    gone: Mapped[Gone | None]
    """Why the person is no member of `household_id` any more, the last household there was; NULL: is one."""
    same_as: Mapped[UUID | None] = mapped_column(Uuid)
    registered_in: Mapped[UUID] = mapped_column(
        Uuid, default=lambda context: context.get_current_parameters()["household_id"]
    )
    """The household that the person was registered in, which stays whatever changes."""
    born_year: Mapped[int | None]
    """All that stands in clear of a day of birth: enough to tell an age band, too little to tell who it is."""
    data_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    name: Mapped[bytes | None] = mapped_column(LargeBinary)
    born_on: Mapped[bytes | None] = mapped_column(LargeBinary)
    document: Mapped[bytes | None] = mapped_column(LargeBinary)
    document_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    sex: Mapped[Sex]
    factor_kind: Mapped[FactorKind | None]
    factor: Mapped[bytes | None] = mapped_column(LargeBinary)
    """A keyed hash of the second factor: it can be checked, never shown."""
    prefers: Mapped[str | None]
    """The delivery mechanism that the recipient asked for, which a programme follows where it offers it."""
    registered_at: Mapped[Instant]
    sheet: Mapped[str | None]
    line: Mapped[int | None]
    """Where the person stood in the file that their household came in."""


class PaymentAccount(Base):
    """Where a recipient's money or code goes: a telephone, or a card (later a bank account). Never edited."""

    __tablename__ = "payment_accounts"
    __table_args__ = (
        Index(
            "uq_payment_accounts_current",
            "person_id",
            "kind",
            unique=True,
            postgresql_where="replaced_at IS NULL",
        ),
        Index(None, "value_index"),
        {"info": may_update("replaced_at", "value", "value_index")},
    )

    id: Mapped[Key]
    person_id: Mapped[UUID] = mapped_column(Uuid)
    kind: Mapped[str]
    value: Mapped[bytes] = mapped_column(LargeBinary)
    value_index: Mapped[bytes] = mapped_column(LargeBinary)
    """A keyed hash of the number: finds shared telephones, and fixes in an approved run where each code goes."""
    created_at: Mapped[Instant]
    replaced_at: Mapped[datetime | None]
    vouched_at: Mapped[datetime | None]
    """When a second person confirmed it with its holder before them; NULL: nobody did."""


class PrivacyChoice(Base):
    """How much texts may tell a person, as the person chose. Whoever was never asked has none."""

    __tablename__ = "privacy_choices"
    __table_args__ = {"info": may_update("level", "chosen_at", "noted_by")}

    person_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    level: Mapped[Level]
    chosen_at: Mapped[Instant]
    noted_by: Mapped[UUID | None] = mapped_column(Uuid)


class DuplicateFlag(Base):
    """Two or more households share a telephone or a document. Who they are follows from `value_index`.

    When another household joins them, that is a new flag with a larger `household_count`, and the one that counts.
    """

    __tablename__ = "duplicate_flags"
    __table_args__ = (
        CheckConstraint("kind IN ('shared_phone', 'same_document')", name="kind"),
        CheckConstraint("decision IN ('different', 'same')", name="decision"),
        CheckConstraint("num_nulls(decision, decided_at, reason) IN (0, 3)", name="decided_whole"),
        CheckConstraint("household_count > 1", name="household_count"),
        CheckConstraint("num_nulls(proposed_by, proposed_at, proposed_reason) IN (0, 3)", name="proposed_whole"),
        CheckConstraint(
            "decision IS DISTINCT FROM 'different' OR proposed_by <> decided_by", name="two_people"
        ),
        UniqueConstraint("kind", "value_index", "household_count"),
        {
            "info": may_update(
                "decision", "decided_by", "decided_at", "reason", "proposed_by", "proposed_at", "proposed_reason"
            )
        },
    )  # fmt: skip

    id: Mapped[Key]
    kind: Mapped[str]
    value_index: Mapped[bytes] = mapped_column(LargeBinary)
    household_count: Mapped[int]
    flagged_at: Mapped[Instant]
    proposed_by: Mapped[UUID | None] = mapped_column(Uuid)
    """Who said first that one document belongs to several people: that takes a second person."""
    proposed_at: Mapped[datetime | None]
    proposed_reason: Mapped[str | None]
    decision: Mapped[str | None]
    decided_by: Mapped[UUID | None] = mapped_column(Uuid)
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
