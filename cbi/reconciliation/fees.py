"""Fees that statements list: each is compared with the provider's tariff and booked, and every difference is kept.

A fee counts once it names a payment that our books hold as paid, and a tariff says what that costs on the line's own
day. What the run set aside pays for what the tariff allows; all else comes out of the programme's budget. What neither
covers stays unexplained until something does. Without a tariff nothing is booked.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    Uuid,
    and_,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.ledger.chart import FEE_RESERVE, Entry
from cbi.ledger.models import Account
from cbi.ledger.posting import NotCovered, post_each
from cbi.payments.fees import tariffs
from cbi.payments.fees.fee_models import FeeCharge, MonthlyFee
from cbi.payments.fees.tariffs import Accepted
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.moves import book_of
from cbi.payments.outcomes.discrepancies import open_set
from cbi.payments.outcomes.known import expected_minor
from cbi.reconciliation.models import STANDS, Match, StatementFile, StatementLine
from cbi.reconciliation.rules import DiscrepancyKind, began, reached
from cbi.reconciliation.scratch import added, fee_lines, fill, open_lines


def take_apart(session: Session, provider: str) -> int:
    """Where the provider settles net, take the fee that the tariff expects out of the payments' open lines.

    Only a difference that is the tariff's to the minor unit is one: any other stays what it is. How many lines.
    """
    accepted = tariffs.accepted(session, provider)
    if all(each.tariff.settlement != "net" for each in accepted):
        return 0
    o = open_lines.c
    sent = expected_minor(o.attempt)
    rungs = zip(_rungs(accepted, sent), accepted, strict=True)
    fee = case(
        *(
            (when, fee if each.tariff.settlement == "net" else literal(0))
            for (when, fee, _), each in rungs
        )
    )
    return _changed(
        session,
        update(open_lines)
        .where(
            Payment.id == o.payment_id, o.kind == "payment", o.currency == Payment.currency,
            ~_is_charged(o.id), o.amount_minor == sent + fee, fee > 0,
        )
        .values(amount_minor=sent, fee_minor=fee),
    )  # fmt: skip


def book(session: Session, provider: str) -> int:
    """Book every fee among the open lines that can be; returns how many. Raises TariffAltered, MonthClosed."""
    tariffs.keep_still(session)
    accepted = tariffs.accepted(session, provider)
    if not accepted or not fill(session, fee_lines, _compared(accepted)):
        return 0
    runs = session.scalars(
        select(PaymentRun)
        .where(PaymentRun.id.in_(select(fee_lines.c.run_id)))
        .order_by(PaymentRun.number)
    ).all()
    # Nobody gives back, while it is spent here, what a run has set aside.
    session.execute(
        select(Account.id)
        .where(Account.code == FEE_RESERVE.code, Account.run_id.in_([run.id for run in runs]))
        .order_by(Account.id)
        .with_for_update()
    )
    _share_reserves(session)
    at = tariffs.moment(accepted)
    return sum(_book_run(session, run, provider, at) for run in runs)


def is_booked() -> ColumnElement[bool]:
    """Whether an open line is a fee that our books hold."""
    of_the_month = exists().where(MonthlyFee.line_id == open_lines.c.id)
    return and_(open_lines.c.kind == "fee", or_(_is_charged(open_lines.c.id), of_the_month))


def _is_charged(line_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    return exists().where(FeeCharge.line_id == line_id)


def _rungs(
    accepted: Sequence[Accepted], amount: ColumnElement[int]
) -> list[tuple[ColumnElement[bool], ColumnElement[int], int]]:
    """When each version counts for an open line, the latest first, what a payment of the amount costs by it, its number."""
    o = open_lines.c
    return [
        (
            and_(o.currency == each.tariff.currency, o.value_date >= each.tariff.valid_from),
            each.tariff.fee_minor(amount),
            each.version,
        )
        for each in accepted
    ]


def _compared(accepted: Sequence[Accepted]) -> Select[*tuple[Any, ...]]:
    """Each fee that names a payment which was made, with what the tariff still allows for that attempt.

    Of several fees for one attempt the earlier ones use the tariff up; the last of them gets what is left.
    """
    o = open_lines.c
    rungs = _rungs(accepted, expected_minor(o.attempt))
    own = o.kind == "fee"
    settles = exists().where(Match.line_id == o.id, STANDS)
    before = (
        select(func.coalesce(func.sum(FeeCharge.charged_minor), 0))
        .where(FeeCharge.payment_id == o.payment_id, FeeCharge.attempt == o.attempt)
        .scalar_subquery()
    )
    found = (
        select(
            o.id, o.payment_id, o.attempt, Payment.run_id, o.value_date, o.line_id,
            case((own, o.amount_minor), else_=o.fee_minor).label("charged"), (~own).label("net"),
            (case(*((when, fee) for when, fee, _ in rungs)) - before).label("allowed"),
            case(*((when, literal(version, Integer)) for when, _, version in rungs)).label("version"),
        )
        .join(Payment, Payment.id == o.payment_id)
        .where(
            or_(own, and_(o.fee_minor > 0, settles)), ~o.contrary, o.currency == Payment.currency, ~_is_charged(o.id),
            reached(literal("payment", String)), or_(*(when for when, _, _ in rungs)),
        )
        .subquery("found")
    )  # fmt: skip
    f = found.c
    in_order = (f.value_date, f.line_id.collate("C"))
    of_attempt = (f.payment_id, f.attempt)
    so_far = func.sum(f.charged).over(partition_by=of_attempt, order_by=in_order) - f.charged
    left = func.greatest(f.allowed - so_far, 0)
    is_last = func.row_number().over(
        partition_by=of_attempt, order_by=(f.value_date.desc(), f.line_id.collate("C").desc())
    )
    return select(
        f.id, f.payment_id, f.attempt, f.run_id, f.value_date, f.line_id, f.net, f.version, f.charged,
        case((is_last == 1, left), else_=func.least(f.charged, left)), literal(0),
    )  # fmt: skip


def _share_reserves(session: Session) -> None:
    """Say of each fee how much of it what its run has set aside pays: in the order of the lines, as long as it lasts."""
    f = fee_lines.c
    wanted = func.least(f.charged, f.expected)
    of_run = (f.value_date, f.line_id.collate("C"))
    shares = (
        select(
            f.id,
            wanted.label("wanted"),
            (func.sum(wanted).over(partition_by=f.run_id, order_by=of_run) - wanted).label("before"),
            func.coalesce(Account.credits_minor - Account.debits_minor, 0).label("held"),
        )
        .join(Payment, Payment.id == f.payment_id)
        .outerjoin(
            Account,
            and_(
                Account.run_id == f.run_id, Account.code == FEE_RESERVE.code, Account.provider == Payment.provider
            ),
        )
        .subquery("shares")
    )  # fmt: skip
    s = shares.c
    session.execute(
        update(fee_lines)
        .where(f.id == s.id)
        .values(reserved=func.greatest(0, func.least(s.wanted, s.held - s.before)))
    )


def _book_run(session: Session, run: PaymentRun, provider: str, at: datetime) -> int:
    """Book the fees of one run: those that are set aside, then those that its programme's budget has to pay, if it can.

    A fee inside a payment's line cannot wait for money, because its payment is matched. Raises NotCovered for those.
    """
    f = fee_lines.c
    at_once = or_(f.net, f.reserved == f.charged)
    done = _book_set(session, run, provider, at_once, at)
    try:
        with session.begin_nested():
            done += _book_set(session, run, provider, ~at_once, at)
    except NotCovered:
        return done  # they stay in suspense, and are looked at again when there is money
    return done


def _book_set(
    session: Session, run: PaymentRun, provider: str, these: ColumnElement[bool], at: datetime
) -> int:
    f, book_ = fee_lines.c, book_of(run, provider)
    chosen = and_(f.run_id == run.id, these)
    parts = ((Entry.FEE, f.reserved), (Entry.FEE_UNRESERVED, f.charged - f.reserved))
    for entry, minor in parts:
        post_each(
            session, entry, book_, select(f.id, f.attempt, minor.label("minor")).where(chosen, minor > 0)
        )  # fmt: skip
    return added(
        session,
        upsert(FeeCharge).from_select(
            [
                "line_id", "provider", "payment_id", "attempt", "run_id", "programme_id", "fund_id", "currency",
                "tariff_version", "charged_minor", "expected_minor", "reserved_minor", "value_date", "booked_at",
            ],
            select(
                f.id, literal(provider), f.payment_id, f.attempt, f.run_id, literal(run.programme_id, Uuid),
                literal(run.fund_id, Uuid), literal(run.currency), f.version, f.charged, f.expected, f.reserved,
                f.value_date, literal(at),
            ).where(chosen),
            include_defaults=False,
        ),
    )  # fmt: skip


def open_all(session: Session, provider: str, owner_id: UUID | None) -> int:
    """Open a discrepancy for every fee booked just now that is not the tariff's, and for runs whose reserve was short."""
    return sum(
        open_set(session, rows)
        for rows in (_differing(session, provider, owner_id), _unreserved(provider, owner_id))
    )


def _differing(session: Session, provider: str, owner_id: UUID | None) -> Select[*tuple[Any, ...]]:
    difference = FeeCharge.charged_minor - FeeCharge.expected_minor
    kind = case(
        (difference > 0, DiscrepancyKind.FEE_ABOVE_TARIFF.value),
        else_=DiscrepancyKind.FEE_BELOW_TARIFF.value,
    )
    details = func.jsonb_build_object(
        "statement_id", StatementLine.statement_id.cast(String), "file", StatementFile.filename,
        "line", StatementLine.number, "attempt", FeeCharge.attempt, "charged_minor", FeeCharge.charged_minor,
        "expected_minor", FeeCharge.expected_minor, "tariff", FeeCharge.tariff_version,
    )  # fmt: skip
    return (
        select(
            kind.label("kind"), func.concat("fee:", FeeCharge.line_id).label("subject"),
            literal(provider).label("provider"), FeeCharge.payment_id, FeeCharge.line_id,
            func.abs(difference).label("amount_minor"), FeeCharge.currency, details.label("details"),
            began(session, FeeCharge.value_date).label("since"), literal(owner_id, Uuid).label("owner_id"),
        )
        .join(fee_lines, fee_lines.c.id == FeeCharge.line_id)
        .join(StatementLine, StatementLine.id == FeeCharge.line_id)
        .join(StatementFile, StatementFile.id == StatementLine.statement_id)
        .where(difference != 0)
    )  # fmt: skip


def _unreserved(provider: str, owner_id: UUID | None) -> Select[*tuple[Any, ...]]:
    """By run and statement, what the tariff allows and nothing was set aside for."""
    short = func.least(FeeCharge.charged_minor, FeeCharge.expected_minor) - FeeCharge.reserved_minor
    total, run_id, statement_id = func.sum(short), FeeCharge.run_id, StatementLine.statement_id
    return (
        select(
            literal(DiscrepancyKind.FEES_NOT_RESERVED.value).label("kind"),
            func.concat("fees:", run_id, ":", statement_id).label("subject"),
            literal(provider).label("provider"), null().cast(Uuid).label("payment_id"),
            null().cast(Uuid).label("line_id"), total.label("amount_minor"), FeeCharge.currency,
            func.jsonb_build_object(
                "run", PaymentRun.number, "statement_id", statement_id.cast(String), "lines", func.count()
            ).label("details"),
            literal(clock.now()).label("since"), literal(owner_id, Uuid).label("owner_id"),
        )
        .join(fee_lines, fee_lines.c.id == FeeCharge.line_id)
        .join(StatementLine, StatementLine.id == FeeCharge.line_id)
        .join(PaymentRun, PaymentRun.id == run_id)
        .where(short > 0)
        .group_by(run_id, PaymentRun.number, statement_id, FeeCharge.currency)
    )  # fmt: skip


def _changed(session: Session, statement: Any) -> int:
    return session.connection().execute(statement).rowcount
