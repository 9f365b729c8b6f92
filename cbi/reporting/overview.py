"""How an office stands at one look: each cycle's progress, what was paid lately, what waits, where the money is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.holders import Colleague, colleagues
from cbi.access.permissions import Permission
from cbi.audit import proved
from cbi.audit.proved import Proved
from cbi.ledger import queries as ledger
from cbi.ledger.models import Fund
from cbi.ledger.queries import FundPosition, PaidOnDay
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.runs import progress
from cbi.payments.runs.progress import Board, CycleProgress, Tally
from cbi.payments.signing.waiver_register import Line as Waived
from cbi.payments.signing.waiver_register import in_use_for
from cbi.payments.states import PaymentState
from cbi.programmes.models import Programme, ProgrammeFund
from cbi.reconciliation.queries import AGES, settled_by_run
from cbi.registry.standing import Standing, standing
from cbi.reporting.stuck import Stuck, stuck

DAYS = 30
"""How many days of payments are shown, today included."""


@dataclass(frozen=True, slots=True)
class CycleLine:
    """One cycle's progress, and how much of what was paid a provider's statement settles."""

    progress: CycleProgress
    settled: Tally


@dataclass(frozen=True, slots=True)
class Uncollected:
    """What one provider was given and has not paid yet, by how many days ago that run began to go out (`AGES`)."""

    provider: str
    currency: str
    ages: tuple[Tally, ...]


@dataclass(frozen=True, slots=True)
class Lately:
    """What was paid out on each of the last days, by provider, and what is still uncollected."""

    first: date
    last: date
    paid: tuple[PaidOnDay, ...]
    uncollected: tuple[Uncollected, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """How the office stands, as far as somebody may know; None: that part is not for them."""

    at: datetime
    cycles: tuple[CycleLine, ...] | None
    lately: Lately | None
    funds: tuple[FundPosition, ...] | None
    registry: Standing | None
    staff: tuple[Colleague, ...] | None
    stuck: tuple[Stuck, ...]
    waivers: tuple[Waived, ...] | None = None
    """The waivers that are open now, latest first."""
    proved: Proved | None = None
    """The last night's proof of every promise; None: there was none yet, or it is not for them."""

    @property
    def without_policy(self) -> tuple[str, ...]:
        """The programmes that pay while no approval policy holds: any amount leaves with the ordinary two signatures."""
        cycles = (line.progress.cycle for line in self.cycles or ())
        return tuple(sorted({cycle.programme for cycle in cycles if cycle.without_policy}))


def overview(session: Session, actor: Actor) -> Overview:
    """Everything that the actor may see of it, and nothing else. One read of each table that matters."""
    board = Board((), {}, ())
    if actor.may_somewhere(Permission.PAYMENT_READ):
        board = progress.board(session, actor.programmes(Permission.PAYMENT_READ))
    cycles = lately = None
    if actor.may_somewhere(Permission.RUN_READ):
        theirs = board.of(actor.programmes(Permission.RUN_READ))
        cycles = _cycles(session, theirs)
        lately = _lately(session, actor, theirs)
    funds = known_funds(session, actor) if actor.may_somewhere(Permission.FUND_READ) else None
    registry = standing(session) if actor.may(Permission.REGISTRY_IMPORT) else None
    staff = tuple(colleagues(session)) if actor.may(Permission.USER_MANAGE) else None
    waivers = None
    if actor.may_somewhere(Permission.POLICY_READ):
        waivers = tuple(in_use_for(session, actor, Permission.POLICY_READ))
    last = proved.last(session) if actor.may(Permission.PROOF_READ) else None
    return Overview(
        clock.now(), cycles, lately, funds, registry, staff, tuple(stuck(session, actor, board, last)), waivers, last
    )  # fmt: skip


def _cycles(session: Session, board: Board) -> tuple[CycleLine, ...]:
    paid = {part.run_id for part in board.portions if part.state is PaymentState.PAID}
    settled = settled_by_run(session, paid) if paid else {}
    lines = []
    for line in progress.progress(board):
        runs = [run.id for run in board.runs.values() if run.cycle_id == line.cycle.id]
        sums = [settled[run_id] for run_id in runs if run_id in settled]
        total = Money(sum(minor for _, minor in sums), line.cycle.decided.total.currency)
        lines.append(CycleLine(line, Tally(sum(count for count, _ in sums), total)))
    return tuple(lines)


def _lately(session: Session, actor: Actor, board: Board) -> Lately:
    last = clock.today(office_of(session).timezone)
    first = last - timedelta(days=DAYS - 1)
    codes = actor.programmes(Permission.RUN_READ)
    ids = None
    if codes is not None:
        ids = session.scalars(select(Programme.id).where(Programme.code.in_(codes))).all()
    paid = tuple(ledger.paid_by_day(session, first, ids))
    return Lately(first, last, paid, uncollected(session, board))


def uncollected(session: Session, board: Board) -> tuple[Uncollected, ...]:
    """The board's payments that a provider took and has not paid, by provider, currency and age."""
    zone = office_of(session).timezone
    today = clock.today(zone)
    ages: dict[tuple[str, str], list[Tally]] = {}
    for part in board.portions:
        if part.state is not PaymentState.ACCEPTED:
            continue
        run, currency = board.runs[part.run_id], part.tally.total.currency
        went_out = (run.release_began or run.since).astimezone(zone).date()
        days = max(0, (today - went_out).days)
        place = next(at for at, (_, end) in enumerate(AGES) if end is None or days <= end)
        none = [Tally(0, Money.zero(currency))] * len(AGES)
        found = ages.setdefault((part.provider, currency), none)
        found[place] += part.rest
    return tuple(
        Uncollected(provider, currency, tuple(tallies))
        for (provider, currency), tallies in sorted(ages.items())
    )


def known_funds(session: Session, actor: Actor) -> tuple[FundPosition, ...]:
    """Where each fund's money is: of all funds, or of those that the actor's programmes are paid from."""
    found: Sequence[FundPosition] = ledger.fund_positions(session)
    programmes = actor.programmes(Permission.FUND_READ)
    if programmes is not None:
        theirs = set(
            session.scalars(
                select(Fund.code)
                .join(ProgrammeFund, ProgrammeFund.fund_id == Fund.id)
                .join(Programme, Programme.id == ProgrammeFund.programme_id)
                .where(Programme.code.in_(programmes))
            )
        )
        found = [position for position in found if position.code in theirs]
    return tuple(found)
