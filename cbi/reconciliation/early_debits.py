"""Lines of a provider that debits when it accepts: they say that it took the money, not that anybody was paid."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Integer, Uuid, exists, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from cbi.errors import Conflict
from cbi.ledger.chart import Entry
from cbi.ledger.models import Transfer
from cbi.ledger.posting import booking, post_payments
from cbi.payments import clearing
from cbi.payments.models import Attempt, Payment, PaymentEvent, PaymentRun
from cbi.payments.moves import book_of, move_one
from cbi.payments.outcomes import suspense
from cbi.payments.outcomes.known import HANDED_OVER, expected_minor, known_paid
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.payments.recovery.amounts import StillOpen
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.runs.runs import find
from cbi.payments.states import ON_ITS_WAY, PaymentState
from cbi.reconciliation import early_parts
from cbi.reconciliation.line_candidates import booked_alike, debit_is_listed, is_listed
from cbi.reconciliation.models import LineFinding, StatementLine, UndoneMatch, Verdict
from cbi.reconciliation.scratch import open_lines


class TakenAlready(Conflict):
    """Our books hold the movement, and that nobody was paid with it."""

    code = "line_finding.taken_already"


class NotListed(Conflict):
    """What is said to have come back was taken by no line."""

    code = "line_finding.not_listed"


def runs_of(session: Session, provider: str) -> list[UUID]:
    """The runs whose payments the provider debits when it accepts them."""
    theirs = select(PaymentRun.id).where(PaymentRun.debits_early.contains([provider]))
    return list(session.scalars(theirs))


def book_what_went_and_came_back(session: Session, provider: str, early: Sequence[UUID]) -> int:
    """Book the debit and the credit of attempts that ended unpaid before anybody told us that they were accepted, where
    the open lines have both; returns how many. Raises MonthClosed.
    """
    went, back = open_lines.alias("went"), open_lines.alias("back")
    rows = session.execute(
        select(Payment.run_id, went.c.payment_id, went.c.attempt, went.c.amount_minor)
        .distinct()
        .join(Payment, Payment.id == went.c.payment_id)
        .join(back, (back.c.payment_id == went.c.payment_id) & (back.c.attempt == went.c.attempt))
        .where(
            Payment.run_id.in_(early), went.c.kind == "payment", back.c.kind == "return",
            *(
                ~each.c.contrary & (each.c.currency == Payment.currency)
                & (each.c.amount_minor == expected_minor(went.c.attempt))
                for each in (went, back)
            ),
            (Payment.attempts != went.c.attempt) | Payment.state.not_in(ON_ITS_WAY),
            ~clearing.booked(Entry.DEBITED, went.c.payment_id, went.c.attempt),
            ~exists().where(
                PaymentEvent.payment_id == went.c.payment_id, PaymentEvent.attempt == went.c.attempt,
                PaymentEvent.after.in_(HANDED_OVER),
            ),
            ~exists().where(
                Receivable.payment_id == went.c.payment_id, Receivable.attempt == went.c.attempt
            ),
        )
    ).all()  # fmt: skip
    for run_id in sorted({row.run_id for row in rows}):
        ids, numbers, minors = zip(*(row[1:] for row in rows if row.run_id == run_id), strict=True)
        these = (
            func.unnest(
                literal(list(ids), ARRAY(Uuid)), literal(list(numbers), ARRAY(Integer)),
                literal(list(minors), ARRAY(BigInteger)),
            )
            .table_valued("payment_id", "attempt", "amount_minor")
            .render_derived(name="these")
        )  # fmt: skip
        book, statement = book_of(find(session, run_id), provider), booking(select(*these.columns))
        for entry in (Entry.DEBITED, Entry.CREDITED_BACK):
            post_payments(session, entry, book, statement, {})
    return len(rows)


def is_open(session: Session, payment: Payment, attempt: int) -> bool:
    """Whether the attempt is on its way by such a provider."""
    open_ = attempt == payment.attempts and payment.state in ON_ITS_WAY
    return open_ and payment.provider in find(session, payment.run_id).debits_early


def check(payment: Payment, *, whole: bool) -> None:
    """Refuse that a line is an open attempt of which it cannot be said that it was accepted. Raises StillOpen."""
    if not (whole and payment.state in {PaymentState.ACCEPTED, PaymentState.UNKNOWN}):
        raise StillOpen(
            "Nobody knows yet whether this payment will be paid, and the line does not say so.",
            next_step="Wait for the provider's answer, or report it as unpaid: cbi payment report-unpaid",
        )


def accept(session: Session, payment: Payment, source: str) -> None:
    """The provider has taken the money of an open attempt, as two people found of a line: it has accepted it."""
    if payment.state is PaymentState.UNKNOWN:
        move_one(
            session, find(session, payment.run_id), payment.id, payment.state, PaymentState.ACCEPTED,
            provider=payment.provider, source=source,
        )  # fmt: skip


def credited_back(session: Session, payment: Payment, attempt: int) -> bool:
    """Whether our books hold that the provider gave back what it had taken and nobody was paid with."""
    if early_parts.rest_came_back(session, payment, attempt):
        return True
    back = clearing.holds(session, Entry.CREDITED_BACK, payment, attempt)
    return back and not known_paid(session, payment.id, attempt)


def check_ended(session: Session, payment: Payment, sent: Attempt) -> None:
    """Refuse that a line makes an attempt paid of which our books hold that its money was taken and given back, and a line
    lists that it was, or says so in suspense: the line is what was taken then. Raises TakenAlready.
    """
    unpaid = not known_paid(session, payment.id, sent.number)
    listed = is_listed("return", literal(payment.id), literal(sent.number)) | _says_it_came_back(
        sent
    )
    if unpaid and credited_back(session, payment, sent.number) and session.scalar(select(listed)):
        raise TakenAlready(
            "The provider took this money when it accepted the payment, and has given it back: nobody was paid with it.",
            next_step="Report the line as that movement of our books: cbi statement report-line --booked",
        )


def _says_it_came_back(sent: Attempt) -> ColumnElement[bool]:
    line = StatementLine
    return exists().where(
        SuspendedLine.line_id == line.id, suspense.OPEN, line.kind == "return", line.provider == sent.provider,
        (func.lower(line.idempotency_key) == sent.idempotency_key)
        | (line.provider_reference == sent.provider_reference),
    )  # fmt: skip


def check_not_another(
    session: Session, line: StatementLine, stay: SuspendedLine, sent: Attempt
) -> None:
    """Refuse that a line which does not name an attempt makes it paid, while our books hold that as much was taken for one
    that ended unpaid, and no line lists that. Raises TakenAlready.

    Not where two people had found it to be that, and took it back: then they know what became of the money.
    """
    key = (line.idempotency_key or "").lower()
    if key == sent.idempotency_key or (line.provider_reference or "") == sent.provider_reference:
        return
    looked_into = select(UndoneMatch.line_id).where(UndoneMatch.line_id == line.id)
    taken_back = select(LineFinding.line_id).where(
        LineFinding.line_id == line.id, LineFinding.verdict == Verdict.BOOKED.value, LineFinding.taken_back_by.is_not(None)
    )  # fmt: skip
    if session.scalar(looked_into.union_all(taken_back).limit(1)) is not None:
        return
    taken = select(Transfer.id).where(
        Transfer.id.in_(booked_alike(stay)), Transfer.entry == Entry.DEBITED.value,
        clearing.booked(Entry.CREDITED_BACK, Transfer.source_id, Transfer.attempt),
    )  # fmt: skip
    if (found := session.scalar(taken.order_by(Transfer.id).limit(1))) is not None:
        raise TakenAlready(
            f"The provider took as much when it accepted a payment that nobody was paid with (transfer {found}), and no line"
            " lists that: this one may be it.",
            next_step="Report the line as that movement of our books (cbi statement report-line --booked). If the provider"
            " keeps the money, it is asked about then.",
        )


def check_taken(session: Session, payment: Payment, attempt: int) -> None:
    """Refuse that a line gives back what no line says was taken. Raises NotListed."""
    listed = select(debit_is_listed(literal(payment.id), literal(attempt)))
    if credited_back(session, payment, attempt) and not session.scalar(listed):
        raise NotListed(
            "No line lists that the provider took this money, so none lists that it gave it back.",
            next_step="Find first by which line it was taken; until then this one stays in suspense.",
        )
