"""The texts that tell a recipient what was paid: one for each payment, in the very statement that makes it paid, and one
for each line that lists more of what had been missing.
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import (
    CTE,
    Integer,
    String,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session, aliased

from cbi import ids, money
from cbi.fsp.messages import DeliveryMechanism
from cbi.messaging.models import Message
from cbi.messaging.outbox import amount_with, queue_set, withdraw
from cbi.messaging.rendering import amount_text
from cbi.messaging.states import MESSAGE
from cbi.money import Money
from cbi.payments.models import Attempt, Payment
from cbi.registry.models import Household, PaymentAccount
from cbi.registry.personal import PHONE

OVER_COUNTER, OTHERWISE, REST = "PAID", "PAID_OUT", "REST_CAME"

TICKET_DIGITS = 6
"""How much of the receipt number the text shows: its last digits."""

CONCERNS = (
    Payment.id, Payment.rest_minor.label("amount_minor"), Payment.currency, Payment.mechanism, Payment.household_id,
    Payment.person_id, Payment.account_id,
)  # fmt: skip
"""What the statement that moves payments has to return of them, beside the `attempt` that moved them."""


def values_for(currency: str) -> Mapping[str, object]:
    """The values that `paid` needs when its statement runs."""
    places = money.exponent(currency)
    return {"unit_of_amount": 10**places, "places_of_amount": places}


def paid(moved: CTE) -> CTE:
    """Ask for the text of each payment that `moved` yields: to the telephone it went to, or else the person's own.

    Whoever has no telephone gets none. The ticket is the end of the receipt, so the attempt must have its name by then.
    It waits in the outbox with the amount; how much of it may be told is decided when it goes out.
    """
    went_to, own = aliased(PaymentAccount), aliased(PaymentAccount)
    amount = amount_with(
        moved.c.amount_minor, bindparam("unit_of_amount", type_=Integer),
        bindparam("places_of_amount", type_=Integer), moved.c.currency,
    )  # fmt: skip
    has_receipt = and_(
        moved.c.mechanism == DeliveryMechanism.CASH_OVER_COUNTER.value,
        Attempt.provider_reference.is_not(None),
    )
    ticket = func.right(Attempt.provider_reference, TICKET_DIGITS)
    account = func.coalesce(went_to.id, own.id)
    row = {
        "id": ids.fresh_in_sql(),
        "template": case((has_receipt, OVER_COUNTER), else_=OTHERWISE),
        "language": Household.language,
        "account_id": account,
        "payment_id": moved.c.id,
        "code_issue_id": cast(null(), Uuid),
        "values": case(
            (has_receipt, func.jsonb_build_object("amount", amount, "ticket", ticket)),
            else_=func.jsonb_build_object("amount", amount),
        ),
        "dedupe": func.concat("paid:", moved.c.id, literal(":", String), moved.c.attempt),
        "state": literal(MESSAGE.initial, Message.state.type),
        "waiting": true(),
        "tries": literal(0),
        "created_at": bindparam("moved_at", type_=Message.created_at.type),
    }
    return (
        insert(Message)
        .from_select(
            list(row),
            select(*row.values())
            .join_from(moved, Household, Household.id == moved.c.household_id)
            .outerjoin(
                Attempt, and_(Attempt.payment_id == moved.c.id, Attempt.number == moved.c.attempt)
            )
            .outerjoin(went_to, and_(went_to.id == moved.c.account_id, went_to.kind == PHONE))
            .outerjoin(
                own,
                and_(
                    own.person_id == moved.c.person_id,
                    own.kind == PHONE,
                    own.replaced_at.is_(None),
                ),
            )
            .where(account.is_not(None)),
        )
        .on_conflict_do_nothing(index_elements=["dedupe"])
        .cte("told")
    )


def rest_came(session: Session, payment_id: UUID, amount: Money, finding_id: UUID) -> None:
    """Ask for the text that more has come of a payment which took less than was sent: one for each finding that says so.

    It goes to the telephone that the money went to, or else the person's own; whoever has none gets none.
    """
    went_to, own = aliased(PaymentAccount), aliased(PaymentAccount)
    account = func.coalesce(went_to.id, own.id)
    queue_set(
        session,
        select(
            literal(REST).label("template"), Household.language.label("language"), account.label("account_id"),
            Payment.id.label("payment_id"), cast(null(), Uuid).label("code_issue_id"),
            func.jsonb_build_object("amount", literal(amount_text(amount), String), type_=JSONB).label("values"),
            literal(_of(finding_id)).label("dedupe"),
        )
        .join(Household, Household.id == Payment.household_id)
        .outerjoin(went_to, and_(went_to.id == Payment.account_id, went_to.kind == PHONE))
        .outerjoin(
            own,
            and_(own.person_id == Payment.person_id, own.kind == PHONE, own.replaced_at.is_(None)),
        )
        .where(Payment.id == payment_id, account.is_not(None))
    )  # fmt: skip


def rest_did_not_come(session: Session, payment_id: UUID, finding_id: UUID) -> None:
    """Take back `rest_came` where it waits: two people have taken back what they had found."""
    withdraw(session, payment_id=payment_id, dedupe=_of(finding_id))


def _of(finding_id: UUID) -> str:
    return f"rest:{finding_id}"
