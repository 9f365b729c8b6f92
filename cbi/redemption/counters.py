"""A provider's counters: its offices, and the tellers who work there."""

import re
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock, db
from cbi.access import tokens
from cbi.access.actor import Actor
from cbi.access.passwords import hash_password
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid, NotFound
from cbi.fsp.adapter import PaysOverCounter
from cbi.fsp.counter import CounterRules
from cbi.payments.sending import providers
from cbi.redemption.models import CounterOffice, CounterTry, Teller
from cbi.redemption.states import TryResult

TELLER = "teller"
"""The kind of actor, and of holder of a sign-in, that a teller is."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,29}\Z")
_USERNAME = re.compile(r"[a-z0-9][a-z0-9_.-]{1,39}\Z")
_LONGEST_NAME = 120


class NoCounters(Invalid):
    """The provider does not pay over a counter."""

    code = "redemption.no_counters"


class UnknownCounterOffice(NotFound):
    """No such office of a provider."""

    code = "redemption.unknown_office"


class UnknownTeller(NotFound):
    """No such teller."""

    code = "redemption.unknown_teller"


class OfficeClosed(Conflict):
    """The office is closed."""

    code = "redemption.office_closed"


class TellerDisabled(Conflict):
    """The teller's sign-in was taken away for good."""

    code = "redemption.teller_disabled"


class NameTaken(Conflict):
    """Another office of the provider has this code, or another teller this user name."""

    code = "redemption.name_taken"


class UnusableName(Invalid):
    """The code or name cannot be used."""

    code = "redemption.unusable_name"


def rules_of(provider: str) -> CounterRules:
    """The rules that the provider's counters follow. Raises NoCounters, AdapterUnavailable."""
    adapter = providers.adapter(provider)
    if not isinstance(adapter, PaysOverCounter):
        raise NoCounters(
            f"{provider} does not pay over a counter.",
            next_step="Choose a provider that does, such as post_office.",
        )
    return adapter.counter_rules


def create_office(
    session: Session, actor: Actor, *, provider: str, code: str, name: str, area: str | None = None
) -> CounterOffice:
    """Open an office of a provider. Raises NotPermitted, NoCounters, UnusableName, NameTaken."""
    actor.require(Permission.COUNTER_MANAGE)
    rules_of(provider)
    if not _CODE.match(code):
        raise UnusableName(
            "An office's code has up to 30 letters, digits, dots, hyphens and underscores.",
            next_step="Use the number that the provider gives the office.",
        )
    office = CounterOffice(
        provider=provider, code=code, name=_named(name), area=area, created_at=clock.now()
    )
    _add(session, office, f"{provider} has an office {code} already.")
    record(session, actor, "counter_office.created", "counter_office", office.id, code=code)
    return office


def close_office(session: Session, actor: Actor, office_id: UUID) -> CounterOffice:
    """Close an office: its tellers can neither sign in nor pay. Closing it again changes nothing."""
    actor.require(Permission.COUNTER_MANAGE)
    office = _office(session, office_id)
    if office.closed_at is None:
        office.closed_at = clock.now()
        record(session, actor, "counter_office.closed", "counter_office", office.id)
    return office


def create_teller(
    session: Session, actor: Actor, *, office_id: UUID, username: str, full_name: str, password: str
) -> Teller:
    """Register a teller at an office, with a sign-in of their own.

    Raises NotPermitted, UnknownCounterOffice, OfficeClosed, UnusableName, UnusablePassword, NameTaken.
    """
    actor.require(Permission.COUNTER_MANAGE)
    office = office_at_work(session, office_id)
    if not _USERNAME.match(username):
        raise UnusableName(
            "A user name has 2 to 40 small letters, digits, dots, hyphens and underscores."
        )
    teller = Teller(
        office_id=office.id,
        username=username,
        full_name=_named(full_name),
        password_hash=hash_password(username, password),
        created_at=clock.now(),
    )
    _add(session, teller, f"There is a teller {username} already.")
    record(session, actor, "teller.created", "teller", teller.id, office=str(office.id))
    return teller


def move_teller(session: Session, actor: Actor, teller_id: UUID, office_id: UUID) -> Teller:
    """Let a teller work at another office of the same provider from now on. The teller must sign in again."""
    actor.require(Permission.COUNTER_MANAGE)
    teller = _teller(session, teller_id)
    before, after = _office(session, teller.office_id), office_at_work(session, office_id)
    if before.provider != after.provider:
        raise Conflict(
            "A teller stays with one provider.", next_step="Register them with the other one."
        )
    teller.office_id = after.id
    tokens.end_all(session, TELLER, teller.id)
    record(session, actor, "teller.moved", "teller", teller.id, office=str(after.id))
    return teller


def disable_teller(session: Session, actor: Actor, teller_id: UUID) -> Teller:
    """Take a teller's sign-in away at once. What they paid stays on record."""
    actor.require(Permission.COUNTER_MANAGE)
    teller = _teller(session, teller_id)
    if teller.disabled_at is None:
        teller.disabled_at = clock.now()
        tokens.end_all(session, TELLER, teller.id)
        record(session, actor, "teller.disabled", "teller", teller.id)
    return teller


def unlock_teller(session: Session, actor: Actor, teller_id: UUID) -> None:
    """Let a teller go on after too many wrong codes: those before this moment no longer count."""
    actor.require(Permission.COUNTER_MANAGE)
    teller = _teller(session, teller_id)
    session.execute(
        insert(CounterTry).values(
            teller_id=teller.id,
            office_id=teller.office_id,
            result=TryResult.UNLOCKED,
            at=clock.now(),
        )
    )
    session.execute(
        update(Teller).where(Teller.id == teller.id).values(failed_tries=0, locked_until=None)
    )
    record(session, actor, "teller.unlocked", "teller", teller.id)


def set_password(session: Session, actor: Actor, teller_id: UUID, password: str) -> Teller:
    """Give a teller who forgot it a new password, which the supervisor tells them; every sign-in of theirs ends.

    A pause after wrong passwords ends too; wrong codes stay counted. Raises NotPermitted, UnknownTeller,
    TellerDisabled, UnusablePassword.
    """
    actor.require(Permission.COUNTER_MANAGE)
    teller = _teller(session, teller_id)
    if teller.disabled_at is not None:
        raise TellerDisabled(
            "This teller's sign-in was taken away.",
            next_step="Register them again, under another user name.",
        )
    teller.password_hash = hash_password(teller.username, password)
    teller.failed_tries, teller.locked_until = 0, None
    tokens.end_all(session, TELLER, teller.id)
    record(session, actor, "teller.password_set", "teller", teller.id)
    return teller


def office_at_work(session: Session, office_id: UUID) -> CounterOffice:
    """The office, which is open. Raises UnknownCounterOffice, OfficeClosed."""
    return _open(_office(session, office_id))


def _office(session: Session, office_id: UUID) -> CounterOffice:
    office = session.get(CounterOffice, office_id)
    if office is None:
        raise UnknownCounterOffice(
            "There is no such office.", next_step="Choose one from the list: GET /counter-offices."
        )
    return office


def _open(office: CounterOffice) -> CounterOffice:
    if office.closed_at is not None:
        raise OfficeClosed(f"The office {office.code} is closed.")
    return office


def _teller(session: Session, teller_id: UUID) -> Teller:
    teller = session.scalars(
        select(Teller).where(Teller.id == teller_id).with_for_update()
    ).one_or_none()
    if teller is None:
        raise UnknownTeller(
            "There is no such teller.", next_step="Choose one from the list: GET /tellers."
        )
    return teller


def _named(name: str) -> str:
    tidy = " ".join(name.split())
    if not 0 < len(tidy) <= _LONGEST_NAME:
        raise UnusableName(f"A name has 1 to {_LONGEST_NAME} characters.")
    return tidy


def _add(session: Session, row: CounterOffice | Teller, taken: str) -> None:
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        if db.constraint(error) in {"uq_counter_offices_provider_code", "uq_tellers_username"}:
            raise NameTaken(taken, next_step="Choose another.") from None
        raise
