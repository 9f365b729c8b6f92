"""What people ask about single lines of statements: what stands in suspense, and what a line may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.ledger.models import Transfer
from cbi.payments.outcomes import suspense
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.reconciliation import line_findings, line_more
from cbi.reconciliation.line_candidates import booked_alike, lines_alike
from cbi.reconciliation.line_findings import UnknownLine
from cbi.reconciliation.line_more import Split
from cbi.reconciliation.models import STANDS, LineFinding, Match, StatementFile, StatementLine

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class LineSheet:
    """One line of a statement: what it is matched with, or since when it is in suspense; and what it may be.

    `splits` says of each finding that it is more of a payment what of it is delivered after all, and what is owed back.
    `booked` are movements of our float as this one that no line lists, `others` lines in suspense that take it back.
    """

    line: StatementLine
    file: StatementFile
    match: Match | None
    stay: SuspendedLine | None
    findings: tuple[LineFinding, ...]
    splits: Mapping[UUID, Split]
    booked: tuple[Transfer, ...]
    others: tuple[StatementLine, ...]


def sheet(session: Session, actor: Actor, line_id: UUID) -> LineSheet:
    """One line with everything that is known of it. Raises UnknownLine."""
    actor.require(Permission.DISCREPANCY_READ)
    line = session.get(StatementLine, line_id)
    if line is None:
        raise UnknownLine("There is no such line of a statement.", next_step="See its discrepancy.")
    stay = suspense.stay(session, line_id)
    findings = tuple(line_findings.reported(session, line_id))
    splits = {
        each.id: line_more.split(session, each) for each in findings if each.refusal_id is None
    }
    return LineSheet(
        line, session.get_one(StatementFile, line.statement_id),
        session.scalars(select(Match).where(Match.line_id == line_id, STANDS)).one_or_none(), stay,
        findings, {key: each for key, each in splits.items() if each is not None},
        tuple(_booked(session, stay)) if stay else (),
        tuple(_others(session, stay)) if stay else (),
    )  # fmt: skip


def suspended(actor: Actor, provider: str | None = None) -> Select[SuspendedLine]:
    """The lines in suspense, of all providers or of one. They are about every programme, so only for the whole office."""
    actor.require(Permission.DISCREPANCY_READ)
    found = select(SuspendedLine).where(suspense.OPEN)
    return found if provider is None else found.where(SuspendedLine.provider == provider)


def _booked(session: Session, stay: SuspendedLine) -> list[Transfer]:
    alike = select(Transfer).where(Transfer.id.in_(booked_alike(stay)))
    return list(session.scalars(alike.order_by(Transfer.id.desc()).limit(_SHOWN)))


def _others(session: Session, stay: SuspendedLine) -> list[StatementLine]:
    alike = select(StatementLine).where(StatementLine.id.in_(lines_alike(stay)))
    return list(
        session.scalars(alike.order_by(StatementLine.value_date, StatementLine.id).limit(_SHOWN))
    )
