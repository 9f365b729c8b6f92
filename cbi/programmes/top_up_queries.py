"""The top-ups of a cycle, as whoever decides about them reads them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.money import Money
from cbi.programmes import queries
from cbi.programmes.top_up_models import TopUp, TopUpRow
from cbi.programmes.top_ups import UnknownTopUp
from cbi.registry.models import Household


@dataclass(frozen=True, slots=True)
class TopUpLine:
    """One top-up: what it comes to, the decision behind it, and what became of it (`decision`: None while it waits)."""

    id: UUID
    number: int
    basis: str
    reason: str
    reference: str
    households: int
    total: Money
    proposed_by: str
    proposed_at: datetime
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    remark: str | None


@dataclass(frozen=True, slots=True)
class RowLine:
    """One household of a top-up: what it was owed before, and how much more it is, and why."""

    household: str
    before: Money
    amount: Money
    reason: str


def listed(session: Session, actor: Actor, cycle_id: UUID) -> list[TopUpLine]:
    """A cycle's top-ups in order. Raises UnknownCycle, NotPermitted."""
    programme = queries.cycle(session, cycle_id)[1]
    actor.require(Permission.PROGRAMME_READ, programme.code)
    proposer, decider = aliased(User), aliased(User)
    rows = session.execute(
        select(TopUp, proposer.full_name, decider.full_name)
        .join(proposer, proposer.id == TopUp.proposed_by)
        .outerjoin(decider, decider.id == TopUp.decided_by)
        .where(TopUp.cycle_id == cycle_id)
        .order_by(TopUp.number)
        .execution_options(populate_existing=True)
    )
    return [_line(top_up, proposed_by, decided_by) for top_up, proposed_by, decided_by in rows]


def _line(top_up: TopUp, proposed_by: str, decided_by: str | None) -> TopUpLine:
    return TopUpLine(
        top_up.id, top_up.number, top_up.basis, top_up.reason, top_up.reference, top_up.households,
        Money(top_up.total_minor, top_up.currency), proposed_by, top_up.proposed_at, top_up.decision, decided_by,
        top_up.decided_at, top_up.remark,
    )  # fmt: skip


def numbered(session: Session, actor: Actor, cycle_id: UUID, number: int) -> UUID:
    """The cycle's top-up of that number. Raises UnknownCycle, NotPermitted, UnknownTopUp."""
    found = next((each for each in listed(session, actor, cycle_id) if each.number == number), None)
    if found is None:
        raise UnknownTopUp(
            f"This cycle has no top-up {number}.", next_step="See: cbi cycle top-up list"
        )
    return found.id


def rows(session: Session, actor: Actor, cycle_id: UUID, number: int, limit: int) -> list[RowLine]:
    """The first households of a cycle's top-up, by registration number. Raises UnknownCycle, NotPermitted."""
    programme = queries.cycle(session, cycle_id)[1]
    actor.require(Permission.PROGRAMME_READ, programme.code)
    found = session.execute(
        select(TopUpRow, Household.source_id)
        .join(TopUp, TopUp.id == TopUpRow.top_up_id)
        .join(Household, Household.id == TopUpRow.household_id)
        .where(TopUp.cycle_id == cycle_id, TopUp.number == number)
        .order_by(Household.source_id, Household.source)
        .limit(limit)
    )
    return [
        RowLine(
            household, Money(row.before_minor, row.currency), Money(row.amount_minor, row.currency), row.reason
        )
        for row, household in found
    ]  # fmt: skip
