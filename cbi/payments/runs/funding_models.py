"""What is kept of why a run is paid from its fund, so that it can be read and proved afterwards."""

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant


class RunFunding(Base):
    """Which of its programme's funds a run draws on, under which version of the rules, and why not an earlier one.

    `facts` hold the fund's code, its place in the order, and for each fund before it whether it was valid, what it had
    left and why it did not pay. `seal` is a keyed hash over them, and stands in the audit log as well. Append-only.
    """

    __tablename__ = "run_fundings"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"), primary_key=True)
    version: Mapped[int]
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    seal: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[Instant]
