"""Who looked at whose data."""

from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Ordinal
from cbi.registry.purposes import Purpose


class PersonView(Base):
    """What of one person was shown in clear, to whom and for what. Append-only; it holds none of what was shown."""

    __tablename__ = "person_views"
    __table_args__ = (
        CheckConstraint("cardinality(fields) > 0", name="fields"),
        Index(None, "person_id"),
        CheckConstraint(
            "disclosure_id IS NULL OR export_id IS NOT NULL", name="disclosed_by_a_file"
        ),
        Index(None, "actor_id", "seen_at"),
        Index("ix_person_views_export_id", "export_id", postgresql_where="export_id IS NOT NULL"),
    )

    id: Mapped[Ordinal]
    person_id: Mapped[UUID] = mapped_column(Uuid)
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
    purpose: Mapped[Purpose]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(Uuid)
    seen_at: Mapped[Instant]
    export_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The list of people in which they left the house; NULL: they were looked at here."""
    disclosure_id: Mapped[UUID | None] = mapped_column(Uuid)
    """What allowed that list to go to somebody outside."""
