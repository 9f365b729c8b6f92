"""What complaints are about, the life of one, and how it may end, as data."""

from datetime import timedelta
from enum import StrEnum

from cbi.lifecycle import Lifecycle


class Category(StrEnum):
    """What a recipient's text was taken for. A handler may find that it is about something else."""

    PAYMENT_PROBLEM = "payment_problem"
    COMPLAINT = "complaint"
    LOST_CODE = "lost_code"
    WRONG_NUMBER = "wrong_number"
    CALL_BACK = "call_back"
    NO_TEXTS = "no_texts"
    FEEDBACK = "feedback"


ANSWER_DUE = frozenset(
    {Category.PAYMENT_PROBLEM, Category.COMPLAINT, Category.LOST_CODE, Category.CALL_BACK}
)
"""Where somebody waits for an answer: such a complaint is not closed without one."""

URGENT = frozenset({Category.PAYMENT_PROBLEM, Category.LOST_CODE, Category.WRONG_NUMBER})
"""Where money may be going astray at this moment."""

WITHIN_DAYS, URGENT_WITHIN_DAYS = 3, 1
"""Days until an answer is due: analysed on the first, followed up on the second, answered on the third."""


def due_after(*, urgent: bool) -> timedelta:
    """How long an answer may take."""
    return timedelta(days=URGENT_WITHIN_DAYS if urgent else WITHIN_DAYS)


class ComplaintState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class Outcome(StrEnum):
    """How a complaint ended."""

    PUT_RIGHT = "put_right"
    NOT_CONFIRMED = "not_confirmed"
    REFERRED = "referred"
    UNREACHABLE = "unreachable"


COMPLAINT = Lifecycle(
    name="complaint",
    initial=ComplaintState.OPEN,
    moves={
        ComplaintState.OPEN: {
            ComplaintState.ANSWERED: "the person was told",
            ComplaintState.CLOSED: "nobody can be reached, or nobody asked",
        },
        ComplaintState.ANSWERED: {
            ComplaintState.OPEN: "the person wrote again",
            ComplaintState.CLOSED: "with its outcome",
        },
    },
)
