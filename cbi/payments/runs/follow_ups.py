"""Follow-up runs: which payments of a run pay what was given up in an earlier run of the cycle."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, insert, literal, not_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from cbi.db import planned_for_sets
from cbi.money import Money
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.unpaid.decision_models import FollowUp, PaymentDecision, Remedy


@dataclass(frozen=True, slots=True)
class Followed:
    """So many payments that were given up in that earlier run, and are paid in this one."""

    run: int
    payments: int
    total: Money


def keep(session: Session, run: PaymentRun) -> None:
    """Write down what a run that is being locked follows."""
    found = _counted(session, run)
    if found is None:
        return
    row = found.subquery("found")
    with planned_for_sets(session):
        session.execute(
            insert(FollowUp).from_select(
                ["run_id", "revision", "earlier_run_id", "payment_count", "total_minor", "currency"],
                select(
                    literal(run.id), literal(run.revision), row.c.id, row.c.payments, row.c.total,
                    literal(run.currency),
                ),
            )
        )  # fmt: skip


def of(session: Session, run: PaymentRun) -> tuple[Followed, ...]:
    """What a run follows: as it was kept, or (for a draft) as it is now."""
    if run.digest is None:
        found = _counted(session, run)
        with planned_for_sets(session):
            rows: Sequence[Any] = [] if found is None else session.execute(found).all()
    else:
        rows = session.execute(
            select(
                PaymentRun.number, FollowUp.payment_count.label("payments"), FollowUp.total_minor.label("total")
            )
            .join(PaymentRun, PaymentRun.id == FollowUp.earlier_run_id)
            .where(FollowUp.run_id == run.id, FollowUp.revision == run.revision)
            .order_by(PaymentRun.number)
        ).all()  # fmt: skip
    return tuple(
        Followed(row.number, row.payments, Money(int(row.total), run.currency)) for row in rows
    )


def _counted(session: Session, run: PaymentRun) -> Select[*tuple[Any, ...]] | None:
    """The earlier runs with what of theirs is in this one; None where nothing of the cycle was ever given up."""
    earlier = session.scalars(
        select(PaymentRun.id)
        .join(PaymentDecision, PaymentDecision.run_id == PaymentRun.id)
        .where(
            PaymentRun.cycle_id == run.cycle_id, PaymentRun.id != run.id, PaymentDecision.remedy == Remedy.GIVE_UP
        )
        .distinct()
    ).all()  # fmt: skip
    if not earlier:
        return None
    given_up, theirs = aliased(Payment), aliased(PaymentRun)
    # What was given up twice follows the later run.
    latest = (
        select(Payment.id, Payment.amount_minor, theirs.id.label("run_id"), theirs.number)
        .join(given_up, given_up.entitlement_id == Payment.entitlement_id)
        .join(theirs, theirs.id == given_up.run_id)
        .where(
            Payment.run_id == run.id, Payment.live, given_up.run_id.in_(earlier),
            and_(not_(given_up.live), given_up.attempts > 0), theirs.number < run.number,
        )
        .ext(distinct_on(Payment.id))
        .order_by(Payment.id, theirs.number.desc())
        .subquery("latest")
    )  # fmt: skip
    return (
        select(
            latest.c.run_id.label("id"), latest.c.number, func.count().label("payments"),
            func.sum(latest.c.amount_minor).label("total"),
        )
        .group_by(latest.c.run_id, latest.c.number)
        .order_by(latest.c.number)
    )  # fmt: skip
