"""Writing transfers and moving the guarded totals with them, for one event or for a whole chunk of a run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, Select, and_, func, insert, literal, or_, select, text, union_all
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session
from sqlalchemy.types import BigInteger, SmallInteger

from cbi import clock
from cbi.errors import Conflict
from cbi.ledger.chart import LEGS, AccountKind, Entry
from cbi.ledger.models import Account, Transfer
from cbi.money import Money
from cbi.offices import office_of


class NotCovered(Conflict):
    """The account that the money would come from does not hold enough. Nothing was booked."""

    code = "ledger.not_covered"


@dataclass(frozen=True, slots=True)
class Posted:
    """How many transfers of the first leg were written, and their sum."""

    count: int
    amount: Money


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
        return {
            name: getattr(self, name) if name in kind.of else None
            for name in ("fund_id", "programme_id", "run_id", "provider")
        }


def open_accounts(
    session: Session, book: Book, kinds: Iterable[AccountKind]
) -> dict[AccountKind, int]:
    """The ids of the book's accounts of these kinds; those that are not there yet are opened, empty."""
    wanted = {kind.code: kind for kind in kinds}
    found = _known(session, book, wanted.values())
    if missing := [kind for kind in wanted.values() if kind not in found]:
        session.execute(
            upsert(Account).on_conflict_do_nothing(), [_empty(book, kind) for kind in missing]
        )
        found |= _known(session, book, missing)
    return found


def _known(session: Session, book: Book, kinds: Iterable[AccountKind]) -> dict[AccountKind, int]:
    by_code = {kind.code: kind for kind in kinds}
    rows = session.execute(
        select(Account.code, Account.id).where(
            Account.currency == book.currency,
            or_(
                *(
                    and_(
                        Account.code == kind.code,
                        *(
                            getattr(Account, name).is_not_distinct_from(value)
                            for name, value in book.dimensions(kind).items()
                        ),
                    )
                    for kind in by_code.values()
                )
            ),
        )
    )
    return {by_code[code]: number for code, number in rows}


def _empty(book: Book, kind: AccountKind) -> dict[str, object]:
    return {
        "code": kind.code, "plane": kind.plane, "normal": kind.normal, "guarded": kind.guarded,
        "currency": book.currency, "debits_minor": 0, "credits_minor": 0, "opened_at": clock.now(),
        **book.dimensions(kind),
    }  # fmt: skip


def post(session: Session, entry: Entry, book: Book, amount: Money, source_id: UUID) -> None:
    """Book one event that is not about a single payment. Raises NotCovered."""
    row = select(
        literal(source_id).label("source_id"),
        literal(None, Transfer.payment_id.type).label("payment_id"),
        literal(0, SmallInteger).label("attempt"),
        literal(amount.minor, BigInteger).label("amount_minor"),
    )
    _post(session, entry, book, row)


def post_payments(
    session: Session, entry: Entry, book: Book, payments: Select[*tuple[Any, ...]], *along: CTE
) -> Posted:
    """Book one event for every payment that the query yields as (payment_id, attempt, amount_minor).

    One INSERT and one UPDATE of each total, however many there are; `along` are changes to make in the same statement.
    Raises NotCovered.
    """
    chosen = payments.subquery()
    payment_id, attempt, amount = chosen.columns
    rows = select(
        payment_id.label("source_id"), payment_id.label("payment_id"), attempt.label("attempt"),
        amount.label("amount_minor"),
    )  # fmt: skip
    return _post(session, entry, book, rows, *along)


def _post(
    session: Session,
    entry: Entry,
    book: Book,
    rows: Select[*tuple[Any, ...]],
    *along: CTE,
) -> Posted:
    legs = LEGS[entry]
    accounts = open_accounts(session, book, dict.fromkeys(kind for leg in legs for kind in leg))
    chosen = rows.subquery()
    shape = union_all(
        *(
            select(
                literal(number, SmallInteger).label("leg"),
                literal(accounts[debit], BigInteger).label("debit"),
                literal(accounts[credit], BigInteger).label("credit"),
            )
            for number, (debit, credit) in enumerate(legs, 1)
        )
    ).subquery("legs")
    now = clock.now()
    written = (
        insert(Transfer)
        .from_select(
            [
                "entry", "debit_account_id", "credit_account_id", "amount_minor", "currency", "source_id",
                "payment_id", "attempt", "leg", "effective_on", "recorded_at",
            ],
            select(
                literal(entry.value), shape.c.debit, shape.c.credit, chosen.c.amount_minor, literal(book.currency),
                chosen.c.source_id, chosen.c.payment_id, chosen.c.attempt, shape.c.leg,
                literal(clock.today(office_of(session).timezone)), literal(now),
            ).select_from(chosen.join(shape, literal(True))),  # noqa: FBT003 - SQL's TRUE
        )
        .returning(Transfer.leg, Transfer.amount_minor)
        .cte("written")
    )  # fmt: skip
    count, total = session.execute(
        select(func.count(), func.coalesce(func.sum(written.c.amount_minor), 0))
        .where(written.c.leg == 1)
        .add_cte(*along)
    ).one()
    amount = Money(int(total), book.currency)
    if count:
        _move_totals(session, legs, accounts, amount)
    return Posted(count, amount)


def _move_totals(
    session: Session,
    legs: tuple[tuple[AccountKind, AccountKind], ...],
    accounts: Mapping[AccountKind, int],
    amount: Money,
) -> None:
    """Lock the totals in one order, so that two postings never wait for each other crosswise, and move them."""
    kinds = {accounts[kind]: kind for leg in legs for kind in leg}
    locked = session.execute(
        select(Account.id, Account.debits_minor, Account.credits_minor)
        .where(Account.id.in_(kinds))
        .order_by(Account.id)
        .with_for_update()
    ).all()
    changes = []
    for number, debits, credits in locked:
        kind = kinds[number]
        debit = sum(amount.minor for leg in legs if leg[0] is kind)
        credit = sum(amount.minor for leg in legs if leg[1] is kind)
        sign = 1 if kind.normal == "debit" else -1
        held = sign * (debits - credits)
        if kind.guarded and held + sign * (debit - credit) < 0:
            raise NotCovered(
                f"{kind.name} holds {Money(held, amount.currency)}, and {amount} is asked for.",
                next_step="Ask the treasurer for the missing amount, or lower what is asked for.",
                account=kind.code,
                held=Money(held, amount.currency).decimal,
                asked=amount.decimal,
            )
        changes.append({"id": number, "debit": debit, "credit": credit})
    session.connection().execute(
        text(
            "UPDATE accounts SET debits_minor = debits_minor + :debit, credits_minor = credits_minor + :credit"
            " WHERE id = :id"
        ),
        changes,
    )
