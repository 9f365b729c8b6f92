"""Payments that were not paid, over HTTP: what waits for a decision, and the two decisions."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from pydantic import BaseModel, Field

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.ledger.schemas import Amount
from cbi.payments.runs.progress import UNDECIDED
from cbi.payments.runs.schemas import Reason
from cbi.payments.states import PaymentState
from cbi.payments.unpaid import again
from cbi.payments.unpaid.again import Decided
from cbi.payments.unpaid.decision_models import Remedy
from cbi.payments.unpaid.undecided import AGES, Chosen, Line, Obstacle

router = Router(tags=["payments"])


class UndecidedOut(BaseModel):
    """Payments that failed, came back or expired. `obstacle` is what keeps them from being tried anew.

    Those `in_dispute` cannot be given up either. `since` is when the first of them came to that state.
    """

    provider: str
    state: PaymentState
    obstacle: Obstacle | None
    from_days: int
    to_days: int | None
    payments: int
    total: Amount
    since: datetime

    @classmethod
    def of(cls, line: Line) -> "UndecidedOut":
        start, end = AGES[line.age]
        return cls(
            provider=line.provider, state=line.state, obstacle=line.obstacle, from_days=start, to_days=end,
            payments=line.payments, total=Amount.of(line.total), since=line.since,
        )  # fmt: skip


class Decide(Reason):
    """Why, and about which payments of the run: by state, by id, or (without either) all that wait for a decision."""

    states: set[PaymentState] = Field(
        default=set(UNDECIDED), min_length=1, examples=[["expired"]],
        description="Any of `failed`, `returned` and `expired`; others wait for no decision.",
    )  # fmt: skip
    payments: list[UUID] | None = Field(None, min_length=1, max_length=10_000)

    @property
    def chosen(self) -> Chosen:
        """The payments that are meant."""
        return Chosen(
            frozenset(self.states), None if self.payments is None else tuple(self.payments)
        )


class DecidedOut(BaseModel):
    """What was moved, and what was left as it is because something keeps it from being decided so."""

    decision_id: UUID
    remedy: Remedy
    payments: int
    total: Amount
    moved: list[UndecidedOut]
    left: list[UndecidedOut]

    @classmethod
    def of(cls, decided: Decided) -> "DecidedOut":
        assert decided.decision_id is not None
        return cls(
            decision_id=decided.decision_id, remedy=decided.remedy, payments=decided.payments,
            total=Amount.of(decided.total), moved=[UndecidedOut.of(line) for line in decided.moved],
            left=[UndecidedOut.of(line) for line in decided.left],
        )  # fmt: skip


@router.get(
    "/payment-runs/{run_id}/undecided",
    summary="What of the run failed, came back or expired, and may be tried anew or given up",
)
def undecided(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PAYMENT_READ))],
    run_id: UUID,
) -> list[UndecidedOut]:
    return [UndecidedOut.of(line) for line in again.waits(session, actor, run_id)]


@router.post(
    "/payment-runs/{run_id}/try-again",
    summary="Send payments once more, each as a new attempt with the content that was approved",
)
def try_again(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_RELEASE))],
    run_id: UUID,
    body: Decide,
) -> DecidedOut:
    return DecidedOut.of(again.try_again(session, actor, run_id, body.reason, body.chosen))


@router.post(
    "/payment-runs/{run_id}/give-up",
    summary="Pay these no more in this run; the next run built for the cycle pays what is owed",
)
def give_up(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_CANCEL))],
    run_id: UUID,
    body: Decide,
) -> DecidedOut:
    return DecidedOut.of(again.give_up(session, actor, run_id, body.reason, body.chosen))
