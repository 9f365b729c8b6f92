"""Providers' tariffs: one person proposes a version, another accepts it, and it counts from its first day."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Select, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.models import AuditEntry
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.offices import office_of
from cbi.payments.fees import tariff_files
from cbi.payments.fees.fee_models import FeeCharge, RunFees, TariffVersion
from cbi.payments.fees.tariff import Tariff, digest_of, stored
from cbi.programmes.budget import fund_of
from cbi.programmes.models import Programme
from cbi.settings import settings

PROPOSED, ACCEPTED = "tariff.proposed", "tariff.accepted"
SUBJECT = "tariff"


class NothingNew(Conflict):
    """The file says what the latest version says."""

    code = "tariff.nothing_new"


class UnknownTariff(NotFound):
    """No such version waits to be accepted."""

    code = "tariff.unknown"


class OwnTariff(Forbidden):
    """Whoever proposed a tariff does not accept it."""

    code = "tariff.own"


class NobodyBears(Invalid):
    """The tariff names a programme for its monthly fee that there is not, or that pays in another currency."""

    code = "tariff.nobody_bears"


class TariffAltered(Conflict):
    """The tariff is not what was accepted."""

    code = "tariff.altered"


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted version, and what it says."""

    version: int
    tariff: Tariff
    accepted_at: datetime


def propose(session: Session, actor: Actor, file: str, code: str) -> TariffVersion:
    """Propose the tariff that a file describes, with a fresh one-time code. Nothing changes until somebody accepts it.

    Raises TariffFileErrors, NobodyBears, WhichFund, NothingNew, WrongCode.
    """
    actor.require(Permission.TARIFF_CHANGE)
    tariff = tariff_files.read(file, settings().providers)
    _check_bearer(session, tariff)
    latest = session.scalar(
        _of(tariff.provider, tariff.currency).order_by(TariffVersion.version.desc()).limit(1)
    )
    if latest is not None and latest.digest == tariff.digest() and latest.refusal_id is None:
        raise NothingNew(
            f"Version {latest.version} of the tariff of {tariff.provider} in {tariff.currency} says the same.",
            next_step="" if latest.accepted_at else "A second person accepts it.",
            version=latest.version,
        )
    totp.step_up(session, actor, code)
    made: TariffVersion | None = session.scalar(
        insert(TariffVersion)
        .values(
            provider=tariff.provider, currency=tariff.currency, version=latest.version + 1 if latest else 1,
            valid_from=tariff.valid_from, rules=tariff.canonical(), digest=tariff.digest(), proposed_by=actor.id,
            proposed_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(TariffVersion)
    )  # fmt: skip
    if made is None:
        raise NothingNew("Somebody proposed a tariff at the same moment.", next_step="Look at it.")
    _note(session, actor, PROPOSED, made)
    return made


def _check_bearer(session: Session, tariff: Tariff) -> None:
    if tariff.monthly is None:
        return
    programme = session.scalar(select(Programme).where(Programme.code == tariff.monthly.programme))
    if programme is None or programme.currency != tariff.currency:
        raise NobodyBears(
            f"There is no programme {tariff.monthly.programme} that pays in {tariff.currency}.",
            next_step="Name the programme whose budget bears the monthly fee: cbi fund list",
        )
    fund_of(session, programme, tariff.monthly.fund)


def accept(
    session: Session, actor: Actor, provider: str, currency: str, version: int, code: str
) -> TariffVersion:
    """Let a proposed version count from its first day, with a fresh one-time code.

    What was worked out before, and every fee that was compared before, stays as it is.
    Raises UnknownTariff, OwnTariff, WrongCode.
    """
    actor.require(Permission.TARIFF_CHANGE)
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": _lock(session)}
    )
    found = session.get(
        TariffVersion, (provider, currency, version), with_for_update=True, populate_existing=True
    )
    theirs = _of(provider, currency).subquery()
    newest = session.scalar(select(func.max(theirs.c.version)))
    if found is None or found.accepted_at or found.refusal_id or found.version != newest:
        raise UnknownTariff(
            f"Version {version} of the tariff of {provider[:64]} in {currency[:3]} does not wait to be accepted.",
            next_step="See: cbi tariff list",
            version=version,
        )
    if found.proposed_by == actor.id:
        raise OwnTariff(
            "You proposed this tariff, so somebody else accepts it.",
            next_step="Ask a colleague who may change tariffs.",
        )
    totp.step_up(session, actor, code)
    session.execute(
        update(TariffVersion)
        .where(
            TariffVersion.provider == provider, TariffVersion.currency == currency,
            TariffVersion.version == version, TariffVersion.accepted_at.is_(None), TariffVersion.refusal_id.is_(None),
        )
        .values(accepted_by=actor.id, accepted_at=_after_all_uses(session, provider))
    )  # fmt: skip
    session.refresh(found)
    _note(session, actor, ACCEPTED, found)
    return found


def versions(session: Session, actor: Actor) -> Sequence[TariffVersion]:
    """Every version of every tariff, by provider and currency, the latest first."""
    actor.require(Permission.FUND_READ)
    order = (TariffVersion.provider, TariffVersion.currency, TariffVersion.version.desc())
    return session.scalars(select(TariffVersion).order_by(*order)).all()


def accepted(session: Session, provider: str, currency: str | None = None) -> Sequence[Accepted]:
    """Every accepted version for a provider, in one currency or in all; the latest first. Raises TariffAltered."""
    found = select(TariffVersion).where(
        TariffVersion.provider == provider, TariffVersion.accepted_at.is_not(None)
    )
    if currency is not None:
        found = found.where(TariffVersion.currency == currency)
    rows = session.scalars(found.order_by(TariffVersion.version.desc())).all()
    return [
        Accepted(row.version, _unaltered(session, row), row.accepted_at)
        for row in rows
        if row.accepted_at is not None
    ]


def keep_still(session: Session) -> None:
    """Let nobody accept a tariff until this transaction ends: what is worked out by one, and when, agree."""
    session.execute(
        text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 0))"),
        {"name": _lock(session)},
    )


def _lock(session: Session) -> str:
    return f"tariffs:{office_of(session).code}"


def moment(used: Iterable[Accepted]) -> datetime:
    """Now, and never before one of these was accepted, should the clock have been set back since."""
    return max((clock.now(), *(each.accepted_at for each in used)))


def _after_all_uses(session: Session, provider: str) -> datetime:
    """Now, and always after whatever was worked out or compared without the version that is accepted now."""
    made = select(func.max(RunFees.made_at)).where(RunFees.provider == provider)
    booked = select(func.max(FeeCharge.booked_at)).where(FeeCharge.provider == provider)
    last = session.scalar(select(func.greatest(made.scalar_subquery(), booked.scalar_subquery())))
    return max(clock.now(), last + timedelta.resolution) if last is not None else clock.now()


def in_force(
    session: Session, providers: Collection[str], currency: str, day: date
) -> Mapping[str, Accepted]:
    """By provider, the version that counts on that day. Raises TariffAltered."""
    found = {
        provider: counting(accepted(session, provider, currency), day) for provider in providers
    }
    return {provider: each for provider, each in found.items() if each is not None}


def counting(versions: Iterable[Accepted], day: date) -> Accepted | None:
    """Of accepted versions of one tariff, the latest first: the first of them whose first day has come."""
    return next((each for each in versions if each.tariff.valid_from <= day), None)


def subject_of(row: TariffVersion) -> str:
    """What the audit log calls it: `post_office/DZD/2`."""
    return f"{row.provider}/{row.currency}/{row.version}"


def is_said(session: Session, row: TariffVersion) -> bool:
    """Whether the content is what was proposed, and the audit log says that this person accepted it."""
    said = exists().where(
        AuditEntry.subject_kind == SUBJECT,
        AuditEntry.subject_id == subject_of(row),
        AuditEntry.act == ACCEPTED,
        AuditEntry.actor_id == row.accepted_by,
        AuditEntry.details["digest"].astext == row.digest.hex(),
    )
    whole = digest_of(row.rules) == row.digest and row.rules.get("valid_from") == str(
        row.valid_from
    )
    return whole and bool(session.scalar(select(said)))


def _unaltered(session: Session, row: TariffVersion) -> Tariff:
    if not is_said(session, row):
        raise TariffAltered(
            f"The tariff of {row.provider} is not what was accepted: somebody altered it.",
            next_step="Sign nothing. Tell the auditor.",
        )
    return stored(row.rules)


def _of(provider: str, currency: str) -> Select[TariffVersion]:
    return select(TariffVersion).where(
        TariffVersion.provider == provider, TariffVersion.currency == currency
    )


def _note(session: Session, actor: Actor, act: str, row: TariffVersion) -> None:
    record(session, actor, act, SUBJECT, subject_of(row), digest=row.digest.hex())
    session.flush()
