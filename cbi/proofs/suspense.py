"""Promises about lines of statements: each is explained or in suspense, and only two people say what a rule cannot."""

from cbi.ledger.chart import Entry
from cbi.payments.outcomes.discrepancies import CLOSING_DIFFERS, LINE_CHANGED
from cbi.payments.unpaid.withdrawing import WITHDRAWN
from cbi.proofs.promise import none_of
from cbi.reconciliation.line_booking import RULE
from cbi.reconciliation.models import Verdict

_OPENED = ", ".join(
    f"'{entry}'"
    for entry in (
        Entry.SUSPEND_DEBIT, Entry.SUSPEND_CREDIT, Entry.REFUND_MISTAKEN, Entry.LOSS_MISTAKEN, Entry.FEE_MISTAKEN,
        Entry.FEE_BACK_MISTAKEN,
    )
)  # fmt: skip
_ENDED = ", ".join(
    f"'{entry}'"
    for entry in (
        Entry.EXPLAIN_DEBIT, Entry.EXPLAIN_CREDIT, Entry.REFUND_SUSPENSE, Entry.LOSE_SUSPENSE, Entry.FEE_SUSPENSE,
        Entry.FEE_BACK,
    )
)  # fmt: skip
_EFFECT = "CASE WHEN l.kind IN ('payment', 'fee') THEN -l.amount_minor ELSE l.amount_minor END"
_FOUND = "f.confirmed_by IS NOT NULL AND f.confirmed_by <> f.reported_by"
_LEAVES_IT = ", ".join(
    f"'{verdict}'"
    for verdict in (
        Verdict.NOT_OURS, Verdict.UNMATCHED, Verdict.MISTAKEN, Verdict.FIRST_STORY, Verdict.LATER_STORY,
    )
)  # fmt: skip
STANDS = "(m.line_id, m.undone) NOT IN (SELECT line_id, undone FROM undone_matches)"
"""Whether the match `m` was not undone."""

_MATCHED = f"EXISTS (SELECT 1 FROM matches m WHERE m.line_id = l.id AND {STANDS})"
_BOOKED = (
    "(l.kind = 'top_up' AND EXISTS (SELECT 1 FROM fund_movements b WHERE b.kind IN ('prefunding', 'recovery')"
    " AND b.provider = l.provider AND b.reference = l.provider_reference AND b.amount_minor = l.amount_minor))"
    " OR (l.kind = 'fee' AND (EXISTS (SELECT 1 FROM fee_charges c WHERE c.line_id = l.id)"
    " OR EXISTS (SELECT 1 FROM monthly_fees g WHERE g.line_id = l.id)))"
)
"""Our books hold the movement of a line by its own kind: money that we placed or that came back, a fee."""

suspended_as_booked = (
    none_of(
        "discrepancy {id} says that {provider} has another balance than our books, and was settled in words",
        f"SELECT id, provider FROM discrepancies WHERE kind = '{CLOSING_DIFFERS}' AND settled_by IS NOT NULL",
    ),
    none_of(
        "{provider}: the lines that nothing explains moved {moved} in {currency}, and account 1900 holds {held}",
        "SELECT provider, currency, sum(moved) AS moved, sum(held) AS held FROM (SELECT provider, currency,"
        " -effect_minor AS moved, 0 AS held FROM suspended_lines WHERE ended_at IS NULL UNION ALL SELECT provider,"
        " currency, 0, debits_minor - credits_minor FROM accounts WHERE code = '1900') both_sides"
        " GROUP BY provider, currency HAVING sum(moved) <> sum(held)",
    ),
    none_of(
        "line {line_id} stood in suspense with {effect_minor}, and the books say otherwise",
        "SELECT s.line_id, s.effect_minor FROM suspended_lines s LEFT JOIN LATERAL (SELECT"
        f" count(*) FILTER (WHERE entry IN ({_OPENED})) AS opened, count(*) FILTER (WHERE entry IN ({_ENDED})) AS ended"
        " FROM transfers WHERE source_id = s.line_id AND attempt = s.number AND leg = 1"
        " AND amount_minor = abs(s.effect_minor)) t ON true"
        " WHERE t.opened <> 1 OR t.ended <> (s.ended_at IS NOT NULL)::int",
    ),
    none_of(
        "line {line_id} stood in suspense with {effect_minor}, and it says otherwise or is not there",
        "SELECT s.line_id, s.effect_minor FROM suspended_lines s LEFT JOIN statement_lines l ON l.id = s.line_id"
        f" WHERE ({_EFFECT}) IS DISTINCT FROM s.effect_minor OR l.currency <> s.currency OR l.provider <> s.provider",
    ),
    none_of(
        "line {line} ({id}) of a statement is neither explained nor in suspense",
        "SELECT l.line_id AS line, l.id FROM statement_lines l JOIN statement_files f ON f.id = l.statement_id"
        f" WHERE f.reconciled_at IS NOT NULL AND l.amount_minor <> 0 AND NOT {_MATCHED} AND NOT ({_BOOKED})"
        " AND NOT EXISTS (SELECT 1 FROM suspended_lines s WHERE s.line_id = l.id)",
    ),
    none_of(
        "line {line_id} is explained, and stands in suspense",
        "SELECT l.id AS line_id FROM suspended_lines s JOIN statement_lines l ON l.id = s.line_id"
        f" WHERE s.ended_at IS NULL AND {_MATCHED}",
    ),
    none_of(
        "line {line_id} left suspense, and nothing explains it",
        "SELECT s.line_id FROM suspended_lines s JOIN statement_lines l ON l.id = s.line_id WHERE s.ended_by = 'ladder'"
        " AND NOT EXISTS (SELECT 1 FROM suspended_lines n WHERE n.line_id = s.line_id AND n.number > s.number)"
        f" AND NOT {_MATCHED} AND NOT ({_BOOKED})",
    ),
    none_of(
        "line {line_id} left suspense, and no two people found what it is",
        "SELECT s.line_id FROM suspended_lines s WHERE s.ended_at IS NOT NULL AND s.ended_by <> 'ladder' AND NOT EXISTS"
        f" (SELECT 1 FROM line_findings f WHERE s.ended_by = 'finding:' || f.id AND {_FOUND}"
        f" AND s.line_id IN (f.line_id, f.other_line_id) AND f.verdict NOT IN ({_LEAVES_IT}))",
    ),
    none_of(
        "two people found what line {line_id} is, and the books do not hold it",
        "SELECT f.line_id FROM line_findings f WHERE f.confirmed_by IS NOT NULL"
        f" AND f.verdict NOT IN ({_LEAVES_IT}) AND NOT EXISTS"
        " (SELECT 1 FROM suspended_lines s WHERE s.line_id = f.line_id AND s.ended_by = 'finding:' || f.id)",
    ),
    none_of(
        "what two people found of line {line_id} was taken back, and the line is not in suspense since",
        "SELECT s.line_id FROM line_findings f JOIN suspended_lines s ON s.ended_by = 'finding:' || f.id"
        " WHERE f.taken_back_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM suspended_lines n"
        " WHERE n.line_id = s.line_id AND n.number = s.number + 1)",
    ),
    none_of(
        "line {line_id} came back to suspense, and what two people found of it stands",
        "SELECT s.line_id FROM line_findings f JOIN suspended_lines s ON s.ended_by = 'finding:' || f.id"
        f" WHERE f.taken_back_by IS NULL AND f.verdict NOT IN ('{Verdict.ATTEMPT}') AND EXISTS (SELECT 1"
        " FROM suspended_lines n WHERE n.line_id = s.line_id AND n.number > s.number)",
    ),
)

not_settled_by_words = (
    none_of(
        "discrepancy {id} was settled in words while its line {line_id} stood in suspense",
        "SELECT d.id, d.line_id FROM discrepancies d JOIN suspended_lines s ON s.line_id = d.line_id"
        f" WHERE d.settled_by IS NOT NULL AND d.kind <> '{LINE_CHANGED}' AND d.settled_at >= s.since"
        " AND (s.ended_at IS NULL OR d.settled_at < s.ended_at)",
    ),
    none_of(
        "payment {payment_id} was taken back from its provider, and no two people decided so",
        "SELECT e.payment_id FROM payment_events e JOIN payments p ON p.id = e.payment_id"
        f" WHERE (e.source LIKE 'withdrawal:%' OR e.failure = '{WITHDRAWN}') AND NOT EXISTS (SELECT 1 FROM withdrawals w"
        " WHERE e.source = 'withdrawal:' || w.id AND w.confirmed_by <> w.proposed_by AND w.run_id = p.run_id"
        " AND w.provider = p.provider AND coalesce(w.payment_id, p.id) = p.id)",
    ),
    none_of(
        "withdrawal {id} took {taken} payments back, and says that it took {payment_count}",
        "SELECT w.id, w.payment_count, count(e.payment_id) AS taken FROM withdrawals w LEFT JOIN payment_events e"
        " ON e.source = 'withdrawal:' || w.id AND e.after = 'failed' WHERE w.confirmed_by IS NOT NULL"
        " GROUP BY w.id HAVING count(e.payment_id) <> w.payment_count",
    ),
    none_of(
        "run {number}: user {user_id} made it and also took its payments back",
        "SELECT r.number, t.user_id FROM withdrawals w JOIN payment_runs r ON r.id = w.run_id JOIN run_parts t"
        " ON t.run_id = w.run_id AND t.part = 'maker' AND t.user_id IN (w.proposed_by, w.confirmed_by)",
    ),
)

matched_by_two = (
    none_of(
        "line {line_id} was matched by hand, and no two people found so",
        f"SELECT m.line_id FROM matches m WHERE m.rule = '{RULE}' AND NOT EXISTS (SELECT 1 FROM line_findings f"
        f" WHERE f.line_id = m.line_id AND f.verdict = '{Verdict.ATTEMPT}' AND f.payment_id = m.payment_id"
        f" AND f.attempt = m.attempt AND {_FOUND})",
    ),
    none_of(
        "payment {payment_id}: attempt {attempt} was called {after} by a line, and no two people named it",
        "SELECT e.payment_id, e.attempt, e.after FROM payment_events e WHERE e.source = 'line_finding' AND NOT EXISTS"
        f" (SELECT 1 FROM line_findings f WHERE f.verdict = '{Verdict.ATTEMPT}' AND f.payment_id = e.payment_id"
        f" AND {_FOUND})",
    ),
    none_of(
        "the match of line {line_id} was undone, and no two people found it wrong",
        "SELECT u.line_id FROM undone_matches u WHERE NOT EXISTS (SELECT 1 FROM line_findings f JOIN matches m"
        " ON m.line_id = f.line_id AND m.payment_id = f.payment_id AND m.attempt = f.attempt AND m.undone = u.undone"
        f" AND m.kind = u.kind WHERE f.id = u.finding_id AND f.line_id = u.line_id AND f.verdict = '{Verdict.UNMATCHED}'"
        f" AND {_FOUND})",
    ),
    none_of(
        "line {line_id} is matched twice",
        f"SELECT m.line_id FROM matches m WHERE {STANDS} GROUP BY m.line_id HAVING count(*) > 1",
    ),
    none_of(
        "finding {id} of line {line_id} was taken back, and no two people found that; or it stands, and two did",
        "SELECT f.id, f.line_id FROM line_findings f LEFT JOIN line_findings m ON m.finding_id = f.id"
        f" AND m.line_id = f.line_id AND m.verdict = '{Verdict.MISTAKEN}' AND m.confirmed_by <> m.reported_by"
        " WHERE f.taken_back_by IS DISTINCT FROM m.id AND (m.id IS NULL OR m.confirmed_by IS NOT NULL)",
    ),
    none_of(
        "line {line} corrects another, and no two people found that a later file is right",
        "SELECT l.line_id AS line FROM statement_lines l JOIN discrepancies d ON d.line_id = l.id"
        " AND d.details ? 'corrects' WHERE NOT EXISTS (SELECT 1 FROM line_findings f"
        f" WHERE f.verdict = '{Verdict.LATER_STORY}' AND {_FOUND} AND f.line_id::text = d.details ->> 'corrects')",
    ),
    none_of(
        "the audit log does not say who found what line {line_id} is",
        "SELECT f.line_id FROM line_findings f WHERE f.confirmed_by IS NOT NULL AND NOT EXISTS (SELECT 1"
        " FROM audit_entries e WHERE e.subject_kind = 'statement_line' AND e.subject_id = f.line_id::text"
        " AND e.act = 'statement_line.confirmed' AND e.actor_id = f.confirmed_by"
        " AND e.details ->> 'finding' = f.id::text)",
    ),
    none_of(
        "the constraint {name} is missing or not valid",
        "SELECT name FROM (VALUES ('pk_matches'), ('uq_matches_payment_id_attempt_kind_again'),"
        " ('uq_suspended_lines_open'), ('uq_line_findings_booked'), ('uq_line_findings_confirmed'),"
        " ('uq_line_findings_taken_back')) guards(name) WHERE NOT EXISTS (SELECT 1"
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = name"
        " AND c.relnamespace = current_schema()::regnamespace AND i.indisunique AND i.indisvalid)",
    ),
)
