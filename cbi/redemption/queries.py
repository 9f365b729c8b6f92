"""What a teller did today, which counters there are, and how a payment's code stands (never the code)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Payment
from cbi.payments.outcomes.story import released
from cbi.payments.states import PaymentState
from cbi.programmes.models import Programme
from cbi.redemption.counters import UnknownTeller
from cbi.redemption.models import Authorisation, CodeIssue, CounterOffice, Payout, Teller
from cbi.redemption.reissuing import NoCode
from cbi.redemption.states import CodeState, HoldState


@dataclass(frozen=True, slots=True)
class PaidOut:
    """One hand-over of cash."""

    receipt: str
    amount: Money
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A hold that was neither confirmed nor given up: the teller says at the end of the day which it was."""

    authorisation_id: UUID
    receipt: str
    amount: Money
    held_until: datetime


@dataclass(frozen=True, slots=True)
class TellerDay:
    """One teller's day at the counter. `totals` has one amount for each currency."""

    day: date
    paid: list[PaidOut]
    totals: list[Money]
    unanswered: list[Unanswered]


@dataclass(frozen=True, slots=True)
class CodeStanding:
    """How a payment's current code stands."""

    locator: str
    state: CodeState
    issued_at: datetime
    expires_on: date
    held_until: datetime | None
    wrong_secrets: int
    wrong_factors: int
    reissues: int


@dataclass(frozen=True, slots=True)
class CodesInTrouble:
    """Codes in one state that somebody should see to, and the first day on which one of them can be cashed no more."""

    state: CodeState
    codes: int
    total: Money
    first_over: date


def codes_in_trouble(
    session: Session, run_ids: Collection[UUID], soon: timedelta
) -> list[CodesInTrouble]:
    """The codes of these runs that are locked, and those that are over within `soon` and not cashed yet."""
    last = clock.today(office_of(session).timezone) + soon
    rows = session.execute(
        select(
            CodeIssue.state, Payment.currency, func.count(), func.sum(Payment.rest_minor),
            func.min(CodeIssue.expires_on),
        )
        .join(Payment, Payment.id == CodeIssue.payment_id)
        .where(
            Payment.run_id.in_(run_ids), Payment.state == PaymentState.ACCEPTED, CodeIssue.current,
            or_(
                CodeIssue.state == CodeState.LOCKED,
                and_(CodeIssue.state == CodeState.ISSUED, CodeIssue.expires_on <= last),
            ),
        )
        .group_by(CodeIssue.state, Payment.currency)
        .order_by(CodeIssue.state.desc(), Payment.currency)
    )  # fmt: skip
    return [
        CodesInTrouble(state, count, Money(int(minor), currency), first)
        for state, currency, count, minor, first in rows
    ]


def with_locked_codes(actor: Actor) -> Select[Payment]:
    """The payments whose code is locked and that the actor may see: each needs a new code before it can be cashed."""
    return (
        select(Payment)
        .join(CodeIssue, and_(CodeIssue.payment_id == Payment.id, CodeIssue.current))
        .where(
            CodeIssue.state == CodeState.LOCKED, Payment.state == PaymentState.ACCEPTED, *released(actor)
        )
    )  # fmt: skip


def teller_day(session: Session, actor: Actor, day: date | None = None) -> TellerDay:
    """What this teller paid and left open on a day of the office's calendar (today unless said)."""
    actor.require(Permission.REDEMPTION_PERFORM)
    timezone = office_of(session).timezone
    day = day or clock.today(timezone)
    begins = datetime.combine(day, time(), timezone)
    ends = datetime.combine(day + timedelta(days=1), time(), timezone)
    paid = [
        PaidOut(receipt, Money(minor, currency), at)
        for receipt, minor, currency, at in session.execute(
            select(Payout.receipt, Payout.amount_minor, Payout.currency, Payout.paid_at)
            .where(Payout.teller_id == actor.id, Payout.paid_at >= begins, Payout.paid_at < ends)
            .order_by(Payout.paid_at, Payout.receipt)
        )
    ]
    totals: dict[str, Money] = {}
    for each in paid:
        so_far = totals.get(each.amount.currency, Money.zero(each.amount.currency))
        totals[each.amount.currency] = so_far + each.amount
    unanswered = [
        Unanswered(hold.id, hold.receipt, Money(hold.amount_minor, hold.currency), hold.held_until)
        for hold in session.scalars(
            select(Authorisation)
            .where(
                Authorisation.teller_id == actor.id,
                Authorisation.held_at >= begins,
                Authorisation.held_at < ends,
                Authorisation.state.in_([HoldState.HELD, HoldState.LAPSED]),
            )
            .order_by(Authorisation.held_at)
        )
    ]
    return TellerDay(day, paid, [totals[currency] for currency in sorted(totals)], unanswered)


def counter_offices(actor: Actor) -> Select[CounterOffice]:
    """Every counter office, closed ones too."""
    actor.require(Permission.COUNTER_MANAGE)
    return select(CounterOffice)


def tellers(actor: Actor) -> Select[Teller]:
    """Every teller, disabled ones too."""
    actor.require(Permission.COUNTER_MANAGE)
    return select(Teller)


def teller_named(session: Session, actor: Actor, username: str) -> Teller:
    """The teller of that user name, for a terminal. Raises NotPermitted, UnknownTeller."""
    found = session.scalar(tellers(actor).where(Teller.username == username.strip().lower()))
    if found is None:
        raise UnknownTeller("There is no teller of that name.", next_step="Check the user name.")
    return found


def code_standing(session: Session, actor: Actor, payment_id: UUID) -> CodeStanding:
    """How the payment's code stands. Raises NotPermitted, NoCode."""
    row = session.execute(
        select(CodeIssue, Programme.code)
        .select_from(Payment)
        .join(Programme, Programme.id == Payment.programme_id)
        .outerjoin(CodeIssue, and_(CodeIssue.payment_id == Payment.id, CodeIssue.current))
        .where(Payment.id == payment_id)
    ).one_or_none()
    actor.require(Permission.PAYMENT_READ, row[1] if row else None)
    issue = row[0] if row else None
    if issue is None:
        raise NoCode(
            "This payment has no code.", next_step="Codes are made when its run is released."
        )
    return CodeStanding(
        issue.locator, issue.state, issue.issued_at, issue.expires_on, issue.held_until, issue.wrong_secrets,
        issue.wrong_factors, issue.reissues,
    )  # fmt: skip
