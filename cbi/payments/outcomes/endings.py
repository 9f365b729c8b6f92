"""What ends each kind of discrepancy: words, where nothing moved; else what finds or books what became of the money."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cbi.fsp.adapter import ReadsStatements
from cbi.fsp.errors import AdapterUnavailable
from cbi.fsp.messages import Outcome
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.outcomes import suspense
from cbi.payments.outcomes.discrepancies import (
    CLOSING_DIFFERS,
    CREDIT_NOT_LISTED,
    LINE_CHANGED,
    OF_AMOUNT,
    PAID_MORE,
    PAID_NOT_LISTED,
    PAID_TWICE,
    UNKNOWN_FOR_DAYS,
    UNKNOWN_PAYMENT,
    WITHOUT_COVER,
)
from cbi.payments.outcomes.disputes import SAID_TO_HAVE_FAILED, contradiction
from cbi.payments.outcomes.known import known_paid, known_returned
from cbi.payments.recovery.amount_models import AmountFinding
from cbi.payments.sending import providers
from cbi.payments.states import ON_ITS_WAY, PaymentState


class Ending(StrEnum):
    """What ends a discrepancy. Whatever it is, later news that explains it ends it as well."""

    WORDS = "words"
    MONEY = "money"
    """Money that comes back, is covered, or is written off by two people."""
    AMOUNT = "amount"
    """Two people find what an attempt took from our account."""
    LINE = "line"
    """Two people find what a line of a statement is."""
    ANSWER = "answer"
    """The provider answers, or two people find that the payment was not paid."""
    STORY = "story"
    """Two people find which of two stories about a line is right."""
    CREDIT = "credit"
    """A statement lists that the money was given back, or two people find that the provider keeps it."""
    STATEMENT = "statement"
    """A statement tells of the day: whatever moved is a line of it, which stays open until something explains it."""
    BALANCE = "balance"
    """A statement and our books say that as much is left with the provider."""


BY_MONEY = (PAID_TWICE, PAID_MORE, WITHOUT_COVER)

RETURNED = tuple(contradiction(PaymentState.RETURNED, state) for state in PaymentState)
"""Money is said to have come back of which our books could not take it back."""

OF_ATTEMPT = (*OF_AMOUNT, SAID_TO_HAVE_FAILED, PAID_NOT_LISTED, *RETURNED)
"""About these, two people may find what the attempt took."""


def ending(session: Session, found: Discrepancy) -> Ending:
    """What ends this open discrepancy as our books are now.

    | Kind | Ended by |
    |---|---|
    | paid twice, paid more, delivered without cover | money: it comes back, is covered, is written off |
    | about a line of a statement (all but `line_changed`) | what explains the line: a rule, our books, two people |
    | a line that is told in two ways | two people find which is right; words where both moved the same |
    | news of a payment that is none of ours | a statement of that day; words where it failed, or there are no statements |
    | taken, and not given back | a line lists the credit; two people find that the provider keeps it |
    | nobody has known for days | the answer, a line, or two people's finding; words once it is known |
    | another closing balance | statement and books say the same: a line, a finding, or two people give the rest up |
    | another amount or currency | two people find what the attempt took, unless our books hold it as paid |
    | said to have failed | on its way: the answer; paid: two people find what the attempt took |
    | said to have come back | it comes back, or two people find that nothing stayed taken |
    | paid, on no statement | a line, or two people find what the attempt took |
    | every other | words: our books hold what happened, or nothing moved |
    """
    if found.kind in BY_MONEY:
        return Ending.MONEY
    if _line_is_open(session, found):
        return Ending.LINE
    if found.kind == LINE_CHANGED:
        apart = told_apart(found.details["before"], found.details["after"])
        return Ending.STORY if apart else Ending.WORDS
    if found.kind == CREDIT_NOT_LISTED:
        return Ending.CREDIT
    if found.kind == CLOSING_DIFFERS:
        return Ending.BALANCE
    if found.kind == UNKNOWN_PAYMENT:
        return Ending.STATEMENT if _is_listed_some_day(found) else Ending.WORDS
    if found.kind == UNKNOWN_FOR_DAYS:
        return _of_doubt(session, found)
    if found.kind not in OF_ATTEMPT or found.payment_id is None:
        return Ending.WORDS
    payment = session.get_one(Payment, found.payment_id, populate_existing=True)
    return _of_attempt(session, found, payment, attempt_of(found, payment))


def told_apart(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, int]:
    """What the later of two stories about a line moved on our float beyond the first, by currency, in minor units."""
    apart: dict[str, int] = {}
    for story, sign in ((before, -1), (after, 1)):
        way = -1 if story["kind"] in {"payment", "fee"} else 1
        currency = story["currency"]
        apart[currency] = apart.get(currency, 0) + sign * way * int(story["amount_minor"])
    return {currency: minor for currency, minor in apart.items() if minor}


def _is_listed_some_day(found: Discrepancy) -> bool:
    """Whether money may have moved, so that a statement of the provider's will say how much."""
    if found.details.get("outcome") == Outcome.FAILED.value:
        return False
    try:
        return isinstance(providers.adapter(found.provider), ReadsStatements)
    except AdapterUnavailable:
        return False


def attempt_of(found: Discrepancy, payment: Payment) -> int:
    """The attempt that a discrepancy about this payment is about: the present one where it names none."""
    named = found.details.get("attempt")
    return payment.attempts if named is None else int(named)


def _of_attempt(session: Session, found: Discrepancy, payment: Payment, attempt: int) -> Ending:
    paid = known_paid(session, payment.id, attempt)
    if found.kind in OF_AMOUNT:
        return Ending.WORDS if paid else Ending.AMOUNT
    if not paid and attempt == payment.attempts and payment.state in ON_ITS_WAY:
        return Ending.ANSWER if found.kind == SAID_TO_HAVE_FAILED else Ending.WORDS
    gone = not paid or known_returned(session, payment.id, attempt)
    return Ending.WORDS if gone or _is_found(session, found, attempt) else Ending.AMOUNT


def _of_doubt(session: Session, found: Discrepancy) -> Ending:
    payment = session.get_one(Payment, found.payment_id, populate_existing=True)
    return Ending.ANSWER if payment.state == PaymentState.DISPUTED else Ending.WORDS


def _line_is_open(session: Session, found: Discrepancy) -> bool:
    if found.line_id is None or found.kind == LINE_CHANGED:
        return False
    return suspense.stay(session, found.line_id) is not None


def _is_found(session: Session, found: Discrepancy, attempt: int) -> bool:
    """Whether two people have found what the attempt took after this was said."""
    finding = exists().where(
        AmountFinding.payment_id == found.payment_id,
        AmountFinding.attempt == attempt,
        AmountFinding.confirmed_by.is_not(None),
        AmountFinding.reported_at >= found.opened_at,
    )
    return bool(session.scalar(select(finding)))
