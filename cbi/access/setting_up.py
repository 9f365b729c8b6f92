"""A new office has nobody who could let people in; a token that works once lets its first administrator in."""

import hashlib
from datetime import timedelta

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access import tokens, users
from cbi.access.actor import SYSTEM
from cbi.access.models import SetUpToken
from cbi.audit.record import record
from cbi.errors import Forbidden

GOOD_FOR = timedelta(days=3)


class TokenRefused(Forbidden):
    """The token is wrong, was used, or is too old: one answer to all."""

    code = "access.set_up_token_refused"


def issue_token(session: Session) -> str:
    """A token for the first administrator, to be shown once; those before it die. Raises NotTheFirst."""
    users.require_nobody_yet(session)
    token, kept = tokens.new_token(session)
    now = clock.now()
    session.execute(update(SetUpToken).where(SetUpToken.used_at.is_(None)).values(used_at=now))
    session.execute(
        insert(SetUpToken).values(token_hash=kept, created_at=now, expires_at=now + GOOD_FOR)
    )
    office = offices.office_of(session).code
    record(session, SYSTEM, "access.set_up_token_issued", "office", office)
    return token


def become_administrator(
    session: Session, token: str, *, username: str, full_name: str, password: str
) -> str:
    """Use the token up, make the administrator and sign them in; returns the token of their sign-in.

    Raises TokenRefused, NotTheFirst, UnusableUsername, UnusablePassword.
    """
    now = clock.now()
    taken = session.execute(
        update(SetUpToken)
        .where(
            SetUpToken.token_hash == hashlib.sha256(token.encode()).digest(),
            SetUpToken.used_at.is_(None),
            SetUpToken.expires_at > now,
        )
        .values(used_at=now)
        .returning(SetUpToken.token_hash)
    ).first()
    if taken is None:
        raise refused()
    user = users.create_first_administrator(
        session, username=username, full_name=full_name, password=password
    )
    return tokens.open_sign_in(session, "user", user.id)


def refused() -> TokenRefused:
    """The one answer to every token that lets nobody in."""
    return TokenRefused(
        "This token is not right, was used, or is too old.",
        next_step="Ask whoever runs the server for a new one: cbi office token.",
    )
