"""What we know of a number that writes to us: whose it is, and how their payments stand."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.messaging.choices import Level
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Discrepancy, Payment, PaymentEvent
from cbi.payments.outcomes.discrepancies import OF_AMOUNT, PAID_LESS
from cbi.payments.outcomes.known import still_less
from cbi.payments.states import PaymentState
from cbi.redemption.models import CodeIssue
from cbi.redemption.states import CodeState
from cbi.registry.models import Household, PaymentAccount, Person, PrivacyChoice
from cbi.registry.personal import PHONE
from cbi.registry.queries import who_stays

REF_DIGITS = 5
REMEMBERED = timedelta(days=366)


class Kind(StrEnum):
    """How a payment stands, as far as a text may say."""

    READY = "ready"
    BLOCKED = "blocked"
    PENDING = "pending"
    PAID = "paid"
    PART = "part"
    """Paid, but less came than was sent, and nobody has said yet how the recipient got the rest."""
    CHECKED = "checked"
    """Paid, but somebody says that another amount was, and two people have not found how much."""
    EXPIRED = "expired"


_WAITS = frozenset({Kind.READY, Kind.BLOCKED})
_WAS_PAID = frozenset({Kind.PAID, Kind.PART, Kind.CHECKED})


@dataclass(frozen=True, slots=True)
class Payee:
    """A recipient whose number it is. `since` is when the number was recorded.

    Who was on record twice is one recipient: `stays` is the record under which both count.
    """

    person_id: UUID
    stays: UUID
    household_id: UUID
    language: str
    area: str | None
    level: Level | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """One payment of a payee. `day` is its code's last day, or the day it was paid. `ref` is its public reference.

    `amount` is what waits for them, or, once it is paid, what came.
    """

    payment_id: UUID
    payee: Payee
    provider: str
    kind: Kind
    ref: str
    amount: Money
    day: date
    at: datetime
    """When it last changed."""
    with_code: bool
    paid: Money | None = None
    """What was handed over of it in parts, where it is not paid yet; `amount` is what is left."""

    @property
    def was_paid(self) -> bool:
        """Whether our books hold it as paid, however much of it came."""
        return self.kind in _WAS_PAID


@dataclass(frozen=True, slots=True)
class Known:
    """Everybody who has the number, and their payments of the last year, the latest first."""

    payees: Sequence[Payee] = ()
    cases: Sequence[Case] = ()

    @property
    def is_shared(self) -> bool:
        """Whether several recipients have this number."""
        return len({payee.stays for payee in self.payees}) > 1

    @property
    def tellable(self) -> Sequence[Case]:
        """What may be spoken of by text: what waits at a counter, and of each recipient the latest payment.

        Nothing of people who chose to be told nothing.
        """
        latest: dict[UUID, UUID] = {}
        for case in self.cases:
            latest.setdefault(case.payee.stays, case.payment_id)
        return [
            case
            for case in self.cases
            if case.payee.level is not Level.NO_SMS
            and (case.kind in _WAITS or latest[case.payee.stays] == case.payment_id)
        ]

    @property
    def last_paid(self) -> Case | None:
        """The payment that was made last."""
        return next((case for case in self.cases if case.was_paid), None)

    def named(self, ref: str | None) -> Case | None:
        """The payment with this reference."""
        return next((case for case in self.cases if case.ref == ref), None)

    def last_contact(self, payee: Payee) -> datetime:
        """When the person was last certain to have the number: recorded with it, or paid at a counter in person."""
        paid = (
            case.at
            for case in self.cases
            if case.payee == payee and case.was_paid and case.with_code
        )
        return max([payee.since, *paid])


def known(session: Session, number_index: bytes) -> Known:
    """Whose number it is and how their payments stand, by the number's keyed hash."""
    rows = session.execute(
        select(Person.id, Person.household_id, Household.language, Household.area, PaymentAccount.created_at)
        .join(Person, Person.id == PaymentAccount.person_id)
        .join(Household, Household.id == Person.household_id)
        .where(
            PaymentAccount.value_index == number_index, PaymentAccount.kind == PHONE,
            PaymentAccount.replaced_at.is_(None), Person.data_key.is_not(None),
        )
        .order_by(PaymentAccount.created_at, Person.id)
    ).all()  # fmt: skip
    stays = who_stays(session, [row.id for row in rows])
    chosen = select(PrivacyChoice.person_id, PrivacyChoice.level)
    levels = dict(
        session.execute(chosen.where(PrivacyChoice.person_id.in_(set(stays.values())))).all()
    )
    payees = {
        row.id: Payee(
            row.id, stays[row.id], row.household_id, row.language, row.area, levels.get(stays[row.id]), row.created_at
        )
        for row in rows
    }  # fmt: skip
    return Known(list(payees.values()), _cases(session, payees) if payees else ())


def _cases(session: Session, payees: dict[UUID, Payee]) -> list[Case]:
    """Their payments that were handed over at least once, the latest first: of plans that may change nothing is said."""
    changed = (
        select(func.max(PaymentEvent.at))
        .where(PaymentEvent.payment_id == Payment.id)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Payment, CodeIssue.locator, CodeIssue.state.label("code"), CodeIssue.expires_on, changed.label("at"))
        .outerjoin(CodeIssue, (CodeIssue.payment_id == Payment.id) & CodeIssue.current)
        .where(
            Payment.household_id.in_({payee.household_id for payee in payees.values()}),
            Payment.person_id.in_(payees), Payment.live,
            or_(Payment.state != PaymentState.READY, Payment.attempts > 0), changed > clock.now() - REMEMBERED,
        )
        .order_by(changed.desc(), Payment.id)
    ).all()  # fmt: skip
    paid = [row.Payment.id for row in rows if row.Payment.state is PaymentState.PAID]
    less, asked = _less(session, paid), _asked_about(session, paid)
    timezone = office_of(session).timezone
    today = clock.today(timezone)
    cases = []
    for payment, locator, code, expires_on, at in rows:
        is_over = expires_on is not None and expires_on < today
        kind = _kind(payment.state, code, is_over=is_over)
        is_paid = kind is Kind.PAID
        if is_paid and asked.get(payment.id, set()) - {PAID_LESS}:
            kind = Kind.CHECKED
        elif is_paid and payment.id in less and payment.id in asked:
            kind = Kind.PART
        day = expires_on if not is_paid and expires_on else at.astimezone(timezone).date()
        ref = locator or f"{payment.id.int % 10**REF_DIGITS:0{REF_DIGITS}d}"
        whole = is_paid or not payment.parts_minor
        minor = payment.amount_minor - less.get(payment.id, 0) if whole else payment.rest_minor
        amount = Money(minor, payment.currency)
        parts = None if whole else Money(payment.parts_minor, payment.currency)
        cases.append(
            Case(
                payment.id, payees[payment.person_id], payment.provider, kind, ref, amount, day, at,
                with_code=locator is not None, paid=parts,
            )
        )  # fmt: skip
    return cases


def _less(session: Session, paid: Collection[UUID]) -> dict[UUID, int]:
    """What came less of these payments than was sent, in minor units; those are left out of which all came."""
    less: dict[UUID, int] = {}
    for (payment_id, _), minor in still_less(session, paid).items():
        less[payment_id] = less.get(payment_id, 0) + minor
    return less


def _asked_about(session: Session, paid: Collection[UUID]) -> dict[UUID | None, set[str]]:
    """The open discrepancies, by kind, that say that another amount came of these payments than was sent."""
    found = select(Discrepancy.payment_id, Discrepancy.kind).where(
        Discrepancy.payment_id.in_(paid), Discrepancy.settled_at.is_(None),
        Discrepancy.kind.in_([PAID_LESS, *OF_AMOUNT]),
    )  # fmt: skip
    kinds: dict[UUID | None, set[str]] = {}
    for payment_id, kind in session.execute(found):
        kinds.setdefault(payment_id, set()).add(kind)
    return kinds


def _kind(state: PaymentState, code: CodeState | None, *, is_over: bool) -> Kind:
    if state is PaymentState.PAID:
        return Kind.PAID
    if state is PaymentState.EXPIRED:
        return Kind.EXPIRED
    if state is not PaymentState.ACCEPTED or code is None:
        return Kind.PENDING
    if is_over:
        return Kind.EXPIRED
    return {CodeState.ISSUED: Kind.READY, CodeState.LOCKED: Kind.BLOCKED}.get(code, Kind.PENDING)
