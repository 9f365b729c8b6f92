"""Promises about the books: spending is covered, and money is in exactly one place."""

from sqlalchemy.orm import Session

from cbi.ledger.chart import CHART, RESTING_PLACE
from cbi.proofs import amounts, clearing, parts, receivables, suspense
from cbi.proofs.promise import Breaches, none_of

never_overspent = (
    none_of(
        "account {code} ({id}) is below zero on its normal side",
        "SELECT code, id FROM accounts WHERE guarded AND"
        " CASE normal WHEN 'credit' THEN credits_minor < debits_minor ELSE debits_minor < credits_minor END",
    ),
    none_of(
        "account {code} ({id}) is not guarded as the chart says",
        "SELECT a.code, a.id FROM accounts a LEFT JOIN (VALUES "
        + ", ".join(
            f"('{k.code}', '{k.plane}', '{k.normal}', {str(k.guarded).lower()})" for k in CHART
        )
        + ") AS chart(code, plane, normal, guarded) USING (code) WHERE chart.code IS NULL"
        " OR (a.plane, a.normal, a.guarded) IS DISTINCT FROM (chart.plane, chart.normal, chart.guarded)",
    ),
    none_of(
        "fund {code} received {received}, and its bank entries say {booked}",
        "SELECT code, received, booked FROM (SELECT f.code, f.received_minor AS received,"
        " coalesce(sum(CASE t.entry WHEN 'refund' THEN -t.amount_minor ELSE t.amount_minor END), 0) AS booked"
        " FROM funds f LEFT JOIN accounts a ON a.fund_id = f.id AND a.code = '2000' LEFT JOIN transfers t"
        " ON (t.credit_account_id = a.id AND t.entry = 'receive') OR (t.debit_account_id = a.id AND t.entry = 'refund')"
        " GROUP BY f.id) f WHERE received <> booked",
    ),
    none_of(
        "fund {code} received more than the grant of {amount_minor}",
        "SELECT code, amount_minor FROM funds WHERE received_minor > amount_minor",
    ),
)

_MOVEMENTS = (
    "SELECT debit_account_id AS account_id, amount_minor AS debit, 0 AS credit, payment_id FROM transfers"
    " UNION ALL SELECT credit_account_id, 0, amount_minor, payment_id FROM transfers"
)


def payments_rest_where_the_books_say(session: Session) -> Breaches:
    """For each payment: what the ledger holds for it in each account is what its state says."""
    places = " ".join(
        f"WHEN '{state}' THEN '{kind.code}'"
        for state, kind in RESTING_PLACE.items()
        if kind is not None
    )
    yield from none_of(
        "payment {id} is {state}: the books hold {held} for it in account {code}",
        "WITH held AS (SELECT m.payment_id, a.code, sum(m.credit - m.debit) AS held"
        f" FROM ({_MOVEMENTS}) m JOIN accounts a ON a.id = m.account_id"
        " WHERE m.payment_id IS NOT NULL AND a.code IN ('2300', '2350', '2400', '2900') GROUP BY 1, 2),"
        # What was handed over in parts stays delivered, wherever the rest lies.
        " apart AS (SELECT payment_id, '2900' AS code, sum(amount_minor) AS parts FROM payment_parts GROUP BY 1),"
        f" shorter AS ({amounts.LESS})"
        " SELECT p.id, p.state, coalesce(h.code, '-') AS code, coalesce(h.held, 0) AS held"
        " FROM payments p LEFT JOIN (SELECT payment_id, code, coalesce(held, 0) - coalesce(parts, 0) AS held"
        " FROM held FULL JOIN apart USING (payment_id, code)) h ON h.payment_id = p.id AND h.held <> 0"
        " LEFT JOIN shorter s ON s.id = p.id"
        f" WHERE (h.code IS DISTINCT FROM (CASE p.state {places} END)"
        " OR (h.code IS NOT NULL AND h.held <> p.amount_minor - p.parts_minor - coalesce(s.less, 0)))",
    )(session)


in_one_place = (
    none_of(
        "account {code} ({id}) says {debits_minor} debit and {credits_minor} credit; its transfers say"
        " {debits} and {credits}",
        "SELECT a.code, a.id, a.debits_minor, a.credits_minor, coalesce(m.debits, 0) AS debits,"
        " coalesce(m.credits, 0) AS credits FROM accounts a LEFT JOIN (SELECT account_id, sum(debit) AS debits,"
        f" sum(credit) AS credits FROM ({_MOVEMENTS}) all_legs GROUP BY account_id) m ON m.account_id = a.id"
        " WHERE (a.debits_minor, a.credits_minor) IS DISTINCT FROM (coalesce(m.debits, 0), coalesce(m.credits, 0))",
    ),
    none_of(
        "transfer {id} is in {currency}, and an account of it in another currency, or is missing",
        "SELECT t.id, t.currency FROM transfers t LEFT JOIN accounts d ON d.id = t.debit_account_id"
        " LEFT JOIN accounts c ON c.id = t.credit_account_id"
        " WHERE d.currency IS DISTINCT FROM t.currency OR c.currency IS DISTINCT FROM t.currency",
    ),
    none_of(
        "{currency}: the cash plane holds {cash}, the restriction plane {restriction}",
        "SELECT currency, sum(debits_minor - credits_minor) FILTER (WHERE plane = 'cash') AS cash,"
        " sum(credits_minor - debits_minor) FILTER (WHERE plane = 'restriction') AS restriction FROM accounts"
        " GROUP BY currency HAVING coalesce(sum(debits_minor - credits_minor) FILTER (WHERE plane = 'cash'), 0)"
        " <> coalesce(sum(credits_minor - debits_minor) FILTER (WHERE plane = 'restriction'), 0)",
    ),
    none_of(
        "programme {programme_id}: delivered {delivered}, assistance {assistance}",
        "SELECT programme_id, sum(credits_minor - debits_minor) FILTER (WHERE code = '2900') AS delivered,"
        " sum(debits_minor - credits_minor) FILTER (WHERE code = '5000') AS assistance FROM accounts"
        " WHERE code IN ('2900', '5000') GROUP BY programme_id, fund_id, currency"
        " HAVING sum(credits_minor - debits_minor) FILTER (WHERE code = '2900') IS DISTINCT FROM"
        " sum(debits_minor - credits_minor) FILTER (WHERE code = '5000')",
    ),
    payments_rest_where_the_books_say,
    *receivables.owed_as_booked,
    *amounts.taken_as_booked,
    *parts.in_parts,
    *suspense.suspended_as_booked,
    *clearing.in_the_air,
    *clearing.given_back,
    none_of(
        "run {number} should have {waiting} committed, and the books say {committed}",
        "SELECT r.number, r.waiting, coalesce(sum(a.credits_minor - a.debits_minor), 0) AS committed"
        " FROM (SELECT r.id, r.number, coalesce(sum(p.amount_minor - p.parts_minor)"
        " FILTER (WHERE p.state IN ('ready', 'failed')), 0) AS waiting FROM payment_runs r"
        " LEFT JOIN payments p ON p.run_id = r.id AND p.live"
        " WHERE r.state IN ('approved', 'releasing', 'released', 'closed') GROUP BY r.id) r"
        " LEFT JOIN accounts a ON a.run_id = r.id AND a.code = '2200' GROUP BY r.number, r.waiting"
        " HAVING r.waiting <> coalesce(sum(a.credits_minor - a.debits_minor), 0)",
    ),
)
