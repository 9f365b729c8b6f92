"""Building a payment run from what is owed, and fixing its content so that it can be signed."""

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
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.fsp.messages import DeliveryMechanism
from cbi.money import Money
from cbi.payments import digest, providers
from cbi.payments.models import Part, Payment, PaymentRun, RunEvent, RunPart
from cbi.payments.moves import move
from cbi.payments.states import RUN, PaymentState, RunState
from cbi.programmes.eligibility import ACCOUNT_KINDS
from cbi.programmes.models import Cycle, Entitlement, Programme, ProgrammeVersion
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


class ProviderCannotPay(Invalid):
    """The provider does not pay such amounts, or in such a way."""

    code = "payment_run.provider_cannot_pay"


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
    delivery = session.scalars(
        select(ProgrammeVersion.definition["delivery"]).where(
            ProgrammeVersion.programme_id == programme.id, ProgrammeVersion.version == cycle.version
        )
    ).one()
    run = PaymentRun(
        cycle_id=cycle.id, programme_id=programme.id, fund_id=programme.fund_id, period=cycle.period,
        provider=delivery["provider"], currency=programme.currency, state=RUN.initial, built_at=clock.now(),
    )  # fmt: skip
    session.add(run)
    session.flush()
    try:
        with db.planned_for_sets(session):
            _add_payments(session, run, delivery["mechanism"])
    except IntegrityError as error:
        if db.constraint(error) == "uq_payments_live":
            raise NothingToPay("Another run took these entitlements at the same moment.") from error
        raise
    if not _count(session, run):
        raise NothingToPay(
            f"Nobody in {programme.code} {cycle.period} is waiting for a payment run.",
            next_step="Everybody eligible is in a run already, or has no telephone on file.",
        )
    _check_payable(session, run, delivery["mechanism"])
    take_part(session, run, actor, Part.MAKER)
    session.add(
        RunEvent(run_id=run.id, before=None, after=run.state, actor_id=actor.id, at=clock.now())
    )
    record(session, actor, "payment_run.built", "payment_run", run.id, payments=run.payment_count)
    session.flush()
    return run


def _add_payments(session: Session, run: PaymentRun, mechanism: str) -> None:
    """One INSERT … SELECT, each row with its own digest."""
    covered = aliased(Payment)
    owed = (
        select(
            func.gen_random_uuid().label("id"),
            func.row_number().over(order_by=Entitlement.id).label("number"),
            Entitlement.id.label("entitlement_id"), Entitlement.component, Entitlement.household_id,
            Entitlement.amount_minor, Person.id.label("person_id"), PaymentAccount.id.label("account_id"),
            PaymentAccount.value_index.label("account_index"),
        )
        .join(Person, and_(Person.household_id == Entitlement.household_id, Person.is_recipient))
        .join(
            PaymentAccount,
            and_(
                PaymentAccount.person_id == Person.id, PaymentAccount.kind == ACCOUNT_KINDS[DeliveryMechanism(mechanism)],
                PaymentAccount.replaced_at.is_(None),
            ),
        )
        .outerjoin(covered, and_(covered.entitlement_id == Entitlement.id, covered.live))
        .where(Entitlement.cycle_id == run.cycle_id, covered.id.is_(None))
        .cte("owed")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )  # fmt: skip
    row = {
        "id": owed.c.id, "run_id": literal(run.id), "number": cast(owed.c.number, Integer),
        "entitlement_id": owed.c.entitlement_id, "programme_id": literal(run.programme_id),
        "fund_id": literal(run.fund_id), "period": literal(run.period, String), "component": owed.c.component,
        "household_id": owed.c.household_id, "person_id": owed.c.person_id, "account_id": owed.c.account_id,
        "account_index": owed.c.account_index, "provider": literal(run.provider, String),
        "mechanism": literal(mechanism, String), "amount_minor": owed.c.amount_minor,
        "currency": literal(run.currency, String),
    }  # fmt: skip
    payments = select(*(value.label(name) for name, value in row.items())).subquery("payments")
    session.execute(
        insert(Payment).from_select(
            [*row, "digest", "state", "live", "attempts"],
            select(
                payments,
                digest.payment_digest(payments),
                literal(PaymentState.READY.value),
                literal(value=True),
                literal(0),
            ),
            include_defaults=False,
        )
    )


def _count(session: Session, run: PaymentRun) -> int:
    """Set the run's count and total to what its live payments are."""
    count, total = session.execute(
        select(func.count(), func.coalesce(func.sum(Payment.amount_minor), 0)).where(
            Payment.run_id == run.id, Payment.live
        )
    ).one()
    run.payment_count, run.total_minor = count, int(total)
    return int(count)


def _check_payable(session: Session, run: PaymentRun, mechanism: str) -> None:
    """Refuse now what the provider's profile says it cannot pay, not when ten thousand people wait."""
    profile = providers.adapter(run.provider).profile
    if mechanism not in profile.delivery_mechanisms:
        raise ProviderCannotPay(f"{run.provider} does not deliver by {mechanism}.")
    amounts = session.execute(
        select(Payment.amount_minor, func.count())
        .where(Payment.run_id == run.id)
        .group_by(Payment.amount_minor)
        .order_by(Payment.amount_minor)
    ).all()
    refused = [
        (Money(minor, run.currency), count)
        for minor, count in amounts
        if not profile.admits(Money(minor, run.currency))
    ]
    if refused:
        listed = ", ".join(f"{amount} ({count} payments)" for amount, count in refused[:5])
        raise ProviderCannotPay(
            f"{run.provider} does not pay these amounts: {listed}.",
            next_step="Change the rate card so that the amounts fit, or choose another provider.",
        )


def exclude(session: Session, actor: Actor, run_id: UUID, payment_id: UUID, reason: str) -> None:
    """Take one payment out of a draft run; its entitlement is free for another run."""
    run = find(session, run_id, lock=True)
    actor.require(Permission.RUN_BUILD, programme_of(session, run).code)
    if run.state is not RunState.DRAFT:
        raise Conflict(
            "Only a draft run can be edited.",
            next_step="Have an approver return it with a reason first.",
        )
    take_part(session, run, actor, Part.MAKER)
    if not move(
        session,
        run,
        Payment.id == payment_id,
        PaymentState.READY,
        PaymentState.CANCELLED,
        source=f"user:{actor.id}",
    ):
        raise NotFound("That payment is not in this run.")
    _count(session, run)
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
    take_part(session, run, actor, Part.MAKER)
    if not _count(session, run):
        raise NothingToPay("This run has no payments left.", next_step="Cancel it.")
    run.digest = digest.run_digest(session, run)
    run.locked_at = clock.now()
    move_run(
        session, actor, run, RunState.LOCKED, payments=run.payment_count, digest=run.digest.hex()
    )
    return run


def take_part(session: Session, run: PaymentRun, actor: Actor, part: Part) -> None:
    """Note that this person is the run's maker or approver; one person has one part, for ever. Raises TwoParts.

    Programs and the scheduler can only make runs, never approve, so they are not noted.
    """
    if actor.kind != "user":
        return
    session.execute(
        upsert(RunPart)
        .values(run_id=run.id, user_id=actor.id, part=part, since=clock.now())
        .on_conflict_do_nothing(index_elements=["run_id", "user_id"])
    )
    had = session.scalars(
        select(RunPart.part).where(RunPart.run_id == run.id, RunPart.user_id == actor.id)
    ).one()
    if had is not part:
        raise TwoParts(
            f"You are this run's {had} and cannot also be its {part}.",
            next_step="Ask a colleague: whoever makes, certifies and authorises a run must be different people.",
        )


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
