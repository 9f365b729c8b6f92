"""An office with an approval policy, and people for every step of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import roles as use
from cbi.access import totp
from cbi.access.actor import Actor, grants_of
from cbi.access.models import User
from cbi.access.permissions import Role
from cbi.payments.models import PaymentRun
from cbi.payments.runs import runs
from cbi.payments.signing import approval, policies
from cbi.programmes import cycles
from cbi.proofs import signing as proofs
from tests.factories import EVERYTHING, PERIOD, START, Colleague, funded_programme, households

POLICY = """
rules:
  - currency: DZD
    bands:
      - {up_to: "15000.00", household_up_to: "5000.00", steps: [certifier, authoriser]}
      - {up_to: "35000.00", household_up_to: "9000.00", steps: [certifier, authoriser, head_of_finance]}
      - {up_to: "90000.00", steps: [certifier, authoriser, head_of_finance, country_director]}
"""
"""A run of `programme` is 10,000 dinars, of which the largest household gets 4,000."""
STEPS = ("certifier", "authoriser", "head_of_finance", "country_director")
_minutes = 0


@contextmanager
def later(**more: float) -> Iterator[None]:
    """A minute after whatever was done last, so that everybody's one-time code is fresh."""
    global _minutes
    _minutes += 1
    with clock.frozen(START + timedelta(minutes=_minutes, **more)):
        yield


def colleague(session: Session, *roles: Role) -> Colleague:
    """A member of staff with an authenticator, whose password does not matter here."""
    user = User(
        username=f"user-{uuid4().hex[:8]}", full_name="A Colleague", password_hash="", created_at=clock.now()
    )  # fmt: skip
    session.add(user)
    session.flush()
    use.give_first_roles(session, EVERYTHING, roles, None, user_id=user.id)
    grants = grants_of((role, None) for role in roles)
    return Colleague(Actor("user", user.id, user.full_name, grants), totp.enrol(session, user.id))


@dataclass
class House:
    """Two makers, somebody for every step, and two who decide on the policy."""

    makers: tuple[Colleague, Colleague]
    by_step: dict[str, Colleague]
    treasurer: Colleague
    authoriser: Colleague


def house(session: Session, policy: str | None = POLICY) -> House:
    """People, households, two programmes with money, and a policy that holds."""
    made = House(
        (colleague(session, Role.PROGRAMME_MANAGER), colleague(session, Role.PROGRAMME_MANAGER)),
        {role: colleague(session, Role(role)) for role in STEPS},
        colleague(session, Role.TREASURER),
        colleague(session, Role.AUTHORISER),
    )
    households(session, [1, 2, 3, 4])
    for code in ("winter", "school"):
        funded_programme(session, code=code, budgeted="500000.00")
    if policy:
        accepted(session, made, policy)
    return made


def accepted(session: Session, people: House, policy: str) -> int:
    """A policy that one proposed and another accepted; returns its version."""
    with later():
        version = policies.propose(
            session, people.treasurer.actor, policy, people.treasurer.code()
        ).version
        policies.accept(session, people.authoriser.actor, version, people.authoriser.code())
    return version


def locked(
    session: Session, maker: Colleague, programme: str = "winter", period: str = PERIOD, days: int = 0
) -> PaymentRun:  # fmt: skip
    """A run of that programme, built and locked by this person, so many days later."""
    with later(days=days):
        opened = cycles.open_cycle(session, maker.actor, programme, period)
        return runs.lock(session, maker.actor, runs.build(session, maker.actor, opened.id).id)


def sign(session: Session, run: PaymentRun, step: str, who: Colleague, days: int = 0) -> PaymentRun:
    """Take a step, with a fresh code, so many days later."""
    with later(days=days):
        return approval.sign(session, who.actor, run.id, step, who.code())


def nothing_is_broken(session: Session) -> None:
    """What `cbi verify` says of signatures."""
    assert [breach for check in proofs.signatures for breach in check(session)] == []
