"""Handing over a part of a payment, where there is not enough cash or the person wishes so; a new code pays the rest.

Whoever paid the part has seen the code and what the person showed. So the code is dead with it, and the rest has a code of
its own, which goes to the telephone on record.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.standstill import STANDS_STILL
from cbi.errors import Conflict
from cbi.messaging.outbox import date_in_sql
from cbi.messaging.rendering import amount_text, date_text
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Payment
from cbi.payments.outcomes import parts as booked
from cbi.payments.outcomes.disputes import owed_back
from cbi.payments.outcomes.part_models import PaymentPart
from cbi.payments.sending import providers
from cbi.payments.states import PaymentState
from cbi.redemption import counter, notices, part_terms
from cbi.redemption.collecting import still_may
from cbi.redemption.counter import DO_NOT_PAY, Receipt, UnknownAuthorisation
from cbi.redemption.models import Authorisation, CodeIssue, CounterOffice, Payout
from cbi.redemption.part_terms import PARTIAL, NoParts
from cbi.redemption.reissuing import (
    NotByText,
    Reissued,
    TelephoneChanged,
    check_telephone,
    issue_after,
)
from cbi.redemption.states import CODE, CodeState, HoldState
from cbi.redemption.till import stands_for


class NoCodeForRest(Conflict):
    """No new code could reach the person, so a part would leave the rest without one."""

    code = "redemption.no_code_for_rest"


class PaidAnotherAmount(Conflict):
    """This hold was confirmed, with another amount."""

    code = "redemption.paid_another_amount"


def confirm(session: Session, actor: Actor, authorisation_id: UUID, part: Money) -> Receipt:
    """Mark a part paid; only then does the teller hand it over. Asking again returns the same receipt.

    `part` may be all that is left: then it is `counter.confirm`. Raises NotPermitted, UnknownAuthorisation, NotHeld,
    NoParts, NotInParts, UnusablePart, NoCodeForRest, PaidAnotherAmount.
    """
    actor.require(Permission.REDEMPTION_PERFORM)
    now = clock.now()
    found = _held(session, actor, authorisation_id, now)
    if found is None:
        return _confirmed_so(counter.paid_before(session, actor, authorisation_id), part)
    if part == Money(found[0].amount_minor, found[0].currency):
        return _confirmed_so(counter.confirm(session, actor, authorisation_id), part)
    hold, issue, payment, office, allowed = found
    rest = Money(payment.rest_minor, payment.currency)
    _check(session, issue, payment, allowed, part, rest)
    CODE.check(issue.state, CodeState.PAID)
    issue.state, issue.current, issue.closed_at = CodeState.PAID, False, now
    issue.hold_id = issue.held_until = None
    session.flush()
    session.execute(
        insert(Payout).values(
            authorisation_id=hold.id, code_issue_id=issue.id, payment_id=payment.id, attempt=issue.attempt,
            teller_id=hold.teller_id, office_id=hold.office_id, receipt=hold.receipt, amount_minor=part.minor,
            currency=part.currency, paid_at=now,
        )
    )  # fmt: skip
    counter.end_hold(session, hold.id, HoldState.CONFIRMED, now)
    left = rest - part
    following = booked.hand_over(
        session, payment.id, issue.attempt, part.minor, provider_reference=hold.receipt,
        source=f"teller:{actor.id}",
    )  # fmt: skip
    new = issue_after(session, issue, attempt=following)
    _tell(session, issue, new, part, left)
    return Receipt(
        hold.id, hold.receipt, part, now, office, left, new.expires_on, hold.collected_as
    )


def _held(
    session: Session, actor: Actor, authorisation_id: UUID, now: datetime
) -> tuple[Authorisation, CodeIssue, Payment, str, part_terms.PartTerms | None] | None:
    """What this teller holds, its code locked, with what the programme allows; None when nothing may be paid under it.

    The code is locked before its hold, here as everywhere. Raises UnknownAuthorisation.
    """
    row = session.execute(
        part_terms.with_rules(
            select(Authorisation, CodeIssue, Payment, CounterOffice.name, PARTIAL)
            .join(CodeIssue, CodeIssue.id == Authorisation.code_issue_id)
            .join(Payment, Payment.id == CodeIssue.payment_id)
            .join(CounterOffice, CounterOffice.id == Authorisation.office_id)
        )
        .where(Authorisation.id == authorisation_id, Authorisation.teller_id == actor.id)
        .with_for_update(of=CodeIssue)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise UnknownAuthorisation("There is no such authorisation of yours.", next_step=DO_NOT_PAY)
    hold, issue, payment, office, partial = row
    owed = session.scalar(
        select(Payment.id).where(
            Payment.id == payment.id,
            Payment.entitlement_id.not_in(owed_back()),
            ~STANDS_STILL,
            stands_for(literal(hold.teller_id)),
            Authorisation.id == hold.id,
            still_may(literal(now)),
        )
    )
    mine = issue.hold_id == hold.id and issue.held_until is not None and issue.held_until > now
    payable = issue.state is CodeState.ISSUED and payment.state is PaymentState.ACCEPTED
    if not mine or not payable or owed is None:
        return None
    return hold, issue, payment, office, part_terms.read(partial, payment.currency)


def _confirmed_so(receipt: Receipt, part: Money) -> Receipt:
    """The receipt of what was confirmed under this hold, now or before: of this amount, or none."""
    if receipt.amount != part:
        raise PaidAnotherAmount(
            f"You confirmed {receipt.amount} under this receipt.",
            next_step="Hand over that, once, and nothing more.",
            paid=str(receipt.amount),
        )
    return receipt


def _check(
    session: Session,
    issue: CodeIssue,
    payment: Payment,
    allowed: part_terms.PartTerms | None,
    part: Money,
    rest: Money,
) -> None:
    if allowed is None:
        raise NoParts(
            "This programme pays all of it at once.",
            next_step="Pay all of it, or nothing: without enough cash, say so.",
        )
    if issue.expires_on < clock.today(office_of(session).timezone):
        # Held before midnight: the code for the rest would be over before it is told.
        raise booked.NotInParts(
            "No part of this payment can be handed over now: the last day of its code is over.",
            next_step="Pay all of it, or nothing.",
        )
    paid = select(func.count()).where(PaymentPart.payment_id == payment.id)
    allowed.check(part, rest, session.scalar(paid) or 0)
    # What is left may have to go out again, as a new attempt or in another run.
    profile = providers.adapter(payment.provider).profile
    if not (profile.admits(part) and profile.admits(rest - part)):
        raise allowed.unusable(rest)
    try:
        check_telephone(session, payment)
    except (TelephoneChanged, NotByText) as error:
        raise NoCodeForRest(
            "No part can be paid: a new code for the rest would not reach this person.",
            next_step="Pay all of it, or nothing.",
        ) from error


def _tell(session: Session, issue: CodeIssue, new: Reissued, part: Money, left: Money) -> None:
    """Two texts: what was paid and what is left, and the code for the rest, which nobody at the counter has seen."""
    notices.tell_one(
        session, "PARTIAL", issue.id, about="part", amount=amount_text(part), bal=amount_text(left),
        date=date_text(new.expires_on),
    )  # fmt: skip
    notices.tell(
        session, "CODE_REST", CodeIssue.id == new.code_issue_id, about="code", tells_code=True,
        date=date_in_sql(CodeIssue.expires_on.expression),
    )  # fmt: skip
