"""Promises about cash over the counter and statements: a code is paid once, a line settles one payment."""

import re

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi.proofs.parts import listed, sent
from cbi.proofs.promise import Breaches, none_of
from cbi.proofs.suspense import STANDS
from cbi.redemption.collecting import CHILD_UNTIL
from cbi.redemption.issuing import render_codes
from cbi.redemption.models import CodeIssue

_KEPT_TEXT = (
    ("messages", "values::text"),
    ("messages", "gateway_reference"),
    ("inbound_texts", "outcome::text"),
    ("audit_entries", "details::text"),
    ("discrepancies", "details::text"),
    ("payment_events", "source"),
    ("counter_tries", "result"),
    ("complaint_events", "act"),
    ("run_events", "reason"),
    ("work_versions", "reason"),
    ("work_ties", "reason"),
    ("payment_decisions", "reason"),
    ("discrepancies", "resolution"),
    ("duplicate_flags", "reason"),
    ("statement_lines", "provider_reference"),
    ("payment_events", "provider_code"),
    ("statement_files", "filename"),
    ("imports", "filename"),
    ("answered_requests", "key"),
    ("fund_movements", "reference"),
    ("receivable_events", "reference"),
    ("write_offs", "reason"),
    ("write_offs", "evidence"),
    ("amount_findings", "proof"),
    ("line_findings", "proof"),
    ("withdrawals", "reason"),
    ("top_ups", "reason"),
    ("top_ups", "reference"),
    ("top_ups", "remark"),
    ("top_up_rows", "reason"),
    ("household_needs", "word"),
    ("enrolments", "reason"),
    ("suspensions", "reason"),
    ("suspensions", "resumed_because"),
    ("conditions_met", "evidence"),
    ("conditions_met", "remark"),
    ("refusals", "said"),
    ("refusals", "reason"),
)


def no_text_holds_a_code(session: Session) -> Breaches:
    """Look for digits that begin with a live locator and are its code, in every column that holds free text."""
    for table, column in _KEPT_TEXT:
        rows = session.execute(
            text(
                f"SELECT DISTINCT (regexp_matches({column}, '[0-9][0-9. -]{{10,18}}[0-9]', 'g'))[1] AS found"
                f" FROM {table}"
            )
        )
        candidates = {re.sub(r"\D", "", row.found) for row in rows}
        for chunk in _in_chunks(sorted(candidates)):
            yield from _codes_among(session, table, chunk)


def _in_chunks(texts: list[str], size: int = 1000) -> list[list[str]]:
    return [texts[at : at + size] for at in range(0, len(texts), size)]


def _codes_among(session: Session, table: str, candidates: list[str]) -> Breaches:
    locators = {candidate[:digits] for candidate in candidates for digits in (5, 6, 7)}
    issues = session.scalars(
        select(CodeIssue.id).where(
            CodeIssue.locator.in_(locators), CodeIssue.live, CodeIssue.current
        )
    ).all()
    codes = {
        re.sub(r"\D", "", code): issue for issue, code in render_codes(session, issues).items()
    }
    for candidate in candidates:
        for code, issue in codes.items():
            if code in candidate:
                yield f"a text in {table} holds the code of issue {issue}"


_COLLECTED = (
    "FROM payouts o JOIN authorisations a ON a.id = o.authorisation_id JOIN payments p ON p.id = o.payment_id"
    " WHERE a.collector_id IS NOT NULL"
)
_RECORDED = "c.confirmed_by <> c.recorded_by AND c.recorded_at <= a.held_at"

paid_out_once = (
    none_of(
        "payout {receipt} hands over {amount_minor}, and its attempt is of {owed}",
        f"SELECT o.receipt, o.amount_minor, {sent('o.attempt')} AS owed FROM payouts o"
        " LEFT JOIN payments p ON p.id = o.payment_id"
        f" WHERE (o.amount_minor, o.currency) IS DISTINCT FROM ({sent('o.attempt')}, p.currency)",
    ),
    none_of(
        "code issue {id} is {state} and has {payouts} payouts",
        "SELECT c.id, c.state, count(o.id) AS payouts FROM code_issues c"
        " LEFT JOIN payouts o ON o.code_issue_id = c.id GROUP BY c.id"
        " HAVING count(o.id) <> CASE WHEN c.state = 'paid' THEN 1 ELSE 0 END",
    ),
    none_of(
        "payout {receipt} has no confirmed payment in the books",
        "SELECT o.receipt FROM payouts o WHERE NOT EXISTS (SELECT 1 FROM transfers t"
        " WHERE t.source_id = o.payment_id AND t.attempt = o.attempt AND t.entry IN ('confirm', 'part') AND t.leg = 1"
        " AND t.amount_minor = o.amount_minor)",
    ),
    none_of(
        "authorisation {id} is {state} and has {payouts} payouts",
        "SELECT a.id, a.state, count(o.id) AS payouts FROM authorisations a"
        " LEFT JOIN payouts o ON o.authorisation_id = a.id GROUP BY a.id"
        " HAVING count(o.id) <> CASE WHEN a.state = 'confirmed' THEN 1 ELSE 0 END",
    ),
    no_text_holds_a_code,
    none_of(
        "receipt {receipt} was collected as {collected_as} by somebody who was not, or whom nobody had recorded by two",
        f"SELECT o.receipt, a.collected_as {_COLLECTED} AND NOT CASE a.collected_as"
        f" WHEN 'alternate' THEN EXISTS (SELECT 1 FROM changed_persons m JOIN household_changes c ON c.id = m.change_id"
        f" WHERE m.person_id = a.collector_id AND m.household_after = p.household_id"
        f" AND 'alternate' = ANY(m.roles_after) AND {_RECORDED})"
        f" WHEN 'guardian' THEN EXISTS (SELECT 1 FROM guardianships g JOIN household_changes c ON c.id = g.begun_by"
        f" WHERE g.child_id = p.person_id AND g.guardian_id = a.collector_id AND {_RECORDED})"
        " ELSE a.collector_id = p.person_id END",
    ),
    none_of(
        "receipt {receipt}: money for a child was collected by somebody else than the appointed guardian",
        f"SELECT o.receipt {_COLLECTED} AND a.collected_as <> 'guardian' AND EXISTS (SELECT 1 FROM guardianships g"
        " JOIN household_changes c ON c.id = g.begun_by JOIN persons y ON y.id = g.child_id"
        " WHERE g.child_id = p.person_id AND c.recorded_at < a.held_at"
        " AND NOT EXISTS (SELECT 1 FROM household_changes u WHERE u.undoes_id = g.begun_by)"
        f" AND extract(year FROM a.held_at) - coalesce(y.born_year, 9999) <= {CHILD_UNTIL})",
    ),
)

settled_once = (
    none_of(
        "payment {payment_id}, attempt {attempt}, is settled by {lines} lines",
        "SELECT payment_id, attempt, count(*) AS lines FROM matches m WHERE kind = 'payment'"
        f" AND {STANDS}"
        " GROUP BY payment_id, attempt HAVING count(*) > 1",
    ),
    none_of(
        "line {line_id} settles {amount_minor}, and says otherwise or is not there",
        "SELECT m.line_id, m.amount_minor FROM matches m LEFT JOIN statement_lines l ON l.id = m.line_id"
        " LEFT JOIN payments p ON p.id = m.payment_id LEFT JOIN amount_findings f ON f.payment_id = m.payment_id"
        " AND f.attempt = m.attempt AND f.paid_minor > 0 AND NOT f.again"
        # What was found later is in a line of its own, or the match is undone.
        " AND f.confirmed_at <= m.matched_at"
        # Of a provider that settles net the line holds the fee as well.
        " LEFT JOIN fee_charges c ON c.line_id = m.line_id"
        f" WHERE {STANDS} AND (p.id IS NULL"
        " OR abs(l.amount_minor) - coalesce(c.charged_minor, 0) IS DISTINCT FROM m.amount_minor"
        f" OR (m.kind = 'payment' AND (coalesce(f.paid_minor, {listed('m.attempt')}), p.currency)"
        " IS DISTINCT FROM (m.amount_minor, l.currency)))",
    ),
    none_of(
        "statement {filename}: the file was taken in twice",
        "SELECT filename FROM statement_files GROUP BY provider, file_digest, filename HAVING count(*) > 1",
    ),
)
