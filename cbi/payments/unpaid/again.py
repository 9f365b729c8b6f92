"""What becomes of payments that failed, came back or expired: they are tried anew, or given up.

Tried anew, a payment keeps the content that was approved (same person, number, amount, way), so the signatures hold. Given
up, its money goes back to the budget and its entitlement is free for a follow-up run, with new signatures. Either way one
person decides, who did not make the run, and nothing that may have been paid is decided about.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from cbi import clock, db
from cbi.access.actor import Actor
from cbi.access.holders import holding
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden
from cbi.money import Money
from cbi.payments.models import MAKER, Payment, PaymentRun, RunPart, RunRoute
from cbi.payments.moves import move
from cbi.payments.runs import closing
from cbi.payments.runs.runs import find, find_for, is_maker, move_run, programme_of
from cbi.payments.signing.approval import check_approved
from cbi.payments.states import PaymentState, RunState
from cbi.payments.unpaid import undecided
from cbi.payments.unpaid.decision_models import PaymentDecision, Remedy
from cbi.payments.unpaid.decisions import source_of
from cbi.payments.unpaid.undecided import EVERY, Chosen, Line, Obstacle

_OUT = (RunState.RELEASING, RunState.RELEASED)
PERMISSION = {
    Remedy.TRY_AGAIN: Permission.RUN_RELEASE,
    Remedy.GIVE_UP: Permission.RUN_CANCEL,
}
"""To try anew is to release once more; to give up is to call off."""
_AFTER = {Remedy.TRY_AGAIN: PaymentState.READY, Remedy.GIVE_UP: PaymentState.CANCELLED}


class OnlyPeopleDecide(Forbidden):
    """A program decided."""

    code = "payment_decision.only_people"


class OwnRun(Forbidden):
    """Whoever made the run decided."""

    code = "payment_decision.own_run"


class NothingWaits(Conflict):
    """None of the chosen payments waits for a decision."""

    code = "payment_decision.nothing_waits"


class NoneMay(Conflict):
    """Payments wait, and something keeps each of them from being decided so."""

    code = "payment_decision.none_may"


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision moved and what it left as it was; only weighed, `decision_id` is None."""

    run: PaymentRun
    remedy: Remedy
    decision_id: UUID | None
    moved: tuple[Line, ...]
    left: tuple[Line, ...]

    @property
    def payments(self) -> int:
        """How many it moved."""
        return sum(line.payments for line in self.moved)

    @property
    def total(self) -> Money:
        """What they add up to."""
        return sum((line.total for line in self.moved), Money.zero(self.run.currency))


def waits(session: Session, actor: Actor, run_id: UUID) -> list[Line]:
    """What of a run waits for a decision. Raises UnknownRun, NotPermitted."""
    run = find_for(session, actor, run_id, Permission.PAYMENT_READ)
    return undecided.weigh(session, run) if run.state in {*_OUT, RunState.CLOSED} else []


def may_decide(session: Session, actor: Actor, run: PaymentRun, remedy: Remedy) -> bool:
    """Whether this actor is one who could decide so."""
    return (
        actor.may(PERMISSION[remedy], programme_of(session, run).code)
        and actor.kind == "user"
        and not is_maker(session, run, actor)
    )


def who_may(session: Session, runs: Mapping[UUID, str]) -> Mapping[UUID, tuple[str, ...]]:
    """For each of these runs (with their programmes' codes) the names of those who could have payments tried anew."""
    if not runs:
        return {}
    makers = select(RunPart.run_id, RunPart.user_id).where(
        RunPart.run_id.in_(runs), RunPart.part == MAKER
    )
    made = {(run_id, user_id) for run_id, user_id in session.execute(makers)}
    holders = holding(session, PERMISSION[Remedy.TRY_AGAIN])
    return {
        run_id: tuple(
            dict.fromkeys(
                each.full_name
                for each in holders
                if each.programme in {None, programme} and (run_id, each.user_id) not in made
            )
        )
        for run_id, programme in runs.items()
    }


def weigh(
    session: Session, actor: Actor, run_id: UUID, remedy: Remedy, chosen: Chosen = EVERY
) -> Decided:
    """What a decision would move and what it would leave, without deciding. Raises UnknownRun, NotPermitted."""
    run = find_for(session, actor, run_id, Permission.PAYMENT_READ)
    lines = undecided.weigh(session, run, chosen) if run.state in _OUT else []
    return _sorted(run, remedy, None, lines)


def try_again(
    session: Session, actor: Actor, run_id: UUID, reason: str, chosen: Chosen = EVERY
) -> Decided:
    """Send payments once more, each as a new attempt; a worker does it. Those whose payee has changed are left.

    Raises UnknownRun, NotPermitted, OnlyPeopleDecide, OwnRun, UnusableReason, NothingWaits, NoneMay, ContentAltered.
    """
    decided = _decide(session, actor, run_id, Remedy.TRY_AGAIN, reason, chosen)
    run = decided.run
    check_approved(session, run)
    _mark_back(session, run)
    if run.state is RunState.RELEASED:
        move_run(session, actor, run, RunState.RELEASING, reason=reasons.plain(reason))
    db.soon(session, "releases")
    return decided


def give_up(
    session: Session, actor: Actor, run_id: UUID, reason: str, chosen: Chosen = EVERY
) -> Decided:
    """Pay these payments no more in this run: their money is free again, and so is what they were to pay.

    The next run that is built for the cycle pays it, to the account of that day. Raises what `try_again` raises, except
    ContentAltered.
    """
    return _decide(session, actor, run_id, Remedy.GIVE_UP, reason, chosen)


def _decide(
    session: Session, actor: Actor, run_id: UUID, remedy: Remedy, reason: str, chosen: Chosen
) -> Decided:
    run = find(session, run_id, lock=True)
    check_decider(session, actor, run, PERMISSION[remedy])
    why = reasons.plain(reason)
    closing.reopen(session, run)
    _hold(session, run, chosen)
    lines = undecided.weigh(session, run, chosen) if run.state in _OUT else []
    decided = _sorted(run, remedy, None, lines)
    if not decided.moved:
        raise _nothing(session, decided, chosen)
    assert actor.id is not None
    decision = PaymentDecision(
        run_id=run.id, remedy=remedy, reason=why, payment_count=decided.payments,
        total_minor=decided.total.minor, currency=run.currency, decided_by=actor.id, decided_at=clock.now(),
    )  # fmt: skip
    session.add(decision)
    session.flush()
    may = _may(session, run, remedy)
    for provider, state in dict.fromkeys((line.provider, line.state) for line in decided.moved):
        move(
            session, run, chosen.of(run) & may, state, _AFTER[remedy], provider=provider,
            source=source_of(decision),
        )  # fmt: skip
    record(
        session, actor, f"payment_run.{remedy}", "payment_run", run.id, decision=str(decision.id), reason=why,
        payments=decided.payments, total=decided.total.minor,
    )  # fmt: skip
    return _sorted(run, remedy, decision.id, lines)


def check_decider(session: Session, actor: Actor, run: PaymentRun, permission: Permission) -> None:
    """Raise unless this is a person who may do that here and did not make the run.

    Raises NotPermitted, OnlyPeopleDecide, OwnRun.
    """
    actor.require(permission, programme_of(session, run).code)
    if actor.kind != "user" or actor.id is None:
        raise OnlyPeopleDecide(
            "What becomes of payments that were not paid is decided by a person, not by a program."
        )
    if is_maker(session, run, actor):
        raise OwnRun(
            f"You made run {run.number}, so somebody else decides about its payments.",
            next_step="Ask a colleague who may release payment runs.",
            number=run.number,
        )


def _hold(session: Session, run: PaymentRun, chosen: Chosen) -> None:
    """Lock the chosen payments: news about one either came before, and is seen from here on, or waits."""
    routes = select(RunRoute.provider).where(RunRoute.run_id == run.id).order_by(RunRoute.provider)
    session.execute(routes.with_for_update())
    these = select(Payment.id).where(chosen.of(run)).order_by(Payment.number).with_for_update()
    session.execute(select(func.count()).select_from(these.subquery("held")))


def _may(session: Session, run: PaymentRun, remedy: Remedy) -> ColumnElement[bool]:
    kept = undecided.obstacle(session, run)
    if remedy is Remedy.TRY_AGAIN:
        return kept.is_(None)
    return or_(kept.is_(None), kept != Obstacle.IN_DISPUTE.value)


def _sorted(
    run: PaymentRun, remedy: Remedy, decision_id: UUID | None, lines: list[Line]
) -> Decided:
    keeps = {*Obstacle} if remedy is Remedy.TRY_AGAIN else {Obstacle.IN_DISPUTE}
    return Decided(
        run, remedy, decision_id,
        tuple(line for line in lines if line.obstacle not in keeps),
        tuple(line for line in lines if line.obstacle in keeps),
    )  # fmt: skip


def _nothing(session: Session, decided: Decided, chosen: Chosen) -> Conflict:
    run = decided.run
    if not decided.left:
        return NothingWaits(
            f"No such payment of run {run.number} failed, came back or expired.",
            next_step=f"See what waits: cbi run undecided {run.number}",
            number=run.number,
        )
    told = []
    for kept in dict.fromkeys(line.obstacle for line in decided.left if line.obstacle):
        count = sum(line.payments for line in decided.left if line.obstacle is kept)
        first = ", ".join(str(each) for each in undecided.numbers(session, run, chosen, kept))
        told.append(f"{undecided.SENTENCES[kept]} ({count:,} payments: no. {first})")
    return NoneMay(
        f"None of these payments of run {run.number} can be decided so: {'; '.join(told)}.",
        next_step="Give up what cannot be tried anew; a follow-up run pays it to the account of that day."
        if decided.remedy is Remedy.TRY_AGAIN
        else "Settle the discrepancies first.",
        number=run.number,
    )


def _mark_back(session: Session, run: PaymentRun) -> None:
    """Let each part of the run be handed over again from the first payment that waits."""
    first = (
        select(func.min(Payment.number))
        .where(
            Payment.run_id == run.id, Payment.provider == RunRoute.provider, Payment.state == PaymentState.READY
        )
        .scalar_subquery()
    )  # fmt: skip
    session.execute(
        update(RunRoute)
        .where(RunRoute.run_id == run.id)
        # LEAST leaves out what is NULL: a part of which nothing waits stays as it is.
        .values(released_through=func.least(RunRoute.released_through, first - 1)),
        execution_options={"synchronize_session": "fetch"},
    )
