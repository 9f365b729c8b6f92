"""One teller at one moment: who tries, under which rules, and what the engine finds for the code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, NamedTuple
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.standstill import STANDS_STILL
from cbi.errors import Forbidden
from cbi.fsp.counter import CounterRules
from cbi.offices import office_of
from cbi.payments.models import Payment
from cbi.payments.outcomes.disputes import owed_back
from cbi.payments.outcomes.part_models import PaymentPart
from cbi.payments.sending.recipients import payee_stands
from cbi.payments.states import PaymentState
from cbi.redemption import limits, refusals
from cbi.redemption.counters import rules_of
from cbi.redemption.models import (
    Authorisation,
    CodeIssue,
    CounterOffice,
    CounterTry,
    Payout,
    Teller,
)
from cbi.redemption.part_terms import PARTIAL, with_rules
from cbi.redemption.refusals import Refused
from cbi.redemption.states import CodeState, TryResult
from cbi.registry.linkage.staff import is_own


class NotAtACounter(Forbidden):
    """Only a teller of an open office pays over the counter."""

    code = "redemption.not_at_a_counter"


@dataclass(frozen=True, slots=True)
class Till:
    """A teller who is trying a code now. Other tries by the same teller wait until this one is done."""

    session: Session
    teller_id: UUID
    office_id: UUID
    provider: str
    rules: CounterRules
    now: datetime
    timezone: ZoneInfo

    @property
    def today(self) -> date:
        """The day at the office."""
        return self.now.astimezone(self.timezone).date()

    @property
    def midnight(self) -> datetime:
        """When that day began."""
        return datetime.combine(self.today, time(), self.timezone)

    def standing(self, wrong_at: Sequence[datetime]) -> limits.Standing:
        """Where the teller stands after wrong codes at these instants."""
        return limits.standing(wrong_at, self.rules, self.now, self.midnight)

    def note(self, result: TryResult, issue_id: UUID | None) -> None:
        """Write down what came of this try."""
        self.session.execute(
            insert(CounterTry).values(
                teller_id=self.teller_id, office_id=self.office_id, code_issue_id=issue_id,
                result=result, at=self.now,
            )
        )  # fmt: skip


class Found(NamedTuple):
    """What is behind a locator; everything but `wrong_at` is None where nobody has it."""

    wrong_at: Sequence[datetime] | None
    id: UUID | None
    counter: int | None
    state: CodeState | None
    wrong_factors: int
    hold_id: UUID | None
    held_until: datetime | None
    vouched_until: datetime | None
    expires_on: date
    provider: str
    payment_state: PaymentState
    payment_id: UUID
    attempt: int
    amount_minor: int
    currency: str
    owed_back: bool
    """Another payment for the same entitlement turned out to be paid."""
    payee_stands: bool
    """Whether the person still collects for the household, and the household still receives."""
    partial: Mapping[str, Any] | None
    """What the programme's file says of handing it over in parts."""
    stands_still: bool
    """Whether nothing leaves the office at present."""


def open_till(session: Session, actor: Actor) -> Till:
    """The teller's till, locked against the same teller's other tries. Raises NotPermitted, NotAtACounter."""
    actor.require(Permission.REDEMPTION_PERFORM)
    row = session.connection().execute(_AT_A_COUNTER, {"teller": actor.id}).one_or_none()
    if row is None:
        raise NotAtACounter(
            "Only a teller of an open office can pay over the counter.",
            next_step="Sign in as a teller.",
        )
    teller_id, office_id, provider = row
    timezone = office_of(session).timezone
    return Till(session, teller_id, office_id, provider, rules_of(provider), clock.now(), timezone)


# A person waits while this is asked: it is built once, not at every try.
_AT_A_COUNTER = (
    select(Teller.id, CounterOffice.id, CounterOffice.provider)
    .join(CounterOffice, CounterOffice.id == Teller.office_id)
    .where(
        Teller.id == bindparam("teller"),
        Teller.disabled_at.is_(None),
        CounterOffice.closed_at.is_(None),
    )
    .with_for_update(of=Teller, key_share=True)
)


def stands_for(teller: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Whether this teller may hand a payment's cash over: its payee stands, and is not the teller's own household.

    Who may be paying themselves is refused as if nobody could be paid; somebody else at the counter can.
    """
    return and_(payee_stands(), ~is_own("teller", teller, Payment.household_id))


def _looking_up() -> Select[Any]:
    mine = and_(CounterTry.teller_id == bindparam("teller"), CounterTry.at >= bindparam("since"))
    unlocked = (
        select(func.coalesce(func.max(CounterTry.id), 0))
        .where(mine, CounterTry.result == TryResult.UNLOCKED)
        .scalar_subquery()
    )
    wrong_at = (
        select(func.array_agg(CounterTry.at))
        .where(mine, CounterTry.result == TryResult.WRONG_CODE, CounterTry.id > unlocked)
        .scalar_subquery()
    )
    asked = select(bindparam("locator", type_=Text).label("locator")).subquery("asked")
    return with_rules(
        select(
            wrong_at, CodeIssue.id, CodeIssue.counter, CodeIssue.state, CodeIssue.wrong_factors, CodeIssue.hold_id,
            CodeIssue.held_until, CodeIssue.vouched_until, CodeIssue.expires_on, Payment.provider, Payment.state,
            Payment.id, CodeIssue.attempt, Payment.rest_minor, Payment.currency,
            Payment.entitlement_id.in_(owed_back()), stands_for(bindparam("teller", type_=Uuid)), PARTIAL,
            STANDS_STILL,
        )
        .select_from(asked)
        .outerjoin(CodeIssue, and_(CodeIssue.locator == asked.c.locator, CodeIssue.live))
        .outerjoin(Payment, Payment.id == CodeIssue.payment_id)
    )  # fmt: skip


_LOOK_UP = _looking_up()


def look_up(till: Till, locator: str) -> Found:
    """What is behind the locator, and the teller's own wrong codes that still count: one question to the database."""
    since = limits.reach_back(till.rules, till.now, till.midnight)
    given = {"teller": till.teller_id, "since": since, "locator": locator}
    return Found(*till.session.connection().execute(_LOOK_UP, given).one())


def count_wrong_secret(till: Till, found: Found) -> bool:
    """Count one wrong secret against the code; True when that was the one which locked it.

    One statement, so that however many try at once the code takes exactly as many as its provider's rules allow. It
    runs for a locator that nobody has, too, and then changes nothing.
    """
    allowed = (rules_of(found.provider) if found.id else till.rules).wrong_secrets_allowed
    after = till.session.scalar(
        update(CodeIssue)
        .where(
            CodeIssue.id == (found.id or uuid4()),
            CodeIssue.state == CodeState.ISSUED,
            CodeIssue.wrong_secrets < allowed,
        )
        .values(
            wrong_secrets=CodeIssue.wrong_secrets + 1,
            state=case(
                (CodeIssue.wrong_secrets + 1 >= allowed, CodeState.LOCKED), else_=CodeState.ISSUED
            ),
        )
        .returning(CodeIssue.state)
    )
    return after is CodeState.LOCKED


def refusal(till: Till, found: Found) -> Refused | None:
    """Why a code whose digits were all right cannot be paid here and now; None when it can, holds apart."""
    if found.provider != till.provider:
        return refusals.OTHER_PROVIDER
    if found.state is CodeState.PAID:
        return _already_paid(till, found)
    if found.stands_still:
        return refusals.STANDS_STILL
    if found.state is CodeState.EXPIRED or found.expires_on < till.today:
        return refusals.expired(f"{found.expires_on:%d/%m/%Y}")
    if found.state is CodeState.LOCKED:
        return refusals.LOCKED
    if found.state is CodeState.REPLACED:
        return refusals.REPLACED
    held = found.payment_state is not PaymentState.ACCEPTED or found.owed_back
    if held or not found.payee_stands:
        return refusals.ON_HOLD
    return None


def _already_paid(till: Till, found: Found) -> Refused:
    at, office, part = till.session.execute(
        select(Payout.paid_at, CounterOffice.name, PaymentPart.attempt)
        .join(CounterOffice, CounterOffice.id == Payout.office_id)
        .outerjoin(
            PaymentPart,
            and_(
                PaymentPart.payment_id == Payout.payment_id, PaymentPart.attempt == Payout.attempt
            ),
        )
        .where(Payout.code_issue_id == found.id)
    ).one()
    paid_at = refusals.when(at, till.timezone)
    if part is not None:
        return refusals.part_paid(paid_at, office)
    return refusals.already_paid(paid_at, office)


class Holder(NamedTuple):
    """Who has a code reserved, and under which receipt number."""

    authorisation_id: UUID
    teller_id: UUID
    receipt: str
    office: str
    collector_id: UUID | None


def holder(till: Till, found: Found) -> Holder | None:
    """Who has the code reserved at this moment."""
    if found.hold_id is None or found.held_until is None or found.held_until <= till.now:
        return None
    row = till.session.execute(
        select(
            Authorisation.id,
            Authorisation.teller_id,
            Authorisation.receipt,
            CounterOffice.name,
            Authorisation.collector_id,
        )
        .join(CounterOffice, CounterOffice.id == Authorisation.office_id)
        .where(Authorisation.id == found.hold_id)
    ).one()
    return Holder(*row)
