"""A database that is full or away is said in words, and is never kept as the answer to a request."""

import asyncio
import json

import psycopg
import pytest
from fastapi import Request
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError

from cbi import db
from cbi.http import problems

REQUEST = Request({"type": "http"})


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (psycopg.errors.DiskFull(), "no room left"),
        (psycopg.errors.TooManyConnections(), "no room left"),
        (psycopg.errors.AdminShutdown(), "does not answer"),
        (psycopg.errors.IdleInTransactionSessionTimeout(), "does not answer"),
        (psycopg.OperationalError("the connection is lost"), "does not answer"),
    ],
)
def test_it_is_said_in_words_and_the_same_key_works_later(error: psycopg.Error, words: str) -> None:
    met = OperationalError("a statement", None, error)
    assert problems.answer_for(met) is None, "this would be kept as the answer to the key"
    answer = asyncio.run(problems.handle(REQUEST, met))
    assert answer.status_code == 503
    problem = json.loads(bytes(answer.body))
    assert words in problem["detail"]
    assert problem["next_step"]


def test_another_failure_is_ours_and_says_nothing() -> None:
    met: DBAPIError = InternalError("a statement", None, psycopg.errors.InternalError_())
    assert db.trouble(met) is None
    with pytest.raises(InternalError):
        asyncio.run(problems.handle(REQUEST, met))
