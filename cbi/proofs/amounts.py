"""Promises about payments of which another amount was taken: two people found it, and the books hold it."""

from cbi.payments.outcomes.discrepancies import ANOTHER_AMOUNT, OF_AMOUNT
from cbi.payments.recovery.amounts import SOURCE
from cbi.proofs.parts import sent
from cbi.proofs.promise import none_of

_OF_AMOUNT = ", ".join(f"'{kind}'" for kind in OF_AMOUNT)
_FOUND = "f.confirmed_by IS NOT NULL AND f.confirmed_by <> f.reported_by AND NOT f.again"
_DELIVERED_BY = (
    "(SELECT e.attempt FROM payment_events e WHERE e.payment_id = p.id AND e.after = 'paid'"
    " ORDER BY e.id DESC LIMIT 1)"
)
_SENT = sent("f.attempt")


def _came(payment: str, attempt: str) -> str:
    """SQL for how much of what an attempt had taken less two people have found in lines of its own."""
    return (
        "(SELECT coalesce(sum(abs(l.amount_minor) - coalesce(r.amount_minor, 0)), 0)::bigint FROM line_findings g"
        " JOIN statement_lines l ON l.id = g.line_id LEFT JOIN receivables r ON r.finding_id = g.id"
        " AND r.state <> 'delivered'"
        " WHERE g.verdict = 'more' AND g.confirmed_by IS NOT NULL AND g.taken_back_by IS NULL"
        f" AND g.payment_id = {payment} AND g.attempt = {attempt})"
    )


_RESTS = "entry IN ('rest_delivered', 'rest_mistaken')"
_REST = "CASE t.entry WHEN 'rest_delivered' THEN t.amount_minor ELSE -t.amount_minor END"

LESS = (
    f"SELECT p.id, {_SENT} - f.paid_minor - {_came('p.id', 'f.attempt')} AS less FROM amount_findings f"
    " JOIN payments p ON p.id = f.payment_id"
    f" WHERE {_FOUND} AND f.paid_minor BETWEEN 1 AND {_SENT} AND p.state = 'paid'"
    f" AND f.attempt = {_DELIVERED_BY}"
)
"""The payments that took less than was sent, and what is missing of it: as two people found, not as the books say."""

not_settled_by_words = (
    none_of(
        "payment {payment_id}: another amount was named for attempt {attempt}, and what was paid is nowhere in the books",
        "SELECT d.payment_id, d.attempt FROM (SELECT d.payment_id, d.opened_at,"
        " coalesce((d.details ->> 'attempt')::bigint, p.attempts) AS attempt FROM discrepancies d"
        f" JOIN payments p ON p.id = d.payment_id WHERE d.kind IN ({_OF_AMOUNT}) AND d.settled_at IS NOT NULL"
        f" AND (d.settled_by IS NOT NULL OR d.kind = '{ANOTHER_AMOUNT}')) d WHERE NOT EXISTS (SELECT 1"
        " FROM payment_events e WHERE e.payment_id = d.payment_id AND e.attempt = d.attempt AND e.after = 'paid')"
        " AND NOT EXISTS (SELECT 1 FROM receivables r WHERE r.payment_id = d.payment_id AND r.attempt = d.attempt"
        " AND NOT r.excess)"
        " AND NOT EXISTS (SELECT 1 FROM amount_findings f WHERE f.payment_id = d.payment_id"
        f" AND f.attempt = d.attempt AND f.paid_minor = 0 AND f.reported_at >= d.opened_at AND {_FOUND})",
    ),
    none_of(
        "payment {payment_id}: attempt {attempt} was called paid, and no two people have found how much",
        f"SELECT e.payment_id, e.attempt FROM payment_events e WHERE e.source = '{SOURCE}' AND NOT EXISTS"
        " (SELECT 1 FROM amount_findings f WHERE f.payment_id = e.payment_id AND f.attempt = e.attempt"
        f" AND f.paid_minor > 0 AND {_FOUND}) AND e.after = 'paid'",
    ),
    none_of(
        "payment {payment_id}: the money of attempt {attempt} was called back, and no two people found that",
        f"SELECT e.payment_id, e.attempt FROM payment_events e WHERE e.source = '{SOURCE}' AND e.after = 'returned'"
        " AND NOT EXISTS (SELECT 1 FROM amount_findings f WHERE f.payment_id = e.payment_id AND f.attempt = e.attempt"
        f" AND f.paid_minor = 0 AND {_FOUND})",
    ),
    none_of(
        "payment {payment_id}: attempt {attempt} is said to have taken {paid_minor}, and one person alone found so",
        "SELECT payment_id, attempt, paid_minor FROM amount_findings WHERE confirmed_by = reported_by",
    ),
    none_of(
        "payment {payment_id}: two people found that attempt {attempt} was paid, and the books do not hold it",
        "SELECT f.payment_id, f.attempt FROM amount_findings f WHERE f.confirmed_by IS NOT NULL AND f.paid_minor > 0"
        " AND NOT EXISTS (SELECT 1 FROM payment_events e WHERE e.payment_id = f.payment_id"
        " AND e.attempt = f.attempt AND e.after = 'paid') AND NOT EXISTS (SELECT 1 FROM receivables r"
        " WHERE r.payment_id = f.payment_id AND r.attempt = f.attempt AND NOT r.excess)",
    ),
)

taken_as_booked = (
    none_of(
        "payment {payment_id}: attempt {attempt} took {less} less than was sent, and the books say {booked}",
        "SELECT coalesce(t.payment_id, f.payment_id) AS payment_id, coalesce(t.attempt, f.attempt) AS attempt,"
        " coalesce(f.less, 0) AS less, coalesce(t.booked, 0) AS booked FROM (SELECT payment_id, attempt,"
        " sum(amount_minor) AS booked FROM transfers WHERE entry = 'paid_less' AND leg = 1 GROUP BY 1, 2) t"
        f" FULL JOIN (SELECT f.payment_id, f.attempt, {_SENT} - f.paid_minor AS less FROM amount_findings f"
        f" JOIN payments p ON p.id = f.payment_id WHERE {_FOUND} AND f.paid_minor BETWEEN 1 AND {_SENT} - 1"
        " AND EXISTS (SELECT 1 FROM payment_events e WHERE e.payment_id = f.payment_id AND e.attempt = f.attempt"
        " AND e.after = 'paid')) f ON f.payment_id = t.payment_id AND f.attempt = t.attempt"
        " WHERE coalesce(f.less, 0) <> coalesce(t.booked, 0)",
    ),
    none_of(
        "payment {payment_id}: attempt {attempt} took {more} more than was sent, and {owed} is owed back",
        "SELECT coalesce(r.payment_id, f.payment_id) AS payment_id, coalesce(r.attempt, f.attempt) AS attempt,"
        " coalesce(f.more, 0) AS more, coalesce(r.amount_minor, 0) AS owed FROM (SELECT payment_id, attempt,"
        " amount_minor FROM receivables WHERE excess AND finding_id IS NULL) r FULL JOIN (SELECT f.payment_id, f.attempt,"
        f" f.paid_minor - {_SENT} AS more FROM amount_findings f JOIN payments p ON p.id = f.payment_id"
        f" WHERE {_FOUND} AND f.paid_minor > {_SENT} AND EXISTS (SELECT 1 FROM payment_events e"
        " WHERE e.payment_id = f.payment_id AND e.attempt = f.attempt AND e.after = 'paid')) f"
        " ON f.payment_id = r.payment_id AND f.attempt = r.attempt"
        " WHERE coalesce(f.more, 0) <> coalesce(r.amount_minor, 0)",
    ),
    none_of(
        "payment {payment_id}: {amount_minor} is owed back for attempt {attempt}, and that is not what it took",
        "SELECT r.payment_id, r.attempt, r.amount_minor FROM receivables r JOIN payments p ON p.id = r.payment_id"
        " LEFT JOIN amount_findings f ON f.payment_id = r.payment_id AND f.attempt = r.attempt"
        f" AND {_FOUND} AND f.paid_minor > 0 WHERE NOT r.excess"
        f" AND r.amount_minor <> coalesce(f.paid_minor, {sent('r.attempt')})",
    ),
    none_of(
        "payment {payment_id}: the rest of attempt {attempt} was taken back, and it had left none, or never came back",
        "SELECT b.payment_id, b.attempt FROM transfers b WHERE b.entry = 'rest_taken_back' AND b.leg = 1 AND NOT EXISTS"
        " (SELECT 1 FROM transfers t JOIN transfers r ON r.source_id = t.source_id AND r.entry = 'return'"
        " WHERE t.source_id = b.source_id AND t.attempt = b.attempt AND t.entry = 'paid_less'"
        f" AND t.amount_minor - {_came('b.payment_id', 'b.attempt')} = b.amount_minor)",
    ),
    none_of(
        "payment {payment_id}: attempt {attempt} took less than was sent, and nobody was told",
        "SELECT t.payment_id, t.attempt FROM transfers t WHERE t.entry = 'paid_less' AND t.leg = 1 AND NOT EXISTS"
        " (SELECT 1 FROM discrepancies d WHERE d.kind = 'paid_less'"
        " AND d.subject = concat('payment:', t.payment_id, ':', t.attempt))",
    ),
    none_of(
        "payment {payment_id}: {came} of what attempt {attempt} had taken less came after all, and {less} was missing",
        f"SELECT t.payment_id, t.attempt, sum({_REST}) AS came, coalesce(l.amount_minor, 0) AS less FROM transfers t"
        " LEFT JOIN transfers l ON l.source_id = t.payment_id AND l.entry = 'paid_less' AND l.attempt = t.attempt"
        f" AND l.leg = 1 WHERE t.{_RESTS} AND t.leg = 1 GROUP BY t.payment_id, t.attempt, l.amount_minor"
        f" HAVING NOT sum({_REST}) BETWEEN 0 AND coalesce(l.amount_minor, 0)",
    ),
    none_of(
        "payment {payment_id}: what attempt {attempt} had taken less came after all, and no two people found that",
        f"SELECT t.payment_id, t.attempt FROM transfers t WHERE t.{_RESTS} AND NOT EXISTS (SELECT 1 FROM line_findings f"
        " WHERE f.id = t.source_id AND f.verdict = 'more' AND f.confirmed_by <> f.reported_by"
        " AND f.payment_id = t.payment_id AND f.attempt = t.attempt)",
    ),
    none_of(
        "payment {payment_id}: what attempt {attempt} had taken less is missing once more, and nobody was told",
        "SELECT t.payment_id, t.attempt FROM transfers t WHERE t.entry = 'rest_mistaken' AND t.leg = 1 AND NOT EXISTS"
        " (SELECT 1 FROM discrepancies d WHERE d.kind = 'paid_less' AND d.payment_id = t.payment_id"
        " AND d.details ->> 'attempt' = t.attempt::text AND (d.settled_at IS NULL OR d.settled_at >= t.recorded_at))",
    ),
)
