"""What a provider that takes money early writes of its lines in suspense: what it keeps, and what names nobody."""

from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cbi.fsp.keys import read_idempotency_key
from cbi.ledger.models import Transfer
from cbi.payments.outcomes import suspense
from cbi.reconciliation.line_candidates import booked_alike
from cbi.reconciliation.line_findings import Said
from cbi.reconciliation.models import LineFinding, Verdict
from tests.simulation.first_day import PROGRAMMES, drawn_on
from tests.simulation.life import Life
from tests.simulation.truth import Movement, Payout


def is_plain(life: Life, movement: Movement) -> bool:
    """Whether it writes of a movement of a payment as any provider would."""
    provider = life.provider
    if not provider.early:
        return True
    payout = provider.payouts[movement.reference]
    named = movement.id not in provider.taking.nameless
    return named and not payout.kept and provider.opposite(movement) is None


def of_line(
    life: Life, line_id: UUID, movement: Movement, opposites: dict[str, UUID]
) -> Said | None:
    """What it writes of a line about this movement; `opposites` are the lines that could take it back, by name. None: it
    says nothing now.
    """
    payout = life.provider.payouts[movement.reference]
    names = life.provider.opposite(movement)
    pair = next((opposites[name] for name in names or () if name in opposites), None)
    if pair is not None:
        return Said(Verdict.OPPOSITE, other_line_id=pair)
    booked = None
    if movement.minor > 0 or movement.id in life.provider.taking.nameless:
        booked = life.look(lambda s: _booked(s, line_id, movement.reference))
    if booked is not None and (payout.status != "DONE" or life.chance.random() < 0.5):
        return Said(Verdict.BOOKED, transfer_id=booked)
    if payout.kept and movement.minor < 0:
        return _of_kept(life, payout)
    return _attempt(payout) if names is None else None


def _booked(session: Session, line_id: UUID, reference: str) -> int | None:
    """The movement of our books that the line is, where they hold it, no line lists it, and nobody took that back."""
    stay = suspense.stay(session, line_id)
    if stay is None:  # it left with the line that took it back
        return None
    payment_id, attempt = read_idempotency_key(reference)
    of_it = (Transfer.payment_id == payment_id, Transfer.attempt == attempt)
    mistaken = exists().where(
        LineFinding.line_id == line_id, LineFinding.verdict == Verdict.BOOKED.value, LineFinding.taken_back_by.is_not(None)
    )  # fmt: skip
    found = select(Transfer.id).where(Transfer.id.in_(booked_alike(stay)), *of_it, ~mistaken)
    return session.scalar(found.order_by(Transfer.id).limit(1))


def _of_kept(life: Life, payout: Payout) -> Said | None:
    """It keeps the money for good, or so it says; or has paid with it after all."""
    if payout.status == "QUEUED":
        return None
    chance = life.chance.random()
    if payout.promised:  # nobody was paid with it, it says now
        return Said(Verdict.NOT_OURS) if chance < 0.5 else _lost(life)
    if chance < 0.3:
        life.provider.pays_after_all(payout)
        return _attempt(payout)
    return Said(Verdict.REFUNDED) if chance < 0.7 else _lost(life)


def _lost(life: Life) -> Said:
    programme = life.chance.choice(sorted(PROGRAMMES))
    return Said(Verdict.LOST, programme=programme, fund=drawn_on(programme)[0])


def _attempt(payout: Payout) -> Said:
    payment_id, attempt = read_idempotency_key(payout.reference)
    return Said(Verdict.ATTEMPT, payment_id, attempt)
