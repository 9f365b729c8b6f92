"""What a teller did today, which counters there are, and how a payment's code stands (never the code)."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Payment
from cbi.programmes.models import Programme
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


def code_standing(session: Session, actor: Actor, payment_id: UUID) -> CodeStanding:
    """How the payment's code stands. Raises NotPermitted, NoCode."""
    row = session.execute(
        select(CodeIssue, Programme.code)
        .join(Payment, Payment.id == CodeIssue.payment_id)
        .join(Programme, Programme.id == Payment.programme_id)
        .where(CodeIssue.payment_id == payment_id, CodeIssue.current)
    ).one_or_none()
    actor.require(Permission.PAYMENT_READ, row[1] if row else None)
    if row is None:
        raise NoCode(
            "This payment has no code.", next_step="Codes are made when its run is released."
        )
    issue = row[0]
    return CodeStanding(
        issue.locator, issue.state, issue.issued_at, issue.expires_on, issue.held_until, issue.wrong_secrets,
        issue.wrong_factors, issue.reissues,
    )  # fmt: skip
