"""What people ask about runs and payments: the list, the run sheet, one payment's story."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session, aliased

from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.ledger import fx_positions
from cbi.ledger.fx_positions import Changed
from cbi.ledger.models import Fund
from cbi.money import Money
from cbi.payments.models import Approval, Payment, PaymentEvent, PaymentRun, RunEvent, RunPart
from cbi.payments.outcomes import holding, parts
from cbi.payments.outcomes.holding import Hold
from cbi.payments.runs import cautions, cover, follow_ups, funding, summaries, top_ups
from cbi.payments.runs.cautions import Caution
from cbi.payments.runs.cover import Cover
from cbi.payments.runs.follow_ups import Followed
from cbi.payments.runs.funding import Funding
from cbi.payments.runs.runs import UnknownRun, routes_of
from cbi.payments.runs.summaries import Summary
from cbi.payments.runs.top_ups import OnTop
from cbi.payments.signing import blocking, required, waiver_register
from cbi.payments.signing.required import Required
from cbi.payments.signing.signing_models import Delegation
from cbi.payments.signing.waiver_register import Line as Waived
from cbi.payments.states import PaymentState, RunState
from cbi.payments.unpaid import decisions
from cbi.payments.unpaid.decisions import Told
from cbi.programmes.models import Programme


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run in a list."""

    id: UUID
    number: int
    programme: str
    period: str
    providers: tuple[str, ...]
    state: RunState
    payments: int
    total: Money
    fund: str
    """The code of the fund that pays it."""


@dataclass(frozen=True, slots=True)
class RouteLine:
    """The part of a run that goes out by one provider."""

    provider: str
    mechanism: str
    payments: int
    total: Money
    waits_until: datetime | None
    """When a provider that took nothing is tried again."""
    waiting: int
    """How many of its payments are not handed over yet, while the run is being released."""
    held: int
    """How many of those are not sent because a discrepancy says that they may have been paid."""
    in_pairs: int
    """How many of those are not sent because somebody of their household may be on record twice."""


@dataclass(frozen=True, slots=True)
class Step:
    """One move of a run: from and to which state, by whom (no name: a program), when, and why."""

    before: str | None
    after: str
    by: str | None
    at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class SignedStep:
    """One signature that a run takes: the step, and once it is taken by whom, in whose place, and when."""

    step: str
    role: str
    user_id: UUID | None = None
    by: str | None = None
    instead_of: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunSheet:
    """What an approver sees: cautions first, the facts, the money before and after, who did what."""

    line: RunLine
    revision: int
    routes: tuple[RouteLine, ...]
    digest: str | None
    release_after: datetime | None
    summary: Summary
    money: Cover
    cautions: tuple[Caution, ...]
    steps: tuple[Step, ...]
    required: Required | None
    """Which signatures it takes, and why; None for a draft."""
    signatures: tuple[SignedStep, ...]
    parts: tuple[tuple[str, UUID], ...]
    follows: tuple[Followed, ...]
    """What of it was given up in earlier runs of the cycle."""
    funding: Funding | None = None
    """Why its fund pays it; None for one that was built before this was kept."""
    waivers: tuple[Waived, ...] = ()
    """The waivers that were used for it, or could be."""
    on_top: OnTop | None = None
    """The top-up that it pays; None for a run of what the cycle decided."""
    changed: tuple[Changed, ...] = ()
    """The deals that brought its fund's money into its currency, where the grant is in another."""


@dataclass(frozen=True, slots=True)
class StateTotal:
    """How many payments are in one state, and what they add up to: what was handed over of it, and the rest."""

    state: PaymentState
    payments: int
    total: Money
    handed_over: Money

    @property
    def rest(self) -> Money:
        """What was not handed over."""
        return self.total - self.handed_over


def _line(run: PaymentRun, programme: str, fund: str) -> RunLine:
    return RunLine(
        run.id, run.number, programme, run.period, tuple(run.providers), run.state, run.payment_count,
        Money(run.total_minor, run.currency), fund,
    )  # fmt: skip


def runs(session: Session, *where: ColumnElement[bool], limit: int = 100) -> list[RunLine]:
    """Runs, newest first."""
    rows = session.execute(
        select(PaymentRun, Programme.code, Fund.code)
        .join(Programme, Programme.id == PaymentRun.programme_id)
        .join(Fund, Fund.id == PaymentRun.fund_id)
        .where(*where)
        .order_by(PaymentRun.number.desc())
        .limit(limit)
    )
    return [_line(*row) for row in rows]


def visible(actor: Actor) -> list[ColumnElement[bool]]:
    """What narrows `runs` to the programmes whose runs the actor may see."""
    programmes = actor.programmes(Permission.RUN_READ)
    return [] if programmes is None else [Programme.code.in_(programmes)]


def run_by_number(session: Session, number: int) -> UUID:
    """The id of the run that people call by this number. Raises UnknownRun."""
    run_id = session.scalar(select(PaymentRun.id).where(PaymentRun.number == number))
    if run_id is None:
        raise UnknownRun(f"There is no payment run {number}.", next_step="See: cbi run list")
    return run_id


def run_of(session: Session, payment_id: UUID) -> UUID:
    """The run that a payment is in. Raises UnknownRun."""
    run_id = session.scalar(select(Payment.run_id).where(Payment.id == payment_id))
    if run_id is None:
        raise UnknownRun("There is no such payment.")
    return run_id


def sheet(session: Session, run_id: UUID) -> RunSheet:
    """The run sheet. Raises UnknownRun."""
    found = runs(session, PaymentRun.id == run_id)
    if not found:
        raise UnknownRun("There is no such payment run.", next_step="See: cbi run list")
    run = session.get_one(PaymentRun, run_id)
    summary, money = summaries.of(session, run), cover.of(session, run)
    needed = required.of(session, run)
    had = session.execute(select(RunPart.part, RunPart.user_id).where(RunPart.run_id == run_id))
    fired = blocking.standing(session, run) if run.state in cover.WAITING else ()
    return RunSheet(
        line=found[0],
        revision=run.revision,
        routes=routes(session, run),
        digest=run.digest.hex() if run.digest else None,
        release_after=run.release_after,
        summary=summary,
        money=money,
        cautions=cautions.of(run, summary, money, fired),
        steps=steps(session, run_id),
        required=needed,
        signatures=_signatures(session, run, needed) if needed else (),
        parts=tuple((part, user_id) for part, user_id in had),
        follows=follow_ups.of(session, run),
        funding=funding.of(session, run),
        waivers=waiver_register.of_run(session, run),
        on_top=top_ups.of(session, run),
        changed=tuple(fx_positions.changed(session, run.fund_id, run.currency)),
    )


def _signatures(session: Session, run: PaymentRun, needed: Required) -> tuple[SignedStep, ...]:
    signer, absent = aliased(User), aliased(User)
    rows = session.execute(
        select(Approval.part, Approval.user_id, signer.full_name, absent.full_name, Approval.approved_at)
        .join(signer, signer.id == Approval.user_id)
        .outerjoin(Delegation, Delegation.id == Approval.delegation_id)
        .outerjoin(absent, absent.id == Delegation.from_id)
        .where(Approval.run_id == run.id, Approval.revision == run.revision)
    )  # fmt: skip
    given = {part: signature for part, *signature in rows}
    return tuple(
        SignedStep(step.name, step.role, *given.get(step.name, ())) for step in needed.steps
    )


def steps(session: Session, run_id: UUID) -> tuple[Step, ...]:
    """Everything that was done with a run, in order."""
    rows = session.execute(
        select(RunEvent, User.full_name)
        .outerjoin(User, User.id == RunEvent.actor_id)
        .where(RunEvent.run_id == run_id)
        .order_by(RunEvent.id)
    )
    return tuple(
        Step(event.before, event.after, name, event.at, event.reason) for event, name in rows
    )


def routes(session: Session, run: PaymentRun) -> tuple[RouteLine, ...]:
    """The run's parts, by provider, in the order of their payments."""
    waiting, held = _not_handed_over(session, run)
    return tuple(
        RouteLine(
            route.provider, route.mechanism, route.payment_count, Money(route.total_minor, route.currency),
            route.not_before, waiting.get(route.provider, 0), held.get((route.provider, Hold.DISCREPANCY), 0),
            held.get((route.provider, Hold.POSSIBLE_DUPLICATE), 0),
        )
        for route in routes_of(session, run.id)
    )  # fmt: skip


def _not_handed_over(
    session: Session, run: PaymentRun
) -> tuple[dict[str, int], dict[tuple[str, Hold], int]]:
    """How many payments wait to be sent, by provider, and how many of them are held and why; asked only while some may."""
    if run.state is not RunState.RELEASING:
        return {}, {}
    waiting = session.execute(
        select(Payment.provider, func.count())
        .where(Payment.run_id == run.id, Payment.live, Payment.state == PaymentState.READY)
        .group_by(Payment.provider)
    )
    return (
        dict(waiting.all()),
        {(each.provider, each.why): each.payments for each in holding.held(session, [run.id])},
    )


def state_totals(session: Session, run_id: UUID) -> list[StateTotal]:
    """The run's payments by state, with their sums.

    Of a payment that was handed over in parts so far, the parts are handed over, and the rest is wherever its state says.
    """
    run = session.get_one(PaymentRun, run_id)
    whole = func.sum(Payment.amount_minor)
    paid = case((Payment.state == PaymentState.PAID, whole), else_=func.sum(Payment.parts_minor))
    rows = session.execute(
        select(Payment.state, func.count(), whole, paid)
        .where(Payment.run_id == run_id)
        .group_by(Payment.state)
        .order_by(Payment.state)
    )
    return [
        StateTotal(state, count, Money(int(total), run.currency), Money(int(over), run.currency))
        for state, count, total, over in rows
    ]


def story(session: Session, payment_id: UUID) -> list[tuple[datetime, str]]:
    """What happened to one payment, in order, in words."""
    events = session.scalars(
        select(PaymentEvent).where(PaymentEvent.payment_id == payment_id).order_by(PaymentEvent.id)
    ).all()
    decided = decisions.behind(session, events)
    amounts = parts.amounts(session, payment_id)
    return [
        (
            event.at,
            f"attempt {event.attempt}: {event.before} → {event.after} ({_said(event, decided)})"
            + (f": {amounts[event.attempt]}" if event.after == PaymentState.PARTLY_PAID else ""),
        )
        for event in events
    ]


def _said(event: PaymentEvent, decided: Mapping[str, Told]) -> str:
    """Who said so; of a decision also why."""
    told = decided.get(event.source)
    return f"{told.by} decided so: {told.reason}" if told else event.source


def waiting(session: Session, *states: RunState) -> list[UUID]:
    """Runs in these states, oldest first: what a worker or an approver has to do."""
    return list(
        session.scalars(
            select(PaymentRun.id).where(PaymentRun.state.in_(states)).order_by(PaymentRun.number)
        )
    )
