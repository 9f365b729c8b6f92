"""What somebody outside may be told about people: proposed by staff, approved by the legal officer, or refused."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, may_update


class RequesterKind(StrEnum):
    """Who asks to be told. The words are stored."""

    AGENCY = "agency"
    PARTNER = "partner"
    AUTHORITY = "authority"
    COURT = "court"
    AUDITOR = "auditor"
    DONOR = "donor"


class Form(StrEnum):
    """How it is told: as a file of people, or as keyed hashes that say only whether both know somebody."""

    FILE = "file"
    HASHES = "hashes"


class Column(StrEnum):
    """All that a file of people can say of somebody. A closed list: nationality and legal status are not kept at all."""

    NUMBER = "number"
    ROLE = "role"
    AREA = "area"
    SIZE = "size"
    SEX = "sex"
    BORN_YEAR = "born_year"
    NAME = "name"
    PHONE = "phone"
    DOCUMENT = "document"
    BORN_ON = "born_on"


IDENTIFYING = frozenset({Column.NAME, Column.PHONE, Column.DOCUMENT, Column.BORN_ON})
"""What is sealed under somebody's own key: whoever asks for it must be allowed to open it."""


class DisclosureDecision(StrEnum):
    """What the legal officer decided. The words are stored."""

    APPROVED = "approved"
    REFUSED = "refused"


class Disclosure(Base):
    """Why and what somebody outside is to be told. It holds no name of a person: whom it is about is said by places.

    `programme`, `period` and `area` narrow whom it is about; without any of them it is the whole registry, which only
    keyed hashes may be. `most_people`: of how many one file or answer may tell. `silence`: why the people are not told
    of it; without that it stands in what each of them is shown of who has seen their file.
    """

    __tablename__ = "disclosures"
    __table_args__ = (
        CheckConstraint("num_nulls(decision, decided_by, decided_at) IN (0, 3)", name="decided_whole"),
        CheckConstraint("decided_by <> proposed_by OR decision = 'refused'", name="two_people"),
        CheckConstraint(
            "num_nulls(revoked_by, revoked_at, revoked_because) IN (0, 3)", name="revoked_whole"
        ),
        CheckConstraint("(form = 'file') = (cardinality(columns) > 0)", name="columns"),
        CheckConstraint("most_people > 0", name="most_people"),
        {
            "info": may_update(
                "decision", "decided_by", "decided_at", "remark", "revoked_by", "revoked_at", "revoked_because"
            )
        },
    )  # fmt: skip

    id: Mapped[Key]
    number: Mapped[int] = mapped_column(unique=True)
    requester_kind: Mapped[RequesterKind]
    requester: Mapped[str]
    legal_ground: Mapped[str]
    wanted_for: Mapped[str]
    necessity: Mapped[str]
    risk: Mapped[str]
    form: Mapped[Form]
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    programme: Mapped[str | None]
    period: Mapped[str | None]
    area: Mapped[str | None]
    most_people: Mapped[int]
    until: Mapped[date]
    """The last day on which something may be told under it."""
    silence: Mapped[str | None]
    proposed_by: Mapped[UUID] = mapped_column(Uuid)
    proposed_at: Mapped[Instant]
    decision: Mapped[DisclosureDecision | None]
    decided_by: Mapped[UUID | None] = mapped_column(Uuid)
    decided_at: Mapped[datetime | None]
    remark: Mapped[str | None]
    revoked_by: Mapped[UUID | None] = mapped_column(Uuid)
    revoked_at: Mapped[datetime | None]
    revoked_because: Mapped[str | None]
