"""How a proposal that waits is found by its key, and kept from others until the transaction ends."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from cbi.audit.standstill_models import Standstill
from cbi.ledger.fx_models import Deal, ReferenceRate
from cbi.ledger.models import MonthClose
from cbi.payments.fees.fee_models import TariffVersion
from cbi.payments.models import Payment, PaymentRun, UnpaidFinding
from cbi.payments.outcomes.suspense_models import Withdrawal
from cbi.payments.recovery.amount_models import AmountFinding
from cbi.payments.recovery.receivable_models import Receivable, WriteOff
from cbi.payments.signing.signing_models import ApprovalPolicy, Delegation
from cbi.programmes import confirming, resuming
from cbi.programmes.household_models import Enrolment, Suspension
from cbi.programmes.models import Programme
from cbi.programmes.work_models import WorkSheet, WorkSignature, WorkVersion
from cbi.reconciliation import line_findings
from cbi.reconciliation.models import LineFinding
from cbi.registry.linkage.models import Thresholds


@dataclass(frozen=True, slots=True)
class Waiting:
    """A proposal that waits, its row locked until the transaction ends. No programme: it is about the whole office."""

    row: Any
    programme: str | None
    by: UUID
    at: datetime
    said: str | None


def _one(session: Session, wanted: Select[Any]) -> Any:
    """The row, locked, as it is now."""
    return session.scalar(wanted.with_for_update().execution_options(populate_existing=True))


def _id(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        return None


def _programme_of(session: Session, payment_id: UUID) -> str | None:
    return session.scalar(
        select(Programme.code)
        .join(Payment, Payment.programme_id == Programme.id)
        .where(Payment.id == payment_id)
    )


def write_off(session: Session, key: str) -> Waiting | None:
    payment = _held(session, select(Receivable.payment_id).where(Receivable.id == _id(key)))
    row = _one(
        session,
        select(WriteOff).where(
            WriteOff.receivable_id == _id(key), WriteOff.refusal_id.is_(None), WriteOff.confirmed_by.is_(None)
        ),
    )  # fmt: skip
    if row is None or payment is None:
        return None
    programme = _programme_of(session, payment.id)
    return Waiting(row, programme, row.proposed_by, row.proposed_at, row.reason)


def _held(session: Session, payment_id: Select[UUID]) -> Payment | None:
    """The payment, locked before its report: whoever proposes anew, or confirms, holds it, too."""
    found = session.scalar(payment_id)
    if found is None:
        return None
    return session.get(Payment, found, with_for_update=True, populate_existing=True)


def amount(session: Session, key: str) -> Waiting | None:
    row = _one(session, select(AmountFinding).where(AmountFinding.id == _id(key)))
    if row is None or row.confirmed_by or row.refusal_id:
        return None
    programme = _programme_of(session, row.payment_id)
    return Waiting(row, programme, row.reported_by, row.reported_at, row.proof)


def unpaid(session: Session, key: str) -> Waiting | None:
    payment = _held(session, select(Payment.id).where(Payment.id == _id(key)))
    if payment is None:
        return None
    row = _one(
        session,
        select(UnpaidFinding).where(
            UnpaidFinding.payment_id == payment.id, UnpaidFinding.attempt == payment.attempts,
            UnpaidFinding.refusal_id.is_(None), UnpaidFinding.confirmed_by.is_(None),
        ),
    )  # fmt: skip
    if row is None:
        return None
    programme = _programme_of(session, payment.id)
    return Waiting(row, programme, row.reported_by, row.reported_at, row.proof)


def line(session: Session, key: str) -> Waiting | None:
    row = _one(session, select(LineFinding).where(LineFinding.id == _id(key)))
    if row is None or row.confirmed_by or row.refusal_id:
        return None
    programme = line_findings.programme_of(session, row)
    return Waiting(row, programme, row.reported_by, row.reported_at, row.proof)


def withdrawal(session: Session, key: str) -> Waiting | None:
    row = _one(session, select(Withdrawal).where(Withdrawal.id == _id(key)))
    if row is None or row.confirmed_by or row.refusal_id:
        return None
    programme = session.scalar(
        select(Programme.code)
        .join(PaymentRun, PaymentRun.programme_id == Programme.id)
        .where(PaymentRun.id == row.run_id)
    )
    return Waiting(row, programme, row.proposed_by, row.proposed_at, row.reason)


def tariff(session: Session, key: str) -> Waiting | None:
    provider, currency, version = (*key.split("."), "", "")[:3]
    return _version(
        session, TariffVersion, version, TariffVersion.provider == provider, TariffVersion.currency == currency
    )  # fmt: skip


def policy(session: Session, key: str) -> Waiting | None:
    return _version(session, ApprovalPolicy, key)


def _version(session: Session, model: Any, version: str, *which: Any) -> Waiting | None:
    """The latest version of a tariff or of the policy: an earlier one that nobody accepted is over by itself."""
    newest = select(func.max(model.version)).where(*which).scalar_subquery()
    row = _one(session, select(model).where(*which, model.version == newest))
    if row is None or str(row.version) != version or row.accepted_by or row.refusal_id:
        return None
    return Waiting(row, None, row.proposed_by, row.proposed_at, None)


def close(session: Session, key: str) -> Waiting | None:
    row = _newest_close(session, key)
    if row is None or row.confirmed_by or row.refusal_id:
        return None
    return Waiting(row, None, row.proposed_by, row.proposed_at, None)


def reopening(session: Session, key: str) -> Waiting | None:
    row = _newest_close(session, key)
    if row is None or row.reopen_asked_by is None or row.reopened_by is not None:
        return None
    return Waiting(row, None, row.reopen_asked_by, row.reopen_asked_at, row.reopen_reason)


def _newest_close(session: Session, key: str) -> Any:
    try:
        month = date.fromisoformat(f"{key}-01")
    except ValueError:
        return None
    of_month = select(func.max(MonthClose.number)).where(MonthClose.month == month)
    return _one(
        session,
        select(MonthClose).where(
            MonthClose.month == month, MonthClose.number == of_month.scalar_subquery()
        ),
    )


def work(session: Session, key: str) -> Waiting | None:
    """The sheet, as whoever signs it holds it."""
    if not key.isdecimal() or len(key) > 18:
        return None
    sheet = _one(session, select(WorkSheet).where(WorkSheet.id == int(key)))
    if sheet is None or sheet.refused == sheet.latest:
        return None
    signed = exists().where(
        WorkSignature.sheet_id == WorkVersion.sheet_id, WorkSignature.version == WorkVersion.version
    )
    version = session.scalar(
        select(WorkVersion).where(
            WorkVersion.sheet_id == sheet.id, WorkVersion.version == sheet.latest, ~signed
        )
    )
    if version is None:
        return None
    programme = session.get_one(Programme, sheet.programme_id).code
    return Waiting(sheet, programme, version.entered_by, version.entered_at, version.reason)


def days(session: Session, key: str) -> Waiting | None:
    if not key.isdecimal() or len(key) > 18:
        return None
    row = _one(session, select(Enrolment).where(Enrolment.id == int(key), *confirming.is_waiting()))
    if row is None or row.noted_by is None:
        return None
    programme = session.get_one(Programme, row.programme_id).code
    return Waiting(row, programme, row.noted_by, row.noted_at, row.reason)


def resumption(session: Session, key: str) -> Waiting | None:
    row = _one(session, select(Suspension).where(Suspension.id == _id(key), *resuming.is_waiting()))
    if row is None or row.resumed_by is None:
        return None
    programme = session.get_one(Programme, row.programme_id).code
    return Waiting(row, programme, row.resumed_by, row.resumed_at, row.resumed_because)


def rate(session: Session, key: str) -> Waiting | None:
    row = _one(session, select(ReferenceRate).where(ReferenceRate.id == _id(key)))
    if row is None or row.confirmed_at or row.withdrawn_at:
        return None
    return Waiting(row, None, row.proposed_by, row.proposed_at, row.source)


def deal(session: Session, key: str) -> Waiting | None:
    row = _one(session, select(Deal).where(Deal.id == _id(key)))
    if row is None or row.confirmed_at or row.withdrawn_at:
        return None
    return Waiting(row, None, row.proposed_by, row.proposed_at, row.reference)


def delegation(session: Session, key: str) -> Waiting | None:
    row = _one(session, select(Delegation).where(Delegation.id == _id(key)))
    if row is None or row.accepted_at or row.withdrawn_at:
        return None
    return Waiting(row, None, row.from_id, row.made_at, None)


def going_on(session: Session, key: str) -> Waiting | None:
    row = _one(session, select(Standstill).where(Standstill.id == _id(key), Standstill.open))
    if row is None or row.asked_by is None:
        return None
    return Waiting(row, None, row.asked_by, row.asked_at, row.asked_because)


def thresholds(session: Session, key: str) -> Waiting | None:
    if not key.isdecimal() or len(key) > 18:
        return None
    row = _one(session, select(Thresholds).where(Thresholds.version == int(key)))
    if row is None or row.decision is not None:
        return None
    return Waiting(row, None, row.proposed_by, row.proposed_at, row.reason)
