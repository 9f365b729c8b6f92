"""Building a payment run from what is owed, and fixing its content so that it can be signed."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock, db
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, NotFound
from cbi.payments.fees import fees
from cbi.payments.models import MAKER, Payment, PaymentRun, RunEvent, RunPart, RunRoute
from cbi.payments.moves import move_one
from cbi.payments.runs import costs, digest, follow_ups, funding, summaries, top_ups, unfunded
from cbi.payments.runs.filling import Routes, add_payments, add_routes
from cbi.payments.runs.funding import Source
from cbi.payments.runs.payable import check_payable, debiting_early
from cbi.payments.runs.unfunded import Left
from cbi.payments.signing import required
from cbi.payments.states import RUN, PaymentState, RunState
from cbi.programmes.models import Cycle, Programme
from cbi.programmes.queries import definition


class UnknownRun(NotFound):
    """No such payment run."""

    code = "payment_run.unknown"


class UnknownCycle(NotFound):
    """No such payment cycle."""

    code = "payment_run.unknown_cycle"


class NothingToPay(Conflict):
    """Everybody in the cycle is in a run already, or has no account to pay to."""

    code = "payment_run.nothing_to_pay"


class NoFundPays(Conflict):
    """Something is owed, and no fund of the programme may pay it now, or has money left for it."""

    code = "payment_run.no_fund_pays"


class TwoParts(Forbidden):
    """One person would have two parts in a run."""

    code = "payment_run.two_parts"


class NotInRun(NotFound):
    """The run has no such payment, or has it no longer."""

    code = "payment_run.not_in_it"


class NotADraft(Conflict):
    """The run is locked, or further; its content stands."""

    code = "payment_run.not_a_draft"


def find(session: Session, run_id: UUID, *, lock: bool = False) -> PaymentRun:
    """The run, locked against other moves when asked. Raises UnknownRun."""
    run = session.get(PaymentRun, run_id, with_for_update=lock or None, populate_existing=lock)
    if run is None:
        raise UnknownRun("There is no such payment run.", next_step="See: cbi run list")
    return run


def find_for(session: Session, actor: Actor, run_id: UUID, permission: Permission) -> PaymentRun:
    """The run, for whoever holds the permission for its programme. Raises UnknownRun, NotPermitted."""
    run = find(session, run_id)
    actor.require(permission, programme_of(session, run).code)
    return run


def programme_of(session: Session, run: PaymentRun) -> Programme:
    """The programme that the run pays for."""
    return session.get_one(Programme, run.programme_id)


def build(session: Session, actor: Actor, cycle_id: UUID, top_up: UUID | None = None) -> PaymentRun:
    """The first of the runs that `build_all` makes: the only one where one fund pays for the programme."""
    return build_all(session, actor, cycle_id, top_up)[0]


def build_all(
    session: Session, actor: Actor, cycle_id: UUID, top_up: UUID | None = None
) -> list[PaymentRun]:
    """Draft runs, one for each fund that pays a part, with a payment for every entitlement that no live one covers yet.

    What was given up in an earlier run is paid here, to the account of today, unless the earlier payment is in dispute.
    What no fund may pay, or has money left for, stays owed: see `unfunded`. What a `top_up` owes is paid by runs of its
    own, and only when it is asked for.

    Raises UnknownCycle, NothingToPay, NoFundPays, ProviderCannotPay, UnknownTopUp, NotAccepted.
    """
    cycle = session.get(Cycle, cycle_id)
    if cycle is None:
        raise UnknownCycle(
            "There is no such payment cycle.", next_step="Open one with: cbi cycle open"
        )
    # One build at a time for a programme; the unique index on live payments would refuse the second one anyway.
    programme = session.get_one(Programme, cycle.programme_id, with_for_update=True)
    actor.require(Permission.RUN_BUILD, programme.code)
    delivery = definition(session, programme, cycle.version).delivery
    routes = {route.mechanism: route.provider for route in delivery.routes}
    top_ups.check(session, cycle, top_up)
    found = top_ups.only(funding.sources(session, programme, cycle), top_up)
    charged = costs.today(session, routes.values(), programme.currency)
    made: list[PaymentRun] = []
    before: list[tuple[Source, int]] = []
    for source in found:
        which = funding.share(session, source, cycle, routes, charged)
        run = None
        if which is not None:
            run = _build(session, actor, cycle, programme, source, routes, which, top_up)
            seal = funding.keep(session, run, source, before, len(found), charged)
            record(
                session, actor, "payment_run.built", "payment_run", run.id, payments=run.payment_count,
                funding=seal.hex(),
            )  # fmt: skip
            session.flush()
            made.append(run)
        gave = (
            run.total_minor + sum(each.expected.minor for each in fees.of(session, run))
            if run
            else 0
        )
        before.append((source, gave))
    if not made:
        raise _nothing(programme, cycle, unfunded.summed(session, cycle, programme, top_up))
    return made


def _nothing(programme: Programme, cycle: Cycle, left: Sequence[Left]) -> NoFundPays | NothingToPay:
    """Why no run was made at all."""
    if not left:
        return NothingToPay(
            f"Nobody in {programme.code} {cycle.period} is waiting for a payment run.",
            next_step="Everybody eligible is in a run already, or has no telephone on file.",
        )
    if all(each.reason is unfunded.Reason.CONSENT_WITHDRAWN for each in left):
        return NothingToPay(
            f"Whoever {programme.code} {cycle.period} still owes has taken back the consent that it rests on.",
            next_step=f"See: cbi cycle unfunded {programme.code} {cycle.period}",
        )
    owed = "; ".join(
        f"{each.entitlements} of them, {each.total}: {each.reason.sentence}" for each in left
    )
    return NoFundPays(
        f"No fund pays what {programme.code} {cycle.period} still owes: {owed}",
        next_step=f"See: cbi cycle unfunded {programme.code} {cycle.period}",
    )


def _build(
    session: Session, actor: Actor, cycle: Cycle, programme: Programme, source: Source, routes: Routes,
    which: ColumnElement[bool], top_up: UUID | None,
) -> PaymentRun:  # fmt: skip
    run = PaymentRun(
        cycle_id=cycle.id, programme_id=programme.id, fund_id=source.grant.fund.id, period=cycle.period,
        providers=list(routes.values()), currency=programme.currency, state=RUN.initial, built_at=clock.now(),
        top_up_id=top_up, debits_early=debiting_early(routes.values()),
    )  # fmt: skip
    session.add(run)
    session.flush()
    try:
        with db.planned_for_sets(session):
            add_payments(session, run, routes, which)
    except IntegrityError as error:
        if db.constraint(error) == "uq_payments_live":
            raise NothingToPay("Another run took these entitlements at the same moment.") from error
        raise
    add_routes(session, run)
    added = routes_of(session, run.id)
    run.providers = [route.provider for route in added]
    run.payment_count = sum(route.payment_count for route in added)
    run.total_minor = sum(route.total_minor for route in added)
    if not run.payment_count:
        left = unfunded.summed(session, cycle, programme, top_up)
        against = [each for each in left if each.reason is unfunded.Reason.CONSENT_WITHDRAWN]
        raise _nothing(programme, cycle, against)
    check_payable(session, run)
    take_part(session, run, actor, MAKER)
    session.add(
        RunEvent(run_id=run.id, before=None, after=run.state, actor_id=actor.id, at=clock.now())
    )
    return run


def routes_of(session: Session, run_id: UUID) -> Sequence[RunRoute]:
    """The parts of a run, one for each provider, in the order of their payments."""
    return session.scalars(
        select(RunRoute).where(RunRoute.run_id == run_id).order_by(RunRoute.first_number)
    ).all()


def exclude(
    session: Session, actor: Actor, run_id: UUID, payment_id: UUID, reason: str
) -> PaymentRun:
    """Take one payment out of a draft run, with a reason; its entitlement is free for another run.

    Raises UnknownRun, NotPermitted, NotADraft, TwoParts, NotInRun, UnusableReason.
    """
    run = find(session, run_id, lock=True)
    actor.require(Permission.RUN_BUILD, programme_of(session, run).code)
    if run.state is not RunState.DRAFT:
        raise NotADraft(
            f"Run {run.number} is locked, and only a draft can be edited.",
            next_step="Have an approver return it with a reason first.",
            number=run.number,
        )
    take_part(session, run, actor, MAKER)
    payment = session.get(Payment, payment_id)
    if payment is None or payment.run_id != run.id or not move_one(
        session, run, payment_id, PaymentState.READY, PaymentState.CANCELLED, provider=payment.provider,
        source=f"user:{actor.id}",
    ):  # fmt: skip
        raise NotInRun(
            "That payment is not in this run.",
            next_step="Look at the list; it may have been taken out before.",
        )
    _adds_up(session, run)
    said = reasons.plain(reason)
    record(session, actor, "payment_run.payment_excluded", "payment", payment_id, reason=said)
    return run


def numbered(session: Session, run_id: UUID, number: int) -> UUID:
    """The payment that a run's list has under this number. Raises NotInRun."""
    found = select(Payment.id).where(Payment.run_id == run_id, Payment.number == number)
    payment_id = session.scalar(found)
    if payment_id is None:
        raise NotInRun(
            f"The run's list has no payment {number}.",
            next_step="Look at the list: the number stands before each payment.",
        )
    return payment_id


def lock(session: Session, actor: Actor, run_id: UUID) -> PaymentRun:
    """Fix the content: count, total and digest. From here on nobody can change a payment without it showing."""
    run = find(session, run_id, lock=True)
    actor.require(Permission.RUN_LOCK, programme_of(session, run).code)
    RUN.check(run.state, RunState.LOCKED)
    take_part(session, run, actor, MAKER)
    if not _adds_up(session, run):
        raise NothingToPay("This run has no payments left.", next_step="Cancel it.")
    run.digest = digest.run_digest(session, run)
    run.locked_at = clock.now()
    follow_ups.keep(session, run)
    seal = summaries.keep(session, run)
    needed = required.keep(session, run)
    charged = fees.keep(session, run)
    move_run(
        session, actor, run, RunState.LOCKED, payments=run.payment_count, digest=run.digest.hex(),
        summary=seal.hex(), required=needed.hex(), **charged,
    )  # fmt: skip
    return run


def _adds_up(session: Session, run: PaymentRun) -> int:
    """Set the parts' and the run's counts and totals to what the live payments are, and return the count."""
    found = {
        provider: (count, int(total))
        for provider, count, total in session.execute(
            select(Payment.provider, func.count(), func.sum(Payment.amount_minor))
            .where(Payment.run_id == run.id, Payment.live)
            .group_by(Payment.provider)
        )
    }
    for route in routes_of(session, run.id):
        route.payment_count, route.total_minor = found.get(route.provider, (0, 0))
    run.payment_count = sum(count for count, _ in found.values())
    run.total_minor = sum(total for _, total in found.values())
    return run.payment_count


def take_part(session: Session, run: PaymentRun, actor: Actor, part: str) -> None:
    """Note that this person is the run's maker or signs a step; one person has one part, for ever. Raises TwoParts.

    Programs and the scheduler can only make runs, never sign, so they are not noted.
    """
    if actor.kind != "user" or actor.id is None:
        return
    had = part_of(session, run, actor.id, part)
    if had != part:
        raise TwoParts(
            f"You are this run's {had} and cannot also be its {part}.",
            next_step="Ask a colleague: all who make and sign a run must be different people.",
        )


def is_maker(session: Session, run: PaymentRun, actor: Actor) -> bool:
    """Whether the actor built, edited or locked the run, in whichever revision."""
    had = session.get(RunPart, (run.id, actor.id)) if actor.id else None
    return had is not None and had.part == MAKER


def part_of(session: Session, run: PaymentRun, user_id: UUID, part: str) -> str:
    """Give somebody a part in a run, unless they have one; returns the part that they have."""
    session.execute(
        upsert(RunPart)
        .values(run_id=run.id, user_id=user_id, part=part, since=clock.now())
        .on_conflict_do_nothing(index_elements=["run_id", "user_id"])
    )
    return session.scalars(
        select(RunPart.part).where(RunPart.run_id == run.id, RunPart.user_id == user_id)
    ).one()


def move_run(
    session: Session,
    actor: Actor,
    run: PaymentRun,
    after: RunState,
    *,
    reason: str | None = None,
    **details: object,
) -> None:
    """Move a run that this transaction has locked, with its event and audit entry. Raises MoveNotAllowed."""
    RUN.check(run.state, after)
    before, run.state = run.state, after
    session.add(
        RunEvent(
            run_id=run.id,
            before=before,
            after=after,
            actor_id=actor.id,
            reason=reason,
            at=clock.now(),
        )
    )
    if reason:
        details["reason"] = reason
    record(session, actor, f"payment_run.{after}", "payment_run", run.id, **details)
    session.flush()
