"""Paying cash against a code: first the code is checked and held, then, before the cash leaves the hand, confirmed."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    Table,
    and_,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from cbi import clock, ids
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import standstill
from cbi.audit.standstill import STANDS_STILL
from cbi.errors import Conflict, NotFound
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Payment
from cbi.payments.outcomes import outcomes
from cbi.payments.outcomes.disputes import owed_back
from cbi.payments.outcomes.part_models import PaymentPart
from cbi.payments.sending.recipients import payee_stands
from cbi.payments.states import PaymentState
from cbi.redemption import notices, part_terms, refusals
from cbi.redemption.codes import Code, Mistyped, SecretDigits, read, same
from cbi.redemption.collecting import still_may
from cbi.redemption.holding import Authorised, hold, recognise
from cbi.redemption.models import Authorisation, CodeIssue, CounterOffice, Payout
from cbi.redemption.refusals import Refused
from cbi.redemption.states import CodeState, CollectedAs, HoldState, TryResult
from cbi.redemption.till import (
    Found,
    Holder,
    Till,
    count_wrong_secret,
    holder,
    look_up,
    open_till,
    refusal,
)
from cbi.registry.linkage.staff import is_own

DO_NOT_PAY = "Do not pay. Call the supervisor."


class UnknownAuthorisation(NotFound):
    """No such authorisation, or another teller's."""

    code = "redemption.unknown_authorisation"


class NotHeld(Conflict):
    """The code is no longer held for this teller, so nothing may be handed over."""

    code = "redemption.not_held"


class PaidAlready(Conflict):
    """What was paid cannot be given up."""

    code = "redemption.paid_already"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Paid: hand over exactly this amount."""

    authorisation_id: UUID
    receipt: str
    amount: Money
    paid_at: datetime
    office: str
    left: Money | None = None
    """What is still to be paid, under a new code until `last_day`; None where this was all of it."""
    last_day: date | None = None
    collected_as: CollectedAs = CollectedAs.PRIMARY
    """As what the person who took it was recognised."""


def authorise(session: Session, actor: Actor, *, code: str, factor: str) -> Authorised | Refused:
    """Check a code and what the person shows or says, and hold the code for this teller.

    A refusal is returned, not raised: commit it, because it carries a counted try. The same teller asking again while
    the hold lasts gets the same authorisation. Raises NotPermitted, NotAtACounter.
    """
    till = open_till(session, actor)
    typed = _typed(code, office_of(session).locator_digits)
    found = look_up(till, typed.locator if isinstance(typed, Code) else "")
    wrong_at = found.wrong_at or ()
    if stop := refusals.held_up(till.standing(wrong_at), till.timezone):
        return stop
    if isinstance(typed, Refused):
        till.note(TryResult.MISTYPED, None)
        return typed
    # The digits are computed and compared for a locator that nobody has, too: the answer takes as long.
    right = same(typed.secret, SecretDigits(office_of(session).keys).at(found.counter or 0))
    if found.id is None or not right:
        if count_wrong_secret(till, found) and found.id:
            notices.tell_one(session, "LOCKED", found.id, about="locked")
        till.note(TryResult.WRONG_CODE, found.id)
        return refusals.not_recognised(till.standing((*wrong_at, till.now)).tries_left)
    return _authorise(till, found, found.id, factor)


def _typed(code: str, locator_digits: int) -> Code | Refused:
    try:
        return read(code, locator_digits)
    except Mistyped as slip:
        return Refused(slip.code, slip.message, slip.next_step, details=slip.details)


def _authorise(till: Till, found: Found, issue_id: UUID, factor: str) -> Authorised | Refused:
    """Go on with a code whose digits were all right."""
    current = holder(till, found)
    no = refusal(till, found) or _held_by_another(till, found, current)
    if no:
        till.note(TryResult.NOT_PAYABLE, issue_id)
        return no
    vouched = found.vouched_until is not None and found.vouched_until > till.now
    who = recognise(till, found, issue_id, factor, vouched=vouched)
    if isinstance(who, Refused):
        return who
    if current and current.collector_id not in (None, who.person_id):
        _give_back(
            till, current, issue_id
        )  # somebody else stands there now, and the receipt says who
    elif current:
        held_until = found.held_until or till.now
        amount = Money(found.amount_minor, found.currency)
        parts = part_terms.read(found.partial, found.currency)
        return Authorised(
            current.authorisation_id, current.receipt, amount, held_until, parts, who.collected_as
        )
    return hold(till, found, issue_id, who, vouched=vouched)


def _give_back(till: Till, current: Holder, issue_id: UUID) -> None:
    till.session.execute(
        update(CodeIssue)
        .where(CodeIssue.id == issue_id, CodeIssue.hold_id == current.authorisation_id)
        .values(hold_id=None, held_until=None)
    )
    end_hold(till.session, current.authorisation_id, HoldState.RELEASED, till.now)


def _held_by_another(till: Till, found: Found, current: Holder | None) -> Refused | None:
    if current is None or current.teller_id == till.teller_id or found.held_until is None:
        return None
    until = found.held_until.astimezone(till.timezone)
    return refusals.held_elsewhere(current.office, f"{until:%H:%M}")


def confirm(session: Session, actor: Actor, authorisation_id: UUID) -> Receipt:
    """Mark the money paid; only then does the teller hand it over. Asking again returns the same receipt.

    Payout, code, payment, books and the text to the recipient change together or not at all. Raises NotPermitted,
    UnknownAuthorisation, NotHeld.
    """
    actor.require(Permission.REDEMPTION_PERFORM)
    now = clock.now()
    given = {"authorisation": authorisation_id, "teller": actor.id, "now": now}
    row = session.connection().execute(_PAY, given).one_or_none()
    if row is None:
        return paid_before(session, actor, authorisation_id)
    end_hold(session, authorisation_id, HoldState.CONFIRMED, now)
    amount = Money(row.amount_minor, row.currency)
    # The books come last: their totals are the rows that every counter waits for. The text comes with them.
    source = f"teller:{actor.id}"
    if not outcomes.confirm_paid(
        session, row.payment_id, row.attempt, provider_reference=row.receipt, source=source
    ):
        raise NotHeld("This payment was settled in another way.", next_step=DO_NOT_PAY)
    return Receipt(
        authorisation_id, row.receipt, amount, now, row.office, collected_as=row.collected_as
    )


def _paying() -> Select[Any]:
    """Code to paid, by compare-and-set, and its payout: one statement, which yields nothing unless this teller holds it.

    The code is locked before its hold, here as everywhere.
    """
    now = bindparam("now", type_=DateTime(timezone=True))
    paid = (
        update(CodeIssue)
        .where(
            Authorisation.id == bindparam("authorisation"),
            Authorisation.teller_id == bindparam("teller"),
            CodeIssue.id == Authorisation.code_issue_id,
            CodeIssue.hold_id == Authorisation.id,
            CodeIssue.held_until > now,
            CodeIssue.state == CodeState.ISSUED,
            Payment.id == CodeIssue.payment_id,
            Payment.state == PaymentState.ACCEPTED,
            Payment.entitlement_id.not_in(owed_back()),
            ~STANDS_STILL,
            payee_stands(),
            still_may(now),
            ~is_own("teller", Authorisation.teller_id, Payment.household_id),
            CounterOffice.id == Authorisation.office_id,
        )
        .values(state=CodeState.PAID, hold_id=None, held_until=None, closed_at=now)
        .returning(
            CodeIssue.id, CodeIssue.attempt, Authorisation.id.label("authorisation_id"), Authorisation.payment_id,
            Authorisation.teller_id, Authorisation.office_id, Authorisation.receipt, Authorisation.amount_minor,
            Authorisation.currency, Authorisation.collected_as, CounterOffice.name.label("office"),
        )
        .cte("paid")
    )  # fmt: skip
    payout = {
        "id": ids.fresh_in_sql(), "authorisation_id": paid.c.authorisation_id, "code_issue_id": paid.c.id,
        "payment_id": paid.c.payment_id, "attempt": paid.c.attempt, "teller_id": paid.c.teller_id,
        "office_id": paid.c.office_id, "receipt": paid.c.receipt, "amount_minor": paid.c.amount_minor,
        "currency": paid.c.currency, "paid_at": now,
    }  # fmt: skip
    handed_over = (
        insert(Payout).from_select(list(payout), select(*payout.values())).cte("handed_over")
    )
    return select(*paid.c).add_cte(handed_over)


_PAY = _paying()


_HOLDS: Table = Authorisation.__table__  # type: ignore[assignment]
_END = (
    update(_HOLDS)
    .where(_HOLDS.c.id == bindparam("authorisation"), _HOLDS.c.open)
    .values(state=bindparam("after"), open=False, ended_at=bindparam("now"))
    .returning(_HOLDS.c.id)
)


def end_hold(session: Session, authorisation_id: UUID, after: HoldState, now: datetime) -> None:
    """End a teller's open hold. Raises NotHeld."""
    given = {"authorisation": authorisation_id, "after": after, "now": now}
    if session.connection().scalar(_END, given) is None:
        raise NotHeld("The hold ended at this very moment.", next_step=DO_NOT_PAY)


LEFT = (PaymentPart.owed_minor - PaymentPart.before_minor - PaymentPart.amount_minor).label(
    "left_minor"
)
"""What a part left to be paid; NULL for a payout that was all of it."""


def its_part() -> ColumnElement[bool]:
    """Joins a payout to the part that it was."""
    return and_(PaymentPart.payment_id == Payout.payment_id, PaymentPart.attempt == Payout.attempt)


def paid_before(session: Session, actor: Actor, authorisation_id: UUID) -> Receipt:
    """The receipt of what this teller paid before; else say why nothing may be paid. Pays nothing itself.

    Raises UnknownAuthorisation, NotHeld.
    """
    row = session.execute(
        select(
            Authorisation.receipt, Authorisation.held_until, Authorisation.state, CodeIssue.state.label("code_state"),
            Payout.amount_minor, Payout.currency, Payout.paid_at, CounterOffice.name, LEFT, CodeIssue.expires_on,
            Authorisation.collected_as,
        )
        .join(CodeIssue, CodeIssue.id == Authorisation.code_issue_id)
        .join(CounterOffice, CounterOffice.id == Authorisation.office_id)
        .outerjoin(Payout, Payout.authorisation_id == Authorisation.id)
        .outerjoin(PaymentPart, its_part())
        .where(Authorisation.id == authorisation_id, Authorisation.teller_id == actor.id)
    ).one_or_none()  # fmt: skip
    if row is None:
        raise UnknownAuthorisation("There is no such authorisation of yours.", next_step=DO_NOT_PAY)
    if row.paid_at is not None:
        amount = Money(row.amount_minor, row.currency)
        left = None if row.left_minor is None else Money(row.left_minor, row.currency)
        last_day = None if left is None else row.expires_on
        return Receipt(
            authorisation_id,
            row.receipt,
            amount,
            row.paid_at,
            row.name,
            left,
            last_day,
            row.collected_as,
        )
    if row.code_state is CodeState.LOCKED:
        raise NotHeld("The code was locked while you held it.", next_step=DO_NOT_PAY)
    if row.state is HoldState.RELEASED:
        raise NotHeld("You gave this code up.", next_step="Type the code again to pay it.")
    if row.held_until <= clock.now() or row.state is HoldState.LAPSED:
        until = row.held_until.astimezone(office_of(session).timezone)
        raise NotHeld(
            f"You held this code until {until:%H:%M} only.",
            next_step="Do not pay yet. Type the code again, and confirm before the time is over.",
        )
    standstill.refuse(session)
    raise NotHeld("This payment is suspended.", next_step=DO_NOT_PAY)


def release_hold(session: Session, actor: Actor, authorisation_id: UUID) -> None:
    """Give a code up without paying it: the person left, or no cash. It can be paid at any counter at once.

    Raises NotPermitted, UnknownAuthorisation, PaidAlready. A hold that is over already is no error.
    """
    actor.require(Permission.REDEMPTION_PERFORM)
    mine = select(Authorisation.code_issue_id).where(
        Authorisation.id == authorisation_id, Authorisation.teller_id == actor.id
    )
    session.execute(
        update(CodeIssue)
        .where(CodeIssue.id.in_(mine), CodeIssue.hold_id == authorisation_id)
        .values(hold_id=None, held_until=None)
    )
    state = session.scalar(
        select(Authorisation.state)
        .where(Authorisation.id == authorisation_id, Authorisation.teller_id == actor.id)
        .with_for_update()
    )
    if state is None:
        raise UnknownAuthorisation("There is no such authorisation of yours.")
    if state is HoldState.CONFIRMED:
        raise PaidAlready("This was paid and cannot be given up.", next_step="Call the supervisor.")
    if state is HoldState.HELD:
        end_hold(session, authorisation_id, HoldState.RELEASED, clock.now())
