"""After a reconciliation: what nothing explains goes to suspense (account 1900), and what is explained by now leaves it."""

from sqlalchemy import ColumnElement, case, select
from sqlalchemy.orm import Session

from cbi.payments.outcomes import suspense
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.reconciliation.models import LineFinding, StatementLine
from cbi.reconciliation.scratch import unexplained


def effect() -> ColumnElement[int]:
    """What a line did to our float, in minor units: below zero when money left it."""
    out = StatementLine.kind.in_(["payment", "fee"])
    return case((out, -StatementLine.amount_minor), else_=StatementLine.amount_minor)


def found_by_people() -> ColumnElement[bool]:
    """Whether two people have found what a line is: the ladder leaves it alone from then on."""
    confirmed = LineFinding.confirmed_by.is_not(None)
    others = select(LineFinding.other_line_id).where(
        confirmed, LineFinding.other_line_id.is_not(None)
    )
    return StatementLine.id.in_(select(LineFinding.line_id).where(confirmed).union_all(others))


def book(session: Session, provider: str) -> int:
    """Move what was just judged into suspense and out of it, as sets; returns how many lines moved."""
    u = unexplained.c
    cleared = suspense.explain(
        session,
        provider,
        SuspendedLine.line_id.not_in(select(u.id))
        & SuspendedLine.line_id.not_in(
            select(LineFinding.line_id).where(LineFinding.confirmed_by.is_not(None))
        ),
        suspense.LADDER,
    )
    lines = select(StatementLine.id, effect(), StatementLine.currency).join(
        unexplained, u.id == StatementLine.id
    )
    return cleared + suspense.suspend(session, provider, lines)
