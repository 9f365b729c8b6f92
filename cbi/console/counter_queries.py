"""What a teller is shown of their own work: where they are, their holds, and their receipts."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import NotFound
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.payments.outcomes.part_models import PaymentPart
from cbi.payments.states import PaymentState
from cbi.redemption import part_terms
from cbi.redemption.counter import LEFT, UnknownAuthorisation, its_part
from cbi.redemption.models import (
    Authorisation,
    CashShortage,
    CodeIssue,
    CounterOffice,
    Payout,
    Teller,
)
from cbi.redemption.part_terms import PARTIAL, PartTerms, with_rules
from cbi.redemption.queries import Unanswered
from cbi.redemption.states import CodeState, CollectedAs, HoldState


class NoSuchReceipt(NotFound):
    """No receipt of this teller's has this number."""

    code = "console.no_such_receipt"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a teller works, and who they are."""

    office: str
    number: str
    teller: str
    office_id: UUID


@dataclass(frozen=True, slots=True)
class Slip:
    """One hold of a teller's, and its receipt once it is paid.

    `standing` is `held`, `paid`, `no_cash`, `given_up`, `over`, `locked` or `suspended`: for showing, while confirming
    decides. `last_day` is the code's.
    """

    id: UUID
    receipt: str
    amount: Money
    held_until: datetime
    standing: str
    paid_at: datetime | None
    office: str
    number: str
    teller: str
    office_id: UUID
    last_day: date
    parts: PartTerms | None
    """How it may be handed over in parts; None: all of it at once."""
    left: Money | None
    """What is still to be paid after this part; None where it was all of it."""
    collected_as: CollectedAs
    """As what the person who takes it was recognised."""


def place(session: Session, actor: Actor) -> Place:
    """Where this teller works."""
    actor.require(Permission.REDEMPTION_PERFORM)
    row = session.execute(
        select(CounterOffice.name, CounterOffice.code, Teller.full_name, CounterOffice.id)
        .join(CounterOffice, CounterOffice.id == Teller.office_id)
        .where(Teller.id == actor.id)
    ).one()
    return Place(*row)


def slip(
    session: Session, actor: Actor, *, hold_id: UUID | None = None, receipt: str | None = None
) -> Slip:
    """A hold of this teller's, by its id or, once paid, by its receipt. Raises UnknownAuthorisation, NoSuchReceipt."""
    actor.require(Permission.REDEMPTION_PERFORM)
    row = session.execute(
        with_rules(select(
            Authorisation, CodeIssue, Payment.state, Payout, CounterOffice, Teller.full_name,
            exists().where(CashShortage.authorisation_id == Authorisation.id), LEFT, PARTIAL,
        )
        .join(CodeIssue, CodeIssue.id == Authorisation.code_issue_id)
        .join(Payment, Payment.id == CodeIssue.payment_id)
        .join(CounterOffice, CounterOffice.id == Authorisation.office_id)
        .join(Teller, Teller.id == Authorisation.teller_id)
        .outerjoin(Payout, Payout.authorisation_id == Authorisation.id)
        .outerjoin(PaymentPart, its_part()))
        .where(
            Authorisation.teller_id == actor.id,
            Authorisation.id == hold_id if receipt is None else Payout.receipt == receipt,
        )
    ).one_or_none()  # fmt: skip
    if row is None and receipt is not None:
        raise NoSuchReceipt(
            "None of your receipts has this number.",
            next_step="Choose it from the list of the day.",
        )
    if row is None:
        raise UnknownAuthorisation(
            "There is no such authorisation of yours.", next_step="Type the code again."
        )
    held, issue, payment_state, paid, office, teller, no_cash, left, partial = row
    standing = _standing(held, issue, payment_state, paid=paid is not None, no_cash=no_cash)
    amount = Money(paid.amount_minor if paid else held.amount_minor, held.currency)
    return Slip(
        held.id, held.receipt, amount, held.held_until, standing, paid.paid_at if paid else None, office.name,
        office.code, teller, office.id, issue.expires_on, part_terms.read(partial, held.currency),
        None if left is None else Money(left, held.currency), held.collected_as,
    )  # fmt: skip


def _standing(
    held: Authorisation, issue: CodeIssue, payment_state: PaymentState, *, paid: bool, no_cash: bool
) -> str:
    if paid:
        return "paid"
    payable = issue.state is CodeState.ISSUED and payment_state is PaymentState.ACCEPTED
    if no_cash and payable:
        return "no_cash"
    if held.state is HoldState.RELEASED:
        return "given_up"
    if issue.state is CodeState.LOCKED:
        return "locked"
    if held.held_until <= clock.now() or held.state is HoldState.LAPSED:
        return "over"
    return "held" if payable and issue.hold_id == held.id else "suspended"


def just_paid(session: Session, actor: Actor, locator: str, since: datetime) -> UUID | None:
    """The hold of a code with these public digits that this very teller confirmed after `since`."""
    actor.require(Permission.REDEMPTION_PERFORM)
    return session.scalar(
        select(Payout.authorisation_id)
        .join(CodeIssue, CodeIssue.id == Payout.code_issue_id)
        .where(
            CodeIssue.locator == locator,
            CodeIssue.live,
            Payout.teller_id == actor.id,
            Payout.paid_at > since,
        )
    )


def open_holds(session: Session, actor: Actor) -> list[Unanswered]:
    """The holds that this teller can still confirm or give up, the one that ends first at the top."""
    actor.require(Permission.REDEMPTION_PERFORM)
    found = session.scalars(
        select(Authorisation)
        .where(
            Authorisation.teller_id == actor.id,
            Authorisation.open,
            Authorisation.held_until > clock.now(),
        )
        .order_by(Authorisation.held_until)
    )
    return [
        Unanswered(each.id, each.receipt, Money(each.amount_minor, each.currency), each.held_until)
        for each in found
    ]
