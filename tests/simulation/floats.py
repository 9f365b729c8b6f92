"""The float that we have with a provider: in our books, by what left it, and as the provider knows it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.simulation import keeping
from tests.simulation.booked import Booked
from tests.simulation.first_day import COUNTER, MODEL, PREFUNDED
from tests.simulation.life import Life
from tests.simulation.truth import OF_PAYOUTS
from tests.simulation.wrongs import Kind, Wrong


def wrong(life: Life, session: Session, booked: Sequence[Booked]) -> Iterator[Wrong]:
    """What was placed is what is left, what payments and fees took, and what was refunded or lost.

    Where nothing is in question any more, our books hold what the provider holds, to the minor unit.
    """
    held: Counter[str] = Counter()
    for provider, minor in session.execute(_HELD):
        held[provider] += minor
    placed = Counter({MODEL: PREFUNDED, COUNTER: PREFUNDED})
    for paper in life.kept.arrived.values():
        placed[paper.provider] += paper.amount.minor if paper.provider else 0
    out: Counter[str] = Counter()
    for provider, minor in session.execute(_BESIDE):
        out[provider] += minor
    for payment in booked:
        out[payment.provider] += payment.out
    for provider in (MODEL, COUNTER):
        if held[provider] != placed[provider] - out[provider]:
            yield (
                Kind.OTHERWISE,
                f"the float of {provider} is {held[provider]} in our books, {out[provider]} of {placed[provider]} left it",
            )
    movements = life.provider.movements
    of_payments = -sum(each.minor for each in movements if each.type in OF_PAYOUTS)
    believed = sum(payment.out for payment in booked if payment.provider == MODEL)
    believed += keeping.found(life, session).total()
    if of_payments != believed and not any(payment.named for payment in booked):
        yield (
            Kind.OTHERWISE,
            f"{of_payments} left the float of {MODEL}, {believed} in our books, and no discrepancy is open",
        )
    questions = session.scalar(_QUESTIONS)
    true = PREFUNDED + sum(each.minor for each in movements)
    ours = session.scalar(_FLOAT)
    if not questions and ours != true:
        yield (
            Kind.OTHERWISE,
            f"{MODEL} holds {true} of ours, {ours} in our books, and nothing is in question",
        )


_HELD = text(
    # What a statement moved and nothing explains stands in 1900: without it the float is what we believe.
    "SELECT provider, sum(debits_minor - credits_minor)::bigint FROM accounts WHERE code IN ('1100', '1900')"
    " GROUP BY provider"
)
_BESIDE = text(
    """
    SELECT a.provider, sum(t.amount_minor)::bigint FROM transfers t JOIN accounts a ON a.id = t.credit_account_id
    WHERE (a.code = '1100' AND t.entry IN ('fee', 'fee_unreserved'))
        OR (a.code = '1900' AND t.entry IN ('refund_suspense', 'lose_suspense'))
    GROUP BY a.provider
    UNION ALL SELECT a.provider, -sum(t.amount_minor)::bigint FROM transfers t JOIN accounts a ON a.id = t.debit_account_id
    WHERE a.code = '1900' AND t.entry IN ('refund_mistaken', 'loss_mistaken') GROUP BY a.provider
    """
)
"""What fees took, what was refunded to our bank of what nobody could explain, and what was lost."""
_QUESTIONS = text(
    """
    SELECT (SELECT count(*) FROM discrepancies WHERE settled_at IS NULL AND provider = 'model')
        + (SELECT count(*) FROM suspended_lines WHERE ended_at IS NULL AND provider = 'model')
        + (SELECT count(*) FROM discrepancies WHERE kind = 'line_changed')
    """
)
_FLOAT = text(
    "SELECT sum(debits_minor - credits_minor)::bigint FROM accounts WHERE code = '1100' AND provider = 'model'"
)
