"""Members of staff: made by an administrator, signed in with a password and, once enrolled, a one-time code."""

import re
from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access import holders, passwords, throttling, tokens, totp
from cbi.access.actor import SYSTEM, Actor
from cbi.access.models import User
from cbi.access.permissions import STAFF_ROLES, Permission, Role, check_roles
from cbi.access.roles import UnknownUser, give_first_roles
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid
from cbi.http.refused import Unauthenticated

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{2,63}\Z")


class UnusableUsername(Invalid):
    """The user name has another form."""

    code = "access.unusable_username"


class UsernameTaken(Conflict):
    """Somebody has this user name."""

    code = "access.username_taken"


class NotTheFirst(Conflict):
    """There are users already, so an administrator must make the next one."""

    code = "access.not_the_first"


class SignInRefused(Unauthenticated):
    """One answer to an unknown name, a wrong password or code, a pause and a disabled user. It keeps the count."""

    code = "access.sign_in_refused"
    keeps_work = True


class CodeNeeded(Unauthenticated):
    """The password was right; this user also has one-time codes."""

    code = "access.code_needed"


class OwnAccount(Forbidden):
    """Nobody disables themself."""

    code = "access.own_account"


def create_user(
    session: Session,
    actor: Actor,
    *,
    username: str,
    full_name: str,
    password: str,
    roles: Sequence[Role],
    programme: str | None = None,
) -> User:
    """Make a member of staff with these roles, for one programme or for all.

    Raises NotPermitted, UnusableUsername, UsernameTaken, UnusablePassword, RolesNotAllowed.
    """
    actor.require(Permission.USER_MANAGE)
    check_roles(roles, STAFF_ROLES)
    return _create(session, actor, username, full_name, password, roles, programme)


def create_first_administrator(
    session: Session, *, username: str, full_name: str, password: str
) -> User:
    """Make the administrator of a new office; only while there is no user at all. Raises NotTheFirst."""
    require_nobody_yet(session)
    return _create(session, SYSTEM, username, full_name, password, [Role.ADMINISTRATOR], None)


def require_nobody_yet(session: Session) -> None:
    """Raise NotTheFirst unless the office has no user; until the transaction ends nobody else becomes the first."""
    office = offices.office_of(session).code
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"first user of {office}"))))
    if session.scalar(select(func.count()).select_from(User)):
        raise NotTheFirst(
            "This office has users already.", next_step="Ask its administrator for an account."
        )


def _create(
    session: Session,
    actor: Actor,
    username: str,
    full_name: str,
    password: str,
    roles: Sequence[Role],
    programme: str | None,
) -> User:
    name = username.strip().lower()
    if not _USERNAME.match(name):
        raise UnusableUsername(
            "A user name has 3 to 64 small letters, digits, dots, dashes, underscores or @.",
            next_step="Use, for example, a name and a surname with a dot between.",
        )
    user: User | None = session.scalar(
        insert(User)
        .values(
            id=uuid4(),
            username=name,
            full_name=full_name.strip(),
            password_hash=passwords.hash_password(name, password),
            created_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(User)
    )
    if user is None:
        raise UsernameTaken("Somebody has this user name.", next_step="Choose another.")
    give_first_roles(session, actor, roles, programme, user_id=user.id)
    record(
        session,
        actor,
        "access.user_created",
        "user",
        user.id,
        roles=sorted(set(roles)),
        programme=programme,
    )
    return user


def actor_of_user(session: Session, user_id: UUID) -> Actor:
    """The user as an actor, with what their roles allow now. Raises UnknownUser, also for a disabled one."""
    actor = holders.user_actor(session, user_id)
    if actor is None:
        raise UnknownUser(f"There is no active user {user_id}.")
    return actor


def actor_named(session: Session, username: str) -> Actor:
    """The user of that name as an actor, for a terminal on the machine itself. Raises UnknownUser."""
    return actor_of_user(session, id_of(session, username))


def id_of(session: Session, username: str) -> UUID:
    """The key of the user of that name. Raises UnknownUser."""
    user_id = session.scalar(select(User.id).where(User.username == username.strip().lower()))
    if user_id is None:
        raise UnknownUser("There is no user of that name.", next_step="See: cbi user list")
    return user_id


def sign_in(session: Session, username: str, password: str, code: str | None = None) -> str:
    """Sign a user in and return their token. Raises SignInRefused (which keeps the count of tries) and CodeNeeded."""
    user = _with_password(session, username, password)
    if user.totp_secret is not None:
        if code is None:
            # Not counted, and not forgiven either: a known password must not buy more guesses of the code.
            raise CodeNeeded(
                "This user also needs a one-time code.",
                next_step="Send it as `code`, with the password.",
            )
        if totp.check(session, user.id, code) is not totp.Checked.RIGHT:
            raise _refused()
    throttling.forgive(session, User, user.id)
    token = tokens.open_sign_in(session, "user", user.id)
    record(session, Actor("user", user.id, user.username), "access.signed_in", "user", user.id)
    return token


def actor_with_password(session: Session, username: str, password: str) -> Actor:
    """Who is at the terminal of the machine itself, by password; what needs a one-time code asks for it then.

    Raises SignInRefused (which keeps the count of tries).
    """
    counted = session.begin_nested()
    try:
        user = _with_password(session, username, password)
    except SignInRefused:
        counted.commit()
        raise
    user_id = user.id
    if user.totp_secret is None:
        throttling.forgive(session, User, user_id)
        counted.commit()
    else:  # as at `sign_in`: neither counted nor forgiven, or the password would buy more guesses of the code
        counted.rollback()
    return actor_of_user(session, user_id)


def _with_password(session: Session, username: str, password: str) -> User:
    user = session.scalar(select(User).where(User.username == username.strip().lower()))
    # Somebody who guesses names sees the same statements and the same hash computed for all of them.
    may_try = throttling.take_try(session, User, user.id if user else uuid4())
    kept = user.password_hash if user and may_try and user.disabled_at is None else None
    if not passwords.is_right(kept, password) or user is None:
        raise _refused()
    return user


def _refused() -> SignInRefused:
    return SignInRefused(
        "The user name, the password or the one-time code is not right, or signing in is paused.",
        next_step=f"After {throttling.TRIES} wrong tries wait {throttling.PAUSE.seconds // 60} minutes.",
    )


def change_password(session: Session, actor: Actor, old: str, new: str) -> None:
    """Change one's own password; every other sign-in of the user ends with it, this one too.

    Raises SignInRefused (which keeps the count of tries), UnusablePassword.
    """
    user = session.get(User, actor.id) if actor.kind == "user" else None
    if user is None:
        raise UnknownUser("Only a member of staff has a password here.")
    may_try = throttling.take_try(session, User, user.id)
    if not passwords.is_right(user.password_hash if may_try else None, old):
        raise _refused()
    throttling.forgive(session, User, user.id)
    session.execute(
        update(User)
        .where(User.id == user.id)
        .values(password_hash=passwords.hash_password(user.username, new))
    )
    tokens.end_all(session, "user", user.id)
    record(session, actor, "access.password_changed", "user", user.id)


def disable_user(session: Session, actor: Actor, user_id: UUID) -> bool:
    """Let a user in no more, and end every sign-in they have; False when that was so already.

    Raises OwnAccount, UnknownUser.
    """
    actor.require(Permission.USER_MANAGE)
    if actor.id == user_id:
        raise OwnAccount("Nobody disables themself.", next_step="Ask another administrator.")
    disabled = session.execute(
        update(User)
        .where(User.id == user_id, User.disabled_at.is_(None))
        .values(disabled_at=clock.now())
        .returning(User.id)
    ).first()
    if disabled is None:
        if session.get(User, user_id) is None:
            raise UnknownUser(f"There is no user {user_id}.")
        return False
    tokens.end_all(session, "user", user_id)
    record(session, actor, "access.user_disabled", "user", user_id)
    return True
