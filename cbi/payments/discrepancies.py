"""Discrepancies: what we believe and what somebody else says do not agree, kept until somebody explains it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid, NotFound
from cbi.money import Money
from cbi.payments.known import known_paid
from cbi.payments.models import Discrepancy, Payment
from cbi.programmes.models import Programme

LONGEST_RESOLUTION = 1000

PAID_TWICE = "paid_twice"
"""Two attempts were paid for one entitlement: one of them is owed back."""

WITHOUT_COVER = "delivered_without_cover"
"""A payment that was called off turned out to be paid, and its money had been spent meanwhile."""

PAID_LESS = "paid_less"
"""Two people found that less was paid than was sent: the household is still owed the rest."""

PAID_MORE = "paid_more"
"""Two people found that more was paid than was sent: the excess is owed back."""

ANOTHER_AMOUNT = "paid_another_amount"
"""News of another amount than was sent."""

OF_AMOUNT = (ANOTHER_AMOUNT, "amount_differs", "currency_differs")
"""Somebody says that money moved, and how much is not what was sent. The last two are about lines of statements."""

ENDED_BY_MONEY = (PAID_TWICE, PAID_MORE, WITHOUT_COVER)
"""Words alone do not settle these: an entry in the books does."""


class UnknownDiscrepancy(NotFound):
    """No such discrepancy."""

    code = "discrepancy.unknown"


class AlreadySettled(Conflict):
    """Somebody, or the engine, has settled it."""

    code = "discrepancy.already_settled"


class EndedByMoney(Conflict):
    """Only money, or its writing off, settles it."""

    code = "discrepancy.ended_by_money"


class EndedByFinding(Conflict):
    """Only two people's finding of what was paid settles it: words would let the payment be sent again."""

    code = "discrepancy.ended_by_finding"


class NoSuchOwner(Invalid):
    """The person named does not work here (any more)."""

    code = "discrepancy.no_such_owner"


def open_discrepancy(
    session: Session,
    kind: str,
    subject: str,
    *,
    provider: str,
    payment_id: UUID | None = None,
    line_id: UUID | None = None,
    amount: Money | None = None,
    since: datetime | None = None,
    owner_id: UUID | None = None,
    **details: object,
) -> None:
    """Open one discrepancy; nothing happens when this kind was opened about this subject before.

    `since` is what it ages from (now, when not given). `details` are plain JSON and never a person's data.
    """
    now = clock.now()
    session.execute(
        upsert(Discrepancy)
        .values(
            kind=kind, subject=subject, provider=provider, payment_id=payment_id, line_id=line_id,
            amount_minor=amount.minor if amount else None, currency=amount.currency if amount else None,
            details=details, since=since or now, opened_at=now, owner_id=owner_id,
        )
        .on_conflict_do_nothing(index_elements=["kind", "subject"])
    )  # fmt: skip


OPENED = (
    "kind", "subject", "provider", "payment_id", "line_id", "amount_minor", "currency", "details", "since", "owner_id",
)  # fmt: skip
"""The columns that a set of new discrepancies has, in this order."""


def open_set(session: Session, rows: Select[*tuple[Any, ...]]) -> int:
    """Open a discrepancy for every row of the query (columns as in `OPENED`); returns how many are new."""
    new = rows.subquery()
    opened = (
        upsert(Discrepancy)
        .from_select(
            ["id", *OPENED, "opened_at"],
            select(func.gen_random_uuid(), *(new.c[name] for name in OPENED), literal(clock.now())),
            include_defaults=False,
        )
        .on_conflict_do_nothing(index_elements=["kind", "subject"])
        .returning(Discrepancy.kind)
        .cte("opened")
    )
    return int(session.scalar(select(func.count()).select_from(opened)) or 0)


def settle_set(session: Session, rows: Select[UUID, str]) -> int:
    """Settle every discrepancy of the query (id, resolution) that is open; returns how many.

    For the engine, when later news explains them: nobody's name stands beside the resolution.
    """
    explained = rows.subquery()
    number, resolution = explained.columns
    settled = (
        update(Discrepancy)
        .where(Discrepancy.id == number, Discrepancy.settled_at.is_(None))
        .values(settled_at=clock.now(), resolution=resolution)
        .returning(Discrepancy.id)
        .cte("settled")
    )
    return int(session.scalar(select(func.count()).select_from(settled)) or 0)


def settle(session: Session, actor: Actor, discrepancy_id: UUID, resolution: str) -> None:
    """Settle one discrepancy with the words of the person who explained it.

    Raises UnknownDiscrepancy, NotPermitted, UnusableReason, AlreadySettled, EndedByMoney, EndedByFinding.
    """
    found = _find(session, actor, discrepancy_id)
    if found.kind in ENDED_BY_MONEY and found.settled_at is None:
        raise EndedByMoney(
            "Words do not settle this: money is owed, or missing, in the books.",
            next_step="Book that it came back or write it off (cbi receivable), or cover it (cbi payment cover).",
        )
    if found.settled_at is None and _hides_money(session, found):
        raise EndedByFinding(
            "Words do not settle this: money may have moved, and our books do not hold how much.",
            next_step="Report what the provider says in writing that it paid (cbi payment report-amount); a colleague"
            " confirms it.",
        )
    words = reasons.plain(resolution, longest=LONGEST_RESOLUTION)
    settled = session.scalar(
        update(Discrepancy)
        .where(Discrepancy.id == discrepancy_id, Discrepancy.settled_at.is_(None))
        .values(settled_at=clock.now(), settled_by=actor.id, resolution=words)
        .returning(Discrepancy.id)
    )
    if settled is None:
        raise AlreadySettled(
            "This discrepancy has been settled already.", next_step="Read its resolution."
        )
    record(
        session, actor, "discrepancy.settled", "discrepancy", discrepancy_id, kind=found.kind,
        subject=found.subject, resolution=words,
    )  # fmt: skip


def assign(session: Session, actor: Actor, discrepancy_id: UUID, owner_id: UUID) -> None:
    """Make a member of staff the owner of an open discrepancy.

    Raises UnknownDiscrepancy, NotPermitted, NoSuchOwner, AlreadySettled.
    """
    found = _find(session, actor, discrepancy_id)
    works_here = select(User.id).where(User.id == owner_id, User.disabled_at.is_(None))
    if session.scalar(works_here) is None:
        raise NoSuchOwner(
            "There is no such member of staff.", next_step="Name somebody whose account is in use."
        )
    assigned = session.scalar(
        update(Discrepancy)
        .where(Discrepancy.id == discrepancy_id, Discrepancy.settled_at.is_(None))
        .values(owner_id=owner_id)
        .returning(Discrepancy.id)
    )
    if assigned is None:
        raise AlreadySettled(
            "This discrepancy has been settled already.", next_step="Read its resolution."
        )
    record(
        session, actor, "discrepancy.assigned", "discrepancy", discrepancy_id,
        before=str(found.owner_id) if found.owner_id else None, after=str(owner_id),
    )  # fmt: skip


def _hides_money(session: Session, found: Discrepancy) -> bool:
    """Whether it says that an attempt was paid, with another amount, of which our books hold no payment."""
    if found.kind not in OF_AMOUNT or found.payment_id is None:
        return False
    attempt = found.details.get("attempt")
    if attempt is None:
        attempt = session.get_one(Payment, found.payment_id, populate_existing=True).attempts
    return not known_paid(session, found.payment_id, int(attempt))


def _find(session: Session, actor: Actor, discrepancy_id: UUID) -> Discrepancy:
    """The discrepancy as it was before this act, if the actor may settle it."""
    found = session.get(Discrepancy, discrepancy_id, populate_existing=True)
    programme = None
    if found is not None and found.payment_id is not None:
        programme = session.scalar(
            select(Programme.code)
            .join(Payment, Payment.programme_id == Programme.id)
            .where(Payment.id == found.payment_id)
        )
    # Somebody who may not settle anything does not learn what exists.
    actor.require(Permission.DISCREPANCY_SETTLE, programme)
    if found is None:
        raise UnknownDiscrepancy(
            "There is no such discrepancy.", next_step="See GET /api/v1/discrepancies."
        )
    return found
