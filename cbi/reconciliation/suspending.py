"""After a reconciliation: what nothing explains goes to suspense (account 1900), and what is explained by now leaves it."""

from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, case, select
from sqlalchemy.orm import Session

from cbi.payments.outcomes import suspense
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.reconciliation.models import LineFinding, StatementLine, Verdict
from cbi.reconciliation.scratch import unexplained


def effect() -> ColumnElement[int]:
    """What a line did to our float, in minor units: below zero when money left it."""
    out = StatementLine.kind.in_(["payment", "fee"])
    return case((out, -StatementLine.amount_minor), else_=StatementLine.amount_minor)


def found_by_people() -> ColumnElement[bool]:
    """Whether two people have found what a line is: the ladder leaves it alone from then on."""
    return StatementLine.id.in_(_looked_into())


def _looked_into() -> CompoundSelect[UUID]:
    """The lines of which two people found anything, be it that an earlier finding was mistaken."""
    found = (
        LineFinding.confirmed_by.is_not(None),
        LineFinding.verdict.not_in([Verdict.FIRST_STORY.value, Verdict.LATER_STORY.value]),
    )
    others = select(LineFinding.other_line_id).where(*found, LineFinding.other_line_id.is_not(None))
    return select(LineFinding.line_id).where(*found).union_all(others)


def book(session: Session, provider: str) -> int:
    """Move what was just judged into suspense and out of it, as sets; returns how many lines moved."""
    u = unexplained.c
    cleared = suspense.explain(
        session,
        provider,
        SuspendedLine.line_id.not_in(select(u.id)) & SuspendedLine.line_id.not_in(_looked_into()),
        suspense.LADDER,
    )
    lines = select(StatementLine.id, effect(), StatementLine.currency).join(
        unexplained, u.id == StatementLine.id
    )
    return cleared + suspense.suspend(session, provider, lines)
