"""A payment by a provider that takes its money when it accepts it, and what statements and books then say."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import URL, create_engine, text
from sqlalchemy.orm import Session

from cbi import offices
from tests.flow.suspended import Told
from tests.flow.two_attempts import AMOUNT, Tried, tried_of

ACCOUNTS = ("1100", "1200", "5000", "1900")


def taken_early(own_database: URL, template: str, colleagues: int) -> Told:
    """The payment; what a test does with it inside `undone` leaves nothing."""
    owner = create_engine(own_database)
    with owner.begin() as connection:
        connection.execute(text("UPDATE dz.payment_runs SET debits_early = providers"))
    owner.dispose()
    return Told(tried_of(template), colleagues=colleagues)


class _Undone(Exception):
    pass


@contextmanager
def undone(lines: Told) -> Iterator[Told]:
    """The story in one transaction, which leaves nothing."""
    with suppress(_Undone), offices.transaction("dz") as session:
        tried = replace(lines.tried, session=session)
        yield _within(lines, tried)
        raise _Undone


def _within(lines: Told, tried: Tried) -> Told:
    inside = Told.__new__(Told)
    vars(inside).update(vars(lines))
    inside.tried, inside.authorisers = tried, list(lines.authorisers)
    return inside


def session_of(lines: Told) -> Session:
    assert lines.tried.session is not None
    return lines.tried.session


def out(lines: Told, name: str, minor: int = AMOUNT, attempt: int = 1) -> dict[str, Any]:
    return {"id": name, "minor": -minor, "reference": lines.key(attempt)}


def back(lines: Told, name: str, minor: int = AMOUNT, attempt: int = 1) -> dict[str, Any]:
    return {"id": name, "minor": minor, "type": "REVERSAL", "reference": lines.key(attempt)}


def in_question(lines: Told) -> list[str]:
    found = session_of(lines).scalars(
        text("SELECT kind FROM discrepancies WHERE settled_at IS NULL ORDER BY 1")
    )
    return list(found)
