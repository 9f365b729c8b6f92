"""Whether somebody who was on record twice when a cycle was opened is paid for it with another household.

Nobody knew it then, so both households were owed. Once the records are one, the household that their head or collector is in
is not paid beside the one that they were in, too, unless that one was not paid and cannot be.
"""

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlalchemy.orm import aliased

from cbi.payments.models import Payment
from cbi.payments.outcomes.disputes import in_dispute
from cbi.payments.states import PaymentState
from cbi.programmes.models import Cycle
from cbi.registry.households.models import ChangedPerson, HouseholdChange
from cbi.registry.models import Person

PAID_ELSEWHERE = "paid_elsewhere"

_MOVED = (PaymentState.PAID, PaymentState.PARTLY_PAID, PaymentState.UNKNOWN, PaymentState.DISPUTED)
_HANDED_OVER = (PaymentState.SENDING, PaymentState.ACCEPTED)


def paid_elsewhere() -> ColumnElement[bool]:
    """Whether a payment's head or collector was in another household since its cycle was opened, under a record that is one
    with theirs by now, and that household's payment for the same part of the cycle was paid, may have been, or can be.

    What was given up can no more. It is asked of each payment at a counter, so it asks few tables.
    """
    leads, stayed, record, other = (
        aliased(Person),
        aliased(Person),
        aliased(Person),
        aliased(Payment),
    )
    cycle, was, change = aliased(Cycle), aliased(ChangedPerson), aliased(HouseholdChange)
    # What is outside is named at each step: else it would be read anew in here, and any payment would do.
    return (
        exists()
        .where(
            leads.household_id == Payment.household_id, leads.gone.is_(None), or_(leads.is_head, leads.is_recipient),
            # A record that was found to be one with theirs may have been one with a third before.
            or_(stayed.id == leads.id, stayed.same_as == leads.id), record.same_as == stayed.id,
            cycle.programme_id == Payment.programme_id, cycle.period == Payment.period,
            was.person_id == record.id, was.gone_before.is_(None),
            change.id == was.change_id, change.recorded_at >= cycle.opened_at,
            other.household_id == was.household_before, other.household_id != Payment.household_id,
            other.programme_id == Payment.programme_id, other.period == Payment.period,
            other.component == Payment.component, other.live, _goes(other),
        )
        .correlate(Payment)
    )  # fmt: skip


def _goes(other: type[Payment]) -> ColumnElement[bool]:
    payee = aliased(Person)
    collects = (
        payee.id == other.person_id,
        payee.household_id == other.household_id,
        payee.is_recipient,
    )
    return or_(
        other.state.in_(_MOVED), other.parts_minor > 0, other.id.in_(in_dispute()),
        and_(other.state.in_(_HANDED_OVER), other.heard_of >= other.attempts),
        exists().where(*collects).correlate(other),
    )  # fmt: skip
