"""Tokens: what a signed-in person or a program shows with each request. Only their SHA-256 is kept."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, bindparam, case, delete, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access import holders
from cbi.access.actor import Actor
from cbi.access.models import ApiClient, SignIn

IDLE = timedelta(minutes=15)
SOONER_IDLE = {"teller": timedelta(minutes=5)}
"""For whom a sign-in ends sooner without a request: a counter stands among people."""
LONGEST = timedelta(hours=10)
_SEEN_EVERY = timedelta(seconds=30)
_KEPT_FOR = timedelta(days=90)

_IDLE = case(
    {kind: literal(idle) for kind, idle in SOONER_IDLE.items()},
    value=SignIn.holder_kind,
    else_=literal(IDLE),
)
FindActor = Callable[[Session, UUID], Actor | None]


def new_token(session: Session) -> tuple[str, bytes]:
    """A fresh token `cbi_<office>_<43 characters>` (256 random bits), and the hash to keep of it."""
    token = f"cbi_{offices.office_of(session).code}_{secrets.token_urlsafe(32)}"
    return token, _hash(token)


def open_sign_in(session: Session, holder_kind: str, holder_id: UUID) -> str:
    """Sign somebody in whose password was right; returns the token, which is shown once.

    It ends after 15 minutes without a request (a teller's after 5), and after 10 hours in any case.
    """
    token, kept = new_token(session)
    now = clock.now()
    session.execute(
        insert(SignIn).values(
            token_hash=kept,
            holder_kind=holder_kind,
            holder_id=holder_id,
            created_at=now,
            seen_at=now,
            expires_at=now + LONGEST,
        )
    )
    return token


def resolve(session: Session, token: str, holders_of: Mapping[str, FindActor]) -> Actor | None:
    """Whoever holds this token, or None when it is wrong, ended, idle too long, expired, or its holder disabled.

    `holders_of` adds kinds of holder that live in later stages, such as `{"teller": actor_of_teller}`.
    """
    kept, now = _hash(token), clock.now()
    given = {"hash": kept, "now": now}
    signed_in = session.connection().execute(_SIGNED_IN, given).one_or_none()
    if signed_in is None:
        client_id = session.scalar(select(ApiClient.id).where(ApiClient.key_hash == kept))
        return holders.client_actor(session, client_id) if client_id else None
    if signed_in.seen_at < now - _SEEN_EVERY:
        session.execute(
            update(SignIn)
            .where(SignIn.id == signed_in.id, SignIn.seen_at < now, SignIn.ended_at.is_(None))
            .values(seen_at=now)
        )
    find = {"user": holders.user_actor, **holders_of}[signed_in.holder_kind]
    return find(session, signed_in.holder_id)


# Asked at every request, so built once.
_SIGNED_IN = select(SignIn.id, SignIn.holder_kind, SignIn.holder_id, SignIn.seen_at).where(
    SignIn.token_hash == bindparam("hash"),
    SignIn.ended_at.is_(None),
    SignIn.expires_at > bindparam("now"),
    SignIn.seen_at + _IDLE > bindparam("now"),
)


def end_sign_in(session: Session, token: str) -> None:
    """Sign out: the token opens nothing any more."""
    _end(session, SignIn.token_hash == _hash(token))


def end_all(session: Session, holder_kind: str, holder_id: UUID) -> None:
    """Sign somebody out everywhere."""
    _end(session, (SignIn.holder_kind == holder_kind) & (SignIn.holder_id == holder_id))


def forget_old(session: Session) -> int:
    """Delete sign-ins that ended or expired 90 days ago; returns how many."""
    before = clock.now() - _KEPT_FOR
    gone = session.execute(
        delete(SignIn).where(or_(SignIn.ended_at < before, SignIn.expires_at < before))
    )
    return cast(CursorResult[Any], gone).rowcount


def _end(session: Session, which: Any) -> None:
    session.execute(
        update(SignIn).where(which, SignIn.ended_at.is_(None)).values(ended_at=clock.now())
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
