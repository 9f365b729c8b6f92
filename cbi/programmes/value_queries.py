"""What people ask about transfer values: rounds of prices, and values with how they come about and what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import NotFound
from cbi.money import Money
from cbi.programmes import baskets, price_rounds, valuing
from cbi.programmes.models import Programme
from cbi.programmes.price_layout import Answer
from cbi.programmes.value_models import PriceRound, TransferValue


class NoSuchValue(NotFound):
    """There is no transfer value of that number."""

    code = "transfer_value.no_such"


@dataclass(frozen=True, slots=True)
class ValueLine:
    """One value as it is shown: who proposed it and who decided, what it rests on, and what it changes.

    `before` is what the programme paid when it was proposed. `cost` holds the figures of `Cost.kept`.
    """

    number: int
    programme: str
    basket: str
    basket_version: int
    round_number: int
    round_name: str
    base: Money
    per_member: Money
    before: tuple[Money, Money]
    trace: tuple[str, ...]
    outliers: tuple[str, ...]
    cost: dict[str, Any]
    digest: str
    proposed_by: UUID
    proposed_at: datetime
    decision: str | None
    decided_by: UUID | None
    decided_at: datetime | None
    reason: str | None
    made_version: int | None


@dataclass(frozen=True, slots=True)
class PricedItem:
    """One item of a round: what it cost at each market, its median, and which prices are far from the usual one."""

    item: str
    name: str
    unit: str
    prices: dict[str, Answer]
    median: Money | None
    outliers: tuple[valuing.Outlier, ...]


def rounds(session: Session, actor: Actor) -> Sequence[PriceRound]:
    """Every round of prices, the latest first."""
    actor.require(Permission.PROGRAMME_READ)
    return session.scalars(select(PriceRound).order_by(PriceRound.id.desc())).all()


def items(session: Session, actor: Actor, number: int) -> tuple[PriceRound, list[PricedItem]]:
    """A round with its latest prices, item by item as in the basket. Raises UnknownRound."""
    actor.require(Permission.PROGRAMME_READ)
    round_ = price_rounds.find(session, number)
    basket = baskets.find(session, round_.basket, round_.basket_version)[1]
    answers = price_rounds.answers(session, round_.id, round_.latest)
    prices = valuing.table([(*key, answer.price) for key, answer in answers.items()])
    far = valuing.outliers(basket, prices, price_rounds.before(session, round_))
    usual = valuing.medians(prices)
    return round_, [
        PricedItem(
            line.item, line.name, line.unit,
            {market: answer for (item, market), answer in answers.items() if item == line.item},
            Money(usual[line.item], basket.currency) if line.item in usual else None,
            tuple(each for each in far if each.item == line.item),
        )
        for line in basket.lines
    ]  # fmt: skip


def values(session: Session, actor: Actor, *, waiting: bool = False) -> list[ValueLine]:
    """The values of the programmes that the actor may see, the latest first; `waiting`: only those nobody has decided."""
    seen = actor.programmes(Permission.PROGRAMME_READ)
    wanted = _lines().order_by(TransferValue.id.desc())
    if seen is not None:
        wanted = wanted.where(Programme.code.in_(seen))
    if waiting:
        wanted = wanted.where(TransferValue.decision.is_(None))
    return [_line(*row) for row in session.execute(wanted)]


def value(session: Session, actor: Actor, number: int) -> ValueLine:
    """One value. Raises NoSuchValue, NotPermitted."""
    row = session.execute(_lines().where(TransferValue.id == number)).one_or_none()
    if row is None:
        raise NoSuchValue(f"There is no transfer value {number}.", next_step="See: cbi value list")
    found = _line(*row)
    actor.require(Permission.PROGRAMME_READ, found.programme)
    return found


def _lines() -> Select[TransferValue, str, str]:
    return (
        select(TransferValue, Programme.code, PriceRound.name)
        .join(Programme, Programme.id == TransferValue.programme_id)
        .join(PriceRound, PriceRound.id == TransferValue.round_id)
        .execution_options(populate_existing=True)
    )


def _line(row: TransferValue, programme: str, round_name: str) -> ValueLine:
    def was(name: str) -> Money:
        return Money.parse(row.workings["before"][name], row.currency)

    return ValueLine(
        number=row.id, programme=programme, basket=row.basket, basket_version=row.basket_version,
        round_number=row.round_id, round_name=round_name, base=Money(row.base_minor, row.currency),
        per_member=Money(row.per_member_minor, row.currency), before=(was("base"), was("per_member")),
        trace=tuple(row.workings["trace"]), outliers=tuple(row.workings["outliers"]),
        cost=row.workings["cost"], digest=row.digest.hex(), proposed_by=row.proposed_by,
        proposed_at=row.proposed_at, decision=row.decision, decided_by=row.decided_by,
        decided_at=row.decided_at, reason=row.reason, made_version=row.made_version,
    )  # fmt: skip
