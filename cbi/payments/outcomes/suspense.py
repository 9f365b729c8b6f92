"""What a provider's statement moved on our float and nothing explains stands in account 1900 until something does.

So our float is what the provider says that it is, line by line, and the difference to our books has one place.
"""

from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.ledger.chart import Entry
from cbi.ledger.posting import Book, post_each
from cbi.payments.outcomes.suspense_models import SuspendedLine

LADDER = "ladder"
"""What ended a stay: a rule of the ladder, or our books, which hold the same movement by now."""

OPEN = SuspendedLine.ended_at.is_(None)

_SUSPEND = {True: Entry.SUSPEND_DEBIT, False: Entry.SUSPEND_CREDIT}
_EXPLAIN = {True: Entry.EXPLAIN_DEBIT, False: Entry.EXPLAIN_CREDIT}
"""By whether money left our float."""


def stay(session: Session, line_id: UUID) -> SuspendedLine | None:
    """The stay of a line that has not ended; None when it is not in suspense."""
    found = select(SuspendedLine).where(SuspendedLine.line_id == line_id, OPEN)
    return session.scalars(found.execution_options(populate_existing=True)).one_or_none()


def suspend(session: Session, provider: str, lines: Select[UUID, int, str]) -> int:
    """Put every line of the query (id, effect on our float in minor units, currency) in suspense that is not there yet.

    Returns how many are new. Raises MonthClosed.
    """
    new = lines.subquery("new")
    line_id, effect, currency = new.columns
    there = select(SuspendedLine.line_id).where(SuspendedLine.provider == provider, OPEN)
    fresh = (line_id.not_in(there), effect != 0)
    earlier = (
        select(func.max(SuspendedLine.number))
        .where(SuspendedLine.line_id == line_id)
        .scalar_subquery()
    )
    count = 0
    for name, left in _groups(session, select(currency, effect < 0).where(*fresh)):
        added = (
            upsert(SuspendedLine)
            .from_select(
                ["line_id", "number", "provider", "effect_minor", "currency", "since"],
                select(
                    line_id, func.coalesce(earlier, 0) + 1, literal(provider), effect, currency, literal(clock.now())
                ).where(*fresh, currency == name, (effect < 0) == literal(left)),
            )
            .on_conflict_do_nothing()
            .returning(SuspendedLine.line_id, SuspendedLine.number, SuspendedLine.effect_minor)
            .cte("added")
        )  # fmt: skip
        rows = select(added.c.line_id, added.c.number, func.abs(added.c.effect_minor))
        count += post_each(session, _SUSPEND[left], Book(name, provider=provider), rows).count
    return count


def explain(session: Session, provider: str, chosen: ColumnElement[bool], by: str) -> int:
    """End the stays in suspense that are chosen, `by` what explained them; returns how many. Raises MonthClosed."""
    open_now = (SuspendedLine.provider == provider, OPEN, chosen)
    effect, count = SuspendedLine.effect_minor, 0
    for name, left in _groups(session, select(SuspendedLine.currency, effect < 0).where(*open_now)):
        these = (*open_now, SuspendedLine.currency == name, (effect < 0) == literal(left))
        count += end(session, _EXPLAIN[left], Book(name, provider=provider), these, by)
    return count


def end(
    session: Session, entry: Entry, book: Book, these: tuple[ColumnElement[bool], ...], by: str
) -> int:
    """End stays of one currency and one direction with this entry; returns how many. Raises NotCovered, MonthClosed."""
    ended = (
        update(SuspendedLine)
        .where(OPEN, *these)
        .values(ended_at=clock.now(), ended_by=by)
        .returning(SuspendedLine.line_id, SuspendedLine.number, SuspendedLine.effect_minor)
        .cte("ended")
    )
    rows = select(ended.c.line_id, ended.c.number, func.abs(ended.c.effect_minor))
    return post_each(session, entry, book, rows).count


def take_back(session: Session, by: str, entry: Entry | None, book: Book | None) -> list[UUID]:
    """Bring the lines whose stays were ended `by` this into suspense again, as stays of their own; returns the lines.

    By the entry in these books; where there is none, by the one that suspends. Raises NotCovered, MonthClosed.
    """
    ended = session.scalars(
        select(SuspendedLine).where(SuspendedLine.ended_by == by).order_by(SuspendedLine.line_id)
    ).all()
    for each in ended:
        latest = select(func.max(SuspendedLine.number)).where(SuspendedLine.line_id == each.line_id)
        number = (session.scalar(latest) or 0) + 1
        session.execute(
            insert(SuspendedLine).values(
                line_id=each.line_id, number=number, provider=each.provider, effect_minor=each.effect_minor,
                currency=each.currency, since=clock.now(),
            )
        )  # fmt: skip
        row = select(literal(each.line_id), literal(number), literal(abs(each.effect_minor)))
        back = entry or _SUSPEND[each.effect_minor < 0]
        post_each(session, back, book or Book(each.currency, provider=each.provider), row)
    return [each.line_id for each in ended]


def _groups(session: Session, found: Select[str, bool]) -> list[tuple[str, bool]]:
    return [(currency, left) for currency, left in session.execute(found.distinct())]
