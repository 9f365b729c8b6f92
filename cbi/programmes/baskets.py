"""Baskets as they are kept: each file makes the next version of its basket, and a round of prices names its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict, NotFound
from cbi.programmes import basket_terms
from cbi.programmes.basket_terms import Basket
from cbi.programmes.value_models import BasketVersion


class UnknownBasket(NotFound):
    """No basket of that code."""

    code = "basket.unknown"


class BasketFixed(Conflict):
    """The file changes what a basket keeps: prices were taken in its currency."""

    code = "basket.fixed"


@dataclass(frozen=True, slots=True)
class AppliedBasket:
    """What came of a basket file. `changed` is false when it said what was on record."""

    basket: str
    version: int
    changed: bool


def apply(session: Session, actor: Actor, text: str) -> AppliedBasket:
    """Make the basket that a file describes, or its next version; nothing when it says what is on record.

    It changes no amount: that takes a round of prices and two people. Raises BasketFileErrors, BasketFixed.
    """
    actor.require(Permission.PROGRAMME_APPLY)
    basket = basket_terms.read(text)
    code = basket.basket.code
    latest = _latest(session, code)
    if latest is not None:
        if latest.digest == basket.digest():
            return AppliedBasket(code, latest.version, changed=False)
        if latest.content["currency"] != basket.currency:
            raise BasketFixed(
                f"The basket {code} is priced in {latest.content['currency']}.",
                next_step="Give a basket in another currency a code of its own.",
            )
    version = latest.version + 1 if latest else 1
    made = session.scalar(
        insert(BasketVersion)
        .values(
            code=code, version=version, content=basket.canonical(), digest=basket.digest(),
            applied_by=actor.id, applied_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(BasketVersion.version)
    )  # fmt: skip
    if made is None:
        raise BasketFixed(
            f"Somebody changed the basket {code} at the same moment.", next_step="Look at it first."
        )
    record(
        session, actor, "basket.applied", "basket", code, version=version, digest=basket.digest().hex()
    )  # fmt: skip
    return AppliedBasket(code, version, changed=True)


def find(session: Session, code: str, version: int | None = None) -> tuple[int, Basket]:
    """A version of a basket, without a number the latest. Raises UnknownBasket, with those there are."""
    row = _latest(session, code) if version is None else session.get(BasketVersion, (code, version))
    if row is None:
        codes = session.scalars(
            select(BasketVersion.code).distinct().order_by(BasketVersion.code)
        ).all()
        raise UnknownBasket(
            f"There is no basket {code[:50]!r}.",
            next_step=f"There is: {', '.join(codes)}."
            if codes
            else "Make one with: cbi basket apply FILE",
        )
    return row.version, basket_terms.stored(row.content)


def listed(session: Session, actor: Actor) -> Sequence[BasketVersion]:
    """The latest version of every basket, by code."""
    actor.require(Permission.PROGRAMME_READ)
    newest = (
        select(BasketVersion.code, func.max(BasketVersion.version).label("version"))
        .group_by(BasketVersion.code)
        .subquery()
    )
    return session.scalars(
        select(BasketVersion)
        .join(
            newest,
            (newest.c.code == BasketVersion.code) & (newest.c.version == BasketVersion.version),
        )
        .order_by(BasketVersion.code)
    ).all()


def _latest(session: Session, code: str) -> BasketVersion | None:
    return session.scalar(
        select(BasketVersion)
        .where(BasketVersion.code == code)
        .order_by(BasketVersion.version.desc())
        .limit(1)
    )
