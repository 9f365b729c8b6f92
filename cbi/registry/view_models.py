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
        Index(None, "actor_id", "seen_at"),
    )

    id: Mapped[Ordinal]
    person_id: Mapped[UUID] = mapped_column(Uuid)
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
    purpose: Mapped[Purpose]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(Uuid)
    seen_at: Mapped[Instant]
