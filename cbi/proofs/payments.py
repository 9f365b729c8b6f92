"""Promises about who is paid: once, with approval, and never again while we do not know."""

from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.ledger.chart import DELIVERING, Entry
from cbi.payments.models import PaymentRun
from cbi.payments.outcomes.discrepancies import UNKNOWN_FOR_DAYS
from cbi.payments.runs import digest, findings, summaries
from cbi.payments.runs.sheet_models import RunSummary
from cbi.payments.states import PAYMENT, RUN, RunState
from cbi.proofs import amounts, signing, suspense
from cbi.proofs.parts import GIVEN_UP_BEFORE
from cbi.proofs.promise import Breaches, none_of

_DELIVERING = ", ".join(f"'{entry}'" for entry in DELIVERING)
_WHOLE = ", ".join(f"'{entry}'" for entry in DELIVERING if entry is not Entry.PART)
_UNSIGNED = (RunState.DRAFT, RunState.CANCELLED)

guards_are_there = none_of(
    "the constraint {name} is missing or not valid",
    "SELECT name FROM (VALUES ('uq_payments_live'),"
    " ('uq_entitlements_programme_id_period_household_id_component'), ('uq_payouts_payment_id_attempt'))"
    " AS wanted(name) WHERE NOT EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE c.relname = wanted.name AND c.relnamespace = current_schema()::regnamespace"
    " AND i.indisunique AND i.indisvalid)",
)
"""That what forbids paying twice is in force: three unique indexes."""

paid_once = (
    none_of(
        "household {household_id} has {payments} live payments in {period}, component {component}",
        "SELECT household_id, period, component, count(*) AS payments FROM payments WHERE live"
        " GROUP BY programme_id, period, household_id, component HAVING count(*) > 1",
    ),
    # Of two attempts that were paid, the money of either may come back, so they are counted and not paired.
    none_of(
        "payment {payment_id} was paid {times} times",
        "SELECT payment_id, count(*) FILTER (WHERE entry <> 'return') - count(*) FILTER (WHERE entry = 'return')"
        f" AS times FROM transfers WHERE leg = 1 AND entry IN ({_WHOLE}, 'return') GROUP BY payment_id"
        " HAVING count(*) FILTER (WHERE entry <> 'return') - count(*) FILTER (WHERE entry = 'return') NOT IN (0, 1)",
    ),
    none_of(
        "payment {payment_id}: attempt {attempt} is in the books as paid {times} times",
        "SELECT payment_id, attempt, sum(n) AS times FROM (SELECT payment_id, attempt, count(*) AS n FROM transfers"
        f" WHERE leg = 1 AND entry IN ({_DELIVERING}) GROUP BY 1, 2 UNION ALL"
        " SELECT payment_id, attempt, 1 FROM receivables WHERE state <> 'delivered' AND NOT excess) paid"
        " GROUP BY payment_id, attempt HAVING sum(n) > 1",
    ),
    none_of(
        "payment {id} pays {paid} where {owed} is owed",
        "SELECT p.id, p.amount_minor AS paid, e.amount_minor - coalesce(g.parts, 0) AS owed FROM payments p"
        " LEFT JOIN entitlements e ON e.id = p.entitlement_id JOIN payment_runs r ON r.id = p.run_id"
        f" LEFT JOIN {GIVEN_UP_BEFORE} g ON g.entitlement_id = p.entitlement_id AND g.number < r.number"
        " AND (g.next IS NULL OR r.number <= g.next)"
        " WHERE e.id IS NULL OR (p.amount_minor, p.currency, p.household_id, p.period, p.component, p.programme_id)"
        " IS DISTINCT FROM (e.amount_minor - coalesce(g.parts, 0), e.currency, e.household_id, e.period, e.component,"
        " e.programme_id)",
    ),
    guards_are_there,
)


def content_is_what_was_signed(session: Session) -> Breaches:
    """Compute every locked run's digest anew, and name the payments that were altered."""
    for run in session.scalars(
        select(PaymentRun).where(PaymentRun.state.not_in(_UNSIGNED)).order_by(PaymentRun.number)
    ):
        if digest.run_digest(session, run) == run.digest:
            continue
        altered = digest.altered_payments(session, run.id)
        for payment_id, number in altered:
            yield f"run {run.number}: payment no. {number} ({payment_id}) is not what was locked"
        if not altered:
            yield f"run {run.number}: the list is not what was locked (a payment added, removed or rewritten)"


def summaries_are_what_was_kept(session: Session) -> Breaches:
    """What signers were shown is what was worked out when the run was locked, and what its payments still say."""
    for summary in session.scalars(select(RunSummary).order_by(RunSummary.made_at)):
        if not summaries.is_sealed(session, summary):
            yield f"the summary of run {summary.run_id}, revision {summary.revision}, was altered"
    for run, summary in session.execute(
        select(PaymentRun, RunSummary)
        .join(
            RunSummary,
            (RunSummary.run_id == PaymentRun.id) & (RunSummary.revision == PaymentRun.revision),
        )
        .where(PaymentRun.state.not_in(_UNSIGNED))
        .order_by(PaymentRun.number)
    ):
        if summary.digest != run.digest:
            yield f"run {run.number}: its summary is of other content"
        elif summary.facts["content"] != summaries.content_of(session, run):
            yield f"run {run.number}: its payments do not add up to its summary"
        if summary.facts["findings"] != findings.fingerprint(session, run).hex():
            yield f"run {run.number}: the list of what changed is not what was kept"


approved = (
    content_is_what_was_signed,
    summaries_are_what_was_kept,
    none_of(
        "run {number}: the summary that was kept when it was locked is gone, or another",
        "SELECT r.number FROM audit_entries e JOIN payment_runs r ON e.subject_id = r.id::text"
        " WHERE e.subject_kind = 'payment_run' AND e.act = 'payment_run.locked' AND e.details ? 'summary'"
        " AND NOT EXISTS (SELECT 1 FROM run_summaries s WHERE s.run_id = r.id"
        " AND encode(s.seal, 'hex') = e.details ->> 'summary')",
    ),
    *signing.signatures,
    none_of(
        "payment {payment_id} was attempted in a run that is {state}",
        "SELECT a.payment_id, r.state FROM attempts a JOIN payments p ON p.id = a.payment_id"
        " JOIN payment_runs r ON r.id = p.run_id WHERE r.state NOT IN ('releasing', 'released', 'closed')",
    ),
    none_of(
        "run {number}: its part by {provider} is not what its payments add up to",
        "SELECT r.number, t.provider FROM run_routes t JOIN payment_runs r ON r.id = t.run_id"
        " WHERE r.state <> 'draft' AND r.state <> 'cancelled' AND (t.payment_count, t.total_minor) <>"
        " (SELECT count(*), coalesce(sum(p.amount_minor), 0) FROM payments p WHERE p.run_id = t.run_id"
        " AND p.provider = t.provider AND (p.live OR p.attempts > 0) AND p.number BETWEEN t.first_number AND t.last_number)"
        " UNION ALL SELECT r.number, p.provider FROM payments p JOIN payment_runs r ON r.id = p.run_id"
        " WHERE NOT EXISTS (SELECT 1 FROM run_routes t WHERE t.run_id = p.run_id AND t.provider = p.provider)",
    ),
    none_of(
        "an attempt names payment {payment_id}, which does not exist",
        "SELECT a.payment_id FROM attempts a LEFT JOIN payments p ON p.id = a.payment_id WHERE p.id IS NULL",
    ),
)


def moves_are_allowed(session: Session) -> Breaches:
    """Every event is an arrow of its lifecycle, and follows the one before it."""
    for lifecycle, events, name in (
        (PAYMENT, "payment_events", "payment_id"),
        (RUN, "run_events", "run_id"),
    ):
        arrows = ", ".join(
            f"('{before}', '{after}')" for before, to in lifecycle.moves.items() for after in to
        )
        yield from none_of(
            f"{lifecycle.name} {{thing}} went from {{before}} to {{after}}",
            f"SELECT {name} AS thing, before, after FROM {events}"
            f" WHERE before IS NOT NULL AND (before, after) NOT IN ({arrows})",
        )(session)
        yield from none_of(
            f"{lifecycle.name} {{thing}}: an event says it was {{before}}, the one before says {{was}}",
            f"SELECT * FROM (SELECT {name} AS thing, before, lag(after) OVER (PARTITION BY {name} ORDER BY id) AS was"
            f" FROM {events}) e WHERE was IS NOT NULL AND before IS DISTINCT FROM was",
        )(session)


def unknown_for_days_is_named(session: Session) -> Breaches:
    """Each payment that is in dispute for a day has an open discrepancy, which its owner sees."""
    rows = session.scalars(
        text(
            "SELECT p.id FROM payments p WHERE p.state = 'disputed' AND EXISTS (SELECT 1 FROM payment_events e"
            " WHERE e.payment_id = p.id AND e.after = 'disputed' AND e.at < :before) AND NOT EXISTS (SELECT 1 FROM"
            " discrepancies d WHERE d.payment_id = p.id AND d.kind = :kind AND d.settled_at IS NULL) LIMIT 20"
        ),
        {"before": clock.now() - timedelta(days=1), "kind": UNKNOWN_FOR_DAYS},
    )
    for payment_id in rows:
        yield f"payment {payment_id} is unknown for days, and no discrepancy asks about it"


unknown_is_asked_about = (
    moves_are_allowed,
    unknown_for_days_is_named,
    *amounts.not_settled_by_words,
    *suspense.not_settled_by_words,
    none_of(
        "payment {payment_id} was {before} and became {after}",
        "SELECT payment_id, before, after FROM payment_events WHERE before IN ('unknown', 'disputed')"
        " AND after IN ('sending', 'ready')",
    ),
    none_of(
        "payment {payment_id}: attempt {attempt} was called unpaid, and no two people have found so",
        "SELECT e.payment_id, e.attempt FROM payment_events e WHERE e.source = 'finding' AND NOT EXISTS"
        " (SELECT 1 FROM unpaid_findings f WHERE f.payment_id = e.payment_id AND f.attempt = e.attempt"
        " AND f.confirmed_by <> f.reported_by)",
    ),
    none_of(
        "payment {payment_id}: attempt {number} began before attempt {previous} was known to have failed",
        "SELECT a.payment_id, a.number, a.number - 1 AS previous FROM attempts a WHERE a.number > 1"
        " AND NOT EXISTS (SELECT 1 FROM payment_events e WHERE e.payment_id = a.payment_id"
        " AND e.attempt = a.number - 1 AND e.after IN ('failed', 'returned', 'expired', 'partly_paid')"
        " UNION ALL SELECT 1 FROM payment_events e WHERE e.payment_id = a.payment_id"
        " AND e.attempt = a.number - 1 AND e.before = 'sending' AND e.after = 'ready')",
    ),
    none_of(
        "payment {id} is {state}, and its last event says {after}",
        "SELECT p.id, p.state, e.after FROM payments p LEFT JOIN LATERAL (SELECT after FROM payment_events e"
        " WHERE e.payment_id = p.id ORDER BY e.id DESC LIMIT 1) e ON true"
        " WHERE coalesce(e.after, 'ready') <> p.state",
    ),
)
