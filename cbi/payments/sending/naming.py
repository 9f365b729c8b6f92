"""What a provider calls an attempt of ours, and what it gave us to ask by: kept with the attempt."""

from uuid import UUID

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session, aliased

from cbi.fsp.keys import read_idempotency_key
from cbi.payments.models import Attempt
from cbi.payments.outcomes.discrepancies import open_discrepancy


def keep_ticket(session: Session, payment_id: UUID, attempt: int, ticket: str | None) -> None:
    """Keep what the provider gave us to ask by: the latest, whatever became of the news that it came with."""
    if ticket is not None:
        session.execute(
            update(Attempt)
            .where(
                Attempt.payment_id == payment_id, Attempt.number == attempt,
                Attempt.ticket.is_distinct_from(ticket),
            )
            .values(ticket=ticket),
            execution_options={"synchronize_session": False},
        )  # fmt: skip


def name_attempt(session: Session, provider: str, key: str, reference: str | None) -> None:
    """Keep the provider's own name for an attempt of ours that has none yet.

    A provider that gives two attempts one name has made a mistake, which opens a discrepancy and stops nothing.
    """
    if not reference:
        return
    given = {"given_by": provider, "key": key, "reference": reference}
    if session.connection().scalar(_NAME, given) is not None:
        return
    owner = session.execute(_NAMED_SO, given).one_or_none()
    if owner is not None:
        open_discrepancy(
            session, "reference_repeated", f"attempt:{key}", provider=provider,
            payment_id=read_idempotency_key(key)[0], provider_reference=reference,
            first_payment=str(owner.payment_id), first_attempt=owner.number,
        )  # fmt: skip


_ATTEMPTS: Table = Attempt.__table__  # type: ignore[assignment]
_OTHER = aliased(Attempt)
_NAMED_SO = select(_OTHER.payment_id, _OTHER.number).where(
    _OTHER.provider == bindparam("given_by"),
    _OTHER.provider_reference == bindparam("reference"),
    _OTHER.idempotency_key != bindparam("key"),
)
_NAME = (
    update(_ATTEMPTS)
    .where(
        _ATTEMPTS.c.idempotency_key == bindparam("key"),
        _ATTEMPTS.c.provider_reference.is_(None),
        ~_NAMED_SO.exists(),
    )
    .values(provider_reference=bindparam("reference"))
    .returning(_ATTEMPTS.c.number)
)
