"""After a life: what the provider and the tellers really did, against what our books say; and what was acknowledged."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import offices
from cbi.payments.states import IN_DOUBT, PaymentState
from cbi.proofs.verify import verify
from tests.simulation import assistance, finance, months, signing
from tests.simulation.first_day import COUNTER, MODEL, OFFICE, PREFUNDED
from tests.simulation.life import Life
from tests.simulation.wrongs import Kind, Wrong


@dataclass(frozen=True, slots=True)
class Booked:
    """One payment as our books have it. `out`: what left the provider's float for it, in minor units."""

    id: UUID
    provider: str
    state: str
    attempts: int
    minor: int
    out: int
    given_up: int
    """What of it came back to our bank, or was given up by two people."""
    due: str
    """What a household is owed only once: the entitlement, or the tranche whatever cycle it is in."""
    named: bool
    """Whether an open discrepancy names it, itself or through a line."""


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a life, and what is wrong: nothing, or the life is broken."""

    payments: int
    attempts: int
    paid: int
    paid_twice: int
    """By a provider that had said that it had not; each named by an open discrepancy."""
    open_questions: int
    wrong: tuple[Wrong, ...]


def check(life: Life) -> Found:
    """Compare a settled life with the truth."""
    with offices.transaction(OFFICE) as session:
        breaches = [
            (Kind.PROMISE, f"promise {verdict.promise.number}: {breach}")
            for verdict in verify(session)
            for breach in verdict.breaches or (() if verdict.kept else ("not covered",))
        ]
    with offices.transaction(OFFICE) as session:
        booked = [Booked(**row._mapping) for row in session.execute(_BOOKED)]
        wrong = [
            *breaches,
            *(one for payment in booked for one in _of_payment(life, payment)),
            *_sent_anew(life, booked),
            *_strangers(life, booked),
            *_of_cash(life, session),
            *_of_float(life, session, booked),
            *_lost(life, session),
            *_stuck(session),
            *finance.wrong(life, session),
            *months.wrong(life, session),
            *signing.wrong(life, session),
            *assistance.wrong(life, session),
        ]
    twice = sum(_paid_times(life, payment) > 1 for payment in booked)
    return Found(
        len(booked), sum(payment.attempts for payment in booked),
        sum(payment.state == PaymentState.PAID for payment in booked), twice,
        sum(payment.named for payment in booked), tuple(wrong),
    )  # fmt: skip


def _references(payment: Booked) -> list[str]:
    return [f"{payment.id.hex}-{number:02d}" for number in range(1, payment.attempts + 1)]


def _paid_times(life: Life, payment: Booked) -> int:
    known = life.provider.payouts
    return sum(known[each].paid > 0 for each in _references(payment) if each in known)


def _of_payment(life: Life, payment: Booked) -> Iterator[Wrong]:
    who = f"payment {payment.id.hex[:6]} ({payment.state}, {payment.attempts} attempts)"
    if payment.provider == MODEL:
        yield from ((kind, f"{who}: {words}") for kind, words in _of_model(life, payment))
    if payment.state == PaymentState.SENDING:
        yield Kind.UNRESOLVED, f"{who}: nobody is sending it"


def _of_model(life: Life, payment: Booked) -> Iterator[Wrong]:
    provider, references = life.provider, _references(payment)
    payouts = [provider.payouts[each] for each in references if each in provider.payouts]
    truth = sum(payout.paid for payout in payouts)
    lied = any(payout.lied for payout in payouts)
    # What came back is booked on the provider's word to us; a line of a statement alone is for a person.
    muddled = any(
        (payout.muddled or payout.status == "REVERSED") and not payout.settled for payout in payouts
    )
    if payment.out != truth and not payment.named:
        yield (
            Kind.OTHERWISE,
            f"{truth} left its float, {payment.out} in our books, and no discrepancy names it",
        )
    if payment.out != truth and not muddled:
        yield (
            Kind.OTHERWISE,
            f"{truth} left its float, {payment.out} in our books, and we were told",
        )
    if not lied and len([payout for payout in payouts if payout.paid]) > 1:
        yield Kind.PAID_TWICE, "paid twice, though nothing untrue was said of it"
    kept = payment.out - payment.given_up
    delivered = payment.state == PaymentState.PAID
    whole = any(payout.settled for payout in payouts) or kept == payment.minor
    explained = whole if delivered else not kept
    if not explained and not payment.named:
        yield (
            Kind.OTHERWISE,
            f"{kept} of {payment.minor} left the float in our books and stayed away, and nothing explains it",
        )
    if payment.state in IN_DOUBT and not (lied and payment.named):
        yield Kind.UNRESOLVED, "still unknown, though the provider answers"
    if payment.state == PaymentState.ACCEPTED and not any(p.status == "QUEUED" for p in payouts):
        yield Kind.UNRESOLVED, "still accepted, though the provider has said the last word"


def _sent_anew(life: Life, booked: Sequence[Booked]) -> Iterator[Wrong]:
    """No key is sent twice; and for what a household is owed, no new one while an earlier one was, or could be, paid."""
    provider = life.provider
    chains: defaultdict[str, list[str]] = defaultdict(list)
    for payment in booked:
        heard = [each for each in _references(payment) if each in provider.first_heard]
        chains[payment.due] += heard
    for references in chains.values():
        references.sort(key=provider.first_heard.__getitem__)
        for place, reference in enumerate(references):
            if provider.heard[reference] > 1:
                yield Kind.PAID_TWICE, f"{reference} was sent {provider.heard[reference]} times"
            for earlier in references[:place]:
                yield from _too_soon(life, earlier, reference)


def _too_soon(life: Life, earlier: str, later: str) -> Iterator[Wrong]:
    before, first = life.provider.payouts[earlier], life.provider.first_heard[later]
    if not before.said_failed and before.status != "REVERSED":
        yield Kind.PAID_TWICE, f"{later} was sent, and nobody had said that {earlier} was not paid"
    if before.paid and life.kept.told_paid.get(earlier, first) < first:
        yield Kind.PAID_TWICE, f"{later} was sent after we had heard that {earlier} was paid"


def _strangers(life: Life, booked: Sequence[Booked]) -> Iterator[Wrong]:
    ours = {reference for payment in booked for reference in _references(payment)}
    for reference in life.provider.heard:
        if reference not in ours:
            yield Kind.LOST, f"{reference} was sent, and our books have no such attempt"


def _of_cash(life: Life, session: Session) -> Iterator[Wrong]:
    """What left the tellers' hands is what the books call paid over the counter, once for each payment."""
    handed = Counter(each.payment_id for each in life.kept.cash.values())
    for who, times in handed.items():
        if times > 1:
            yield Kind.PAID_TWICE, f"payment {who} was given cash {times} times"
    rows = session.execute(
        text("SELECT o.receipt, o.payment_id, o.amount_minor, p.state FROM payouts o JOIN payments p ON p.id = o.payment_id")
    )  # fmt: skip
    payouts = {row.receipt: row for row in rows}
    for receipt, each in life.kept.cash.items():
        row = payouts.get(receipt)
        if row is None or (row.payment_id, row.amount_minor) != (each.payment_id, each.minor):
            yield (
                Kind.LOST,
                f"cash was handed out for receipt {receipt}, and our books do not say so",
            )
        elif row.state != PaymentState.PAID:
            yield Kind.OTHERWISE, f"receipt {receipt} was paid, and its payment is {row.state}"
    for receipt in payouts.keys() - life.kept.cash.keys():
        yield Kind.OTHERWISE, f"our books have receipt {receipt}, and no teller handed anything out"


def _of_float(life: Life, session: Session, booked: Sequence[Booked]) -> Iterator[Wrong]:
    """The float in our books is what was placed less what left it for payments; the truth is checked one by one."""
    held: dict[str, int] = dict(
        session.execute(
            # What a statement moved and nothing explains stands in 1900: without it the float is what we believe.
            text(
                "SELECT provider, sum(debits_minor - credits_minor) FROM accounts WHERE code IN ('1100', '1900')"
                " GROUP BY provider"
            )
        ).all()
    )  # fmt: skip
    out: defaultdict[str, int] = defaultdict(int)
    for payment in booked:
        out[payment.provider] += payment.out
    for provider in (MODEL, COUNTER):
        if held[provider] != PREFUNDED - out[provider]:
            yield (
                Kind.OTHERWISE,
                f"the float of {provider} is {held[provider]} in our books, {out[provider]} left it for payments",
            )
    truth = -sum(movement.minor for movement in life.provider.movements)
    if truth != out[MODEL] and not any(payment.named for payment in booked):
        yield (
            Kind.OTHERWISE,
            f"{truth} left the float of {MODEL}, {out[MODEL]} in our books, and no discrepancy is open",
        )


def _lost(life: Life, session: Session) -> Iterator[Wrong]:
    """Everything that was acknowledged is there."""
    there: dict[str, set[str]] = {
        what: set(session.scalars(text(sql))) for what, sql in _THERE.items()
    }
    for what, which in life.kept.acknowledged:
        if which not in there[what]:
            yield Kind.LOST, f"acknowledged and lost: {what} {which}"


def _stuck(session: Session) -> Iterator[Wrong]:
    """No callback waits to be read, and no run is being released without a payment that something holds back."""
    for (number,) in session.execute(_STUCK):
        yield Kind.UNRESOLVED, f"run {number} is being released for ever"
    if waiting := session.scalar(
        text("SELECT count(*) FROM inbound_callbacks WHERE handled_at IS NULL")
    ):
        yield Kind.UNRESOLVED, f"{waiting} messages were never read"


_BOOKED = text(
    """
    SELECT p.id, p.provider, CASE WHEN e.once THEN concat_ws(' ', e.programme_id, e.household_id, e.component)
            ELSE e.id::text END AS due, p.state, p.attempts, p.amount_minor AS minor,
        coalesce((SELECT sum(CASE a.id WHEN t.credit_account_id THEN t.amount_minor ELSE -t.amount_minor END)
            FROM transfers t JOIN accounts a ON a.id IN (t.credit_account_id, t.debit_account_id)
            WHERE a.code = '1100' AND (t.payment_id = p.id
                OR t.source_id IN (SELECT o.id FROM receivables o WHERE o.payment_id = p.id))), 0)::bigint AS out,
        coalesce((SELECT sum(o.amount_minor) FROM receivables o WHERE o.payment_id = p.id AND (o.state = 'written_off'
            OR EXISTS (SELECT FROM transfers t JOIN accounts a ON a.id = t.debit_account_id
                WHERE t.source_id = o.id AND a.code = '1000'))), 0)::bigint AS given_up,
        EXISTS (SELECT FROM discrepancies d LEFT JOIN statement_lines l ON l.id = d.line_id
            WHERE d.settled_at IS NULL AND (d.payment_id = p.id
                OR l.idempotency_key LIKE replace(p.id::text, '-', '') || '-%')) AS named
    FROM payments p JOIN entitlements e ON e.id = p.entitlement_id ORDER BY p.id
    """
)
_STUCK = text(
    """
    SELECT r.number FROM payment_runs r WHERE r.state = 'releasing' AND NOT EXISTS (
        SELECT FROM payments p JOIN discrepancies d ON d.payment_id = p.id
        WHERE p.run_id = r.id AND p.state = 'ready' AND d.settled_at IS NULL
        UNION ALL SELECT FROM payments p JOIN receivables o ON o.entitlement_id = p.entitlement_id
        WHERE p.run_id = r.id AND p.state = 'ready' AND o.state = 'open')
    """
)
_THERE = {
    "run": "SELECT run_id || ' ' || after FROM run_events",
    "payout": "SELECT receipt FROM payouts",
    "shortage": "SELECT authorisation_id::text FROM cash_shortages",
    "callback": "SELECT encode(digest, 'hex') FROM inbound_callbacks",
    "statement": "SELECT id::text FROM statement_files",
    "reported unpaid": "SELECT payment_id || ' ' || attempt FROM unpaid_findings",
    "confirmed unpaid": "SELECT payment_id || ' ' || attempt FROM unpaid_findings WHERE confirmed_at IS NOT NULL",
    "reported amount": "SELECT id::text FROM amount_findings",
    "confirmed amount": "SELECT id::text FROM amount_findings WHERE confirmed_at IS NOT NULL",
    "given back": "SELECT receivable_id || ' ' || reference FROM receivable_events WHERE after = 'recovered'",
    "loss proposed": "SELECT receivable_id::text FROM write_offs",
    "loss confirmed": "SELECT receivable_id::text FROM receivable_events WHERE after = 'written_off'",
    "month proposed": "SELECT month || '/' || number FROM month_closes",
    "month closed": "SELECT month || '/' || number FROM month_closes WHERE confirmed_at IS NOT NULL",
    "month reopened": "SELECT month || '/' || number FROM month_closes WHERE reopened_at IS NOT NULL",
    "policy proposed": "SELECT version::text FROM approval_policies",
    "policy accepted": "SELECT version::text FROM approval_policies WHERE accepted_at IS NOT NULL",
    "delegation given": "SELECT id::text FROM delegations",
    "delegation accepted": "SELECT id::text FROM delegations WHERE accepted_at IS NOT NULL",
    "delegation withdrawn": "SELECT id::text FROM delegations WHERE withdrawn_at IS NOT NULL",
    "signature": "SELECT run_id || ' ' || revision || ' ' || user_id FROM approvals",
    "condition noted": "SELECT id::text FROM conditions_met",
    "condition confirmed": "SELECT id::text FROM conditions_met WHERE decision = 'confirmed'",
    "suspension": "SELECT p.code || ' ' || h.source_id FROM suspensions s JOIN programmes p ON p.id = s.programme_id"
    " JOIN households h ON h.id = s.household_id",
    "sheet": "SELECT sheet_id || ' ' || version FROM work_versions",
    "sheet signed": "SELECT sheet_id || ' ' || version FROM work_signatures",
}
