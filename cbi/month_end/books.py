"""What the books themselves must say before a month is closed."""

from datetime import date, datetime, time, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cbi.audit.models import AuditEntry, AuditSeal
from cbi.ledger import closed, past
from cbi.ledger.chart import (
    ASSISTANCE,
    DELIVERED,
    FEES,
    FEES_TAKEN,
    RECEIVABLE,
    SUSPENSE,
    UNCOVERED,
)
from cbi.ledger.models import Transfer
from cbi.ledger.queries import Balance
from cbi.money import Money
from cbi.month_end.findings import Finding, counted, done, still_open
from cbi.offices import office_of
from cbi.payments.outcomes.suspense_models import SuspendedLine

OWED_OR_MISSING = (RECEIVABLE, UNCOVERED)
"""What lies here at the end of a month is owed, or missing: somebody says by whom and since when."""


def next_to_close(session: Session) -> date | None:
    """The month that is closed next: after the last closed one, or the one in which the books begin; None before that."""
    last = closed.latest(session)
    if last is not None:
        return closed.last_day(last) + timedelta(days=1)
    begun = session.scalar(select(func.min(Transfer.effective_on)))
    return closed.first_day(begun) if begun else None


def in_order(session: Session, month: date) -> Finding:
    """Months are closed one after the other."""
    following = next_to_close(session)
    if following == month:
        return done("Every month before it is closed.")
    if following is None:
        return still_open("Nothing is booked yet.", "There is nothing to close.")
    if month > following:
        return still_open(
            f"{following:%Y-%m} is not closed.",
            f"Close it first: cbi books close {following:%Y-%m}",
        )
    if closed.latest(session) is None:
        return still_open(f"The books begin in {following:%Y-%m}.", "There is nothing to close.")
    return still_open(f"{month:%Y-%m} is closed.", f"See: cbi books closes {month:%Y-%m}")


def adds_up(session: Session, through: date) -> Finding:
    """In each currency debits equal credits, and what was delivered, and taken as fees, is what was spent on each."""
    lines = past.trial_balance(session, through=through)
    wrong = [currency for currency in _currencies(lines) if not _adds_up(lines, currency)]
    if wrong:
        return still_open(
            f"The trial balance of {through} does not add up in {', '.join(wrong)}.",
            "Book nothing by hand. Run cbi verify, and tell the auditor.",
        )
    return done(f"The trial balance of {through} adds up.")


def _currencies(lines: list[Balance]) -> list[str]:
    return sorted({line.balance.currency for line in lines})


def _adds_up(lines: list[Balance], currency: str) -> bool:
    theirs = {line.code: line for line in lines if line.balance.currency == currency}
    delivered, cost, taken, fees = (
        theirs[kind.code].balance.minor if kind.code in theirs else 0
        for kind in (DELIVERED, ASSISTANCE, FEES_TAKEN, FEES)
    )
    net = sum(line.debits.minor - line.credits.minor for line in theirs.values())
    return net == 0 and delivered == cost and taken == fees


def sealed(session: Session, before: datetime) -> Finding:
    """Everything that the audit log says of the month is bound into its chain."""
    waiting = session.scalar(
        select(func.count())
        .select_from(AuditEntry)
        .where(
            AuditEntry.at < before,
            ~select(AuditSeal.entry_id).where(AuditSeal.entry_id == AuditEntry.id).exists(),
        )
    )
    if waiting:
        return still_open(
            f"{counted(waiting, 'entry', 'entries')} of the audit log are not sealed.",
            "Wait a minute. If it stays so, see whether the worker runs: cbi doctor",
        )
    return done("The audit log is sealed.")


def unexplained(session: Session, through: date) -> Finding:
    """Nothing is owed back, nothing was delivered without cover, and no line of a statement is in suspense."""
    codes = {kind.code for kind in OWED_OR_MISSING}
    held = [
        f"{line.code} {line.name}: {line.balance}"
        for line in past.trial_balance(session, through=through)
        if line.code in codes and line.balance.minor
    ] + _in_suspense(session, through)
    if held:
        return still_open(
            f"On {through} there is {'; '.join(held)}.",
            "See cbi receivable list, cbi statement suspense and cbi discrepancy list, and say why it is not settled.",
        )
    return done(
        "Nothing is owed back, nothing was delivered without cover, and no line of a statement is in suspense."
    )


def _in_suspense(session: Session, through: date) -> list[str]:
    """What stood in suspense at the end of the day, by provider: what left our float, and what came in, hide no other."""
    zone = office_of(session).timezone
    over = datetime.combine(through + timedelta(days=1), time.min, zone)
    stays, effect = SuspendedLine, SuspendedLine.effect_minor
    rows = session.execute(
        select(
            stays.provider, stays.currency, func.count(), func.coalesce(func.sum(-effect).filter(effect < 0), 0),
            func.coalesce(func.sum(effect).filter(effect > 0), 0),
        )
        .where(stays.since < over, or_(stays.ended_at.is_(None), stays.ended_at >= over))
        .group_by(stays.provider, stays.currency)
        .order_by(stays.provider, stays.currency)
    )  # fmt: skip
    return [
        f"{SUSPENSE.code} {SUSPENSE.name} of {provider}: {counted(lines, 'line', 'lines')},"
        f" {Money(int(out), currency)} out and {Money(int(came), currency)} in"
        for provider, currency, lines, out, came in rows
    ]
