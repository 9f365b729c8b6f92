"""Tellers sign in for themselves, apart from staff, and each in one place at a time."""

from uuid import UUID, uuid4

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from cbi.access import passwords, throttling, tokens
from cbi.access.actor import Actor, grants_of
from cbi.access.permissions import Role
from cbi.access.users import SignInRefused
from cbi.audit.record import record
from cbi.redemption.counters import TELLER
from cbi.redemption.models import CounterOffice, Teller
from cbi.redemption.till import open_till


def sign_in(session: Session, username: str, password: str) -> str:
    """Sign a teller in at their office and return the token; an earlier sign-in of theirs ends.

    Raises SignInRefused, the same for every reason; it keeps the count of tries, so commit it.
    """
    teller = session.execute(
        select(
            Teller.id,
            Teller.username,
            Teller.password_hash,
            Teller.disabled_at,
            CounterOffice.closed_at,
        )
        .join(CounterOffice, CounterOffice.id == Teller.office_id)
        .where(Teller.username == username.strip().lower())
    ).one_or_none()
    # Somebody who guesses names sees the same statements and the same hash computed for all of them.
    may_try = throttling.take_try(session, Teller, teller.id if teller else uuid4())
    usable = teller and may_try and teller.disabled_at is None and teller.closed_at is None
    kept = teller.password_hash if teller and usable else None
    if not passwords.is_right(kept, password) or teller is None:
        raise _refused()
    throttling.forgive(session, Teller, teller.id)
    tokens.end_all(session, TELLER, teller.id)
    token = tokens.open_sign_in(session, TELLER, teller.id)
    record(
        session, Actor(TELLER, teller.id, teller.username), "teller.signed_in", "teller", teller.id
    )
    return token


def _refused() -> SignInRefused:
    return SignInRefused(
        "The user name or the password is not right, or signing in is paused.",
        next_step=f"After {throttling.TRIES} wrong tries wait {throttling.PAUSE.seconds // 60} minutes.",
    )


def change_password(session: Session, actor: Actor, old: str, new: str) -> None:
    """Change one's own password as a teller; every sign-in ends with it, this one too.

    Raises NotPermitted, NotAtACounter, SignInRefused (which keeps the count of tries), UnusablePassword.
    """
    till = open_till(session, actor)
    may_try = throttling.take_try(session, Teller, till.teller_id)
    username, kept = session.execute(
        select(Teller.username, Teller.password_hash).where(Teller.id == till.teller_id)
    ).one()
    if not passwords.is_right(kept if may_try else None, old):
        raise _refused()
    throttling.forgive(session, Teller, till.teller_id)
    session.execute(
        update(Teller)
        .where(Teller.id == till.teller_id)
        .values(password_hash=passwords.hash_password(username, new))
    )
    tokens.end_all(session, TELLER, till.teller_id)
    record(session, actor, "teller.password_changed", "teller", till.teller_id)


def actor_of_teller(session: Session, teller_id: UUID) -> Actor | None:
    """The teller as an actor; None when there is none, or the teller or their office is no longer open."""
    username = session.connection().scalar(_WORKING, {"teller": teller_id})
    if username is None:
        return None
    return Actor(TELLER, teller_id, username, grants_of([(Role.TELLER, None)]))


_WORKING = (
    select(Teller.username)
    .join(CounterOffice, CounterOffice.id == Teller.office_id)
    .where(
        Teller.id == bindparam("teller"),
        Teller.disabled_at.is_(None),
        CounterOffice.closed_at.is_(None),
    )
)
