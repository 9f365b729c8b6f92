"""The day on which money moved at the bank, as the paper says, where that was before somebody booked it.

The books hold both: the day a movement took effect, by which months are told apart, and the moment it was written down.
"""

from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.errors import Invalid
from cbi.ledger import closed
from cbi.ledger.chart import LEGS, Entry
from cbi.ledger.models import Account, Transfer
from cbi.ledger.posting import Book, NotCovered, open_accounts, post
from cbi.money import Money
from cbi.offices import office_of

LONGEST = timedelta(days=366)
"""A paper that is older is a slip of the pen, such as last year's number."""


class UnusableValueDate(Invalid):
    """The day is yet to come, long ago, or before the deal that it is of."""

    code = "ledger.unusable_value_date"


def check(session: Session, day: date | None) -> None:
    """Refuse a day on which nothing can take effect; None, for today, is always right until it is booked.

    Raises UnusableValueDate, MonthClosed.
    """
    today = clock.today(office_of(session).timezone)
    if day is None:
        return
    if not today - LONGEST <= day <= today:
        raise UnusableValueDate(
            f"{day} is yet to come." if day > today else f"{day} is more than a year ago.",
            next_step="Give the day on which the bank says that the money moved, or leave it out for today.",
            day=day.isoformat(),
        )
    if (latest := closed.latest(session)) and day <= closed.last_day(latest):
        raise closed.refusal(day, chosen=True)


def post_on(
    session: Session, entry: Entry, book: Book, amount: Money, source_id: UUID, day: date | None
) -> None:
    """Book one event that took effect on that day, or today. Raises MonthClosed, and NotCovered, also where an account did
    not hold it then.
    """
    post(session, entry, book, amount, source_id, on=day)
    if day is None or day == clock.today(office_of(session).timezone):
        return  # the totals are of today, and guarded
    taken_from = {
        kind for leg in LEGS[entry] for kind, side in zip(leg, ("debit", "credit"), strict=True)
        if kind.guarded and kind.normal != side
    }  # fmt: skip
    for number in open_accounts(session, book, taken_from, day).values() if taken_from else ():
        _held_ever_since(session, number, day, amount)


def _held_ever_since(session: Session, number: int, day: date, asked: Money) -> None:
    """Refuse what an account held too little for at the end of `day`, or of a later one. It is locked: ours moved it."""
    account = session.get_one(Account, number, populate_existing=True)
    sign = 1 if account.normal == "debit" else -1
    moved: dict[date, int] = {}
    for side, of in ((sign, Transfer.debit_account_id), (-sign, Transfer.credit_account_id)):
        rows = select(Transfer.effective_on, func.sum(Transfer.amount_minor)).where(
            of == number, Transfer.effective_on > day
        )
        for on, minor in session.execute(rows.group_by(Transfer.effective_on)):
            moved[on] = moved.get(on, 0) + side * int(minor)
    held = sign * (account.debits_minor - account.credits_minor)
    days = [day, *sorted(moved)]
    for before, on in reversed(list(pairwise(days))):
        held -= moved[on]
        if held < 0:
            then = Money(held, asked.currency) + asked
            raise NotCovered(
                f"On {before} the account {account.code} held {then} by the books, and {asked} is asked for as of {day}.",
                next_step="Leave the day out, so that it takes effect today; or look for what is booked too late.",
                account=account.code, held=then.decimal, asked=asked.decimal,
            )  # fmt: skip
