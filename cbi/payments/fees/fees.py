"""What a run will cost in fees: worked out when it is locked, set aside with the last signature, given back when over."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.ledger.chart import FEE_RESERVE, Entry
from cbi.ledger.models import Account
from cbi.ledger.posting import post
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.fees import tariffs
from cbi.payments.fees.fee_models import FeeCharge, ReserveRelease, RunFees, TariffVersion
from cbi.payments.fees.tariff import Tariff, stored
from cbi.payments.models import Payment, PaymentRun, RunRoute
from cbi.payments.moves import book_of
from cbi.payments.states import PaymentState, RunState


@dataclass(frozen=True, slots=True)
class RouteFees:
    """What one provider will charge for its part of a run, by which version of its tariff, and what is set aside now."""

    provider: str
    tariff: int
    payments: int
    expected: Money
    held: Money


def of(session: Session, run: PaymentRun) -> tuple[RouteFees, ...]:
    """The fees of a run, by provider; none where no tariff says what it charges. Of a draft, as its tariffs are today."""
    held = _held(session, run)
    return tuple(
        RouteFees(
            each.provider, each.tariff_version, each.payment_count, Money(each.fees_minor, run.currency),
            Money(held.get(each.provider, 0), run.currency),
        )
        for each in _kept_or_drafted(session, run)
    )  # fmt: skip


def _kept_or_drafted(session: Session, run: PaymentRun) -> Sequence[RunFees]:
    if run.state is RunState.DRAFT:
        return _worked_out(session, run)
    return _kept(session, run)


def keep(session: Session, run: PaymentRun) -> dict[str, Any]:
    """Keep what a run that is being locked will cost; what the audit log says of it, nothing where nothing is charged."""
    tariffs.keep_still(session)
    worked_out = _worked_out(session, run)
    session.add_all(worked_out)
    if not worked_out:
        return {}
    return {"fees": {each.provider: [each.tariff_version, each.fees_minor] for each in worked_out}}


def reserve(session: Session, run: PaymentRun) -> dict[str, Any]:
    """Set aside what the signers saw, from the programme's budget; what the audit log says of it. Raises NotCovered."""
    total = 0
    for each in _kept(session, run):
        if each.fees_minor:
            amount = Money(each.fees_minor, run.currency)
            post(session, Entry.RESERVE_FEES, book_of(run, each.provider), amount, each.id)
            total += each.fees_minor
    return {"fees": total} if total else {}


def call_off(session: Session, run: PaymentRun) -> None:
    """Give back all that was set aside for a run that is not paid."""
    for provider, minor in sorted(_held(session, run).items()):
        _release(session, run, provider, minor, "called_off")


def settle(session: Session, run: PaymentRun) -> None:
    """Give back what was set aside for payments that a run, which is closed now, did not make.

    For those that it made and that no statement charges yet it stays for as long as the bill may come.
    """
    held = _held(session, run)
    for each in _kept(session, run) if held else ():
        to_come = _to_come(session, run, each) if each.billed_within_days else 0
        _release(session, run, each.provider, held.get(each.provider, 0) - to_come, "closed")


def release_overdue(session: Session) -> int:
    """Give back what is set aside for bills that may not come any more; returns for how many parts of runs."""
    zone = office_of(session).timezone
    today = clock.today(zone)
    rows = session.execute(
        select(PaymentRun, RunFees, Account.credits_minor - Account.debits_minor)
        .join(Account, Account.run_id == PaymentRun.id)
        .join(
            RunFees,
            (RunFees.run_id == PaymentRun.id) & (RunFees.revision == PaymentRun.revision)
            & (RunFees.provider == Account.provider),
        )
        .where(
            PaymentRun.state == RunState.CLOSED, Account.code == FEE_RESERVE.code,
            Account.credits_minor > Account.debits_minor,
        )
        .order_by(PaymentRun.number, RunFees.provider)
        .with_for_update(of=PaymentRun, skip_locked=True)
    ).all()  # fmt: skip
    done = 0
    for run, each, minor in rows:
        assert run.closed_at is not None
        last = run.closed_at.astimezone(zone).date() + timedelta(days=each.billed_within_days)
        if today > last:
            _release(session, run, each.provider, int(minor), "overdue")
            done += 1
    return done


def _worked_out(session: Session, run: PaymentRun) -> list[RunFees]:
    """One sum over the payments of each provider that has a tariff; nothing is asked where none has."""
    routes = select(RunRoute.provider).where(RunRoute.run_id == run.id)
    providers = session.scalars(routes.order_by(RunRoute.first_number)).all()
    versions = {each: tariffs.accepted(session, each, run.currency) for each in providers}
    at = tariffs.moment(itertools.chain.from_iterable(versions.values()))
    today = at.astimezone(office_of(session).timezone).date()
    found = []
    for provider, theirs in versions.items():
        now = tariffs.counting(theirs, today)
        if now is None:
            continue
        count, minor = session.execute(
            select(func.count(), func.sum(now.tariff.fee_minor(Payment.amount_minor))).where(
                Payment.run_id == run.id, Payment.provider == provider, Payment.live
            )
        ).one()
        if count:
            found.append(
                RunFees(
                    id=uuid4(), run_id=run.id, revision=run.revision, provider=provider, currency=run.currency,
                    tariff_version=now.version, payment_count=count, fees_minor=int(minor),
                    billed_within_days=now.tariff.billed_within_days, made_at=at,
                )
            )  # fmt: skip
    return found


def _kept(session: Session, run: PaymentRun) -> Sequence[RunFees]:
    return session.scalars(
        select(RunFees)
        .where(RunFees.run_id == run.id, RunFees.revision == run.revision)
        .order_by(RunFees.provider)
    ).all()


def _held(session: Session, run: PaymentRun) -> dict[str, int]:
    """What is set aside for the run now, in minor units, by provider."""
    rows = session.execute(
        select(Account.provider, Account.credits_minor - Account.debits_minor).where(
            Account.run_id == run.id, Account.code == FEE_RESERVE.code, Account.currency == run.currency
        )
    )  # fmt: skip
    return {provider or "": int(minor) for provider, minor in rows}


def _to_come(session: Session, run: PaymentRun, fees: RunFees) -> int:
    """What is still to be charged for the payments that were made."""
    charged = exists().where(FeeCharge.payment_id == Payment.id)
    expected = tariff_of(session, fees).fee_minor(Payment.amount_minor)
    return int(
        session.scalar(
            select(func.sum(expected)).where(
                Payment.run_id == run.id, Payment.provider == fees.provider, Payment.state == PaymentState.PAID, ~charged
            )
        )
        or 0
    )  # fmt: skip


def tariff_of(session: Session, fees: RunFees) -> Tariff:
    """The tariff by which the fees were worked out."""
    row = session.get_one(TariffVersion, (fees.provider, fees.currency, fees.tariff_version))
    return stored(row.rules)


def _release(
    session: Session, run: PaymentRun, provider: str, minor: int, because: str
) -> UUID | None:
    if minor <= 0:
        return None
    released = ReserveRelease(
        id=uuid4(), run_id=run.id, provider=provider, amount_minor=minor, currency=run.currency, because=because,
        released_at=clock.now(),
    )  # fmt: skip
    session.add(released)
    session.flush()
    amount = Money(minor, run.currency)
    post(session, Entry.RELEASE_FEES, book_of(run, provider), amount, released.id)
    return released.id
