"""A run that pays a top-up pays it alone, and says to which cycle and runs it comes on top."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from cbi.access.models import User
from cbi.errors import Conflict
from cbi.money import Money
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs.funding import Source
from cbi.programmes.models import Cycle, Entitlement
from cbi.programmes.top_up_models import TopUp
from cbi.programmes.top_ups import ACCEPTED, UnknownTopUp


class NotAccepted(Conflict):
    """Nobody has accepted the top-up yet, or it was refused."""

    code = "payment_run.top_up_not_accepted"


@dataclass(frozen=True, slots=True)
class OnTop:
    """Which top-up a run pays, on top of which runs of the cycle, and which two people decided it, where, and why."""

    id: UUID
    number: int
    period: str
    total: Money
    reason: str
    reference: str
    proposed_by: str
    accepted_by: str | None
    runs: tuple[int, ...]


def only(sources: Iterable[Source], top_up_id: UUID | None) -> list[Source]:
    """The funds as they stand, each for this top-up only; None: for what the cycle decided."""
    this = Entitlement.top_up_id.is_not_distinct_from(top_up_id)
    return [
        replace(each, grant=replace(each.grant, fits=and_(each.grant.fits, this)))
        for each in sources
    ]


def check(session: Session, cycle: Cycle, top_up_id: UUID | None) -> None:
    """Refuse a run of a top-up that is not this cycle's, or not accepted. Raises UnknownTopUp, NotAccepted."""
    if top_up_id is None:
        return
    top_up = session.get(TopUp, top_up_id, populate_existing=True)
    if top_up is None or top_up.cycle_id != cycle.id:
        raise UnknownTopUp("This cycle has no such top-up.", next_step="See: cbi cycle top-up list")
    if top_up.decision != ACCEPTED:
        raise NotAccepted(
            f"Top-up {top_up.number} of {cycle.period} is {top_up.decision or 'not accepted yet'}.",
            next_step="Somebody other than whoever proposed it accepts it first.",
        )


def of(session: Session, run: PaymentRun) -> OnTop | None:
    """Which top-up a run pays; None for a run of what the cycle decided."""
    if run.top_up_id is None:
        return None
    proposer, accepter = aliased(User), aliased(User)
    top_up, proposed_by, accepted_by = session.execute(
        select(TopUp, proposer.full_name, accepter.full_name)
        .join(proposer, proposer.id == TopUp.proposed_by)
        .outerjoin(accepter, accepter.id == TopUp.decided_by)
        .where(TopUp.id == run.top_up_id)
    ).one()
    ours, theirs = aliased(Payment), aliased(Payment)
    same = and_(theirs.household_id == ours.household_id, theirs.run_id == PaymentRun.id)
    households = (
        select(ours.id).join(theirs, same).where(ours.run_id == run.id).correlate(PaymentRun)
    )
    before = session.scalars(
        select(PaymentRun.number)
        .where(
            PaymentRun.cycle_id == run.cycle_id, PaymentRun.number < run.number, households.exists()
        )
        .order_by(PaymentRun.number)
    )
    return OnTop(
        top_up.id, top_up.number, run.period, Money(top_up.total_minor, top_up.currency), top_up.reason,
        top_up.reference, proposed_by, accepted_by, tuple(before),
    )  # fmt: skip
