"""Requests already answered, so that the same request sent twice is done once."""

from sqlalchemy import LargeBinary, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, may_delete


class AnsweredRequest(Base):
    """One Idempotency-Key of one principal, with the answer it got.

    `fingerprint` is a keyed hash of the request; the answer is sealed, as it may name people.
    """

    __tablename__ = "answered_requests"
    __table_args__ = {"info": may_delete("status", "answer")}

    principal: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None] = mapped_column(SmallInteger)
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    received_at: Mapped[Instant]
