"""An officer decides about whoever came in: a new household, one that is registered already, or no, with a reason."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock, ids
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid, NotFound
from cbi.keys import unseal
from cbi.offices import office_of
from cbi.registry import naming
from cbi.registry.import_models import ImportKind
from cbi.registry.intake import importing
from cbi.registry.intake.requests import part_of_request, request_mapping
from cbi.registry.models import Household, PaymentAccount, Person
from cbi.registry.referrals import remarks
from cbi.registry.referrals.models import Referral, ReferralPartner
from cbi.registry.referrals.receiving import KEYS, Asked, hashed, place
from cbi.registry.referrals.states import REFERRAL, ReferralKind, ReferralState, Refusal
from cbi.wrapping import Wrapper

SELF_SOURCE = "self-registration"
"""Where households were registered that came by themselves; those of partners are under the partner's code."""


class UnknownReferral(NotFound):
    """There is no referral of this number."""

    code = "referral.unknown"


class AlreadyDecided(Conflict):
    """Somebody has decided about it."""

    code = "referral.already_decided"


class CannotRegister(Invalid):
    """What it says cannot be registered as it stands."""

    code = "referral.cannot_register"


class UnusablePartner(Invalid):
    """The partner's short name cannot be used, or is taken."""

    code = "referral.unusable_partner"


@dataclass(frozen=True, slots=True)
class Line:
    """One referral in the queue, without what identifies anybody."""

    number: int
    kind: ReferralKind
    partner: str | None
    language: str
    received_at: datetime
    state: ReferralState
    same_phone: int
    """How many registered people or other referrals have the same telephone."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One referral as an officer reads it, and the households whose people have the same telephone."""

    line: Line
    asked: Asked | None = field(repr=False)
    """None once its words were destroyed."""
    known_as: tuple[str, ...]
    refusal: Refusal | None
    remark: str | None


def queue(
    session: Session, actor: Actor, *, waiting: bool = True, limit: int = 500
) -> Sequence[Line]:
    """Those that wait, the oldest first; or all, the latest first."""
    actor.require(Permission.REFERRAL_DECIDE)
    wanted = (
        select(Referral, ReferralPartner.name)
        .outerjoin(ReferralPartner, ReferralPartner.id == Referral.partner_id)
        .limit(limit)
    )
    if waiting:
        wanted = wanted.where(Referral.state == ReferralState.WAITING).order_by(Referral.number)
    else:
        wanted = wanted.order_by(Referral.number.desc())
    rows = session.execute(wanted).all()
    shared = _shared(session, [row.phone_index for row, _ in rows if row.phone_index])
    return [_line(row, partner, shared) for row, partner in rows]


def _line(row: Referral, partner: str | None, shared: dict[bytes, int]) -> Line:
    same = shared.get(row.phone_index, 1) - 1 if row.phone_index else 0
    return Line(
        row.number, row.kind, partner, row.language, row.received_at, row.state, max(same, 0)
    )


def _shared(session: Session, indexes: Sequence[bytes]) -> dict[bytes, int]:
    """How many referrals and registered telephones have each of these numbers, by its keyed hash."""
    found: dict[bytes, int] = {}
    if indexes:
        others = session.scalars(
            select(Referral.phone_index).where(Referral.phone_index.in_(indexes))
        )
        known = session.scalars(
            select(PaymentAccount.value_index).where(
                PaymentAccount.value_index.in_(indexes), PaymentAccount.replaced_at.is_(None)
            )
        )
        for index in (*others, *known):
            if index is not None:
                found[index] = found.get(index, 0) + 1
    return found


def opened(session: Session, actor: Actor, number: int) -> Opened:
    """One referral in clear; that it was opened is in the audit log. Raises UnknownReferral."""
    actor.require(Permission.REFERRAL_DECIDE)
    row = _named(session, number)
    partner = session.get(ReferralPartner, row.partner_id) if row.partner_id else None
    indexes = [row.phone_index] if row.phone_index else []
    known = session.execute(
        select(Household.source, Household.source_id)
        .join(Person, Person.household_id == Household.id)
        .join(PaymentAccount, PaymentAccount.person_id == Person.id)
        .where(PaymentAccount.value_index.in_(indexes), PaymentAccount.replaced_at.is_(None))
        .distinct()
        .order_by(Household.source, Household.source_id)
    )
    record(session, actor, "referral.opened", "referral", row.id, number=row.number)
    return Opened(
        _line(row, partner.name if partner else None, _shared(session, indexes)),
        _asked(session, row),
        tuple(f"{source}/{source_id}" for source, source_id in known),
        row.refusal,
        remarks.opened(session, row),
    )


def _asked(session: Session, row: Referral) -> Asked | None:
    if row.data_key is None or row.words is None:
        return None
    key = Wrapper(office_of(session).keys, KEYS).unwrap(row.data_key, place(row.id))
    return Asked(**json.loads(unseal(key, row.words, place(row.id))))


def accept(
    session: Session, actor: Actor, number: int, *, corrected: Asked | None = None
) -> Household:
    """Register a new household from what was written, or from what the officer made of it after asking.

    It goes through the same checks as a row of a list. Raises UnknownReferral, AlreadyDecided, CannotRegister.
    """
    actor.require(Permission.REFERRAL_DECIDE)
    row = _waiting(session, number)
    asked = corrected or _asked(session, row)
    if row.kind is ReferralKind.QUESTION or asked is None:
        raise CannotRegister("A question is answered, not registered.")
    source = _source(session, row)
    person = {
        "name": asked.name,
        "phone": asked.phone or None,
        "is_head": True,
        "is_recipient": True,
    }
    said = {
        "source_id": str(row.number), "size": asked.size, "area": asked.area or None, "language": row.language,
        "people": [person],
    }  # fmt: skip
    part, _ = part_of_request([said])
    try:
        importing.import_parts(
            session, actor, [part], request_mapping(source), kind=ImportKind.REQUEST,
            filename=f"referral {row.number}", digest=sha256(row.id.bytes).digest(),
        )  # fmt: skip
    except importing.NothingUsable as refusal:
        # What is wrong with the person says more than that the household cannot be taken because of it.
        notes = sorted(refusal.result.rows, key=lambda note: note.sheet is None)
        reason = next((each for note in notes for each in note.reasons), None)
        raise CannotRegister(
            f"{reason.column}: {reason.message}" if reason else str(refusal),
            next_step=reason.next_step if reason else "Correct it, then accept it again.",
        ) from None
    household = naming.named(session, f"{source}/{row.number}")
    _decide(session, actor, row, ReferralState.ACCEPTED, household_id=household.id)
    return household


def merge(session: Session, actor: Actor, number: int, household: str) -> Household:
    """Note that the household is registered already, under that number; nothing of it is changed.

    Raises UnknownReferral, AlreadyDecided, UnknownHousehold.
    """
    actor.require(Permission.REFERRAL_DECIDE)
    row = _waiting(session, number)
    found = naming.named(session, household)
    _decide(session, actor, row, ReferralState.MERGED, household_id=found.id)
    return found


def reject(session: Session, actor: Actor, number: int, refusal: str, remark: str = "") -> None:
    """Say no, for a reason of the list, which the sender reads in their language; the remark is for colleagues only.

    Raises UnknownReferral, AlreadyDecided, CannotRegister, UnusableReason.
    """
    actor.require(Permission.REFERRAL_DECIDE)
    if refusal not in set(Refusal):
        raise CannotRegister(
            "Say why, so that the sender can read it.", next_step=f"One of: {', '.join(Refusal)}."
        )
    row = _waiting(session, number)
    _decide(
        session, actor, row, ReferralState.REJECTED, refusal=Refusal(refusal),
        remark=reasons.plain(remark) if remark else None,
    )  # fmt: skip


def answer(session: Session, actor: Actor, number: int, remark: str) -> None:
    """Note that a question was answered, and how. Raises UnknownReferral, AlreadyDecided, UnusableReason."""
    actor.require(Permission.REFERRAL_DECIDE)
    row = _waiting(session, number)
    _decide(session, actor, row, ReferralState.ANSWERED, remark=reasons.plain(remark))


def _source(session: Session, row: Referral) -> str:
    partner = session.get(ReferralPartner, row.partner_id) if row.partner_id else None
    return f"partner-{partner.code}" if partner else SELF_SOURCE


def _named(session: Session, number: int) -> Referral:
    row = session.scalars(select(Referral).where(Referral.number == number)).one_or_none()
    if row is None:
        raise UnknownReferral(f"There is no referral {number}.", next_step="See: cbi referral list")
    return row


def _waiting(session: Session, number: int) -> Referral:
    row = session.scalars(
        select(Referral)
        .where(Referral.number == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return _named(session, number)
    if row.state is not ReferralState.WAITING:
        raise AlreadyDecided(
            f"Referral {number} is {row.state} already.", next_step="See the list of those waiting."
        )
    return row


def _decide(
    session: Session, actor: Actor, row: Referral, after: ReferralState, *,
    household_id: UUID | None = None, refusal: Refusal | None = None, remark: str | None = None,
) -> None:  # fmt: skip
    REFERRAL.check(row.state, after)
    if after is ReferralState.ANSWERED and row.kind is not ReferralKind.QUESTION:
        raise CannotRegister("Only a question is answered: accept, merge or reject this.")
    if after is not ReferralState.ANSWERED and row.kind is ReferralKind.QUESTION:
        raise CannotRegister("A question is answered, not registered or rejected.")
    decided = session.scalar(
        update(Referral)
        .where(Referral.id == row.id, Referral.state == ReferralState.WAITING)
        .values(
            state=after, decided_by=actor.id, decided_at=clock.now(), household_id=household_id, refusal=refusal,
            remark=remarks.sealed(session, row, remark),
        )
        .returning(Referral.id),
        execution_options={"synchronize_session": False},
    )  # fmt: skip
    assert decided is not None  # it was locked while it waited
    session.refresh(row)
    record(
        session, actor, f"referral.{after}", "referral", row.id, number=row.number,
        refusal=str(refusal) if refusal else None, household=str(household_id) if household_id else None,
    )  # fmt: skip


def add_partner(session: Session, actor: Actor, code: str, name: str) -> str:
    """Let an organisation refer people; returns its key, shown once. Raises UnusablePartner."""
    actor.require(Permission.PARTNER_CHANGE)
    key = secrets.token_urlsafe(24)
    try:
        with session.begin_nested():
            partner = ReferralPartner(
                id=ids.fresh(), code=code.strip(), name=" ".join(name.split())[:100], key_hash=hashed(key),
                created_by=actor.id, created_at=clock.now(),
            )  # fmt: skip
            session.add(partner)
            session.flush()
    except IntegrityError:
        raise UnusablePartner(
            f"{code[:40]!r} cannot be a partner's short name, or is taken.",
            next_step="Use small letters, digits and -, such as red-crescent-oran.",
        ) from None
    record(
        session, actor, "referral_partner.added", "referral_partner", partner.id, code=partner.code
    )
    return key


def stop_partner(session: Session, actor: Actor, code: str) -> None:
    """Take no more referrals from a partner; what it sent stays. Raises UnusablePartner."""
    actor.require(Permission.PARTNER_CHANGE)
    stopped = session.scalar(
        update(ReferralPartner)
        .where(ReferralPartner.code == code, ReferralPartner.disabled_at.is_(None))
        .values(disabled_at=clock.now())
        .returning(ReferralPartner.id)
    )
    if stopped is None:
        raise UnusablePartner(f"No partner {code[:40]!r} may refer people.")
    record(session, actor, "referral_partner.stopped", "referral_partner", stopped, code=code)
