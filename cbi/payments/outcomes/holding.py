"""Payments that wait and are not sent yet: it may have been paid already, or its household may be on record twice.

Nothing of them has failed. Once the discrepancy is settled, or people have said of the pair that it is two people, they go
with the rest of their run, by themselves and once; where the pair is one person, whoever still collects is asked as ever.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from cbi.payments.models import Payment
from cbi.payments.outcomes import disputes
from cbi.payments.states import PaymentState
from cbi.registry.linkage.models import PairState
from cbi.registry.linkage.queries import in_question, paired_households
from cbi.registry.queries import blocked_households, shares_a_document


class Hold(StrEnum):
    """Why a payment waits."""

    DISCREPANCY = "discrepancy"
    POSSIBLE_DUPLICATE = "possible_duplicate"


def may_leave(provider: str) -> ColumnElement[bool]:
    """Whether nothing holds a payment by this provider."""
    home = Payment.household_id
    return and_(disputes.undisputed(provider), ~in_question(home), ~shares_a_document(home))


def on_record_twice() -> ColumnElement[bool]:
    """Whether a payment's household may be on record twice; for whole runs, because pairs are read once for all of them."""
    pairs = paired_households(PairState.OPEN, PairState.SAME).subquery("pairs")
    one_document = blocked_households().subquery("one_document")
    return or_(
        Payment.household_id.in_(select(pairs.c.household_id)),
        Payment.household_id.in_(select(one_document.c.household_id)),
    )


@dataclass(frozen=True, slots=True)
class Held:
    """Payments of one part of a run that wait, for one reason; the discrepancy is named where there is a pair, too."""

    run_id: UUID
    provider: str
    why: Hold
    payments: int
    total_minor: int


def held(session: Session, run_ids: Collection[UUID]) -> list[Held]:
    """What is held of these runs, by provider and reason. Pairs are read once, however many payments wait."""
    disputed = or_(
        Payment.id.in_(disputes.in_dispute()), Payment.entitlement_id.in_(disputes.owed_back())
    )
    paired = on_record_twice()
    why = case(
        (disputed, literal(Hold.DISCREPANCY.value, String)),
        else_=literal(Hold.POSSIBLE_DUPLICATE.value, String),
    ).label("why")
    each = (
        select(Payment.run_id, Payment.provider, why, Payment.rest_minor.label("minor"))
        .where(
            Payment.run_id.in_(run_ids), Payment.live, Payment.state == PaymentState.READY, or_(disputed, paired)
        )
        .subquery()
    )  # fmt: skip
    parts = (each.c.run_id, each.c.provider, each.c.why)
    rows = session.execute(
        select(*parts, func.count(), func.sum(each.c.minor)).group_by(*parts).order_by(*parts)
    )
    return [
        Held(run_id, provider, Hold(found), count, int(minor))
        for run_id, provider, found, count, minor in rows
    ]
