"""The demonstration's people: one for each part, with passwords made up at every start."""

import secrets
from dataclasses import dataclass, field

import pyotp
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp, users
from cbi.access.actor import Actor
from cbi.access.permissions import Role


@dataclass(frozen=True, slots=True)
class Colleague:
    """A made-up member of staff, with what a real one would keep to themself."""

    username: str
    part: str
    password: str = field(repr=False)
    secret: str = field(repr=False)
    actor: Actor

    def one_time_code(self) -> str:
        """What the colleague's authenticator shows now."""
        return pyotp.TOTP(self.secret).at(clock.now())

    def code_to_type(self, used: int | None) -> "CodeToType":
        """A code that counts now, though the last one that counted was that of the step `used`.

        An authenticator whose clock is half a minute fast would show the same: so nobody waits between two signatures.
        """
        now = int(clock.now().timestamp())
        here = now // totp.STEP_SECONDS
        step = here if used is None else max(here, used + 1)
        if step > here + 1:
            return CodeToType(None, (step - 1) * totp.STEP_SECONDS - now)
        code = pyotp.HOTP(self.secret).at(step)
        return CodeToType(code, (step + 2) * totp.STEP_SECONDS - now)


@dataclass(frozen=True, slots=True)
class CodeToType:
    """A one-time code and how many seconds it counts; or none, and in how many seconds there is one."""

    code: str | None
    seconds: int


PARTS: dict[str, tuple[str, Role]] = {
    "rania": ("Rania Registers", Role.REGISTRATION_OFFICER),
    "marc": ("Marc Manages", Role.PROGRAMME_MANAGER),
    "amina": ("Amina Certifies", Role.CERTIFIER),
    "karim": ("Karim Authorises", Role.AUTHORISER),
    "hana": ("Hana Heads finance", Role.HEAD_OF_FINANCE),
    "dina": ("Dina Directs", Role.COUNTRY_DIRECTOR),
    "omar": ("Omar Oversees works", Role.WORK_SUPERVISOR),
    "tala": ("Tala Treasurer", Role.TREASURER),
    "salma": ("Salma Listens", Role.COMPLAINT_HANDLER),
    "paul": ("Paul Protects", Role.PROTECTION_OFFICER),
    "leila": ("Leila Legal", Role.LEGAL_OFFICER),
    "sami": ("Sami Supervises counters", Role.TELLER_SUPERVISOR),
    "ada": ("Ada Audits", Role.AUDITOR),
}


def hire(session: Session) -> dict[str, Colleague]:
    """The administrator and everybody else, whom the administrator makes; nobody has two parts."""
    password = new_password()
    admin = users.create_first_administrator(
        session, username="admin", full_name="Ines Administers", password=password
    )
    secret = totp.enrol(session, admin.id)
    boss = users.actor_of_user(session, admin.id)
    colleagues = {name: _hire(session, boss, name, *part) for name, part in PARTS.items()}
    return colleagues | {
        "admin": Colleague("admin", Role.ADMINISTRATOR.value, password, secret, boss)
    }


def _hire(session: Session, boss: Actor, name: str, full_name: str, role: Role) -> Colleague:
    password = new_password()
    user = users.create_user(
        session, boss, username=name, full_name=full_name, password=password, roles=[role]
    )
    secret = totp.enrol(session, user.id)
    return Colleague(name, role.value, password, secret, users.actor_of_user(session, user.id))


def new_password() -> str:
    """A password nobody has to remember after today, and that is easy to type on a telephone."""
    while True:
        sounds = [secrets.choice("bdfgklmnprstvz") + secrets.choice("aeiou") for _ in range(SOUNDS)]
        drawn = "-".join("".join(sounds[at : at + 2]) for at in range(0, SOUNDS, 2))
        if not any(name in drawn for name in PARTS):  # a password may not hold the user's name
            return drawn


SOUNDS = 8
