"""The fingerprint of a run's content: what approvers sign, and what release and `cbi verify` compute again."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    LargeBinary,
    Select,
    func,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from cbi.payments.models import Payment, PaymentRun

PAYMENTS = Payment.__table__
FORMAT = "cbi payment run, version 1"
SEPARATOR = "|"

CONTENT = (
    # Order and content are fixed for ever for version 1. No value can hold the separator or a line break: identifiers
    # and numbers cannot, and codes, periods, providers and mechanisms are held to `[a-z0-9_-]` by CHECK constraints.
    "number", "id", "entitlement_id", "programme_id", "fund_id", "period", "component", "household_id", "person_id",
    "account_id", "account_index", "provider", "mechanism", "amount_minor", "currency",
)  # fmt: skip


def _parts(payment: FromClause) -> list[ColumnElement[Any]]:
    """One payment's content, in SQL: everything that decides who gets what, and how."""
    columns = (payment.c[name] for name in CONTENT)
    return [func.encode(c, "hex") if c.name == "account_index" else c for c in columns]


def content(payment: FromClause) -> ColumnElement[str]:
    """The same as one line of text."""
    return func.concat_ws(SEPARATOR, *_parts(payment))


def payment_digest(payment: FromClause = PAYMENTS) -> ColumnElement[bytes]:
    """SHA-256 of that line, in SQL."""
    return func.sha256(func.convert_to(content(payment), "UTF8"), type_=LargeBinary)


def signed() -> ColumnElement[bool]:
    """Whether a payment belongs to what is signed: it is live, or was given up only after it had been tried.

    One that was taken out of a draft was never tried. So giving up a payment changes no digest.
    """
    return or_(Payment.live, Payment.attempts > 0)


def signed_text(session: Session, run: PaymentRun) -> Iterator[bytes]:
    """What is signed, byte for byte: a line about the run, then one for every signed payment in order.

    Streamed in blocks: memory does not grow with the run.
    """
    heading = (
        FORMAT, str(run.id), str(run.revision), str(run.cycle_id), str(run.programme_id), str(run.fund_id),
        run.period, ",".join(run.providers), run.currency, str(run.payment_count), str(run.total_minor),
    )  # fmt: skip
    yield SEPARATOR.join(heading).encode() + b"\n"
    yield from lines(
        session,
        # The lines of `content`, put together by COPY: rows that are narrow are read in their order, wide ones sorted.
        select(*_parts(PAYMENTS))
        .where(Payment.run_id == run.id, signed())
        .order_by(Payment.number),
    )


def run_digest(session: Session, run: PaymentRun) -> bytes:
    """SHA-256 of the signed text."""
    return sha256(signed_text(session, run))


def sha256(blocks: Iterable[bytes]) -> bytes:
    """SHA-256 over blocks as they come."""
    found = hashlib.sha256()
    for block in blocks:
        found.update(block)
    return found.digest()


def lines(session: Session, rows: Select[*tuple[Any, ...]]) -> Iterator[bytes]:
    """The rows of a query as lines of text, streamed with COPY. No value may be NULL, or hold the separator."""
    sql = rows.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
    connection = session.connection().connection.driver_connection
    assert connection is not None
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({sql}) TO STDOUT (DELIMITER '{SEPARATOR}')") as stream,
    ):
        for block in stream:
            yield bytes(block)


def altered_payments(session: Session, run_id: UUID, limit: int = 20) -> list[tuple[UUID, int]]:
    """The payments (id and number in the run) whose content is not what it was when they were made, first ones first."""
    rows = session.execute(
        select(Payment.id, Payment.number)
        .where(Payment.run_id == run_id, Payment.digest != payment_digest())
        .order_by(Payment.number)
        .limit(limit)
    )
    return [(row.id, row.number) for row in rows]
