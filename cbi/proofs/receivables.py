"""Promises about money paid twice or without cover: what is owed back is in the books, and two people gave it up."""

from sqlalchemy.orm import Session

from cbi.ledger.chart import Entry
from cbi.payments.states import RECEIVABLE
from cbi.proofs.promise import Breaches, none_of

_RECOVERED = ", ".join(f"'{entry}'" for entry in Entry if entry.startswith("recover"))
_KIND = "CASE WHEN r.excess THEN 'paid_more' ELSE 'paid_twice' END"
"""The entry that opened a receivable, and the kind of discrepancy about it."""


def receivables_move_as_allowed(session: Session) -> Breaches:
    """Every event of a receivable is an arrow of its lifecycle."""
    arrows = ", ".join(
        f"('{before}', '{after}')" for before, to in RECEIVABLE.moves.items() for after in to
    )
    yield from none_of(
        "receivable {receivable_id} went from {before} to {after}",
        f"SELECT receivable_id, before, after FROM receivable_events WHERE (before, after) NOT IN ({arrows})",
    )(session)


owed_as_booked = (
    none_of(
        "{provider} owes {owed} back in {currency}, and its account holds {held}",
        "SELECT provider, currency, sum(owed) AS owed, sum(held) AS held FROM (SELECT provider, currency,"
        " amount_minor AS owed, 0 AS held FROM receivables WHERE state = 'open' UNION ALL SELECT provider, currency,"
        " 0, debits_minor - credits_minor FROM accounts WHERE code = '1310') both_sides"
        " GROUP BY provider, currency HAVING sum(owed) <> sum(held)",
    ),
    none_of(
        "receivable {id} of {amount_minor} is {state}, and the books say otherwise",
        "SELECT r.id, r.amount_minor, r.state FROM receivables r LEFT JOIN LATERAL (SELECT"
        f" count(*) FILTER (WHERE entry = {_KIND} AND amount_minor = r.amount_minor) AS opened,"
        " count(*) FILTER (WHERE entry = 'adopt') AS adopted,"
        " count(*) FILTER (WHERE entry = 'owed_mistaken') AS unfounded,"
        f" count(*) FILTER (WHERE entry IN ({_RECOVERED}) AND leg = 1) AS recovered,"
        " count(*) FILTER (WHERE entry = 'write_off' AND leg = 1) AS written_off"
        " FROM transfers WHERE source_id = r.id) t ON true"
        " WHERE t.opened <> 1 OR t.adopted <> (r.state = 'delivered')::int"
        " OR t.unfounded <> (r.state = 'unfounded')::int"
        " OR t.recovered <> (r.state = 'recovered')::int"
        " OR t.written_off <> (EXISTS (SELECT 1 FROM receivable_events e WHERE e.receivable_id = r.id"
        " AND e.after = 'written_off'))::int",
    ),
    none_of(
        "receivable {id} is {state}, and its last event says {after}",
        "SELECT r.id, r.state, e.after FROM receivables r LEFT JOIN LATERAL (SELECT after FROM receivable_events e"
        " WHERE e.receivable_id = r.id ORDER BY e.id DESC LIMIT 1) e ON true"
        " WHERE coalesce(e.after, 'open') <> r.state",
    ),
    receivables_move_as_allowed,
    none_of(
        "receivable {id} came in a line of its own, and no two people found so",
        "SELECT r.id FROM receivables r WHERE r.finding_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM line_findings f"
        " JOIN statement_lines l ON l.id = f.line_id WHERE f.id = r.finding_id AND f.verdict = 'more' AND r.excess"
        " AND f.confirmed_by <> f.reported_by AND (f.payment_id, f.attempt, l.currency, l.provider)"
        " = (r.payment_id, r.attempt, r.currency, r.provider)"
        " AND ((f.taken_back_by IS NOT NULL) = (r.state = 'unfounded') OR r.state = 'delivered'))",
    ),
    none_of(
        "receivable {id} is said to be what was missing of attempt {attempt}, and no rest of it was delivered",
        "SELECT r.id, r.attempt FROM receivables r WHERE r.excess AND r.state = 'delivered' AND NOT EXISTS (SELECT 1"
        " FROM transfers t WHERE t.source_id = r.finding_id AND t.entry = 'rest_delivered' AND t.leg = 1"
        " AND (t.payment_id, t.attempt, t.amount_minor) = (r.payment_id, r.attempt, r.amount_minor))",
    ),
    none_of(
        "two people found that line {line_id} is more of payment {payment_id}, and neither is it owed back, nor was as much"
        " missing",
        "SELECT f.line_id, f.payment_id FROM line_findings f JOIN statement_lines l ON l.id = f.line_id"
        " LEFT JOIN receivables r ON r.finding_id = f.id AND r.state <> 'delivered' LEFT JOIN LATERAL (SELECT"
        " coalesce(sum(amount_minor) FILTER (WHERE entry = 'rest_delivered'), 0) AS came,"
        " coalesce(sum(amount_minor) FILTER (WHERE entry = 'rest_mistaken'), 0) AS undone FROM transfers"
        " WHERE source_id = f.id AND leg = 1) t ON true WHERE f.verdict = 'more' AND f.confirmed_by IS NOT NULL"
        " AND (abs(l.amount_minor) <> coalesce(r.amount_minor, 0) + t.came"
        " OR t.undone <> CASE WHEN f.taken_back_by IS NULL THEN 0 ELSE t.came END)",
    ),
    none_of(
        "receivable {receivable_id} was written off, and no two people decided so",
        "SELECT e.receivable_id FROM receivable_events e WHERE e.after = 'written_off' AND NOT EXISTS"
        " (SELECT 1 FROM write_offs w WHERE w.receivable_id = e.receivable_id AND w.confirmed_by <> w.proposed_by)",
    ),
    none_of(
        "payment {payment_id}: attempt {attempt} is owed back, and no discrepancy says so",
        "SELECT r.payment_id, r.attempt FROM receivables r JOIN payments p ON p.id = r.payment_id"
        " WHERE r.state = 'open' AND p.state = 'paid' AND NOT EXISTS (SELECT 1 FROM discrepancies d"
        f" WHERE d.kind = {_KIND} AND d.payment_id = r.payment_id AND d.settled_at IS NULL"
        " AND d.subject = concat('payment:', r.payment_id, ':', r.attempt, ':' || r.finding_id))",
    ),
    none_of(
        "programme {programme_id}: written off {written_off}, losses {losses}",
        "SELECT programme_id, sum(credits_minor - debits_minor) FILTER (WHERE code = '2920') AS written_off,"
        " sum(debits_minor - credits_minor) FILTER (WHERE code = '5300') AS losses FROM accounts"
        " WHERE code IN ('2920', '5300') GROUP BY programme_id, fund_id, currency"
        " HAVING sum(credits_minor - debits_minor) FILTER (WHERE code = '2920') IS DISTINCT FROM"
        " sum(debits_minor - credits_minor) FILTER (WHERE code = '5300')",
    ),
    none_of(
        "payment {payment_id} was delivered without cover, and no discrepancy says so",
        "SELECT t.payment_id FROM transfers t WHERE t.entry = 'late_uncovered' AND t.leg = 1 AND NOT EXISTS"
        " (SELECT 1 FROM transfers c WHERE c.entry = 'cover' AND c.source_id = t.source_id AND c.attempt = t.attempt)"
        " AND NOT EXISTS (SELECT 1 FROM discrepancies d WHERE d.kind = 'delivered_without_cover'"
        " AND d.payment_id = t.payment_id AND d.settled_at IS NULL)",
    ),
)
