"""What a person does about a discrepancy: explain it in words, where words are enough, or give it to somebody."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid, NotFound
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.outcomes.endings import Ending, ending
from cbi.programmes.models import Programme

LONGEST_RESOLUTION = 1000


class UnknownDiscrepancy(NotFound):
    """No such discrepancy."""

    code = "discrepancy.unknown"


class AlreadySettled(Conflict):
    """Somebody, or the engine, has settled it."""

    code = "discrepancy.already_settled"


class EndedByMoney(Conflict):
    """Only money, or its writing off, settles it."""

    code = "discrepancy.ended_by_money"


class EndedByFinding(Conflict):
    """Only two people's finding of what was paid settles it: words would let the payment be sent again."""

    code = "discrepancy.ended_by_finding"


class EndedByLine(Conflict):
    """Only two people's finding of what the line is settles it: it stands in suspense until then."""

    code = "discrepancy.ended_by_line"


class EndedByAnswer(Conflict):
    """Only the provider's answer, or two people's finding that it was not paid, settles it."""

    code = "discrepancy.ended_by_answer"


class EndedByStory(Conflict):
    """Only two people's finding of which story is right settles it."""

    code = "discrepancy.ended_by_story"


class EndedByStatement(Conflict):
    """Only a statement that tells of the day settles it."""

    code = "discrepancy.ended_by_statement"


class EndedByCredit(Conflict):
    """Only the credit, or two people's finding that the provider keeps the money, settles it."""

    code = "discrepancy.ended_by_credit"


class EndedByBalance(Conflict):
    """Only a balance that is our books' settles it."""

    code = "discrepancy.ended_by_balance"


class NoSuchOwner(Invalid):
    """The person named does not work here (any more)."""

    code = "discrepancy.no_such_owner"


def settle(session: Session, actor: Actor, discrepancy_id: UUID, resolution: str) -> None:
    """Settle one discrepancy with the words of the person who explained it.

    Raises UnknownDiscrepancy, NotPermitted, UnusableReason, AlreadySettled, EndedByMoney, EndedByFinding, EndedByLine,
    EndedByAnswer, EndedByStory, EndedByStatement, EndedByCredit, EndedByBalance.
    """
    found = _find(session, actor, discrepancy_id)
    if found.settled_at is None:
        _check_words_are_enough(ending(session, found))
    words = reasons.plain(resolution, longest=LONGEST_RESOLUTION)
    settled = session.scalar(
        update(Discrepancy)
        .where(Discrepancy.id == discrepancy_id, Discrepancy.settled_at.is_(None))
        .values(settled_at=clock.now(), settled_by=actor.id, resolution=words)
        .returning(Discrepancy.id)
    )
    if settled is None:
        raise AlreadySettled(
            "This discrepancy has been settled already.", next_step="Read its resolution."
        )
    record(
        session, actor, "discrepancy.settled", "discrepancy", discrepancy_id, kind=found.kind,
        subject=found.subject, resolution=words,
    )  # fmt: skip


def assign(session: Session, actor: Actor, discrepancy_id: UUID, owner_id: UUID) -> None:
    """Make a member of staff the owner of an open discrepancy.

    Raises UnknownDiscrepancy, NotPermitted, NoSuchOwner, AlreadySettled.
    """
    found = _find(session, actor, discrepancy_id)
    works_here = select(User.id).where(User.id == owner_id, User.disabled_at.is_(None))
    if session.scalar(works_here) is None:
        raise NoSuchOwner(
            "There is no such member of staff.", next_step="Name somebody whose account is in use."
        )
    assigned = session.scalar(
        update(Discrepancy)
        .where(Discrepancy.id == discrepancy_id, Discrepancy.settled_at.is_(None))
        .values(owner_id=owner_id)
        .returning(Discrepancy.id)
    )
    if assigned is None:
        raise AlreadySettled(
            "This discrepancy has been settled already.", next_step="Read its resolution."
        )
    record(
        session, actor, "discrepancy.assigned", "discrepancy", discrepancy_id,
        before=str(found.owner_id) if found.owner_id else None, after=str(owner_id),
    )  # fmt: skip


_REFUSED: dict[Ending, tuple[type[Conflict], str, str]] = {
    Ending.MONEY: (
        EndedByMoney,
        "Words do not settle this: money is owed, or missing, in the books.",
        "Book that it came back or write it off (cbi receivable), or cover it (cbi payment cover).",
    ),
    Ending.AMOUNT: (
        EndedByFinding,
        "Words do not settle this: money may have moved, and our books do not hold how much.",
        "Report what the provider says that it took, 0 if nothing (cbi payment report-amount); a colleague confirms it.",
    ),
    Ending.LINE: (
        EndedByLine,
        "Words do not settle this: the line stands in suspense (account 1900) until our books hold what it is.",
        "Report what the line is, by the provider's written word (cbi statement report-line); a colleague confirms it.",
    ),
    Ending.ANSWER: (
        EndedByAnswer,
        "Words do not settle this: nobody knows yet whether the payment will be paid.",
        "Wait for the provider's answer, or report the payment as unpaid (cbi payment report-unpaid).",
    ),
    Ending.STORY: (
        EndedByStory,
        "Words do not settle this: the two stories of the line move different amounts.",
        "Report which is right, by the provider's written word (cbi statement report-line); a colleague confirms it.",
    ),
    Ending.CREDIT: (
        EndedByCredit,
        "Words do not settle this: the provider has money of ours that paid nobody.",
        "Wait for the line that lists it as given back. If the provider keeps it, report its line (--unmatch, --mistaken).",
    ),
    Ending.STATEMENT: (
        EndedByStatement,
        "Words do not settle this: money may have moved, and no statement tells of that day yet.",
        "Take in the provider's statement of the days since, and compare it (cbi statement import, cbi reconcile).",
    ),
    Ending.BALANCE: (
        EndedByBalance,
        "Words do not settle this: our books hold another amount with the provider than its statement says.",
        "Take in the statement that is missing, decide its open lines, or give up what is lost (cbi fund write-off).",
    ),
}  # fmt: skip


def _check_words_are_enough(how: Ending) -> None:
    if how in _REFUSED:
        error, message, next_step = _REFUSED[how]
        raise error(message, next_step=next_step)


def _find(session: Session, actor: Actor, discrepancy_id: UUID) -> Discrepancy:
    """The discrepancy as it was before this act, if the actor may settle it."""
    found = session.get(Discrepancy, discrepancy_id, populate_existing=True)
    programme = None
    if found is not None and found.payment_id is not None:
        programme = session.scalar(
            select(Programme.code)
            .join(Payment, Payment.programme_id == Programme.id)
            .where(Payment.id == found.payment_id)
        )
    # Somebody who may not settle anything does not learn what exists.
    actor.require(Permission.DISCREPANCY_SETTLE, programme)
    if found is None:
        raise UnknownDiscrepancy(
            "There is no such discrepancy.", next_step="See GET /api/v1/discrepancies."
        )
    return found
