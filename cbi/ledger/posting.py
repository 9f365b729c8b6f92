"""Writing transfers and moving the guarded totals with them, for one event or for a whole chunk of a run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    Date,
    DateTime,
    Select,
    SmallInteger,
    String,
    and_,
    bindparam,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.db import at_last
from cbi.errors import Conflict
from cbi.ledger import closed
from cbi.ledger.chart import LEGS, AccountKind, Entry
from cbi.ledger.models import Account, Transfer
from cbi.money import Money
from cbi.offices import office_of


class NotCovered(Conflict):
    """The account that the money would come from does not hold enough. Nothing was booked."""

    code = "ledger.not_covered"


@dataclass(frozen=True, slots=True)
class Posted:
    """How many transfers of the first leg were written, their sum, and the id of the first of them.

    `changed`: how many rows the change concerned that was made with them; more, where some were booked before.
    """

    count: int
    amount: Money
    first: int | None = None
    changed: int = 0


_DIMENSIONS = ("fund_id", "programme_id", "run_id", "provider")


@dataclass(frozen=True, slots=True)
class Book:
    """What an event's accounts are kept for. One value serves every entry of a run, or of a fund."""

    currency: str
    fund_id: UUID | None = None
    programme_id: UUID | None = None
    run_id: UUID | None = None
    provider: str | None = None

    def dimensions(self, kind: AccountKind) -> dict[str, object]:
        """The columns that single out this book's account of that kind."""
        return {name: getattr(self, name) if name in kind.of else None for name in _DIMENSIONS}


def open_accounts(
    session: Session, book: Book, kinds: Iterable[AccountKind], day: date
) -> dict[AccountKind, int]:
    """The ids of the book's accounts of these kinds; those that are not there yet are opened, empty.

    Until the transaction ends nobody closes the month of `day`, on which something is about to be booked.
    """
    wanted = {kind.code: kind for kind in kinds}
    found = _known(session, book, wanted.values(), day)
    if missing := [kind for kind in wanted.values() if kind not in found]:
        session.execute(
            upsert(Account).on_conflict_do_nothing(), [_empty(book, kind) for kind in missing]
        )
        found |= _known(session, book, missing, day)
    return found


def _known(
    session: Session, book: Book, kinds: Iterable[AccountKind], day: date
) -> dict[AccountKind, int]:
    by_code = {kind.code: kind for kind in kinds}
    values = {name: value for name in _DIMENSIONS if (value := getattr(book, name)) is not None}
    finding = _finding(tuple(by_code.values()), frozenset(values))
    books = closed.books_of(office_of(session), day)
    rows = session.connection().execute(
        finding, {"in_currency": book.currency, "books": books, **values}
    )
    return {by_code[code]: number for code, number in rows if code is not None}


@cache
def _finding(kinds: tuple[AccountKind, ...], given: frozenset[str]) -> Select[str, int]:
    theirs = and_(
        Account.currency == bindparam("in_currency"),
        or_(
            *(
                and_(
                    Account.code == kind.code,
                    *(
                        getattr(Account, name) == bindparam(name)
                        if name in kind.of and name in given
                        else getattr(Account, name).is_(None)
                        for name in _DIMENSIONS
                    ),
                )
                for kind in kinds
            )
        ),
    )
    # The lock is taken by the same statement, so that it costs no way to the database of its own.
    books = closed.held_by_many()
    return select(Account.code, Account.id).select_from(books.outerjoin(Account, theirs))


def _empty(book: Book, kind: AccountKind) -> dict[str, object]:
    return {
        "code": kind.code, "plane": kind.plane, "normal": kind.normal, "guarded": kind.guarded,
        "currency": book.currency, "debits_minor": 0, "credits_minor": 0, "opened_at": clock.now(),
        **book.dimensions(kind),
    }  # fmt: skip


def post(
    session: Session, entry: Entry, book: Book, amount: Money, source_id: UUID, *, of: tuple[UUID, int] | None = None,
    on: date | None = None,
) -> None:  # fmt: skip
    """Book one event, `of` this attempt of a payment if it is about one; on an earlier day only through `value_dates`.

    Raises NotCovered, MonthClosed.
    """
    payment_id, attempt = of or (None, 0)
    row = select(
        literal(source_id).label("source_id"), literal(payment_id, Transfer.payment_id.type).label("payment_id"),
        literal(attempt, SmallInteger).label("attempt"), literal(amount.minor, BigInteger).label("amount_minor"),
    )  # fmt: skip
    _post(session, entry, book, _transfers(row), {}, on=on)


def post_each(session: Session, entry: Entry, book: Book, rows: Select[UUID, int, int]) -> Posted:
    """Book one event for every row (source_id, attempt, amount_minor) of a query that are not about payments; the query
    may make changes of its own.

    Raises NotCovered, MonthClosed.
    """
    source_id, attempt, amount = rows.subquery().columns
    each = select(
        source_id.label("source_id"), literal(None, Transfer.payment_id.type).label("payment_id"),
        attempt.label("attempt"), amount.label("amount_minor"),
    )  # fmt: skip
    return _post(session, entry, book, _transfers(each), {})


def booking(
    payments: Select[*tuple[Any, ...]], *along: CTE, changed: CTE | None = None
) -> Select[int, int, int, bool, int]:
    """The statement for `post_payments`: it books an event for every payment that the query yields as (payment_id,
    attempt, amount_minor), and makes the changes `along` with it.

    `changed` holds the rows of the change itself, where not all of them are booked. It knows neither the event nor the
    books, so what is done often can be built once.
    """
    payment_id, attempt, amount = payments.subquery().columns
    return _transfers(
        select(
            payment_id.label("source_id"), payment_id.label("payment_id"), attempt.label("attempt"),
            amount.label("amount_minor"),
        ),
        *along, changed=changed,
    )  # fmt: skip


def post_payments(
    session: Session,
    entry: Entry,
    book: Book,
    statement: Select[int, int, int, bool, int],
    values: Mapping[str, object],
    *,
    totals_at_last: bool = False,
) -> Posted:
    """Run what `booking` built, with the values of its own parameters, for this event in these books.

    One INSERT and one UPDATE of each total, however many payments there are. Raises MonthClosed, and NotCovered; with
    `totals_at_last`, which is for what a transaction books at its end, only when that commits.
    """
    return _post(session, entry, book, statement, values, totals_at_last=totals_at_last)


def _transfers(
    rows: Select[*tuple[Any, ...]], *along: CTE, changed: CTE | None = None
) -> Select[int, int, int, bool, int]:
    chosen = rows.subquery()
    legs = (
        func.unnest(
            *(
                bindparam(f"{name}_of_legs", type_=ARRAY(BigInteger))
                for name in ("numbers", "debits", "credits")
            )
        )
        .table_valued("leg", "debit", "credit")
        .render_derived(name="legs")
    )
    written = (
        insert(Transfer)
        .from_select(
            [
                "entry", "debit_account_id", "credit_account_id", "amount_minor", "currency", "source_id",
                "payment_id", "attempt", "leg", "effective_on", "recorded_at",
            ],
            select(
                bindparam("entry", type_=String), legs.c.debit, legs.c.credit, chosen.c.amount_minor,
                bindparam("books_currency", type_=String), chosen.c.source_id, chosen.c.payment_id, chosen.c.attempt,
                legs.c.leg, bindparam("books_day", type_=Date), bindparam("booked_at", type_=DateTime(timezone=True)),
            ).select_from(chosen.join(legs, true())),
        )
        .returning(Transfer.id, Transfer.leg, Transfer.amount_minor)
        .cte("written")
    )  # fmt: skip
    every = (
        func.count()
        if changed is None
        else select(func.count()).select_from(changed).scalar_subquery()
    )
    return (
        select(
            func.count(),
            func.coalesce(func.sum(written.c.amount_minor), 0),
            func.min(written.c.id),
            closed.is_closed(),
            every,
        )
        .where(written.c.leg == 1)
        .add_cte(*along)
    )


def _post(
    session: Session,
    entry: Entry,
    book: Book,
    statement: Select[int, int, int, bool, int],
    values: Mapping[str, object],
    *,
    totals_at_last: bool = False,
    on: date | None = None,
) -> Posted:
    legs = LEGS[entry]
    day = on or clock.today(office_of(session).timezone)
    kinds = dict.fromkeys(kind for leg in legs for kind in leg)
    accounts = open_accounts(session, book, kinds, day)
    of_the_books = {
        "entry": entry.value,
        "numbers_of_legs": list(range(1, len(legs) + 1)),
        "debits_of_legs": [accounts[debit] for debit, _ in legs],
        "credits_of_legs": [accounts[credit] for _, credit in legs],
        "books_currency": book.currency,
        "books_day": day,
        "books_month": closed.first_day(day),
        "booked_at": clock.now(),
    }
    count, total, first, too_late, changed = (
        session.connection().execute(statement, {**values, **of_the_books}).one()
    )
    if too_late:
        raise closed.refusal(day, chosen=day != clock.today(office_of(session).timezone))
    amount = Money(int(total), book.currency)
    if count:
        moving = partial(_move_totals, legs=legs, accounts=accounts, amount=amount, first=first)
        if totals_at_last:
            at_last(session, moving)
        else:
            moving(session)
    return Posted(count, amount, first, changed)


def _move_totals(
    session: Session,
    legs: tuple[tuple[AccountKind, AccountKind], ...],
    accounts: Mapping[AccountKind, int],
    amount: Money,
    first: int,
) -> None:
    """Lock the totals in one order, so that two postings never wait for each other crosswise, and move them.

    Every counter waits for some of these rows, so they are locked and moved in one statement. They stay as they are
    when the `first` transfer was undone by a savepoint meanwhile.
    """
    kinds = {accounts[kind]: kind for leg in legs for kind in leg}
    changes = {
        "ids": [*kinds],
        "debits": [amount.minor * sum(leg[0] is kind for leg in legs) for kind in kinds.values()],
        "credits": [amount.minor * sum(leg[1] is kind for leg in legs) for kind in kinds.values()],
        "first": first,
    }
    moved = set(session.connection().scalars(_MOVE_TOTALS, changes))
    if not moved and session.get(Transfer, first, populate_existing=True) is None:
        return
    for number, kind in kinds.items():
        if number not in moved:
            raise _not_covered(session, number, kind, amount)


_MOVE_TOTALS = text("""
    WITH held AS MATERIALIZED (
        SELECT id, guarded, normal, debits_minor, credits_minor FROM accounts
        WHERE id = ANY(CAST(:ids AS bigint[])) AND EXISTS (SELECT FROM transfers WHERE transfers.id = :first)
        ORDER BY id FOR UPDATE
    ), became AS (
        SELECT id, guarded, normal, debits_minor + debit AS debits, credits_minor + credit AS credits
        FROM held JOIN unnest(CAST(:ids AS bigint[]), CAST(:debits AS bigint[]), CAST(:credits AS bigint[]))
            AS change (id, debit, credit) USING (id)
    )
    UPDATE accounts SET debits_minor = debits, credits_minor = credits
    FROM became  -- what was locked, not what the statement saw when it began
    WHERE accounts.id = became.id AND (NOT became.guarded
        OR CASE became.normal WHEN 'debit' THEN debits >= credits ELSE credits >= debits END)
    RETURNING accounts.id
""")


def _not_covered(session: Session, number: int, kind: AccountKind, amount: Money) -> NotCovered:
    debits, credits = session.execute(
        select(Account.debits_minor, Account.credits_minor).where(Account.id == number)
    ).one()
    held = Money((debits - credits) * (1 if kind.normal == "debit" else -1), amount.currency)
    return NotCovered(
        f"{kind.name} holds {held}, and {amount} is asked for.",
        next_step="Ask the treasurer for the missing amount, or lower what is asked for.",
        account=kind.code,
        held=held.decimal,
        asked=amount.decimal,
    )
