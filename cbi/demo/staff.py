"""The demonstration's people: one for each part, with passwords made up at every start."""

import secrets
from dataclasses import dataclass

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
    password: str
    secret: str
    actor: Actor

    def one_time_code(self) -> str:
        """What the colleague's authenticator shows now."""
        return pyotp.TOTP(self.secret).at(clock.now())


PARTS: dict[str, tuple[str, Role]] = {
    "rania": ("Rania Registers", Role.REGISTRATION_OFFICER),
    "marc": ("Marc Manages", Role.PROGRAMME_MANAGER),
    "amina": ("Amina Certifies", Role.CERTIFIER),
    "karim": ("Karim Authorises", Role.AUTHORISER),
    "tala": ("Tala Treasurer", Role.TREASURER),
    "sami": ("Sami Supervises counters", Role.TELLER_SUPERVISOR),
    "ada": ("Ada Audits", Role.AUDITOR),
}


def hire(session: Session) -> dict[str, Colleague]:
    """The administrator, who makes everybody else; nobody has two parts."""
    password = new_password()
    admin = users.create_first_administrator(
        session, username="admin", full_name="Ines Administers", password=password
    )
    boss = users.actor_of_user(session, admin.id)
    return {name: _hire(session, boss, name, *part) for name, part in PARTS.items()}


def _hire(session: Session, boss: Actor, name: str, full_name: str, role: Role) -> Colleague:
    password = new_password()
    user = users.create_user(
        session, boss, username=name, full_name=full_name, password=password, roles=[role]
    )
    secret = totp.enrol(session, user.id)
    return Colleague(name, role.value, password, secret, users.actor_of_user(session, user.id))


def new_password() -> str:
    """A password nobody has to remember after today."""
    return secrets.token_urlsafe(12)
