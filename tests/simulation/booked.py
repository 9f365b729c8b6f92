"""What our books hold of each payment, put together for whoever compares it with the truth."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Booked:
    """One payment as our books have it. `out`: what left the provider's float for it, in minor units."""

    id: UUID
    provider: str
    state: str
    attempts: int
    minor: int
    out: int
    held: int
    """What of it the provider took when it accepted the payment, and is neither paid nor given back."""
    given_up: int
    """What of it came back to our bank, or was given up by two people."""
    due: str
    """What a household is owed only once: the entitlement, or the tranche whatever cycle it is in."""
    parts: int
    """What was handed over of it in parts."""
    owed: int
    """What is owed under `due`."""
    named: bool
    """Whether an open discrepancy names it, itself or through a line."""


def booked(session: Session) -> list[Booked]:
    """Every payment there is."""
    return [Booked(**row._mapping) for row in session.execute(_BOOKED)]


_BOOKED = text(
    """
    SELECT p.id, p.provider, CASE WHEN e.once THEN concat_ws(' ', e.programme_id, e.household_id, e.component)
            ELSE e.id::text END AS due, p.state, p.attempts, p.amount_minor AS minor, p.parts_minor AS parts,
        e.amount_minor AS owed,
        coalesce((SELECT sum(CASE a.id WHEN t.credit_account_id THEN t.amount_minor ELSE -t.amount_minor END)
            FROM transfers t JOIN accounts a ON a.id IN (t.credit_account_id, t.debit_account_id)
            WHERE a.code = '1100' AND (t.payment_id = p.id
                OR t.source_id IN (SELECT o.id FROM receivables o WHERE o.payment_id = p.id))), 0)::bigint AS out,
        coalesce((SELECT sum(CASE a.id WHEN t.debit_account_id THEN t.amount_minor ELSE -t.amount_minor END)
            FROM transfers t JOIN accounts a ON a.id IN (t.credit_account_id, t.debit_account_id)
            WHERE a.code = '1200' AND t.payment_id = p.id), 0)::bigint AS held,
        coalesce((SELECT sum(o.amount_minor) FROM receivables o WHERE o.payment_id = p.id AND (o.state = 'written_off'
            OR EXISTS (SELECT FROM transfers t JOIN accounts a ON a.id = t.debit_account_id
                WHERE t.source_id = o.id AND a.code = '1000'))), 0)::bigint AS given_up,
        EXISTS (SELECT FROM discrepancies d LEFT JOIN statement_lines l ON l.id = d.line_id
            WHERE d.settled_at IS NULL AND d.kind <> 'unknown_for_days' AND (d.payment_id = p.id
                OR l.idempotency_key LIKE replace(p.id::text, '-', '') || '-%')) AS named
    FROM payments p JOIN entitlements e ON e.id = p.entitlement_id ORDER BY p.id
    """
)
