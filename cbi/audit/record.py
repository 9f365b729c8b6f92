"""Writes down who did what to which thing, in the transaction that does it."""

from typing import Protocol
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.audit.models import AuditEntry


class Doer(Protocol):
    """Whoever did it: anything with a kind and an id."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> UUID | None: ...


def record(
    session: Session,
    actor: Doer,
    act: str,
    subject_kind: str,
    subject_id: object,
    **details: object,
) -> None:
    """Add one audit entry, such as `record(session, actor, "run.certified", "run", run.id, total_minor=5)`.

    `details` are plain JSON (text, whole numbers, true/false, null, lists, objects) and never a secret or a person's
    data. Raises TypeError for anything else: that is a mistake in the calling code, not of a user.
    """
    _check_plain(details, act)
    session.execute(
        insert(AuditEntry).values(
            at=clock.now(),
            actor_kind=actor.kind,
            actor_id=actor.id,
            act=act,
            subject_kind=subject_kind,
            subject_id=str(subject_id),
            details=details,
        )
    )


def _check_plain(value: object, where: str) -> None:
    if value is None or isinstance(value, (str, bool, int)):
        return
    if isinstance(value, (list, tuple)):
        for item in value:
            _check_plain(item, where)
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{where}: an audit detail has a key that is not text: {type(key)}")
            _check_plain(item, f"{where}.{key}")
        return
    raise TypeError(f"{where}: an audit detail is not plain JSON: {type(value)}")
