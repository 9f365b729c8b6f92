"""What is kept to find the same person twice: keyed hashes, pairs with their score, and what people said of each pair."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, Ordinal, may_delete, may_update


class LinkKey(Base):
    """A keyed hash that a person shares with whoever may be the same one; deleted when the person is erased."""

    __tablename__ = "link_keys"
    __table_args__ = (Index(None, "hash", "finer"), {"info": may_delete()})

    person_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    hash: Mapped[int] = mapped_column(primary_key=True)
    finer: Mapped[int]
    """Splits those who share `hash`, where they are too many to compare each with each."""


class LinkedPerson(Base):
    """A person who was compared with everybody compared before. Whoever has no such row is paid nothing yet."""

    __tablename__ = "linked_persons"
    __table_args__ = {"info": may_delete("rules", "linked_at")}

    person_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    rules: Mapped[int]
    """The version of the rules for keys and sounds; or what `queries` has in its place: `DUE`, `CORRECTED`, `NEVER`."""
    linked_at: Mapped[Instant]


class LinkWord(Base):
    """How many people have a part of a name, by a keyed hash of its sound: sharing a rare one says more."""

    __tablename__ = "link_words"
    __table_args__ = {"info": may_update("people")}

    hash: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    people: Mapped[int]


class PairState(StrEnum):
    """Whether two people are the same one. The words are stored."""

    OPEN = "open"
    DIFFERENT = "different"
    SAME = "same"


class Pair(Base):
    """Two people who may be the same one, how likely (per mille), and how closely each thing agrees. No values."""

    __tablename__ = "link_pairs"
    __table_args__ = (
        CheckConstraint("first_id < second_id", name="in_order"),
        CheckConstraint("per_mille BETWEEN 0 AND 1000", name="per_mille"),
        CheckConstraint("change_id IS NULL OR state = 'same'", name="merged"),
        CheckConstraint("now_per_mille BETWEEN 0 AND 1000", name="now_per_mille"),
        UniqueConstraint("first_id", "second_id"),
        Index(None, "second_id"),
        {
            "info": may_update(
                "per_mille", "now_per_mille", "levels", "model", "found_at", "state", "settled_at", "change_id"
            )
        },
    )  # fmt: skip

    id: Mapped[Key]
    first_id: Mapped[UUID] = mapped_column(Uuid)
    second_id: Mapped[UUID] = mapped_column(Uuid)
    per_mille: Mapped[int]
    """The most that it came to by this model while it was open: by that it holds payment."""
    now_per_mille: Mapped[int | None]
    """What it comes to now, where facts were corrected since and it is less."""
    levels: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The name of the level of each comparison."""
    model: Mapped[str]
    found_at: Mapped[Instant]
    state: Mapped[PairState] = mapped_column(default=PairState.OPEN)
    settled_at: Mapped[datetime | None]
    change_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The change of the registry that made one of them, by which it is undone."""


class Finding(StrEnum):
    """What somebody found out about a pair. The words are stored."""

    DIFFERENT = "different"
    SAME = "same"
    ASK_AGAIN = "ask_again"
    """Nobody can tell yet: what was said before counts no more."""
    TAKEN_BACK = "taken_back"
    """It was settled, and wrongly; or what is on record of them was corrected since."""
    UNDO_ASKED = "undo_asked"
    """Somebody wants two records back that were made one: it waits for somebody else."""
    UPHELD = "upheld"
    """Somebody else looked at that, and the record stays one."""


class Verdict(Base):
    """What one person said of a pair, and why. Append-only; a pair's state follows from its verdicts."""

    __tablename__ = "link_verdicts"
    __table_args__ = (
        CheckConstraint("(kept_id IS NULL) OR finding = 'same'", name="kept"),
        Index(None, "pair_id"),
    )

    id: Mapped[Ordinal]
    pair_id: Mapped[UUID] = mapped_column(ForeignKey("link_pairs.id"))
    finding: Mapped[Finding]
    kept_id: Mapped[UUID | None] = mapped_column(Uuid)
    """Of two records of the same person, the one that stays."""
    reason: Mapped[str]
    said_by: Mapped[UUID | None] = mapped_column(Uuid)
    said_at: Mapped[Instant]
    settles: Mapped[bool]
    """Whether with it enough people had said so."""


class Thresholds(Base):
    """From what score an office asks about a pair, and what it calls certain; one person proposes, another accepts."""

    __tablename__ = "link_thresholds"
    __table_args__ = (
        CheckConstraint("ask BETWEEN 100 AND 999 AND certain BETWEEN ask AND 1000", name="order"),
        CheckConstraint("decision IN ('accepted', 'refused')", name="decision"),
        CheckConstraint("num_nulls(decision, decided_by, decided_at) IN (0, 3)", name="decided_whole"),
        CheckConstraint("decided_by <> proposed_by OR decision = 'refused'", name="two_people"),
        {"info": may_update("decision", "decided_by", "decided_at")},
    )  # fmt: skip

    version: Mapped[Ordinal]
    ask: Mapped[int]
    certain: Mapped[int]
    reason: Mapped[str]
    proposed_by: Mapped[UUID] = mapped_column(Uuid)
    proposed_at: Mapped[Instant]
    decision: Mapped[str | None]
    decided_by: Mapped[UUID | None] = mapped_column(Uuid)
    decided_at: Mapped[datetime | None]


class StaffMatch(Base):
    """A member of staff or a teller who may be a recipient, by the name. Somebody else decides whether they are."""

    __tablename__ = "staff_matches"
    __table_args__ = (
        CheckConstraint("staff_kind IN ('user', 'teller')", name="staff_kind"),
        CheckConstraint("decision IN ('different', 'same')", name="decision"),
        CheckConstraint("num_nulls(decision, decided_by, decided_at, reason) IN (0, 4)", name="decided_whole"),
        CheckConstraint("decided_by <> staff_id", name="not_by_oneself"),
        UniqueConstraint("staff_kind", "staff_id", "person_id"),
        Index(None, "person_id"),
        {"info": may_update("decision", "decided_by", "decided_at", "reason")},
    )  # fmt: skip

    id: Mapped[Key]
    staff_kind: Mapped[str]
    staff_id: Mapped[UUID] = mapped_column(Uuid)
    person_id: Mapped[UUID] = mapped_column(Uuid)
    found_at: Mapped[Instant]
    decision: Mapped[str | None]
    decided_by: Mapped[UUID | None] = mapped_column(Uuid)
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class ExchangeDay(Base):
    """How many questions were asked under a key that is shared with another agency, by day; no more than were allowed."""

    __tablename__ = "exchange_days"
    __table_args__ = (
        CheckConstraint("lines BETWEEN 0 AND most", name="bounded"),
        {"info": may_update("lines", "most")},
    )

    key_name: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    lines: Mapped[int]
    most: Mapped[int]
