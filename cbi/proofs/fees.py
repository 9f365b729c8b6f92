"""Promises about fees: what was set aside and what was taken is what tariffs, statements and books say."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import SQLColumnExpression, case, exists, func, select
from sqlalchemy.orm import Session

from cbi.audit.models import AuditEntry
from cbi.offices import office_of
from cbi.payments.fees import tariffs
from cbi.payments.fees.fee_models import FeeCharge, MonthlyFee, RunFees, TariffVersion
from cbi.payments.fees.tariff import stored
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.outcomes.known import expected_minor
from cbi.payments.recovery.amount_models import AmountFinding
from cbi.programmes.models import Programme
from cbi.proofs.promise import Breaches, none_of
from cbi.proofs.suspense import STANDS


def accepted_tariffs_are_said(session: Session) -> Breaches:
    """Each accepted version is what the audit log says that one proposed and another accepted; none has vanished."""
    rows = session.scalars(select(TariffVersion)).all()
    for row in rows:
        if row.accepted_at is not None and not tariffs.is_said(session, row):
            yield f"the tariff {tariffs.subject_of(row)} is not what was accepted"
    there = {tariffs.subject_of(row) for row in rows if row.accepted_at is not None}
    said = session.scalars(
        select(AuditEntry.subject_id).where(
            AuditEntry.subject_kind == tariffs.SUBJECT, AuditEntry.act == tariffs.ACCEPTED
        )
    )
    for subject in sorted(set(said) - there):
        yield f"the tariff {subject} was accepted, and is gone"


def _versions(session: Session) -> Iterator[TariffVersion]:
    """The accepted versions; of what was altered nothing is worked out anew."""
    found = select(TariffVersion).where(TariffVersion.accepted_at.is_not(None))
    yield from (row for row in session.scalars(found) if tariffs.is_said(session, row))


def runs_set_aside_what_their_tariffs_say(session: Session) -> Breaches:
    """Work out the fees of every run's present revision anew, by the version that counted when it was locked."""
    live = Payment.live | (Payment.attempts > 0)
    for row in _versions(session):
        fee = stored(row.rules).fee_minor(Payment.amount_minor)
        found = session.execute(
            select(PaymentRun.number, RunFees.fees_minor, func.sum(fee))
            .join(PaymentRun, (PaymentRun.id == RunFees.run_id) & (PaymentRun.revision == RunFees.revision))
            .join(Payment, (Payment.run_id == PaymentRun.id) & (Payment.provider == RunFees.provider) & live)
            .where(
                RunFees.provider == row.provider, RunFees.currency == row.currency,
                RunFees.tariff_version == row.version, PaymentRun.state.not_in(["draft", "cancelled"]),
            )
            .group_by(PaymentRun.number, RunFees.id)
            .having((func.sum(fee) != RunFees.fees_minor) | (func.count() != RunFees.payment_count))
            .order_by(PaymentRun.number)
        )  # fmt: skip
        for number, kept, anew in found:
            yield f"run {number}: {row.provider} charges {anew} for it by its tariff, and {kept} was kept"


def fees_are_compared_by_the_right_version(session: Session) -> Breaches:
    """Every fee, and every run's, names the version that counted then: the latest accepted whose first day had come."""
    zone = office_of(session).timezone
    for what, table, day, at in (
        ("fee", FeeCharge, FeeCharge.value_date, FeeCharge.booked_at),
        (
            "run_fees", RunFees, func.timezone(zone.key, RunFees.made_at).cast(FeeCharge.value_date.type),
            RunFees.made_at,
        ),
    ):  # fmt: skip
        counted = _counted(day, at, table.provider, table.currency)
        name = FeeCharge.line_id if table is FeeCharge else RunFees.run_id
        wrong = select(name, table.tariff_version, counted).where(
            counted.is_distinct_from(table.tariff_version)
        )
        for subject, version, right in session.execute(wrong):
            yield f"{what} {subject} goes by version {version} of the tariff, and {right} counted then"


def _counted(
    day: SQLColumnExpression[object], at: SQLColumnExpression[datetime], provider: SQLColumnExpression[str],
    currency: SQLColumnExpression[str],
) -> SQLColumnExpression[int | None]:  # fmt: skip
    return (
        select(func.max(TariffVersion.version))
        .where(
            TariffVersion.provider == provider, TariffVersion.currency == currency,
            TariffVersion.accepted_at <= at, TariffVersion.valid_from <= day,
        )
        .scalar_subquery()
    )  # fmt: skip


def expected_fees_are_the_tariffs(session: Session) -> Breaches:
    """The fees of an attempt that were first compared were expected to add up to what the tariff says."""
    rows = list(_versions(session))
    if not rows:
        return
    amount = expected_minor(FeeCharge.attempt)
    found_since = exists().where(
        AmountFinding.payment_id == FeeCharge.payment_id, AmountFinding.attempt == FeeCharge.attempt,
        AmountFinding.confirmed_at > FeeCharge.booked_at,
    )  # fmt: skip
    fee = case(
        *(
            (
                (FeeCharge.provider == row.provider) & (FeeCharge.currency == row.currency)
                & (FeeCharge.tariff_version == row.version),
                stored(row.rules).fee_minor(amount),
            )
            for row in rows
        )
    )  # fmt: skip
    begun = func.min(FeeCharge.booked_at).over(
        partition_by=(FeeCharge.payment_id, FeeCharge.attempt)
    )
    each = (
        select(
            FeeCharge.payment_id, FeeCharge.attempt, FeeCharge.expected_minor, fee.label("fee"),
            (FeeCharge.booked_at == begun).label("first"),
        )
        .join(Payment, Payment.id == FeeCharge.payment_id)
        .where(~found_since)
        .subquery("each_fee")
    )  # fmt: skip
    e = each.c
    expected = func.sum(e.expected_minor)
    wrong = (
        select(e.payment_id, e.attempt, expected, func.max(e.fee))
        .where(e.first)
        .group_by(e.payment_id, e.attempt)
        # Fees of one attempt on both sides of a new version's first day: each is compared with its own day's.
        .having(~expected.between(func.min(e.fee), func.max(e.fee)))
    )
    for payment_id, attempt, was, right in session.execute(wrong):
        yield f"payment {payment_id}: attempt {attempt} was expected to cost {was}, and its tariff says {right}"


def monthly_fees_are_the_tariffs(session: Session) -> Breaches:
    """Each fee for a month is what the accepted tariff said that it costs, borne by the programme that it names."""
    rows = session.execute(
        select(MonthlyFee, TariffVersion, Programme.code)
        .join(
            TariffVersion,
            (TariffVersion.provider == MonthlyFee.provider) & (TariffVersion.currency == MonthlyFee.currency)
            & (TariffVersion.version == MonthlyFee.tariff_version),
        )
        .join(Programme, Programme.id == MonthlyFee.programme_id)
        .order_by(MonthlyFee.month, MonthlyFee.provider)
    )  # fmt: skip
    for fee, row, programme in rows:
        said = stored(row.rules).monthly
        if said is None or row.accepted_at is None or (said.amount.minor, said.programme) != (
            fee.amount_minor, programme,
        ):  # fmt: skip
            yield f"the monthly fee of {fee.provider} for {fee.month:%Y-%m} is not what its tariff says"


_TAKEN = "('approved', 'releasing', 'released', 'closed')"

tariffs_are_what_was_accepted = (accepted_tariffs_are_said,)

fees_as_booked = (
    runs_set_aside_what_their_tariffs_say,
    fees_are_compared_by_the_right_version,
    expected_fees_are_the_tariffs,
    none_of(
        "programme {programme_id}: fees consumed {consumed}, provider fees {fees}",
        "SELECT programme_id, sum(credits_minor - debits_minor) FILTER (WHERE code = '2910') AS consumed,"
        " sum(debits_minor - credits_minor) FILTER (WHERE code = '5100') AS fees FROM accounts"
        " WHERE code IN ('2910', '5100') GROUP BY programme_id, fund_id, currency"
        " HAVING sum(credits_minor - debits_minor) FILTER (WHERE code = '2910') IS DISTINCT FROM"
        " sum(debits_minor - credits_minor) FILTER (WHERE code = '5100')",
    ),
    none_of(
        "run {number}: {provider}'s fees are {fees} as kept, and {booked} was set aside",
        "SELECT r.number, f.provider, f.fees_minor AS fees, coalesce(sum(t.amount_minor), 0) AS booked FROM run_fees f"
        " JOIN payment_runs r ON r.id = f.run_id LEFT JOIN transfers t ON t.source_id = f.id"
        " AND t.entry = 'reserve_fees' GROUP BY r.id, f.id HAVING coalesce(sum(t.amount_minor), 0) <>"
        f" CASE WHEN r.revision = f.revision AND r.state IN {_TAKEN} OR r.state = 'cancelled' AND EXISTS (SELECT 1"
        " FROM run_events e WHERE e.run_id = r.id AND e.after = 'approved') AND r.revision = f.revision"
        " THEN f.fees_minor ELSE 0 END",
    ),
    none_of(
        "run {number}: what the audit log says of {provider}'s fees is not what is kept",
        "SELECT r.number, f.provider FROM run_fees f JOIN payment_runs r ON r.id = f.run_id WHERE NOT EXISTS"
        " (SELECT 1 FROM audit_entries e WHERE e.subject_kind = 'payment_run' AND e.subject_id = r.id::text"
        " AND e.act = 'payment_run.locked' AND e.details -> 'fees' -> f.provider ="
        " jsonb_build_array(f.tariff_version, f.fees_minor))"
        " UNION ALL SELECT r.number, said.provider FROM audit_entries e JOIN payment_runs r ON r.id::text = e.subject_id"
        " CROSS JOIN jsonb_each(e.details -> 'fees') AS said(provider, content) WHERE e.subject_kind = 'payment_run'"
        " AND e.act = 'payment_run.locked' AND NOT EXISTS (SELECT 1 FROM run_fees f WHERE f.run_id = r.id"
        " AND f.provider = said.provider AND jsonb_build_array(f.tariff_version, f.fees_minor) = said.content)",
    ),
    none_of(
        "run {run_id}: what {provider}'s reserve gave back is not what is booked",
        "SELECT coalesce(x.run_id, a.run_id) AS run_id, coalesce(x.provider, a.provider) AS provider"
        " FROM reserve_releases x FULL JOIN (SELECT * FROM transfers WHERE entry = 'release_fees') t"
        " ON t.source_id = x.id LEFT JOIN accounts a ON a.id = t.debit_account_id WHERE (x.run_id, x.provider,"
        " x.amount_minor) IS DISTINCT FROM (a.run_id, a.provider, t.amount_minor)",
    ),
    none_of(
        "fee {line_id} of {charged_minor} is booked with {booked}",
        "SELECT c.line_id, c.charged_minor, coalesce(sum(t.amount_minor), 0) AS booked FROM fee_charges c"
        " LEFT JOIN transfers t ON t.source_id = c.line_id AND t.leg = 2 AND t.entry IN ('fee', 'fee_unreserved')"
        " GROUP BY c.line_id HAVING (coalesce(sum(t.amount_minor), 0),"
        " coalesce(sum(t.amount_minor) FILTER (WHERE t.entry = 'fee'), 0))"
        " IS DISTINCT FROM (c.charged_minor, c.reserved_minor)",
    ),
    none_of(
        "transfer {id} books a fee of which no line says anything",
        "SELECT t.id FROM transfers t WHERE t.entry IN ('fee', 'fee_unreserved') AND NOT EXISTS"
        " (SELECT 1 FROM fee_charges c WHERE c.line_id = t.source_id)",
    ),
    monthly_fees_are_the_tariffs,
    none_of(
        "transfer {id} books a fee for no payment, and neither a tariff nor two people say so",
        "SELECT t.id FROM transfers t WHERE t.entry IN ('fee_suspense', 'fee_back') AND NOT EXISTS (SELECT 1"
        " FROM monthly_fees g WHERE g.line_id = t.source_id AND g.amount_minor = t.amount_minor) AND NOT EXISTS"
        " (SELECT 1 FROM line_findings f WHERE f.line_id = t.source_id AND f.verdict = 'fee'"
        " AND f.confirmed_by <> f.reported_by)",
    ),
    none_of(
        "the monthly fee of line {line_id} is not what the line says, or the books do not hold it",
        "SELECT g.line_id FROM monthly_fees g LEFT JOIN statement_lines l ON l.id = g.line_id"
        " WHERE (l.kind, l.provider, l.currency, l.amount_minor, date_trunc('month', l.value_date)::date)"
        " IS DISTINCT FROM ('fee', g.provider, g.currency, g.amount_minor, g.month) OR NOT EXISTS (SELECT 1"
        " FROM transfers t JOIN accounts a ON a.id = t.debit_account_id WHERE t.source_id = g.line_id"
        " AND t.entry = 'fee_suspense' AND t.leg = 1 AND t.amount_minor = g.amount_minor"
        " AND (a.programme_id, a.fund_id) = (g.programme_id, g.fund_id))",
    ),
    none_of(
        "fee {line_id} of {charged_minor} is not what its line says",
        "SELECT c.line_id, c.charged_minor FROM fee_charges c LEFT JOIN statement_lines l ON l.id = c.line_id"
        f" LEFT JOIN matches m ON m.line_id = c.line_id AND {STANDS}"
        " LEFT JOIN payments p ON p.id = c.payment_id"
        " WHERE (l.provider, l.currency, l.value_date, l.amount_minor - CASE l.kind WHEN 'fee' THEN 0 ELSE"
        " m.amount_minor END, p.run_id, p.programme_id, p.fund_id) IS DISTINCT FROM (c.provider, c.currency,"
        " c.value_date, c.charged_minor, c.run_id, c.programme_id, c.fund_id)",
    ),
    none_of(
        "fee {line_id} is not the tariff's, and no discrepancy says so",
        "SELECT c.line_id FROM fee_charges c WHERE c.charged_minor <> c.expected_minor AND NOT EXISTS"
        " (SELECT 1 FROM discrepancies d WHERE d.subject = concat('fee:', c.line_id) AND d.kind ="
        " CASE WHEN c.charged_minor > c.expected_minor THEN 'fee_above_tariff' ELSE 'fee_below_tariff' END)",
    ),
)
