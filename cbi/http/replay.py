"""The same request sent twice is done once: the second gets the first one's answer."""

import hmac
import re
from datetime import timedelta
from typing import Any, cast

from fastapi import Request, Response
from pydantic import BaseModel
from sqlalchemy import CursorResult, Table, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock, keys, offices
from cbi.errors import Conflict
from cbi.http.models import AnsweredRequest
from cbi.http.refused import HttpRefusal
from cbi.http.requests import Principal

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(days=30)
_LONGEST = 1_000_000
_KEY = re.compile(r"[\x21-\x7e]{1,200}\Z")


class KeyMissing(HttpRefusal):
    """A POST came without a usable Idempotency-Key."""

    code = "http.key_missing"
    status = 400


class KeyReused(Conflict):
    """The key was used for another request."""

    code = "http.key_reused"


class AnswerNotKept(Conflict):
    """The request was done before, and its answer cannot be given again."""

    code = "http.answer_not_kept"


class ShownOnce(BaseModel):
    """Base of every answer that holds a secret (a key, an authenticator's). It is never stored, so never repeated."""


def key_of(request: Request) -> str:
    """The request's Idempotency-Key. Raises KeyMissing."""
    key = request.headers.get(HEADER, "")
    if not _KEY.match(key):
        raise KeyMissing(
            f"This request needs the header {HEADER}, of 1 to 200 visible ASCII characters.",
            next_step="Send a new random key (a UUID) for each thing to be done, and the same when you try again.",
        )
    return key


def claim(session: Session, principal: Principal, key: str, fingerprint: bytes) -> Response | None:
    """Take the key for this request: None when it is ours to do, else the answer that was given before.

    While another transaction is doing the same request this waits for it. Raises KeyReused, AnswerNotKept.
    """
    name = _name(principal)
    row = {"principal": name, "key": key, "fingerprint": fingerprint, "received_at": clock.now()}
    if session.connection().scalar(_CLAIM, row) is not None:
        return None
    known, status, answer = session.execute(
        select(AnsweredRequest.fingerprint, AnsweredRequest.status, AnsweredRequest.answer).where(
            AnsweredRequest.principal == name, AnsweredRequest.key == key
        )
    ).one()
    if not hmac.compare_digest(known, fingerprint):
        raise KeyReused(
            f"This {HEADER} was used for another request.",
            next_step="Send a new key for a new request.",
        )
    if answer is None:
        raise AnswerNotKept(
            "This request was done before; its answer is shown once and was not kept.",
            next_step="Look at what it made, and undo that if its answer is lost.",
        )
    return _rebuilt(status, keys.unseal(_key(session), answer, _place(name, key)))


def keep(
    session: Session, principal: Principal, key: str, response: Response, *, secret: bool
) -> None:
    """Store the answer to a claimed request, sealed; not one that holds a secret, is long, or is sent in pieces."""
    name, body = _name(principal), getattr(response, "body", None)
    answer = None
    if not secret and body is not None and len(body) <= _LONGEST:
        whole = (response.media_type or "").encode() + b"\n" + bytes(body)
        answer = keys.seal(_key(session), whole, _place(name, key))
    given = {"by": name, "named": key, "had": response.status_code, "was": answer}
    session.connection().execute(_KEEP, given)


# Run at every request that changes something, so built once.
_ANSWERED: Table = AnsweredRequest.__table__  # type: ignore[assignment]
_CLAIM = insert(_ANSWERED).on_conflict_do_nothing().returning(_ANSWERED.c.key)
_KEEP = (
    update(_ANSWERED)
    .where(_ANSWERED.c.principal == bindparam("by"), _ANSWERED.c.key == bindparam("named"))
    .values(status=bindparam("had"), answer=bindparam("was"))
)


def forget_old(session: Session) -> int:
    """Delete the answers to requests so old that nobody repeats them; returns how many."""
    gone = session.execute(
        delete(AnsweredRequest).where(AnsweredRequest.received_at < clock.now() - KEPT_FOR)
    )
    return cast(CursorResult[Any], gone).rowcount


def _rebuilt(status: int | None, answer: bytes) -> Response:
    media_type, _, body = answer.partition(b"\n")
    return Response(
        body,
        status_code=status or 200,
        media_type=media_type.decode() or None,
        headers={"Idempotency-Replayed": "true"},
    )


def _name(principal: Principal) -> str:
    return f"{principal.kind}:{principal.id}"


def _key(session: Session) -> bytes:
    return offices.office_of(session).keys.derive("answers")


def _place(name: str, key: str) -> str:
    return f"answered_requests/{name}/{key}"
