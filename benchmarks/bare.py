"""The floor of a redemption over HTTP: the bare framework, and one statement of psycopg for each of the two requests."""

import threading
from datetime import timedelta
from secrets import randbelow
from typing import Annotated, Any
from uuid import UUID, uuid4

import psycopg
from fastapi import FastAPI, Header, HTTPException
from psycopg.rows import dict_row
from pydantic import BaseModel

from benchmarks.ground import owner
from benchmarks.tellers import REDEMPTIONS
from cbi import clock

WRITES = (
    "code_issues", "authorisations", "answered_requests", "payouts", "payments", "attempts", "payment_events",
    "transfers", "messages",
)  # fmt: skip
"""Whose rows a redemption writes. The running totals of the books are left out: a floor could add the transfers up."""

_LIKE_A_SEALED_ANSWER = bytes(300)
Key = Annotated[str, Header(alias="Idempotency-Key")]


class Typed(BaseModel):
    """What a teller types."""

    code: str
    factor: str


def fill(connection: psycopg.Connection) -> None:
    """As many rows in the copies as in the tables themselves."""
    for table in WRITES:
        connection.execute(
            f"INSERT INTO floor_{table} OVERRIDING SYSTEM VALUE SELECT * FROM {table}"
        )
        connection.execute(f"ANALYZE floor_{table}")
    for table in ("payment_events", "transfers"):
        connection.execute(
            f"SELECT setval(pg_get_serial_sequence('floor_{table}', 'id'), max(id)) FROM floor_{table}"
        )
    connection.commit()


def create_app() -> FastAPI:
    """Two routes that ask nothing and check nothing but that the code is there and unpaid."""
    app, mine = FastAPI(), threading.local()

    def write(statement: str, values: dict[str, object]) -> dict[str, Any]:
        if not hasattr(mine, "connection"):
            mine.connection = owner()
            mine.connection.row_factory = dict_row
        given = {"teller": _TELLER, "answer": _LIKE_A_SEALED_ANSWER, "now": clock.now(), **values}
        row: dict[str, Any] | None = mine.connection.execute(statement, given).fetchone()
        mine.connection.commit()
        if row is None:
            raise HTTPException(409)
        return row

    @app.post(f"{REDEMPTIONS}/authorise")
    def authorise(typed: Typed, key: Key) -> dict[str, Any]:
        digits = "".join(sign for sign in typed.code if sign.isdigit())
        values = {
            "id": uuid4(), "locator": digits[:-7], "receipt": f"{randbelow(10**10):010d}", "key": key,
            "until": clock.now() + timedelta(minutes=5),
        }  # fmt: skip
        return {"outcome": "authorised", **write(_AUTHORISE, values)}

    @app.post(REDEMPTIONS + "/{authorisation_id}/confirm")
    def confirm(authorisation_id: UUID, key: Key) -> dict[str, Any]:
        return write(_CONFIRM, {"id": authorisation_id, "key": key})

    return app


_TELLER = UUID(int=1)
_ANSWERED = """
    INSERT INTO floor_answered_requests (principal, key, fingerprint, status, answer, received_at)
    VALUES ('teller', %(key)s, sha256(%(answer)s), 200, %(answer)s, %(now)s)
"""
_AUTHORISE = f"""
    WITH answered AS ({_ANSWERED}), held AS (
        UPDATE floor_code_issues SET hold_id = %(id)s, held_until = %(until)s
        WHERE locator = %(locator)s AND live AND state = 'issued' AND hold_id IS NULL RETURNING id, payment_id
    )
    INSERT INTO floor_authorisations (id, code_issue_id, payment_id, teller_id, office_id, receipt, amount_minor,
        currency, factor_checked, state, open, held_at, held_until)
    SELECT %(id)s, held.id, payment_id, %(teller)s, %(teller)s, %(receipt)s, amount_minor, currency, true, 'held', true,
        %(now)s, %(until)s
    FROM held JOIN floor_payments p ON p.id = payment_id
    RETURNING id AS authorisation_id, receipt, amount_minor, currency, held_until
"""
_CONFIRM = f"""
    WITH answered AS ({_ANSWERED}), paid AS (
        UPDATE floor_code_issues c SET state = 'paid', hold_id = NULL, held_until = NULL, closed_at = %(now)s
        FROM floor_authorisations a WHERE a.id = %(id)s AND c.id = a.code_issue_id AND c.hold_id = a.id
        RETURNING c.id, c.payment_id, c.attempt, a.id AS hold, a.receipt, a.amount_minor, a.currency
    ), ended AS (
        UPDATE floor_authorisations SET state = 'confirmed', open = false, ended_at = %(now)s WHERE id = %(id)s
    ), handed_over AS (
        INSERT INTO floor_payouts (id, authorisation_id, code_issue_id, payment_id, attempt, teller_id, office_id,
            receipt, amount_minor, currency, paid_at)
        SELECT gen_random_uuid(), hold, id, payment_id, attempt, %(teller)s, %(teller)s, receipt, amount_minor, currency,
            %(now)s FROM paid
    ), moved AS (
        UPDATE floor_payments SET state = 'paid' FROM paid WHERE floor_payments.id = payment_id
    ), named AS (
        UPDATE floor_attempts SET provider_reference = receipt FROM paid
        WHERE floor_attempts.payment_id = paid.payment_id AND number = attempt
    ), event AS (
        INSERT INTO floor_payment_events (payment_id, attempt, before, after, source, at)
        SELECT payment_id, attempt, 'accepted', 'paid', 'teller', %(now)s FROM paid
    ), booked AS (
        INSERT INTO floor_transfers (entry, debit_account_id, credit_account_id, amount_minor, currency, source_id,
            payment_id, attempt, leg, effective_on, recorded_at)
        SELECT 'confirm', leg, leg + 2, amount_minor, currency, payment_id, payment_id, attempt, leg, current_date,
            %(now)s FROM paid, generate_series(1, 2) AS leg
    ), told AS (
        INSERT INTO floor_messages (id, template, language, account_id, payment_id, values, dedupe, state, waiting,
            tries, created_at)
        SELECT gen_random_uuid(), 'PAID', 'ar', payment_id, payment_id, '{{}}', 'paid:' || payment_id, 'queued', true, 0,
            %(now)s FROM paid
    )
    SELECT hold AS authorisation_id, receipt, amount_minor, currency FROM paid
"""
