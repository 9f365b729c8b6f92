"""What two people find wrong with what was believed of a line: an earlier finding, or the way in which it was told first."""

from typing import Any
from uuid import UUID

from sqlalchemy import insert, literal, select, update
from sqlalchemy.orm import Session

from cbi import ids
from cbi.ledger.chart import Entry
from cbi.money import Money
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.outcomes import suspense
from cbi.payments.outcomes.discrepancies import (
    ANOTHER_AMOUNT,
    LINE_CHANGED,
    open_discrepancy,
    settle_set,
)
from cbi.payments.outcomes.disputes import dispute
from cbi.payments.outcomes.endings import told_apart
from cbi.payments.states import PaymentState
from cbi.reconciliation import line_more
from cbi.reconciliation.line_attempts import SOURCE, DoesNotFit
from cbi.reconciliation.line_booking import bearer, came_in
from cbi.reconciliation.models import STANDS, LineFinding, Match, StatementLine, Verdict
from cbi.reconciliation.rules import DiscrepancyKind
from cbi.reconciliation.suspending import effect

CORRECTIONS = (Verdict.MISTAKEN, Verdict.FIRST_STORY, Verdict.LATER_STORY)
"""What is found of an earlier belief, not of the line itself."""

_BOOKED = (
    Verdict.BOOKED, Verdict.OPPOSITE, Verdict.REFUNDED, Verdict.LOST, Verdict.MORE, Verdict.FEE,
)  # fmt: skip


def check(session: Session, line: StatementLine, found: LineFinding) -> None:
    """Refuse what cannot be corrected (any more). Raises DoesNotFit."""
    if found.verdict == Verdict.MISTAKEN:
        _check_mistaken(session, line, found)
        return
    told = session.get(Discrepancy, found.discrepancy_id, populate_existing=True)
    if told is None or told.kind != LINE_CHANGED or told.line_id != line.id or told.settled_at:
        raise DoesNotFit(
            "No open discrepancy of this id says that a later file tells this line in another way.",
            next_step="See: cbi discrepancy list",
        )


def book(session: Session, line: StatementLine, found: LineFinding) -> None:
    """Book the correction that two people found."""
    if found.verdict == Verdict.MISTAKEN:
        _take_back(session, line, found)
        return
    later = found.verdict == Verdict.LATER_STORY
    if later:
        _correct(session, line, found)
    words = (
        "The later story is right, and what differs is a line of its own."
        if later
        else "The first story stands."
    )
    settle_set(
        session,
        select(Discrepancy.id, literal(f"Two people have found it: {words}")).where(
            Discrepancy.id == found.discrepancy_id
        ),
    )


def _mistaken(session: Session, found: LineFinding) -> LineFinding | None:
    return session.get(LineFinding, found.finding_id, populate_existing=True)


def _check_mistaken(session: Session, line: StatementLine, found: LineFinding) -> None:
    old = _mistaken(session, found)
    if old is None or old.line_id != line.id or old.confirmed_by is None or old.taken_back_by:
        raise DoesNotFit(
            "Two people found nothing of this line under that number, or have taken it back.",
            next_step="See what was found of it: cbi statement line",
        )
    if old.verdict == Verdict.ATTEMPT:
        raise DoesNotFit(
            "This finding matched the line with a payment.",
            next_step="Report that the match is wrong: cbi statement report-line --unmatch",
        )
    if old.verdict == Verdict.NOT_OURS:
        if suspense.stay(session, line.id) is None:
            raise DoesNotFit(
                "The line has left suspense since by something else.",
                next_step="Report that as mistaken instead: cbi statement line",
            )
    elif old.verdict not in _BOOKED:
        raise DoesNotFit(
            "There is nothing to take back of this finding.",
            next_step="Find anew what the line is.",
        )
    if old.verdict == Verdict.MORE:
        line_more.check_mistaken(session, old)


def _take_back(session: Session, line: StatementLine, found: LineFinding) -> None:
    old = _mistaken(session, found)
    assert old is not None
    if old.verdict == Verdict.MORE:
        line_more.take_back(session, old)
    session.execute(
        update(LineFinding)
        .where(LineFinding.id == old.id, LineFinding.taken_back_by.is_(None))
        .values(taken_back_by=found.id)
    )
    lines = [line.id]
    if old.verdict != Verdict.NOT_OURS:
        entry = _opposite(line, old)
        books = bearer(line, old) if entry else None
        lines = suspense.take_back(session, f"finding:{old.id}", entry, books)
    for each in session.scalars(select(StatementLine).where(StatementLine.id.in_(lines))):
        about = select(Discrepancy.payment_id).where(
            Discrepancy.line_id == each.id, Discrepancy.payment_id.is_not(None)
        )
        open_discrepancy(
            session, DiscrepancyKind.FINDING_MISTAKEN.value, f"line:{each.id}:{found.id}", provider=each.provider,
            payment_id=session.scalar(about.order_by(Discrepancy.opened_at.desc()).limit(1)), line_id=each.id,
            amount=Money(abs(each.amount_minor), each.currency), reference=each.provider_reference, was=old.verdict,
        )  # fmt: skip


def _opposite(line: StatementLine, old: LineFinding) -> Entry | None:
    """The entry that takes back what a finding booked; None: the line was explained, and is only suspended again."""
    match Verdict(old.verdict):
        case Verdict.REFUNDED:
            return Entry.REFUND_MISTAKEN
        case Verdict.LOST:
            return Entry.LOSS_MISTAKEN
        case Verdict.FEE:
            return Entry.FEE_BACK_MISTAKEN if came_in(line) else Entry.FEE_MISTAKEN
        case _:
            return None


def _correct(session: Session, line: StatementLine, found: LineFinding) -> None:
    """What a later story of a line moved more or less than the first: lines of their own, in suspense, for people."""
    told = session.get_one(Discrepancy, found.discrepancy_id)
    after: dict[str, Any] = told.details["after"]
    for currency, minor in told_apart(told.details["before"], after).items():
        added = session.scalars(
            insert(StatementLine)
            .values(
                id=ids.fresh(), statement_id=UUID(told.details["statement_id"]), provider=line.provider,
                number=told.details["line"], line_id=f"{line.line_id} / {found.id} / {currency}", kind="other",
                amount_minor=minor, currency=currency, value_date=after["value_date"],
                provider_reference=after["provider_reference"],
            )
            .returning(StatementLine)
        ).one()  # fmt: skip
        this = select(StatementLine.id, effect(), StatementLine.currency)
        suspense.suspend(session, line.provider, this.where(StatementLine.id == added.id))
        open_discrepancy(
            session, DiscrepancyKind.OTHER_LINE.value, f"line:{added.id}", provider=line.provider, line_id=added.id,
            amount=Money(abs(minor), currency), reference=added.provider_reference, corrects=str(line.id),
        )  # fmt: skip
    matched = session.scalars(select(Match).where(Match.line_id == line.id, STANDS)).one_or_none()
    if matched is not None and matched.kind == after["kind"] == "payment":
        payment = session.get_one(Payment, matched.payment_id)
        said = Money(after["amount_minor"], after["currency"])
        dispute(
            session, payment, matched.attempt, PaymentState.PAID, SOURCE, line.provider_reference, ANOTHER_AMOUNT, said
        )  # fmt: skip
