"""Pay for work: when a cycle is opened, signed rows that nothing has paid yet become what each household is owed."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Numeric,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session, aliased

from cbi import ids
from cbi.audit.models import AuditEntry
from cbi.db import planned_for_sets
from cbi.errors import Conflict
from cbi.money import exponent
from cbi.programmes.models import EligibilityDecision, Entitlement
from cbi.programmes.opening import Opening
from cbi.programmes.work_digest import digests
from cbi.programmes.work_models import (
    WorkActivity,
    WorkPay,
    WorkRow,
    WorkSheet,
    WorkSignature,
    WorkVersion,
)


class SheetAltered(Conflict):
    """A signed sheet is not what was signed."""

    code = "work.sheet_altered"


_OWED = (
    "id", "cycle_id", "programme_id", "period", "household_id", "component", "amount_minor", "currency", "trace",
)  # fmt: skip


def working(opening: Opening) -> Select[UUID]:
    """The households that have rows which this cycle may pay."""
    return select(_unpaid(opening).subquery("unpaid").c.household_id)


def entitle(session: Session, opening: Opening) -> None:
    """Write what each household that is in is owed for each activity, and which rows that pays.

    Rows are payable when they are signed and of a sheet that ends with the cycle or before, so that a sheet which is
    signed late comes into the next cycle. They are taken down once: what is signed meanwhile waits. Where corrections
    leave nothing or less, nothing is owed now, and the rows are added to what comes next. A household that is not in
    keeps its rows for the cycle in which it is. Raises SheetAltered.
    """
    taking = _unpaid(opening).into("work_payable", temporary=True)
    session.execute(taking)
    rows = taking.table
    _check_unaltered(session, rows)
    currency = opening.definition.currency
    owed = _added_up(rows, currency).subquery("owed")
    is_in = and_(
        EligibilityDecision.cycle_id == opening.cycle_id,
        EligibilityDecision.household_id == owed.c.household_id,
        EligibilityDecision.eligible,
    )
    with planned_for_sets(session):
        session.execute(
            insert(Entitlement).from_select(
                _OWED,
                select(
                    ids.fresh_in_sql(),
                    literal(opening.cycle_id),
                    literal(opening.programme_id),
                    literal(str(opening.period), String),
                    owed.c.household_id,
                    owed.c.component,
                    owed.c.amount_minor,
                    literal(currency, String),
                    owed.c.trace,
                )
                .join_from(owed, EligibilityDecision, is_in)
                .where(owed.c.amount_minor > 0),
                include_defaults=False,
            )
        )
        session.execute(
            insert(WorkPay).from_select(
                ["row_id", "entitlement_id", "amount_minor", "currency"],
                select(
                    rows.c.row_id,
                    Entitlement.id,
                    rows.c.amount_minor,
                    literal(currency, String),
                ).join_from(
                    rows,
                    Entitlement,
                    and_(
                        Entitlement.cycle_id == opening.cycle_id,
                        Entitlement.household_id == rows.c.household_id,
                        Entitlement.component == rows.c.component,
                    ),
                ),
                include_defaults=False,
            )
        )

    rows.drop(session.connection())


def differing(session: Session, cycle_id: UUID, currency: str) -> list[tuple[UUID, str, str, str]]:
    """What a cycle owes for work otherwise than its signed rows say, worked out anew.

    Household, activity, the calculation that stands and the one that comes out.
    """
    owed = aliased(Entitlement)
    paid = exists().where(
        WorkPay.row_id == WorkRow.id, WorkPay.entitlement_id == owed.id, owed.cycle_id == cycle_id
    )
    anew = _added_up(_rows(paid).subquery("paid"), currency).subquery("anew")
    same = and_(
        Entitlement.household_id == anew.c.household_id, Entitlement.component == anew.c.component
    )
    differs = or_(
        anew.c.household_id.is_(None),
        Entitlement.amount_minor != anew.c.amount_minor,
        Entitlement.trace != anew.c.trace,
    )
    found = session.execute(
        select(
            Entitlement.household_id,
            Entitlement.component,
            Entitlement.trace,
            func.coalesce(anew.c.trace, "nothing"),
        )
        .outerjoin(anew, same)
        .where(Entitlement.cycle_id == cycle_id, differs)
        .order_by(Entitlement.household_id)
    )
    return [tuple(row) for row in found]


def _rows(*which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Rows with what each adds: its earnings, less those of the row that it corrects."""
    corrected = aliased(WorkRow)
    return (
        select(
            WorkRow.id.label("row_id"),
            WorkRow.sheet_id,
            WorkRow.version,
            WorkRow.number,
            WorkRow.household_id,
            WorkActivity.code.label("component"),
            (WorkRow.earned_minor - func.coalesce(corrected.earned_minor, 0)).label("amount_minor"),
            WorkRow.corrects_id,
            WorkRow.trace,
        )
        .join(WorkSheet, WorkSheet.id == WorkRow.sheet_id)
        .join(WorkActivity, WorkActivity.id == WorkSheet.activity_id)
        .outerjoin(corrected, corrected.id == WorkRow.corrects_id)
        .where(*which)
    )


def _unpaid(opening: Opening) -> Select[*tuple[Any, ...]]:
    signed = exists().where(
        WorkSignature.sheet_id == WorkRow.sheet_id, WorkSignature.version == WorkRow.version
    )
    rows = _rows(
        WorkSheet.programme_id == opening.programme_id,
        WorkSheet.ends_on <= opening.period.ends_on,
        signed,
        ~exists().where(WorkPay.row_id == WorkRow.id),
    ).subquery("signed")
    return select(rows).where(rows.c.amount_minor != 0)


def _added_up(rows: FromClause, currency: str) -> Select[*tuple[Any, ...]]:
    """What a household's rows in one activity come to together, with a line of calculation for each."""
    total = func.sum(rows.c.amount_minor)
    places = exponent(currency)
    shown = cast(func.round(cast(total, Numeric) / 10**places, places), String)
    lines = func.string_agg(
        rows.c.trace,
        aggregate_order_by(literal(";\n"), rows.c.sheet_id, rows.c.version, rows.c.number),
    )
    is_plain = and_(func.count() == 1, ~func.bool_or(rows.c.corrects_id.is_not(None)))
    together = func.concat(lines, literal(";\ntogether "), shown, literal(f" {currency}"))
    return select(
        rows.c.household_id,
        rows.c.component,
        total.label("amount_minor"),
        case((is_plain, lines), else_=together).label("trace"),
    ).group_by(rows.c.household_id, rows.c.component)


def _check_unaltered(session: Session, rows: FromClause) -> None:
    """Refuse to pay from sheets that are not what was signed, by the tables or by the audit log."""
    of_these = tuple_(WorkVersion.sheet_id, WorkVersion.version).in_(
        select(rows.c.sheet_id, rows.c.version).distinct()
    )
    now = digests(of_these).subquery("now")
    said = exists().where(
        AuditEntry.subject_kind == "work_sheet",
        AuditEntry.subject_id == cast(WorkSignature.sheet_id, String),
        AuditEntry.act == "work.sheet_signed",
        AuditEntry.actor_id == WorkSignature.user_id,
        AuditEntry.details["digest"].astext == func.encode(now.c.digest, "hex"),
    )
    altered = session.scalars(
        select(now.c.sheet_id)
        .join(
            WorkSignature,
            and_(WorkSignature.sheet_id == now.c.sheet_id, WorkSignature.version == now.c.version),
        )
        .where((WorkSignature.digest != now.c.digest) | ~said)
        .order_by(now.c.sheet_id)
    ).all()
    if altered:
        raise SheetAltered(
            f"These sheets are not what was signed: {', '.join(map(str, altered[:10]))}. No cycle was opened.",
            next_step="Somebody altered the database. Tell the auditor, and run: cbi verify",
            sheets=list(altered[:10]),
        )
