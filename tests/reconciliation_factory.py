"""Payments that are out with a provider, and the provider's files about them."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor, grants_of
from cbi.access.permissions import Role
from cbi.ledger.chart import Entry
from cbi.ledger.models import Fund
from cbi.ledger.posting import post
from cbi.money import Money
from cbi.payments.models import Attempt, Discrepancy, Payment, PaymentRun, RunRoute
from cbi.payments.moves import book_of, move
from cbi.payments.outcomes import outcomes
from cbi.payments.sending import dispatch
from cbi.payments.states import PaymentState, RunState
from cbi.programmes.models import Cycle, Programme
from cbi.reconciliation.models import Match, StatementLine

TREASURER = Actor("user", uuid4(), "a treasurer", grants_of([(Role.TREASURER, None)]))
SENT = datetime(2026, 3, 5, 9, 0, tzinfo=UTC)
PAID = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
MECHANISM = {"post_office": "cash_over_counter", "sandbox": "mobile_money"}
DAY = date(2026, 3, 10)
CURRENCY = "DZD"


@dataclass(frozen=True, slots=True)
class Sent:
    """One payment as it went out: `key` is what the provider knows it by, `amount` is in whole units."""

    id: UUID
    key: str
    amount: int


class Line(NamedTuple):
    """One line of a settlement file; a negative amount came back."""

    receipt: str
    amount: int
    day: date = DAY


def released_run(session: Session, count: int, amount: int, provider: str) -> PaymentRun:
    """A run in the middle of its release, with its money committed and no payments yet; `amount` in whole units."""
    now, code = clock.now(), f"p-{uuid4().hex[:12]}"
    total = count * amount * 100
    fund = Fund(
        code=code, name="A fund", amount_minor=total, currency=CURRENCY, valid_from=date(2026, 1, 1),
        valid_to=date(2026, 12, 31), created_at=now,
    )  # fmt: skip
    session.add(fund)
    session.flush()
    programme = Programme(
        code=code,
        name="A programme",
        kind="grant",
        currency=CURRENCY,
        fund_id=fund.id,
        version=1,
        created_at=now,
    )
    session.add(programme)
    session.flush()
    cycle = Cycle(
        programme_id=programme.id, version=1, period="2026-03", starts_on=date(2026, 3, 1),
        ends_on=date(2026, 3, 31), opened_at=now,
    )  # fmt: skip
    session.add(cycle)
    session.flush()
    run = PaymentRun(
        cycle_id=cycle.id, programme_id=programme.id, fund_id=fund.id, period="2026-03", providers=[provider],
        currency=CURRENCY, state=RunState.RELEASING, built_at=now, payment_count=count, total_minor=total,
    )  # fmt: skip
    session.add(run)
    session.flush()
    session.add(
        RunRoute(
            run_id=run.id, provider=provider, mechanism="cash_over_counter", first_number=1, last_number=count,
            payment_count=count, total_minor=total, currency=CURRENCY,
        )
    )  # fmt: skip
    session.flush()
    for entry in (Entry.RECEIVE, Entry.ALLOCATE, Entry.COMMIT):
        post(session, entry, book_of(run), Money(total, CURRENCY), uuid4())
    return run


def _hand_over(session: Session, run: PaymentRun, count: int) -> None:
    chunk = dispatch.Chunk(run.id, run.providers[0], 1, count)
    dispatch.start_chunk(session, chunk)
    outcomes.accept_chunk(session, chunk, "a test")


def send(
    session: Session, amounts: Sequence[int], provider: str = "post_office", at: datetime = SENT
) -> list[Sent]:
    """Payments of these amounts, each accepted by the provider."""
    with clock.frozen(at):
        run = released_run(session, len(amounts), max(amounts), provider)
        ids = [uuid4() for _ in amounts]
        session.execute(
            insert(Payment),
            [
                {
                    "id": payment_id, "run_id": run.id, "number": number, "entitlement_id": uuid4(),
                    "programme_id": run.programme_id, "fund_id": run.fund_id, "period": run.period,
                    "component": "base", "household_id": uuid4(), "person_id": uuid4(), "account_id": uuid4(),
                    "account_index": b"i", "provider": provider,
                    "mechanism": MECHANISM[provider], "amount_minor": amount * 100, "currency": CURRENCY,
                    "digest": b"d", "state": PaymentState.READY, "live": True, "attempts": 0,
                }
                for number, (payment_id, amount) in enumerate(zip(ids, amounts, strict=True), start=1)
            ],
        )  # fmt: skip
        _hand_over(session, run, len(amounts))
    return [Sent(i, f"{i.hex}-01", amount) for i, amount in zip(ids, amounts, strict=True)]


def send_many(
    session: Session, count: int, amount: int, provider: str = "post_office", *, paid: bool
) -> None:
    """The same for very many equal payments, as sets; each attempt's reference is `R` and its payment's number."""
    with clock.frozen(SENT):
        run = released_run(session, count, amount, provider)
        session.execute(
            text(
                "INSERT INTO payments (id, run_id, number, entitlement_id, programme_id, fund_id, period, component,"
                " household_id, person_id, account_id, account_index, provider, mechanism, amount_minor, currency,"
                " digest, state, live, attempts, heard_of) SELECT gen_random_uuid(), :run, n, gen_random_uuid(), :programme,"
                " :fund, '2026-03', 'base', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'i', :provider,"
                " :mechanism, :amount, 'DZD', 'd', 'ready', true, 0, 0 FROM generate_series(1, :count) n"
            ),
            {
                "run": run.id, "programme": run.programme_id, "fund": run.fund_id, "provider": provider,
                "mechanism": MECHANISM[provider], "amount": amount * 100, "count": count,
            },
        )  # fmt: skip
        _hand_over(session, run, count)
        session.execute(
            text(
                "UPDATE attempts SET provider_reference = 'R' || p.number FROM payments p"
                " WHERE p.id = attempts.payment_id AND p.run_id = :run"
            ),
            {"run": run.id},
        )
    if paid:
        with clock.frozen(PAID):
            move(
                session, run, Payment.run_id == run.id, PaymentState.ACCEPTED, PaymentState.PAID,
                provider=run.providers[0], source="a test",
            )  # fmt: skip


def name(session: Session, sent: Sent, reference: str, attempt: int = 1) -> None:
    """Tell the books the provider's reference of an attempt."""
    session.execute(
        update(Attempt)
        .where(Attempt.payment_id == sent.id, Attempt.number == attempt)
        .values(provider_reference=reference)
    )


def pay(
    session: Session, sent: Sent, reference: str | None, at: datetime = PAID, attempt: int = 1
) -> None:
    """Book that it was handed over."""
    with clock.frozen(at):
        assert outcomes.confirm_paid(
            session, sent.id, attempt, provider_reference=reference, source="a test"
        )


def change(session: Session, sent: Sent, before: PaymentState, after: PaymentState) -> None:
    """Move one payment along its lifecycle."""
    run = session.get_one(
        PaymentRun, session.scalars(select(Payment.run_id).where(Payment.id == sent.id)).one()
    )
    moved = move(
        session, run, Payment.id == sent.id, before, after, provider=run.providers[0], source="a test"
    )  # fmt: skip
    assert moved == 1


def send_again(session: Session, sent: Sent, before: PaymentState) -> None:
    """A new attempt at the same payment, accepted."""
    change(session, sent, before, PaymentState.READY)
    run_id, provider, number = session.execute(
        select(Payment.run_id, Payment.provider, Payment.number).where(Payment.id == sent.id)
    ).one()
    chunk = dispatch.Chunk(run_id, provider, number, number)
    dispatch.start_chunk(session, chunk)
    outcomes.accept_chunk(session, chunk, "a test")


def settlement(lines: Iterable[Line], currency: str = CURRENCY) -> bytes:
    """A post office's settlement file."""
    out, rows = io.StringIO(), list(lines)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["date", "office", "receipt", "amount", "currency"])
    writer.writerows(
        [line.day.isoformat(), "Main office", line.receipt, line.amount, currency] for line in rows
    )
    writer.writerow(["TOTAL", len(rows), "", sum(line.amount for line in rows), currency])
    return out.getvalue().encode()


def movements(*rows: dict[str, object], opening: int | None = None) -> bytes:
    """A statement of the sandbox: `id`, `type`, `minor` (signed), `date`, perhaps `reference` and `transaction`.

    Without an opening balance it names none at all.
    """
    full = [{"type": "PAYOUT", "date": DAY.isoformat(), **row} for row in rows]
    closing = None if opening is None else opening + sum(int(str(row["minor"])) for row in full)
    head = {"currency": CURRENCY, "opening": opening}
    tail = {"closing": closing, "count": len(full)}
    return "\n".join(json.dumps(row) for row in (head, *full, tail)).encode()


def settled_by(session: Session) -> dict[str, UUID]:
    """Which payment each matched line settles, by the line's own name."""
    rows = session.execute(
        select(StatementLine.line_id, Match.payment_id).join(
            Match, Match.line_id == StatementLine.id
        )
    )
    return {row.line_id: row.payment_id for row in rows}


def open_kinds(session: Session) -> list[str]:
    """The kinds of all open discrepancies, sorted."""
    return sorted(session.scalars(select(Discrepancy.kind).where(Discrepancy.settled_at.is_(None))))
