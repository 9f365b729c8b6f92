"""What the holder of a number, and the recipient it belongs to, chose to be told: asked anew whenever a text goes out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.messaging.models import NumberChoice


class Level(StrEnum):
    """How much texts may tell a recipient.

    Of whoever was never asked, a text before the payment tells no amount, and the one after it does: it is what shows
    the person that a teller kept something back.
    """

    NORMAL = "normal"
    """Amounts may be told, with the code too."""
    DISCREET = "discreet"
    """Never an amount."""
    NO_SMS = "no_sms"
    """No text at all: who holds the telephone must learn nothing."""


Levels = Callable[[Session, Sequence[UUID]], Mapping[UUID, Level]]
"""The levels of the people whom payment accounts belong to; those who were never asked are left out."""

_WITH_THE_CODE: Mapping[str, str] = {"CODE_READY_AMT": "CODE_READY"}
_AFTER_PAYMENT: Mapping[str, str] = {
    "PAID": "PAID_DISCREET",
    "PAID_OUT": "PAID_DISCREET",
    "PARTIAL": "PARTIAL_DISCREET",
    "REST_CAME": "REST_CAME_DISCREET",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What one number's holder chose. `silent` wants no text except answers to their own."""

    language: str | None = None
    silent: bool = False


def suited(template: str, level: Level | None) -> str | None:
    """The template that may go to a recipient of this level instead of another; None where none may."""
    if level is Level.NO_SMS:
        return None
    if level is Level.NORMAL:
        return template
    if level is Level.DISCREET:
        template = _AFTER_PAYMENT.get(template, template)
    return _WITH_THE_CODE.get(template, template)


def nobody_was_asked(session: Session, account_ids: Sequence[UUID]) -> Mapping[UUID, Level]:
    """The levels where nobody chose one."""
    return {}


def of(session: Session, indexes: Iterable[bytes]) -> dict[bytes, Choice]:
    """What the holders of numbers chose, by the keyed hash of each number; who chose nothing is left out."""
    rows = session.execute(
        select(
            NumberChoice.number_index, NumberChoice.language, NumberChoice.stopped_at, NumberChoice.wrong_at
        ).where(NumberChoice.number_index.in_(set(indexes)))
    )  # fmt: skip
    return {
        index: Choice(language, silent=stopped_at is not None or wrong_at is not None)
        for index, language, stopped_at, wrong_at in rows
    }


def lock(session: Session, index: bytes) -> NumberChoice:
    """The row of one number, made where there is none, and nobody else's until this transaction ends."""
    session.execute(
        insert(NumberChoice)
        .values(number_index=index, heard_at=clock.now())
        .on_conflict_do_nothing(index_elements=["number_index"])
    )
    return session.scalars(
        select(NumberChoice)
        .where(NumberChoice.number_index == index)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
