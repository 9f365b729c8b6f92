"""After a life: what the provider and the tellers really did, against what our books say; and what was acknowledged."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import offices
from cbi.payments.states import IN_DOUBT, PaymentState
from cbi.proofs.verify import verify
from tests.simulation import (
    acknowledged,
    assistance,
    charging,
    counter,
    finance,
    floats,
    funding,
    keeping,
    lines,
    months,
    pricing,
    signing,
    topping,
    waiving,
)
from tests.simulation.booked import Booked
from tests.simulation.booked import booked as everything
from tests.simulation.first_day import COUNTER, MODEL, OFFICE
from tests.simulation.life import Life
from tests.simulation.wrongs import Kind, Wrong

PARTS = (assistance, charging, funding, keeping, lines, months, pricing, signing, topping, waiving)
"""What people do in lives; each says what is wrong with it in the end."""


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a life, and what is wrong: nothing, or the life is broken."""

    payments: int
    attempts: int
    paid: int
    paid_twice: int
    """By a provider that had said that it had not; each named by an open discrepancy."""
    open_questions: int
    suspended: int
    wrong: tuple[Wrong, ...]


def check(life: Life, *, proved: bool = True) -> Found:
    """Compare a settled life with the truth, and have the engine prove its promises, unless that does not matter."""
    with offices.transaction(OFFICE) as session:
        breaches = [
            (Kind.PROMISE, f"promise {verdict.promise.number}: {breach}")
            for verdict in (verify(session) if proved else ())
            for breach in verdict.breaches or (() if verdict.kept else ("not covered",))
        ]
    with offices.transaction(OFFICE) as session:
        booked, found = everything(session), keeping.found(life, session)
        wrong = [
            *breaches,
            *(one for payment in booked for one in _of_payment(life, payment, found)),
            *_sent_anew(life, booked),
            *_strangers(life, booked),
            *_beyond(booked),
            *counter.wrong(life, session),
            *floats.wrong(life, session, booked),
            *acknowledged.lost(life, session),
            *_stuck(session),
            *(one for part in PARTS for one in part.wrong(life, session)),
            *finance.wrong(life),
        ]
        suspended = session.scalar(_SUSPENDED) or 0
    twice = sum(_paid_times(life, payment) > 1 for payment in booked)
    return Found(
        len(booked), sum(payment.attempts for payment in booked),
        sum(payment.state == PaymentState.PAID for payment in booked), twice,
        sum(payment.named for payment in booked), suspended, tuple(wrong),
    )  # fmt: skip


def _references(payment: Booked) -> list[str]:
    return [f"{payment.id.hex}-{number:02d}" for number in range(1, payment.attempts + 1)]


def _paid_times(life: Life, payment: Booked) -> int:
    known = life.provider.payouts
    return sum(known[each].paid > 0 for each in _references(payment) if each in known)


def _of_payment(life: Life, payment: Booked, found: Counter[str]) -> Iterator[Wrong]:
    who = f"payment {payment.id.hex[:6]} ({payment.state}, {payment.attempts} attempts)"
    if payment.provider == MODEL:
        yield from ((kind, f"{who}: {words}") for kind, words in _of_model(life, payment, found))
    if payment.state == PaymentState.SENDING:
        yield Kind.UNRESOLVED, f"{who}: nobody is sending it"


def _of_model(life: Life, payment: Booked, found: Counter[str]) -> Iterator[Wrong]:
    provider, references = life.provider, _references(payment)
    payouts = [provider.payouts[each] for each in references if each in provider.payouts]
    asked = {each.reference: max(each.kept - found[each.reference], 0) for each in payouts}
    truth = sum(each.paid + each.held + asked[each.reference] for each in payouts)
    lied = any(payout.lied for payout in payouts)
    # What came back is booked on the provider's word to us; a line of a statement alone is for a person.
    muddled = any(
        (payout.muddled or payout.status == "REVERSED" or asked[payout.reference])
        and not payout.settled
        for payout in payouts
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
    kept = payment.out - payment.given_up - payment.held
    delivered = payment.state == PaymentState.PAID
    whole = any(payout.settled for payout in payouts) or kept == payment.minor
    explained = whole if delivered else not kept
    if not explained and not payment.named:
        yield (
            Kind.OTHERWISE,
            f"{kept} of {payment.minor} left the float in our books and stayed away, and nothing explains it",
        )
    in_the_air = sum(payout.held for payout in payouts)
    if payment.held != in_the_air and not payment.named:
        yield (
            Kind.OTHERWISE,
            f"{in_the_air} is neither paid nor given back, {payment.held} in our books, and no discrepancy names it",
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


def _beyond(booked: Sequence[Booked]) -> Iterator[Wrong]:
    """Over the counter nobody is handed more than is owed, whatever runs and parts it comes in."""
    handed: Counter[str] = Counter()
    owed: dict[str, int] = {}
    for payment in booked:
        if payment.provider == COUNTER:
            handed[payment.due] += payment.out
            owed[payment.due] = payment.owed
    for due, minor in handed.items():
        if minor > owed[due]:
            yield Kind.PAID_TWICE, f"{minor} was handed over of {owed[due]}, for {due}"


def _stuck(session: Session) -> Iterator[Wrong]:
    """No callback waits to be read, and no run is being released without a payment that something holds back."""
    for (number,) in session.execute(_STUCK):
        yield Kind.UNRESOLVED, f"run {number} is being released for ever"
    if waiting := session.scalar(
        text("SELECT count(*) FROM inbound_callbacks WHERE handled_at IS NULL")
    ):
        yield Kind.UNRESOLVED, f"{waiting} messages were never read"


_SUSPENDED = text("SELECT count(*) FROM suspended_lines WHERE ended_at IS NULL")
_STUCK = text(
    """
    SELECT r.number FROM payment_runs r WHERE r.state = 'releasing' AND NOT EXISTS (
        SELECT FROM payments p JOIN discrepancies d ON d.payment_id = p.id
        WHERE p.run_id = r.id AND p.state = 'ready' AND d.settled_at IS NULL AND d.kind <> 'unknown_for_days'
        UNION ALL SELECT FROM payments p JOIN receivables o ON o.entitlement_id = p.entitlement_id
        WHERE p.run_id = r.id AND p.state = 'ready' AND o.state = 'open')
    """
)
