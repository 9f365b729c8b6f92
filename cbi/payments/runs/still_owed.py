"""What is still owed of an entitlement: without the parts that were handed over before its payment was given up."""

from sqlalchemy import BigInteger, ColumnElement, case, cast, func, select
from sqlalchemy.orm import aliased

from cbi.payments.models import Payment
from cbi.programmes.models import Entitlement


def still_owed() -> ColumnElement[int]:
    """The amount in minor units, for a query that has the entitlement and pays it by a new payment."""
    any_given_up, given_up = aliased(Payment), aliased(Payment)
    # The few that there are, are read once for a whole run; their sums only for them.
    in_parts = select(any_given_up.entitlement_id).where(
        any_given_up.parts_minor > 0, ~any_given_up.live
    )
    parts = select(cast(func.sum(given_up.parts_minor), BigInteger)).where(
        given_up.entitlement_id == Entitlement.id, given_up.parts_minor > 0, ~given_up.live
    )
    return case(
        (Entitlement.id.in_(in_parts), Entitlement.amount_minor - parts.scalar_subquery()),
        else_=Entitlement.amount_minor,
    )
