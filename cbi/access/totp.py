"""One-time codes from a phone (RFC 6238): shown before money is approved, and each good for one use."""

import hmac
import unicodedata
from enum import Enum, auto
from uuid import UUID

import pyotp
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from cbi import clock, keys, offices
from cbi.access import throttling
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.access.throttling import PAUSE, TRIES
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, NotFound

STEP_SECONDS = 30
_WINDOW = (-1, 0, 1)  # steps that a phone's clock may be off
_DIGITS = 6


class WrongCode(Forbidden):
    """The one-time code is not right. It is counted, so this refusal keeps what was written before it."""

    code = "access.wrong_code"
    keeps_work = True


class CodeUsed(Forbidden):
    """The code was right, but it, or a later one, has been used already."""

    code = "access.code_used"


class CodesPaused(Forbidden):
    """Too many wrong codes or passwords: for a while no code is looked at."""

    code = "access.codes_paused"


class NotEnrolled(Forbidden):
    """The act needs a one-time code, and the actor has no phone registered for it."""

    code = "access.not_enrolled"


class AlreadyEnrolled(Conflict):
    """A secret was shown before; it is never shown again."""

    code = "access.already_enrolled"


class Checked(Enum):
    """What a typed code turned out to be."""

    RIGHT = auto()
    WRONG = auto()
    USED = auto()


def enrol(session: Session, user_id: UUID) -> str:
    """Give a user a secret for the authenticator app (base32), to be shown once. Raises AlreadyEnrolled."""
    secret = pyotp.random_base32()
    take_into_use(session, user_id, secret)
    return secret


def take_into_use(session: Session, user_id: UUID, secret: str, step: int | None = None) -> None:
    """From now on the user's codes come from this secret; the one of `step` is used up. Raises AlreadyEnrolled."""
    kept = session.execute(
        update(User)
        .where(User.id == user_id, User.totp_secret.is_(None), User.disabled_at.is_(None))
        .values(totp_secret=keys.seal(_key(session), secret, _place(user_id)), totp_step=step)
        .returning(User.id)
    ).first()
    if kept is None:
        raise AlreadyEnrolled(
            "This user has a secret for one-time codes already.",
            next_step="If the phone is lost, an administrator withdraws it first.",
        )
    record(session, Actor("user", user_id, ""), "access.enrolled", "user", user_id)


def withdraw(session: Session, actor: Actor, user_id: UUID) -> None:
    """Forget the secret of a user whose phone is lost, so that they enrol again. Not for oneself."""
    actor.require(Permission.USER_MANAGE)
    withdrawn = session.execute(
        update(User)
        .where(User.id == user_id, User.id != actor.id, User.totp_secret.is_not(None))
        .values(totp_secret=None, totp_step=None)
        .returning(User.id)
    ).first()
    if withdrawn is None:
        raise NotFound("There is no other user with this id who has one-time codes.")
    record(session, actor, "access.one_time_code_withdrawn", "user", user_id)


def step_up(session: Session, actor: Actor, code: str) -> None:
    """Make sure it is the actor in person, by a code that was not used before. Call it before anything is written.

    Raises WrongCode (which counts, and whose count is kept), CodeUsed, CodesPaused, NotEnrolled.
    """
    if actor.kind != "user" or actor.id is None or not is_enrolled(session, actor.id):
        raise NotEnrolled(
            "This needs a one-time code, and you have no authenticator registered.",
            next_step="Register one under your own user, then try again.",
        )
    if not throttling.take_try(session, User, actor.id):
        raise CodesPaused(
            "Too many wrong tries: no code is looked at for now.",
            next_step=f"Wait {PAUSE.seconds // 60} minutes. If it was not you, tell an administrator.",
        )
    match check(session, actor.id, code):
        case Checked.RIGHT:
            throttling.forgive(session, User, actor.id)
        case Checked.USED:
            raise CodeUsed("This code was used already.", next_step="Wait for the next one.")
        case Checked.WRONG:
            record(session, actor, "access.wrong_code", "user", actor.id)
            raise WrongCode(
                "This one-time code is not right.",
                next_step=f"Check the phone's clock. After {TRIES} wrong tries there is a pause.",
            )


def is_enrolled(session: Session, user_id: UUID) -> bool:
    """Whether the user has an authenticator registered."""
    return session.scalar(select(User.totp_secret).where(User.id == user_id)) is not None


def check(session: Session, user_id: UUID, code: str) -> Checked:
    """Judge a typed code and, when it is right, use it up. The caller counts the try before."""
    sealed = session.scalar(select(User.totp_secret).where(User.id == user_id))
    if sealed is None:
        return Checked.WRONG
    secret = keys.unseal(_key(session), sealed, _place(user_id)).decode()
    step = matching_step(secret, code, int(clock.now().timestamp()) // STEP_SECONDS)
    if step is None:
        return Checked.WRONG
    used = session.execute(
        update(User)
        .where(User.id == user_id, or_(User.totp_step.is_(None), User.totp_step < step))
        .values(totp_step=step)
        .returning(User.id)
    ).first()
    return Checked.RIGHT if used else Checked.USED


def matching_step(secret: str, code: str, now: int) -> int | None:
    """The 30-second step (counted from 1970) that the code belongs to, near the step `now`; None when it is wrong.

    Digits of any script are taken, and spaces between them.
    """
    typed = "".join(
        str(unicodedata.decimal(sign, sign)) for sign in code if not sign.isspace()
    ).encode()
    generator = pyotp.HOTP(secret, digits=_DIGITS)
    found = None
    for step in (now + shift for shift in _WINDOW):
        if hmac.compare_digest(generator.at(step).encode(), typed):
            found = step
    return found


def _key(session: Session) -> bytes:
    return offices.office_of(session).keys.derive("totp")


def _place(user_id: UUID) -> str:
    return f"users/{user_id}/totp_secret"
