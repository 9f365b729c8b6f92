"""Promises about cash for work: pay comes from signed rows only, each row is paid once, and the signer is another."""

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from cbi.programmes import work_digest
from cbi.programmes.work_models import WorkSignature
from cbi.proofs.promise import Breaches, none_of

guard_is_there = none_of(
    "the constraint {name} is missing or not valid",
    "SELECT 'pk_work_pay' AS name WHERE NOT EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE c.relname = 'pk_work_pay' AND c.relnamespace = current_schema()::regnamespace"
    " AND i.indisunique AND i.indisvalid)",
)
"""That what forbids paying a row twice is in force."""

paid_once = (
    guard_is_there,
    none_of(
        "row {row_id} of a work sheet is paid {times} times",
        "SELECT row_id, count(*) AS times FROM work_pay GROUP BY row_id HAVING count(*) > 1",
    ),
    none_of(
        "row {corrects_id} of a work sheet is corrected by {times} rows that are signed",
        "SELECT r.corrects_id, count(*) AS times FROM work_rows r"
        " JOIN work_signatures s ON s.sheet_id = r.sheet_id AND s.version = r.version"
        " WHERE r.corrects_id IS NOT NULL GROUP BY r.corrects_id HAVING count(*) > 1",
    ),
    none_of(
        "household {household_id} is owed {owed} for {component} in {period}, and its signed work comes to {worked}",
        "SELECT e.household_id, e.component, e.period, e.amount_minor AS owed, w.worked FROM entitlements e"
        " JOIN programmes p ON p.id = e.programme_id LEFT JOIN (SELECT y.entitlement_id,"
        " sum(r.earned_minor - coalesce(c.earned_minor, 0)) AS worked FROM work_pay y"
        " JOIN work_rows r ON r.id = y.row_id LEFT JOIN work_rows c ON c.id = r.corrects_id"
        " GROUP BY y.entitlement_id) w ON w.entitlement_id = e.id"
        " WHERE p.kind = 'cash_for_work' AND w.worked IS DISTINCT FROM e.amount_minor",
    ),
    none_of(
        "row {row_id} of a work sheet is paid with {paid}, and adds {adds}",
        "SELECT y.row_id, y.amount_minor AS paid, r.earned_minor - coalesce(c.earned_minor, 0) AS adds FROM work_pay y"
        " LEFT JOIN work_rows r ON r.id = y.row_id LEFT JOIN work_rows c ON c.id = r.corrects_id"
        " LEFT JOIN work_sheets s ON s.id = r.sheet_id LEFT JOIN work_activities a ON a.id = s.activity_id"
        " LEFT JOIN entitlements e ON e.id = y.entitlement_id"
        " WHERE (y.amount_minor, y.currency, r.household_id, s.programme_id, a.code) IS DISTINCT FROM"
        " (r.earned_minor - coalesce(c.earned_minor, 0), e.currency, e.household_id, e.programme_id, e.component)",
    ),
)


def sheets_are_what_was_signed(session: Session) -> Breaches:
    """Compute the digest of every signed sheet anew."""
    now = work_digest.digests().subquery("now")
    same = and_(
        WorkSignature.sheet_id == now.c.sheet_id,
        WorkSignature.version == now.c.version,
        WorkSignature.digest == now.c.digest,
    )
    for sheet, version in session.execute(
        select(WorkSignature.sheet_id, WorkSignature.version)
        .outerjoin(now, same)
        .where(now.c.sheet_id.is_(None))
        .order_by(WorkSignature.sheet_id, WorkSignature.version)
    ):
        yield f"work sheet {sheet}, version {version}, is not what was signed"


signed = (
    sheets_are_what_was_signed,
    none_of(
        "row {row_id} of a work sheet is paid, and nobody signed it",
        "SELECT y.row_id FROM work_pay y LEFT JOIN work_rows r ON r.id = y.row_id WHERE NOT EXISTS"
        " (SELECT 1 FROM work_signatures s WHERE s.sheet_id = r.sheet_id AND s.version = r.version)",
    ),
    none_of(
        "work sheet {sheet_id}: user {user_id} signed it and also entered it, or signed what it corrects",
        "SELECT s.sheet_id, s.user_id FROM work_signatures s JOIN work_versions v ON v.sheet_id = s.sheet_id"
        " AND v.version <= s.version AND v.entered_by = s.user_id"
        " UNION ALL SELECT s.sheet_id, s.user_id FROM work_signatures s JOIN work_versions v"
        " ON v.sheet_id = s.sheet_id AND v.version = s.version JOIN work_signatures b"
        " ON b.sheet_id = s.sheet_id AND b.version = v.corrects AND b.user_id = s.user_id",
    ),
    none_of(
        "work sheet {sheet_id}: the audit log does not say that user {user_id} signed version {version}",
        "SELECT s.sheet_id, s.version, s.user_id FROM work_signatures s WHERE NOT EXISTS (SELECT 1 FROM audit_entries e"
        " WHERE e.subject_kind = 'work_sheet' AND e.subject_id = s.sheet_id::text AND e.act = 'work.sheet_signed'"
        " AND e.actor_id = s.user_id AND e.details ->> 'digest' = encode(s.digest, 'hex'))",
    ),
)
