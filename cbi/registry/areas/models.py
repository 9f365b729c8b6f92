"""Areas as they are kept: the tree, every name an area ever had, the lists they came from, and which words meant which."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from cbi.access.models import RoleGrant
from cbi.db import Base, Instant, Key, Ordinal


class AreaImport(Base):
    """One list of places that was taken in, and what it brought. Append-only."""

    __tablename__ = "area_imports"

    id: Mapped[Key]
    filename: Mapped[str]
    file_digest: Mapped[bytes] = mapped_column(LargeBinary)
    added: Mapped[int]
    named: Mapped[int]
    imported_by: Mapped[UUID | None] = mapped_column(Uuid)
    imported_at: Mapped[Instant]


class Area(Base):
    """One place. It keeps its code and what it lies in for good; a place that moves gets a new code. Append-only.

    `above` is its own code and those of everything that it lies in, its own first.
    """

    __tablename__ = "areas"
    __table_args__ = (
        CheckConstraint("code ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$'", name="code"),
        CheckConstraint("above[1] = code AND cardinality(above) = level + 1", name="line"),
        CheckConstraint("above[2] IS NOT DISTINCT FROM parent", name="below_its_parent"),
        Index("uq_areas_key", "key", unique=True),
        Index(None, "above", postgresql_using="gin"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    """The code folded: two codes that people would take for one cannot both be."""
    parent: Mapped[str | None] = mapped_column(ForeignKey("areas.code"), index=True)
    level: Mapped[int] = mapped_column(SmallInteger)
    above: Mapped[list[str]] = mapped_column(ARRAY(Text))
    import_id: Mapped[UUID] = mapped_column(ForeignKey("area_imports.id"))


class AreaName(Base):
    """What an area is called in a language. The latest row of a language counts; earlier ones still find it. Append-only."""

    __tablename__ = "area_names"
    __table_args__ = (
        CheckConstraint("key <> ''", name="key"),
        Index(None, "area"),
        Index(None, "key"),
    )

    id: Mapped[Ordinal]
    area: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    language: Mapped[str]
    name: Mapped[str]
    key: Mapped[str]
    import_id: Mapped[UUID] = mapped_column(ForeignKey("area_imports.id"))


class AreaMatch(Base):
    """What was written as the area of some households, and the area that was found to be meant. Append-only."""

    __tablename__ = "area_matches"
    __table_args__ = (CheckConstraint("households > 0", name="households"),)

    id: Mapped[Ordinal]
    written: Mapped[str]
    area: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    households: Mapped[int]
    matched_by: Mapped[UUID | None] = mapped_column(Uuid)
    matched_at: Mapped[datetime]


# A role may be for an area. Said here, because people and roles know nothing of places; the database always holds it.
RoleGrant.metadata.tables["role_grants"].append_constraint(
    ForeignKeyConstraint(["area"], ["areas.code"])
)
