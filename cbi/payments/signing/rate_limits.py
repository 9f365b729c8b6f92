"""How far an exchange rate may be from the last one, by the approval policy, before its second person types it again."""

from fractions import Fraction
from uuid import UUID

from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.ledger import reference_rates
from cbi.ledger.fx_models import ReferenceRate
from cbi.payments.signing import control_settings, policies


def at_most(session: Session, one: str, other: str) -> Fraction:
    """How many times the last rate between two currencies one may be. Raises PolicyAltered."""
    policy = policies.in_force(session)
    if policy is None:
        return reference_rates.JUMP
    return control_settings.rate_limit(policy[1].controls, one, other, reference_rates.JUMP)


def confirm(
    session: Session, actor: Actor, rate_id: UUID, code: str, again: str = ""
) -> ReferenceRate:
    """Let a colleague's rate count, within the limits of the policy. Raises as `reference_rates.confirm`, PolicyAltered."""
    row = session.get(ReferenceRate, rate_id)
    limit = at_most(session, row.base, row.quote) if row else reference_rates.JUMP
    return reference_rates.confirm(session, actor, rate_id, code, again, limit)
