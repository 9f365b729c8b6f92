"""Building a payment run from what is owed, and fixing its content so that it can be signed."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import Integer, String, and_, cast, func, insert, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from cbi import clock, db
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, NotFound
from cbi.fsp.messages import DeliveryMechanism
from cbi.payments import digest, disputes, follow_ups, required, summaries
from cbi.payments.models import MAKER, Payment, PaymentRun, RunEvent, RunPart, RunRoute
from cbi.payments.moves import move_one
from cbi.payments.payable import check_payable
from cbi.payments.states import RUN, PaymentState, RunState
from cbi.programmes.models import Cycle, Entitlement, Programme
from cbi.programmes.queries import definition
from cbi.programmes.routing import account_kind_of, by_route, mechanism_of
from cbi.registry.models import PaymentAccount, Person


class UnknownRun(NotFound):
    """No such payment run."""

    code = "payment_run.unknown"


class UnknownCycle(NotFound):
    """No such payment cycle."""

    code = "payment_run.unknown_cycle"


class NothingToPay(Conflict):
    """Everybody in the cycle is in a run already, or has no account to pay to."""

    code = "payment_run.nothing_to_pay"


class TwoParts(Forbidden):
    """One person would have two parts in a run."""

    code = "payment_run.two_parts"


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


def build(session: Session, actor: Actor, cycle_id: UUID) -> PaymentRun:
    """A draft run with a payment for every entitlement of the cycle that no live payment covers yet.

    What was given up in an earlier run is paid here, to the account of today, unless the earlier payment is in dispute.

    Raises UnknownCycle, NothingToPay, ProviderCannotPay.
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
    run = PaymentRun(
        cycle_id=cycle.id, programme_id=programme.id, fund_id=programme.fund_id, period=cycle.period,
        providers=list(routes.values()), currency=programme.currency, state=RUN.initial, built_at=clock.now(),
    )  # fmt: skip
    session.add(run)
    session.flush()
    try:
        with db.planned_for_sets(session):
            _add_payments(session, run, routes)
    except IntegrityError as error:
        if db.constraint(error) == "uq_payments_live":
            raise NothingToPay("Another run took these entitlements at the same moment.") from error
        raise
    _add_routes(session, run)
    if not run.payment_count:
        raise NothingToPay(
            f"Nobody in {programme.code} {cycle.period} is waiting for a payment run.",
            next_step="Everybody eligible is in a run already, or has no telephone on file.",
        )
    check_payable(session, run)
    take_part(session, run, actor, MAKER)
    session.add(
        RunEvent(run_id=run.id, before=None, after=run.state, actor_id=actor.id, at=clock.now())
    )
    record(session, actor, "payment_run.built", "payment_run", run.id, payments=run.payment_count)
    session.flush()
    return run


def _add_payments(
    session: Session, run: PaymentRun, routes: Mapping[DeliveryMechanism, str]
) -> None:
    """One INSERT … SELECT, each row with its own digest; numbered route by route, so that a route is one range."""
    provider, mechanism = by_route(routes), mechanism_of(list(routes))
    place = by_route({mechanism: f"{place:03d}" for place, mechanism in enumerate(routes)})
    covered, disputed = aliased(Payment), aliased(Payment)
    may_be_paid = select(disputed.entitlement_id).where(disputed.id.in_(disputes.in_dispute()))
    owed = (
        select(
            func.gen_random_uuid().label("id"),
            func.row_number().over(order_by=(place, Entitlement.id)).label("number"),
            provider.label("provider"), mechanism.label("mechanism"),
            Entitlement.id.label("entitlement_id"), Entitlement.component, Entitlement.household_id,
            Entitlement.amount_minor, Person.id.label("person_id"), PaymentAccount.id.label("account_id"),
            PaymentAccount.value_index.label("account_index"),
        )
        .join(Person, and_(Person.household_id == Entitlement.household_id, Person.is_recipient))
        .join(
            PaymentAccount,
            and_(
                PaymentAccount.person_id == Person.id, PaymentAccount.kind == account_kind_of(list(routes)),
                PaymentAccount.replaced_at.is_(None),
            ),
        )
        .outerjoin(covered, and_(covered.entitlement_id == Entitlement.id, covered.live))
        .where(
            Entitlement.cycle_id == run.cycle_id, covered.id.is_(None), Entitlement.id.not_in(may_be_paid),
            Entitlement.id.not_in(disputes.owed_back()),
        )
        .cte("owed")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )  # fmt: skip
    row = {
        "id": owed.c.id, "run_id": literal(run.id), "number": cast(owed.c.number, Integer),
        "entitlement_id": owed.c.entitlement_id, "programme_id": literal(run.programme_id),
        "fund_id": literal(run.fund_id), "period": literal(run.period, String), "component": owed.c.component,
        "household_id": owed.c.household_id, "person_id": owed.c.person_id, "account_id": owed.c.account_id,
        "account_index": owed.c.account_index, "provider": owed.c.provider,
        "mechanism": owed.c.mechanism, "amount_minor": owed.c.amount_minor,
        "currency": literal(run.currency, String),
    }  # fmt: skip
    payments = select(*(value.label(name) for name, value in row.items())).subquery("payments")
    session.execute(
        insert(Payment).from_select(
            [*row, "digest", "state", "live", "attempts", "heard_of"],
            select(
                payments,
                digest.payment_digest(payments),
                literal(PaymentState.READY.value),
                literal(value=True),
                literal(0),
                literal(0),
            ),
            include_defaults=False,
        )
    )


def _add_routes(session: Session, run: PaymentRun) -> None:
    """Note which part of the run goes out by which provider, and what the run adds up to."""
    session.execute(
        insert(RunRoute).from_select(
            [
                "run_id", "provider", "mechanism", "first_number", "last_number", "payment_count", "total_minor", "currency",
            ],
            select(
                Payment.run_id, Payment.provider, func.min(Payment.mechanism), func.min(Payment.number),
                func.max(Payment.number), func.count(), func.sum(Payment.amount_minor),
                literal(run.currency, String),
            )
            .where(Payment.run_id == run.id)
            .group_by(Payment.run_id, Payment.provider),
        )
    )  # fmt: skip
    added = routes_of(session, run.id)
    run.providers = [route.provider for route in added]
    run.payment_count = sum(route.payment_count for route in added)
    run.total_minor = sum(route.total_minor for route in added)


def routes_of(session: Session, run_id: UUID) -> Sequence[RunRoute]:
    """The parts of a run, one for each provider, in the order of their payments."""
    return session.scalars(
        select(RunRoute).where(RunRoute.run_id == run_id).order_by(RunRoute.first_number)
    ).all()


def exclude(session: Session, actor: Actor, run_id: UUID, payment_id: UUID, reason: str) -> None:
    """Take one payment out of a draft run; its entitlement is free for another run."""
    run = find(session, run_id, lock=True)
    actor.require(Permission.RUN_BUILD, programme_of(session, run).code)
    if run.state is not RunState.DRAFT:
        raise Conflict(
            "Only a draft run can be edited.",
            next_step="Have an approver return it with a reason first.",
        )
    take_part(session, run, actor, MAKER)
    payment = session.get(Payment, payment_id)
    if payment is None or payment.run_id != run.id or not move_one(
        session, run, payment_id, PaymentState.READY, PaymentState.CANCELLED, provider=payment.provider,
        source=f"user:{actor.id}",
    ):  # fmt: skip
        raise NotFound("That payment is not in this run.")
    _adds_up(session, run)
    record(
        session,
        actor,
        "payment_run.payment_excluded",
        "payment",
        payment_id,
        reason=reasons.plain(reason),
    )


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
    move_run(
        session, actor, run, RunState.LOCKED, payments=run.payment_count, digest=run.digest.hex(),
        summary=seal.hex(), required=needed.hex(),
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
