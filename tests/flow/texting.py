"""A gateway to hand texts to, and texts to ask for: what the tests of messaging share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Select, Uuid, cast, func, literal, select
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from cbi.messaging import inbound, outbox
from cbi.messaging.handover import HandedOver, hand_over
from cbi.messaging.inbound import Heard
from cbi.messaging.models import InboundText, Message
from cbi.messaging.states import MessageState
from cbi.messaging.transports import Sent
from cbi.offices import office_of, transaction

CODE = "4831.2907.5526"
SECRETS = (CODE, "48312907", "+21355")


class Gateway:
    """A gateway that notes what it is given; `answer` may then raise."""

    is_simulated = True

    def __init__(self, answer: Callable[[], None] = lambda: None) -> None:
        self._answer = answer
        self.given: list[tuple[str, str, str]] = []

    def send(self, number: str, text: str, reference: str) -> Sent:
        self.given.append((number, text, reference))  # atomic: threads share it
        self._answer()
        return Sent(f"gateway-{reference}")


def refuse(error: BaseException) -> Callable[[], None]:
    def answer() -> None:
        raise error

    return answer


def number_of(account: UUID) -> str:
    return f"+21355{account.int % 10**7:07d}"


def numbers(session: Session, accounts: Sequence[UUID]) -> Mapping[UUID, str]:
    return {account: number_of(account) for account in accounts}


def codes(session: Session, issues: Sequence[UUID]) -> Mapping[UUID, str]:
    return dict.fromkeys(issues, CODE)


def nothing(session: Session, keys: Sequence[UUID]) -> Mapping[UUID, str]:
    return {}


def give(gateway: Any, **options: Any) -> HandedOver:
    return hand_over("dz", gateway, **({"numbers": numbers, "codes": codes} | options))


def ask(dedupe: str = "a", template: str = "CODE_READY", **options: Any) -> None:
    about: dict[str, Any] = {
        "account_id": uuid4(),
        "language": "en",
        "values": {"date": "05/12"},
        "code_issue_id": uuid4(),
    }
    with transaction("dz") as session:
        outbox.queue(session, template, dedupe=dedupe, **(about | options))


def rows(
    count: int, *, template: str = "CODE_READY", values: Any = None, coded: bool = True
) -> Select[Any]:
    number = cast(
        func.generate_series(1, count).table_valued("number").render_derived().c.number, SqlText
    )
    account = cast(literal("00000000-0000-4000-8000-") + func.lpad(number, 12, "0"), Uuid)
    return select(
        (literal("text ") + number).label("dedupe"),
        (literal('{"date": "05/12"}').cast(JSONB) if values is None else values).label("values"),
        (func.gen_random_uuid() if coded else literal(None, Message.code_issue_id.type)).label(
            "code_issue_id"
        ),
        literal(None, Message.payment_id.type).label("payment_id"),
        account.label("account_id"),
        literal("en").label("language"),
        literal(template).label("template"),
    )


def ask_many(count: int) -> int:
    with transaction("dz") as session:
        return outbox.queue_set(session, rows(count))


def stored() -> Message:
    with transaction("dz") as session:
        return session.scalars(select(Message)).one()


def counts() -> dict[MessageState, int]:
    with transaction("dz") as session:
        return outbox.count_by_state(session)


def heard() -> list[Heard]:
    """Every text that came in, the oldest first."""
    with transaction("dz") as session:
        rows = session.scalars(select(InboundText).order_by(InboundText.received_at))
        return inbound.opened(office_of(session).keys, rows)
