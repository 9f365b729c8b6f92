"""Promises about an office that stood still: nothing left it meanwhile, and two people, no other, let it go on."""

from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.audit.models import AuditEntry
from cbi.audit.standstill_models import Standstill
from cbi.proofs.promise import SHOWN, Breaches
from cbi.reconciliation import going_on

UNDER_WAY = timedelta(minutes=1)
"""What had begun before the standstill did may end after it, and clocks of several machines differ."""

# What statements or two people made known again had left before, whenever it was written down.
_LEFT = text(
    "SELECT a.payment_id FROM attempts a WHERE a.started_at > :began AND a.started_at < :ended"
    " AND NOT EXISTS (SELECT 1 FROM payment_events e WHERE e.payment_id = a.payment_id AND e.attempt = a.number"
    " AND e.after = 'sending' AND (e.source LIKE 'statement:%' OR e.source = 'line_finding'))"
    " UNION ALL SELECT o.payment_id FROM payouts o WHERE o.paid_at > :began AND o.paid_at < :ended LIMIT :shown"
)


def nothing_left(session: Session) -> Breaches:
    """No payment was sent and no code paid while the office stood still."""
    for still in session.scalars(select(Standstill).order_by(Standstill.began_at)):
        given = {
            "began": still.began_at + UNDER_WAY, "ended": still.ended_at or clock.now(), "shown": SHOWN,
        }  # fmt: skip
        for payment_id in session.scalars(_LEFT, given):
            yield f"payment {payment_id} left while the office stood still from {still.began_at:%Y-%m-%d %H:%M} UTC"


def two_let_it_go_on(session: Session) -> Breaches:
    """Whoever asked to go on, and whoever let it, are those of the audit log."""
    acts = {going_on.ASKED: "asked_by", going_on.ENDED: "ended_by"}
    ended = session.scalars(select(Standstill).where(Standstill.ended_at.is_not(None)))
    for still in ended:
        entries = session.execute(
            select(AuditEntry.act, AuditEntry.actor_id)
            .where(AuditEntry.subject_kind == "standstill", AuditEntry.subject_id == str(still.id))
            .order_by(AuditEntry.id)
        )
        last = {row.act: row.actor_id for row in entries}
        for act, column in acts.items():
            if last.get(act) != getattr(still, column):
                yield f"standstill {still.id}: the audit log names somebody else for {act}"


kept = (nothing_left, two_let_it_go_on)
