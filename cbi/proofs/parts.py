"""Promises about payments that were handed over in parts: never more than was owed in all, and each part in the books."""

from cbi.proofs.promise import none_of


def sent(attempt: str) -> str:
    """SQL for what an attempt of payment `p` is for: the part that it took, or what the parts before it had left."""
    return (
        "(CASE WHEN p.parts_minor = 0 THEN p.amount_minor ELSE coalesce((SELECT x.amount_minor FROM payment_parts x"
        f" WHERE x.payment_id = p.id AND x.attempt = {attempt}), p.amount_minor - (SELECT"
        " coalesce(sum(x.amount_minor), 0)::bigint FROM payment_parts x WHERE x.payment_id = p.id"
        f" AND x.attempt < {attempt})) END)"
    )


def listed(attempt: str) -> str:
    """SQL for what a statement lists of an attempt of payment `p`: what it is for; of a part, what the provider had taken
    for all of it when it accepted it, if it did.
    """
    return (
        "(CASE WHEN p.parts_minor = 0 THEN p.amount_minor ELSE coalesce((SELECT t.amount_minor FROM transfers t"
        f" WHERE t.source_id = p.id AND t.entry = 'debited' AND t.attempt = {attempt} AND t.leg = 1), {sent(attempt)}) END)"
    )


GIVEN_UP_BEFORE = (
    "(SELECT q.entitlement_id, r.number, lead(r.number) OVER entitled AS next, sum(q.parts_minor) OVER entitled AS parts"
    " FROM payments q JOIN payment_runs r ON r.id = q.run_id WHERE NOT q.live AND q.parts_minor > 0"
    " WINDOW entitled AS (PARTITION BY q.entitlement_id ORDER BY r.number))"
)
"""What was handed over for an entitlement by payments that were given up since, until the `next` such run."""

in_parts = (
    none_of(
        "for what is owed by entitlement {id}, {owed}, its payments have handed over {paid}",
        "SELECT e.id, e.amount_minor AS owed, sum(CASE WHEN p.state = 'paid' THEN p.amount_minor ELSE p.parts_minor END)"
        " AS paid FROM payments p JOIN entitlements e ON e.id = p.entitlement_id WHERE p.entitlement_id IN"
        " (SELECT entitlement_id FROM payments WHERE parts_minor > 0) GROUP BY e.id HAVING"
        " sum(CASE WHEN p.state = 'paid' THEN p.amount_minor ELSE p.parts_minor END) > e.amount_minor",
    ),
    none_of(
        "payment {id} says that {parts_minor} was handed over in parts, and its parts are {parts} of {amount_minor}",
        "SELECT p.id, p.parts_minor, p.amount_minor, coalesce(x.parts, 0) AS parts FROM payments p FULL JOIN"
        " (SELECT payment_id, sum(amount_minor) AS parts FROM payment_parts GROUP BY 1) x ON x.payment_id = p.id"
        " WHERE p.id IS NULL OR p.parts_minor <> coalesce(x.parts, 0) OR p.parts_minor >= p.amount_minor",
    ),
    none_of(
        "payment {payment_id}: the part of attempt {attempt} does not begin where the one before it ended",
        "SELECT payment_id, attempt FROM (SELECT x.payment_id, x.attempt, x.before_minor, x.owed_minor, x.currency,"
        " p.amount_minor, p.currency AS of_payment, coalesce(sum(x.amount_minor) OVER (PARTITION BY x.payment_id"
        " ORDER BY x.attempt ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before"
        " FROM payment_parts x JOIN payments p ON p.id = x.payment_id) x"
        " WHERE (before_minor, owed_minor, currency) IS DISTINCT FROM (before, amount_minor, of_payment)",
    ),
    none_of(
        "payment {payment_id}: attempt {attempt} took a part of {part}, and the books say {booked}",
        "SELECT coalesce(x.payment_id, t.payment_id) AS payment_id, coalesce(x.attempt, t.attempt) AS attempt,"
        " coalesce(x.amount_minor, 0) AS part, coalesce(t.amount_minor, 0) AS booked FROM payment_parts x FULL JOIN"
        " (SELECT payment_id, attempt, amount_minor FROM transfers WHERE entry = 'part' AND leg = 1) t"
        " ON t.payment_id = x.payment_id AND t.attempt = x.attempt WHERE x.amount_minor IS DISTINCT FROM t.amount_minor",
    ),
    none_of(
        "payment {payment_id}: attempt {attempt} took a part, and its story says otherwise",
        "SELECT coalesce(x.payment_id, e.payment_id) AS payment_id, coalesce(x.attempt, e.attempt) AS attempt"
        " FROM payment_parts x FULL JOIN (SELECT payment_id, attempt FROM payment_events WHERE after = 'partly_paid') e"
        " ON e.payment_id = x.payment_id AND e.attempt = x.attempt WHERE x.attempt IS NULL OR e.attempt IS NULL",
    ),
    none_of(
        "payment {payment_id}: attempt {attempt} took a part, and nobody handed it over",
        "SELECT x.payment_id, x.attempt FROM payment_parts x WHERE NOT EXISTS (SELECT 1 FROM payouts o"
        " WHERE o.payment_id = x.payment_id AND o.attempt = x.attempt AND o.amount_minor = x.amount_minor)",
    ),
)
