"""What should go on by itself and does not: a part of a run that its provider does not take, a message nobody can read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.money import Money
from cbi.payments.models import InboundCallback, RunRoute
from cbi.payments.outcomes import holding
from cbi.payments.outcomes.holding import Held, Hold
from cbi.payments.runs.progress import Board, OpenRun, Portion, Tally
from cbi.payments.states import PaymentState, RunState

PATIENCE = timedelta(hours=1)
"""How long handing over a run may take before somebody should look."""


@dataclass(frozen=True, slots=True)
class StalledRoute:
    """The part of a run that is not handed over yet. `until`: its provider took nothing, and is tried again then.

    `why`: what holds it, where it is not the provider.
    """

    run: OpenRun
    provider: str
    left: Tally
    since: datetime
    until: datetime | None
    why: Hold | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """Messages of one provider that were kept and that nothing could be made of."""

    provider: str
    count: int
    since: datetime


def stalled_routes(session: Session, board: Board) -> list[StalledRoute]:
    """What is not handed over yet of the runs being released: because a provider took nothing, or for over an hour."""
    return _stalled(session, board, holding.held(session, _releasing(board)))


def standing_routes(
    session: Session, board: Board
) -> tuple[list[StalledRoute], list[StalledRoute]]:
    """The stalled routes and the held ones, for a page that shows both."""
    held = holding.held(session, _releasing(board))
    return _stalled(session, board, held), _held(board, held)


def _stalled(session: Session, board: Board, held: Sequence[Held]) -> list[StalledRoute]:
    left = {
        (part.run_id, part.provider): _without(part, held)
        for part in board.portions
        if part.state is PaymentState.READY and board.runs[part.run_id].state is RunState.RELEASING
    }
    rows = session.execute(
        select(RunRoute.run_id, RunRoute.provider, RunRoute.not_before)
        .where(RunRoute.run_id.in_({run_id for run_id, _ in left}))
        .order_by(RunRoute.run_id, RunRoute.first_number)
    )
    found = []
    for run_id, provider, not_before in rows:
        run = board.runs[run_id]
        since, tally = run.release_began or run.since, left.get((run_id, provider))
        if tally and tally.payments and (not_before or since < clock.now() - PATIENCE):
            found.append(StalledRoute(run, provider, tally, since, not_before))
    return found


def _without(part: Portion, holding: Sequence[Held]) -> Tally:
    held = [one for one in holding if (one.run_id, one.provider) == (part.run_id, part.provider)]
    minor = part.rest.total.minor - sum(one.total_minor for one in held)
    payments = part.rest.payments - sum(one.payments for one in held)
    return Tally(payments, Money(minor, part.rest.total.currency))


def held_routes(session: Session, board: Board) -> list[StalledRoute]:
    """What of the runs being released is not sent because it may have been paid, or somebody may be on record twice."""
    return _held(board, holding.held(session, _releasing(board)))


def _held(board: Board, held: Sequence[Held]) -> list[StalledRoute]:
    found = []
    for each in held:
        run = board.runs[each.run_id]
        tally = Tally(each.payments, Money(each.total_minor, run.whole.total.currency))
        since = run.release_began or run.since
        found.append(StalledRoute(run, each.provider, tally, since, None, each.why))
    return found


def _releasing(board: Board) -> list[UUID]:
    return [run.id for run in board.runs.values() if run.state is RunState.RELEASING]


def unread_callbacks(session: Session, patience: timedelta) -> list[Unread]:
    """The messages that came longer ago than `patience` and wait to be read, by provider."""
    rows = session.execute(
        select(InboundCallback.provider, func.count(), func.min(InboundCallback.received_at))
        .where(
            InboundCallback.handled_at.is_(None),
            InboundCallback.received_at < clock.now() - patience,
        )
        .group_by(InboundCallback.provider)
        .order_by(InboundCallback.provider)
    )
    return [Unread(*row) for row in rows]
