"""What happens to the books of a month that is over: two people close it, and perhaps two open it again."""

from collections.abc import Iterator
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import jobs
from cbi.ledger import closed, past
from cbi.ledger.models import MonthClose
from cbi.ledger.queries import Balance
from cbi.month_end import closing, reopening
from cbi.month_end.checklist import MUST
from tests.simulation.finance import FRESH
from tests.simulation.first_day import OFFICE
from tests.simulation.kept import Month
from tests.simulation.life import Life
from tests.simulation.wrongs import Kind, Wrong


def close(life: Life) -> None:
    """Close the month before this one, with a reason for whatever is open."""
    first = closed.first_day(closed.first_day(life.weather.now.date()) - timedelta(days=1))
    if first < date(2027, 1, 1):
        return
    month = f"{first:%Y-%m}"
    treasurer, finance = life.who("treasurer"), life.who("head_of_finance")
    life.step("job seal", lambda: jobs.seal(OFFICE))
    made: list[MonthClose] = []

    def propose(session: Session) -> MonthClose:
        lines = closing.check(session, treasurer.actor, month)
        why = {line.check.value: "it is being looked into" for line in lines if not line.done}
        explained = {name: words for name, words in why.items() if name not in MUST}
        return closing.propose(session, treasurer.actor, month, explained)

    if not life.step(f"propose to close {month}", lambda: made.append(life.transact(propose))):
        return
    which = f"{first}/{made[-1].number}"
    life.acknowledge("month proposed", which)
    life.did("month", which, "proposed", treasurer)
    life.weather.now += FRESH
    if life.chance.random() < 0.1:
        return
    held: list[list[Balance]] = []

    def confirm(session: Session) -> list[Balance]:
        closing.confirm(session, finance.actor, month, finance.code())
        return past.trial_balance(session, through=closed.last_day(first))

    if life.step(f"close {month}", lambda: held.append(life.transact(confirm))):
        life.acknowledge("month closed", which)
        life.did("month", which, "confirmed", finance)
        life.kept.months[which] = Month(closed.last_day(first), held[-1])


def reopen(life: Life) -> None:
    """Open the month that was closed last again."""
    last = life.look(closed.latest)
    if last is None:
        return
    month, finance, treasurer = f"{last:%Y-%m}", life.who("head_of_finance"), life.who("treasurer")
    if life.step(
        f"ask to reopen {month}",
        lambda: life.transact(
            lambda s: reopening.ask(s, finance.actor, month, "A statement came late").number
        ),
    ):
        life.weather.now += FRESH
        life.kept.months.clear()
        life.step(
            f"reopen {month}",
            lambda: life.acknowledge(
                "month reopened",
                f"{last}/{life.transact(lambda s: reopening.confirm(s, treasurer.actor, month, treasurer.code()).number)}",
            ),
        )


def wrong(life: Life, session: Session) -> Iterator[Wrong]:
    """What two people closed is what the books of that month still hold."""
    for which, month in life.kept.months.items():
        if past.trial_balance(session, through=month.last) != month.balances:
            yield Kind.OTHERWISE, f"the books of {which} are not what two people closed"
    for close_ in session.scalars(select(MonthClose).where(MonthClose.confirmed_at.is_not(None))):
        if close_.confirmed_by == close_.proposed_by:
            yield Kind.ALONE, f"one person closed {close_.month:%Y-%m}"
