"""Promises about money in the air: what a provider took when it accepted a payment stands in 1200 until that has ended."""

from cbi.fsp.messages import GIVES_BACK_AT_LATEST
from cbi.payments.outcomes.discrepancies import CREDIT_NOT_LISTED
from cbi.payments.states import ON_ITS_WAY, PaymentState
from cbi.proofs.promise import none_of
from cbi.proofs.suspense import STANDS

_OPEN = ", ".join(f"'{state}'" for state in sorted(ON_ITS_WAY - {PaymentState.SENDING}))
_IN_THE_AIR = (
    "SELECT p.id, p.provider, p.currency, p.amount_minor - p.parts_minor AS minor FROM payment_runs r"
    " JOIN payments p ON p.run_id = r.id AND p.provider = ANY(r.debits_early)"
    f" WHERE r.debits_early <> '{{}}' AND p.state IN ({_OPEN}) AND EXISTS (SELECT 1 FROM payment_events e"
    " WHERE e.payment_id = p.id AND e.attempt = p.attempts AND e.after = 'accepted')"
)
"""What was accepted by a provider that debits then, and has not ended: by the payments' own story, not by the books."""
# Of a payment that was handed over in part, the rest was accepted in the same instant.
_IN_1200 = (
    "SELECT t.payment_id, t.entry, t.attempt, t.amount_minor, CASE t.entry WHEN 'debited' THEN t.amount_minor"
    " ELSE -t.amount_minor END AS minor FROM transfers t"
    " JOIN accounts a ON a.code = '1200' AND a.id IN (t.debit_account_id, t.credit_account_id)"
)

in_the_air = (
    none_of(
        "{provider}: {air} in {currency} is accepted and has not ended, and account 1200 holds {held}",
        "SELECT provider, currency, sum(air) AS air, sum(held) AS held FROM (SELECT provider, currency, minor AS air,"
        f" 0 AS held FROM ({_IN_THE_AIR}) air UNION ALL SELECT provider, currency, 0, debits_minor - credits_minor"
        " FROM accounts WHERE code = '1200') both_sides GROUP BY provider, currency HAVING sum(air) <> sum(held)",
    ),
    none_of(
        "payment {id}: {minor} of it should stand in account 1200, and the books say {held}",
        "SELECT coalesce(air.id, h.payment_id) AS id, coalesce(air.minor, 0) AS minor, coalesce(h.held, 0) AS held"
        f" FROM ({_IN_THE_AIR}) air FULL JOIN (SELECT payment_id, sum(minor) AS held FROM ({_IN_1200}) moved"
        " GROUP BY payment_id) h ON h.payment_id = air.id WHERE coalesce(air.minor, 0) <> coalesce(h.held, 0)",
    ),
    none_of(
        "payment {payment_id}: what left account 1200 for attempt {attempt} is not what had been put there",
        f"SELECT payment_id, attempt FROM ({_IN_1200}) moved GROUP BY payment_id, attempt HAVING"
        " count(*) FILTER (WHERE entry = 'debited') <> 1 OR count(*) > 2 OR sum(minor) <> 0 AND count(*) = 2",
    ),
    none_of(
        "run {number}: {provider} was to take the money of payment {id} when it accepted it, and the books say otherwise",
        "SELECT r.number, p.provider, p.id FROM payment_runs r JOIN payments p ON p.run_id = r.id"
        " JOIN payment_events e ON e.payment_id = p.id AND e.after = 'accepted' WHERE r.debits_early <> '{}'"
        " AND (p.provider = ANY(r.debits_early)) <> EXISTS (SELECT 1 FROM transfers t WHERE t.source_id = p.id"
        " AND t.attempt = e.attempt AND t.entry = 'debited')",
    ),
)

_NAMED = (
    "EXISTS (SELECT 1 FROM matches r WHERE r.payment_id = a.payment_id AND r.attempt = a.number AND r.kind = 'return')"
    " OR EXISTS (SELECT 1 FROM line_findings g WHERE g.transfer_id = t.id)"
    " OR EXISTS (SELECT 1 FROM statement_lines l WHERE l.provider = a.provider AND l.kind = 'return'"
    " AND (lower(l.idempotency_key) = a.idempotency_key OR l.provider_reference = a.provider_reference))"
)
"""Whether a line lists that the money of attempt `a` was given back by transfer `t`, or ever seemed to."""
_PAID = (
    "EXISTS (SELECT 1 FROM payment_events e WHERE e.payment_id = a.payment_id AND e.attempt = a.number"
    " AND e.after = 'paid') OR EXISTS (SELECT 1 FROM receivables o WHERE o.payment_id = a.payment_id"
    " AND o.attempt = a.number AND NOT o.excess)"
)
# A day more: a statement's days are the office's, and these are compared with instants.
_LONG_AGO = f"f.last_day - {GIVES_BACK_AT_LATEST.days + 1}"

given_back = (
    none_of(
        "{provider} took the money of payment {payment_id}, attempt {number}, gave none back, and nobody asks for it",
        "SELECT a.provider, a.payment_id, a.number FROM transfers t JOIN attempts a ON a.payment_id = t.source_id"
        " AND a.number = t.attempt JOIN matches m ON m.payment_id = a.payment_id AND m.attempt = a.number"
        f" AND m.kind = 'payment' AND {STANDS} JOIN (SELECT provider, max(last_day) AS last_day,"
        " max(reconciled_at) AS at FROM statement_files WHERE reconciled_at IS NOT NULL GROUP BY provider) f"
        " ON f.provider = a.provider AND m.matched_at <= f.at"
        f" WHERE t.entry = 'credited_back' AND t.recorded_at < {_LONG_AGO} AND t.recorded_at <= f.at"
        f" AND NOT ({_NAMED}) AND NOT ({_PAID})"
        f" AND NOT EXISTS (SELECT 1 FROM discrepancies d WHERE d.kind = '{CREDIT_NOT_LISTED}'"
        " AND d.payment_id = a.payment_id AND d.details ->> 'attempt' = a.number::text)",
    ),
    none_of(
        "discrepancy {id} says that {provider} keeps money of payment {payment_id}, and was settled in words",
        "SELECT id, provider, payment_id FROM discrepancies"
        f" WHERE kind = '{CREDIT_NOT_LISTED}' AND settled_by IS NOT NULL",
    ),
    none_of(
        "payment {payment_id}: {amount_minor} is matched as given back of attempt {attempt}, and that is not what it left",
        "SELECT m.payment_id, m.attempt, m.amount_minor FROM matches m JOIN payment_parts x ON x.payment_id = m.payment_id"
        " AND x.attempt = m.attempt LEFT JOIN transfers t ON t.source_id = m.payment_id AND t.attempt = m.attempt"
        f" AND t.entry = 'debited' AND t.leg = 1 WHERE m.kind = 'return' AND {STANDS}"
        " AND m.amount_minor IS DISTINCT FROM t.amount_minor - x.amount_minor",
    ),
)
