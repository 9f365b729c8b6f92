"""How a refusal is told over HTTP: `application/problem+json` (RFC 9457), never with a value that the asker sent."""

import logging
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from cbi import db
from cbi.errors import CbiError, Conflict, Forbidden, Invalid, NotFound, Unavailable
from cbi.http.refused import HttpRefusal

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "60"


class FieldProblem(BaseModel):
    """One field that cannot be used."""

    field: str = Field(description="Where it stands, such as `body.amount_minor` or `query.limit`.")
    message: str


class Problem(BaseModel):
    """Why a request was refused, and what to do next. Programs may rely on `code`."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str | None = None
    next_step: str | None = None
    details: dict[str, Any] | None = Field(None, description="More of the circumstances, by name.")
    errors: list[FieldProblem] | None = Field(None, description="Each field that cannot be used.")
    error_id: str | None = Field(
        None, description="What to quote when asking about a failure of ours."
    )


_STATUS: tuple[tuple[type[CbiError], int], ...] = (
    (NotFound, 404),
    (Forbidden, 403),
    (Conflict, 409),
    (Invalid, 422),
)

# Messages of pydantic that repeat a part of what was typed.
_PLAIN_MESSAGES = {
    "uuid_parsing": "This is not an identifier (a UUID).",
    "uuid_type": "This is not an identifier (a UUID).",
    "json_invalid": "The body is not valid JSON.",
}


def status_of(error: CbiError) -> int:
    """The HTTP status of a refusal."""
    if isinstance(error, HttpRefusal):
        return error.status
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


def answer_for(error: BaseException) -> JSONResponse | None:
    """The answer for an error that is a refusal; None for a failure of ours, and where nothing can be done at present."""
    if isinstance(error, CbiError) and not isinstance(error, Unavailable):
        return _answer(
            status_of(error),
            error.code,
            error.message,
            error.next_step,
            details=dict(error.details) or None,
        )
    if isinstance(error, RequestValidationError):
        errors = [_field_problem(each) for each in error.errors()]
        return _answer(
            422, "http.invalid_request", "The request cannot be used as it is.", errors=errors
        )
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        answer = _answer(status, f"http.{status.name.lower()}", status.description or status.phrase)
        answer.headers.update(error.headers or {})
        return answer
    if isinstance(error, DBAPIError) and _is_unusable_value(error):
        return _answer(
            422,
            "http.unusable_value",
            "A value in the request cannot be stored: too large, or not text.",
        )
    return None


def failure(error_id: str) -> JSONResponse:
    """The answer for a failure of ours. It says nothing of what failed; the log does, under the same id."""
    return _answer(
        500,
        "http.failed",
        "Something failed on our side.",
        "Try again with the same key.",
        error_id=error_id,
    )


async def handle(_: Request, error: Exception) -> JSONResponse:
    """The exception handler that an application registers for every kind of refusal."""
    answer = answer_for(error) or unavailable(error)
    if answer is None:
        raise error
    return answer


def unavailable(error: Exception) -> JSONResponse | None:
    """The answer while nothing can be done here: the database is full, busy or away, or this machine is not fit.

    It is no answer to keep: the same key works later.
    """
    if isinstance(error, Unavailable):
        log.error("nothing is done here: %s", error.message)
        answer = _answer(
            503, error.code, error.message, error.next_step, details=dict(error.details) or None
        )
    elif said := db.trouble(error):
        cause = getattr(error, "orig", None) or error
        state = getattr(cause, "sqlstate", None) or type(cause).__name__
        log.error("the database is full, busy or away: %s", state)
        busy = said == db.BUSY
        answer = _answer(503, f"http.database_{'busy' if busy else 'unavailable'}", *said)
    else:
        return None
    answer.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return answer


def _answer(
    status: int,
    code: str,
    detail: str,
    next_step: str = "",
    *,
    details: dict[str, Any] | None = None,
    errors: list[FieldProblem] | None = None,
    error_id: str | None = None,
) -> JSONResponse:
    problem = Problem(
        title=HTTPStatus(status).phrase, status=status, code=code, detail=detail, next_step=next_step or None,
        details=details, errors=errors, error_id=error_id,
    )  # fmt: skip
    return JSONResponse(
        problem.model_dump(mode="json", exclude_none=True),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={"WWW-Authenticate": "Bearer"} if status == 401 else None,
    )


def _field_problem(error: dict[str, Any]) -> FieldProblem:
    return FieldProblem(
        field=".".join(str(part) for part in error["loc"]),
        message=_PLAIN_MESSAGES.get(error["type"], error["msg"]),
    )


def _is_unusable_value(error: DBAPIError) -> bool:
    """PostgreSQL's class 22 (data exceptions), or psycopg refusing to send a text with a zero byte."""
    state = db.sqlstate(error)
    return state.startswith("22") if state else isinstance(error.orig, psycopg.DataError)
