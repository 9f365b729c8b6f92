"""A request with a key is done once and its answer kept, also where that is a refusal which undoes the work."""

from collections.abc import Callable

from fastapi import Response
from sqlalchemy.orm import Session

from cbi import offices
from cbi.http import problems, replay
from cbi.http.requests import Principal

Work = Callable[[Session], Response]


class _Undone(Exception):
    """A refusal that undoes all that its transaction did."""

    def __init__(self, refusal: Response) -> None:
        self.refusal = refusal


def done_once(
    office: str, principal: Principal, key: str, fingerprint: bytes, work: Work, *, secret: bool
) -> Response:
    """Claim the key, work and keep the answer in one transaction; if the key was claimed before, give that answer again.

    A refusal undoes the transaction and is kept in another, unless it keeps its work: a savepoint would cost every
    request two ways to the database, and few are refused. Whoever sends the same request between the two is answered
    first, and that answer holds for both. Raises KeyReused, AnswerNotKept, and any error that is a failure of ours.
    """

    def claimed(session: Session, work: Work) -> Response:
        known = replay.claim(session, principal, key, fingerprint)
        if known is None:
            known = work(session)
            replay.keep(session, principal, key, known, secret=secret)
        return known

    try:
        return offices.transact(
            office, lambda session: claimed(session, lambda _: _told(work, session)), seen_by=principal
        )  # fmt: skip
    except _Undone as undone:
        refusal = undone.refusal
    return offices.transact(
        office, lambda session: claimed(session, lambda _: refusal), seen_by=principal
    )


def _told(work: Work, session: Session) -> Response:
    try:
        return work(session)
    except Exception as error:
        refusal = problems.answer_for(error)
        if refusal is None:
            raise
        if getattr(error, "keeps_work", False):
            return refusal
        raise _Undone(refusal) from error
