"""Who sees which rows: a colleague held to areas sees the households of those areas, whatever is asked of the database.

The doors say it once for each transaction (`look_only_at`): the transaction goes on in a role that PostgreSQL's row-level
security holds to the areas named in a setting, so every query that anybody ever writes is held to them, too. The engine
works in the office's own role, to which no rule applies and which costs nothing.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from psycopg import pq
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from cbi.db import Base, office_role

AREA_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")
"""What can be an area's code: a P-code such as DZ3101, or an office's own. It holds no comma and no quote."""


def field_role(office: str) -> str:
    """The role of transactions that see some areas only. It may do what the office's role may, with fewer rows."""
    return f"cbifield_{office}"


def _through(column: str, table: str, key: str = "id") -> str:
    return f"EXISTS (SELECT 1 FROM {table} seen WHERE seen.{key} = {{table}}.{column})"  # noqa: S608 - our names


_HOUSEHOLD = _through("household_id", "households")
_PERSON = _through("person_id", "persons")
_PAYMENT = _through("payment_id", "payments")
_SHEET = _through("sheet_id", "work_sheets")
_COMPLAINT = _through("complaint_id", "complaints")

SEEN: Mapping[str, str] = {
    "households": (
        "area IN (SELECT a.code FROM areas a"
        " WHERE a.above && string_to_array(current_setting('cbi.areas', true), ','))"
    ),
    "persons": _HOUSEHOLD,
    "payment_accounts": _PERSON,
    "consents": _PERSON,
    "privacy_choices": _PERSON,
    "household_needs": _HOUSEHOLD,
    "household_bands": _HOUSEHOLD,
    "household_changes": (
        "EXISTS (SELECT 1 FROM changed_households seen WHERE seen.change_id = household_changes.id)"
    ),
    "changed_households": _HOUSEHOLD,
    "changed_persons": _PERSON,
    "guardianships": _through("child_id", "persons"),
    "household_requests": _HOUSEHOLD,
    "assessments": _HOUSEHOLD,
    "assessment_decisions": _through("assessment_id", "assessments"),
    "answer_keys": _through("assessment_id", "assessments"),
    "appeals": _HOUSEHOLD,
    # Who cannot see all of a pair is not told of it, nor may decide about it.
    "duplicate_flags": (
        "household_count <= CASE kind WHEN 'same_document' THEN (SELECT count(DISTINCT p.household_id) FROM persons p"
        " WHERE p.document_index = value_index) ELSE (SELECT count(DISTINCT p.household_id) FROM payment_accounts a"
        " JOIN persons p ON p.id = a.person_id WHERE a.value_index = duplicate_flags.value_index) END"
    ),
    "link_keys": _PERSON,
    "linked_persons": _PERSON,
    "staff_matches": _PERSON,
    "link_pairs": f"{_through('first_id', 'persons')} AND {_through('second_id', 'persons')}",
    "link_verdicts": _through("pair_id", "link_pairs"),
    # A list may hold rows of anywhere: whoever brought it sees what became of it.
    "imports": "imported_by::text = current_setting('cbi.actor', true)",
    "import_parts": _through("import_id", "imports"),
    "import_numbers": _through("import_id", "imports"),
    "rejected_rows": _through("import_id", "imports"),
    "rejected_row_ends": _through("rejected_row_id", "rejected_rows"),
    "row_workbooks": "taken_by::text = current_setting('cbi.actor', true)",
    "rejected_row_views": _through("rejected_row_id", "rejected_rows"),
    "referrals": _HOUSEHOLD,
    "person_views": _PERSON,
    "export_persons": _PERSON,
    "erasure_persons": _PERSON,
    "enrolments": _HOUSEHOLD,
    "suspensions": _HOUSEHOLD,
    "conditions_met": _HOUSEHOLD,
    "eligibility_decisions": _HOUSEHOLD,
    "entitlements": _HOUSEHOLD,
    "arrears_paid": _HOUSEHOLD,
    "top_up_rows": _HOUSEHOLD,
    # A sheet is signed whole: who does not see everybody on it does not see it.
    "work_groups": (
        "NOT EXISTS (SELECT 1 FROM work_members m WHERE m.group_id = work_groups.id"
        " AND NOT EXISTS (SELECT 1 FROM households h WHERE h.id = m.household_id))"
    ),
    "work_sheets": _through("group_id", "work_groups"),
    "work_versions": _SHEET,
    "work_rows": _SHEET,
    "work_signatures": _SHEET,
    "work_ties": _PERSON,
    "payments": _HOUSEHOLD,
    "run_findings": _HOUSEHOLD,
    "attempts": _PAYMENT,
    "payment_events": _PAYMENT,
    "payment_parts": _PAYMENT,
    "code_issues": _PAYMENT,
    "authorisations": _PAYMENT,
    "payouts": _PAYMENT,
    "unpaid_findings": _PAYMENT,
    "amount_findings": _PAYMENT,
    "withdrawals": _PAYMENT,
    "discrepancies": _PAYMENT,
    "messages": f"{_PAYMENT} OR {_through('account_id', 'payment_accounts')}",
    "complaints": f"{_PERSON} OR {_PAYMENT}",
    "complaint_texts": _COMPLAINT,
    "complaint_events": _COMPLAINT,
}  # fmt: skip
"""What a transaction held to areas sees of each table, in SQL. A row that it does not see it cannot write either."""

WRITTEN_FIRST = frozenset({"household_changes"})
"""Tables whose rows are written before those that say whose they are. What is seen of them is as it is of any other."""

OPEN: Mapping[str, str] = {
    "work_members": "numbers on a group's sheets; a group is seen whole or not at all",
    "followed_changes": "that a change of households was looked at, and nothing of it",
    "work_pay": "which sheet made which entitlement, both of which are hidden",
    "transfers": "the books: no role held for areas reads them",
    "matches": "statements: no role held for areas reads them",
    "undone_matches": "statements: no role held for areas reads them",
    "line_findings": "statements: no role held for areas reads them",
    "receivables": "the books: no role held for areas reads them",
    "fee_charges": "the books: no role held for areas reads them",
}
"""Tables that name a household, a person or a payment by its key alone and hide nothing, and why."""


EVERYBODY = "everybody"
"""The policy that shows all rows; the other one of a table takes away from it what field staff do not see."""


def policies(connection: Connection, office: str) -> Iterator[str]:
    """What brings the rules of an office's tables to this version; nothing where they are as declared."""
    rows = connection.execute(
        text(
            "SELECT c.relname, c.relrowsecurity, array_remove(array_agg(p.polname::text), NULL)"
            " FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid"
            " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')"
            " GROUP BY c.oid, c.relname, c.relrowsecurity"
        )
    )
    found = {name: (guarded, set(names)) for name, guarded, names in rows}
    for table in Base.metadata.tables:
        guarded, there = found[table]
        wanted = names_of(table)
        if guarded == bool(wanted) and there == wanted:
            continue
        for name in sorted(there):
            yield f"DROP POLICY {name} ON {table}"
        if not wanted:
            yield f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
            continue
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"CREATE POLICY {EVERYBODY} ON {table} USING (true) WITH CHECK (true)"
        narrowed = (wanted - {EVERYBODY}).pop()
        yield (
            f"CREATE POLICY {narrowed} ON {table} AS RESTRICTIVE TO {field_role(office)}"
            f" {rule_of(table)}"
        )


def rule_of(table: str) -> str:
    """What a transaction held to areas sees of a table, and may write to it, as its policy says it."""
    seen = f"USING ({SEEN[table].replace('{table}', table)})"
    return f"{seen} WITH CHECK (true)" if table in WRITTEN_FIRST else seen


def names_of(table: str) -> set[str]:
    """The names of a table's policies. The narrowing one's tells which rule it is, so another rule has another name."""
    if table not in SEEN:
        return set()
    return {EVERYBODY, f"areas_{hashlib.sha256(rule_of(table).encode()).hexdigest()[:12]}"}


_LOOKING = "looks only at"


def look_only_at(
    session: Session, office: str, areas: Collection[str] | None, actor: UUID | None = None
) -> None:
    """Hold this transaction to the households of these areas (None: it sees all). Asked once, before anything else."""
    if areas is None:
        return
    for code in areas:
        if not AREA_CODE.match(code):
            raise AssertionError(f"{code!r} is no area's code")
    listed = ",".join(sorted(areas))
    session.info[_LOOKING] = office
    # As commands, not as a function's arguments: sharded offices pass on to other machines what stands in a command.
    session.execute(
        text(
            f"SET LOCAL cbi.areas TO '{listed}'; SET LOCAL cbi.actor TO '{actor or ''}';"
            f" SET LOCAL ROLE {field_role(office)}"
        )
    )


@contextmanager
def seeing_all(session: Session) -> Iterator[None]:
    """Let the engine look at the whole office within the block, for what must not depend on who asks.

    Nothing that it finds may be told to whoever asked, beyond whether there is something.
    """
    office = session.info.pop(_LOOKING, None)
    if office is None:
        yield
        return
    session.flush()
    known = set(session.identity_map.keys())
    session.execute(text(f"SET LOCAL ROLE {office_role(office)}"))
    try:
        yield
        session.flush()
    finally:
        session.info[_LOOKING] = office
        # What was looked at meanwhile must not be found again without asking the database.
        for key in set(session.identity_map.keys()) - known:
            session.expunge(session.identity_map[key])
        # In a transaction that has failed nothing can be asked, and undoing what failed undoes the change of role, too.
        if _goes_on(session):
            session.execute(text(f"SET LOCAL ROLE {field_role(office)}"))


def _goes_on(session: Session) -> bool:
    if not session.is_active:
        return False
    driver = session.connection().connection.driver_connection
    status = getattr(driver, "info").transaction_status  # noqa: B009 - psycopg's own connection
    return bool(status == pq.TransactionStatus.INTRANS)
