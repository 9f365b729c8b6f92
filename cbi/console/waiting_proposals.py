"""What was proposed and nobody has decided: how each kind is found, and all of them together in one statement."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    SQLColumnExpression,
    Subquery,
    Text,
    Uuid,
    all_,
    and_,
    cast,
    false,
    func,
    literal,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.console.visit import Visit
from cbi.errors import NotFound
from cbi.money import Money
from cbi.offices import office_of
from cbi.refusals import refusing


class NothingWaits(NotFound):
    """No such proposal waits for this reader."""

    code = "waiting.nothing"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposal as it stands. `facts` are what its kind says it with; `mine`: this reader may decide about it."""

    kind: str
    key: str
    at: datetime
    by_id: UUID
    by: str
    amount: Money | None
    why: str | None
    facts: Mapping[str, Any]
    mine: bool
    is_own: bool


@dataclass(frozen=True, slots=True)
class Typed:
    """What whoever decides has typed. `seen` is what the page showed, where the decision is about exactly that."""

    code: str = ""
    reason: str = ""
    again: str = ""
    seen: str = ""
    ticked: bool = False

    @property
    def digest(self) -> bytes:
        """The digest that was shown; whatever is no digest is that of nothing."""
        try:
            return bytes.fromhex(self.seen)
        except ValueError:
            return b""


def refused(session: Session, actor: Actor, it: Proposal, typed: Typed) -> object:
    """Refuse it, or take it back, as most kinds are."""
    return refusing.refuse(session, actor, it.kind, it.key, typed.reason)


@dataclass(frozen=True, slots=True)
class Looking:
    """Somebody looks at one proposal."""

    visit: Visit
    session: Session
    actor: Actor
    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Listing:
    """A table on the page of one proposal; columns are (heading, "text" or "number"), all of it in the reader's words."""

    caption: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[object]]
    totals: Sequence[object] | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a proposal would change: each line what it is, how it is now, and how it would be then; and what else to know.

    `again` asks whoever decides to type something themself, and says what. `seen` goes back with the decision.
    """

    changes: Sequence[tuple[str, object, object]] = ()
    facts: Sequence[tuple[str, object]] = ()
    listings: Sequence[Listing] = ()
    notes: Sequence[str] = ()
    link: tuple[str, str] | None = None
    again: str = ""
    seen: str = ""
    tick: str = ""
    """What whoever decides may say beside it, by a box."""


Column = SQLColumnExpression[Any]
Decide = Callable[[Session, Actor, Proposal, Typed], object]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of proposal: how those that wait are found, said, shown, accepted and refused.

    `found` selects what `row` names, for the office's day. `sentence` is one text, or one for each `facts["which"]`;
    `effect` says what happens once it is accepted. `take_back` is for whoever proposed it. Where there is no `refuse`,
    `otherwise` says what becomes of a proposal that nobody accepts.
    """

    code: str
    name: str
    sentence: str | Mapping[str, str]
    effect: str
    read: Permission
    decide: Permission
    found: Callable[[date], Select[Any]]
    sheet: Callable[[Looking], Sheet]
    accept: Decide
    refuse: Decide | None = None
    take_back: Decide | None = None
    otherwise: str = ""
    takes_code: bool = True
    words: Mapping[str, Mapping[Any, str]] = field(default_factory=dict)
    """For facts that are names of ours: what each is called."""


def row(
    key: Column, at: Column, by: Column, *,
    programmes: Sequence[Column] = (), barred: Column | None = None,
    amount: tuple[Column, Column] | None = None, why: Column | None = None,
    **facts: Column,
) -> list[ColumnElement[Any]]:  # fmt: skip
    """The columns that every kind has in common, in their order.

    `programmes`: the codes of those that it concerns (NULL is left out; none: the whole office). `barred`: an array of
    others who do not decide about it, beside whoever proposed it.
    """
    pairs = [part for name, value in facts.items() for part in (literal(name, Text), value)]
    nobody = cast(array([], type_=Uuid), ARRAY(Uuid))
    return [
        cast(key, Text).label("key"), at.label("at"), cast(by, Uuid).label("by_id"),
        func.array_remove(
            cast(array([*programmes], type_=Text), ARRAY(Text)), null(), type_=ARRAY(Text)
        ).label("programmes"),
        func.array_append(nobody if barred is None else barred, by, type_=ARRAY(Uuid)).label("barred"),
        cast(amount[0] if amount else null(), BigInteger).label("minor"),
        cast(amount[1] if amount else null(), Text).label("currency"),
        cast(why if why is not None else null(), Text).label("why"),
        func.jsonb_build_object(*pairs, type_=JSONB).label("facts"),
    ]  # fmt: skip


def of_day(column: Column) -> Column:
    """A fact that is shown as a day."""
    return func.jsonb_build_object(literal("day", Text), column)


def of_money(minor: Column, currency: Column) -> Column:
    """A fact that is shown as an amount."""
    return func.jsonb_build_object(literal("minor", Text), minor, literal("currency", Text), currency)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counted:
    """How many proposals of a kind wait, and for this reader; since when the oldest does."""

    kind: str
    all: int
    mine: int
    oldest: datetime


def counted(session: Session, actor: Actor, kinds: Sequence[Kind]) -> list[Counted]:
    """What waits, by kind, of what the actor may know of. One statement, however many kinds there are."""
    together = _together(session, actor, kinds)
    if together is None:
        return []
    mine = func.count().filter(together.c.mine)
    rows = session.execute(
        select(together.c.kind, func.count(), mine, func.min(together.c.at)).group_by(
            together.c.kind
        )
    )
    return sorted((Counted(*each) for each in rows), key=lambda each: each.oldest)


def listed(
    session: Session, actor: Actor, kinds: Sequence[Kind], *, limit: int, skip: int = 0, mine: bool = False,
    key: str | None = None,
) -> list[Proposal]:  # fmt: skip
    """The proposals that the actor may know of, oldest first; `mine`: only those to decide. One statement."""
    together = _together(session, actor, kinds)
    if together is None:
        return []
    wanted = (
        select(together, User.full_name)
        .outerjoin(User, User.id == together.c.by_id)
        .order_by(together.c.at, together.c.kind, together.c.key)
        .limit(limit)
        .offset(skip)
    )
    if mine:
        wanted = wanted.where(together.c.mine)
    if key is not None:
        wanted = wanted.where(together.c.key == key)
    return [
        Proposal(
            each.kind, each.key, each.at, each.by_id, each.full_name or "",
            None if each.minor is None else Money(each.minor, each.currency), each.why, each.facts, each.mine,
            each.by_id == actor.id,
        )
        for each in session.execute(wanted)
    ]  # fmt: skip


def one(session: Session, actor: Actor, kind: Kind, key: str) -> Proposal:
    """One proposal that waits. Raises NothingWaits."""
    found = listed(session, actor, [kind], limit=1, key=key)
    if not found:
        raise NothingWaits(
            "This does not wait for a decision any more, or is not for you to see.",
            next_step="Look at what waits now: /waiting",
        )
    return found[0]


def _together(session: Session, actor: Actor, kinds: Sequence[Kind]) -> Subquery | None:
    """Every kind that the actor may read, with whether they may decide."""
    today = clock.today(office_of(session).timezone)
    parts = []
    for kind in kinds:
        if not actor.may_somewhere(kind.read):
            continue
        found = kind.found(today).subquery(kind.code)
        seen, mine = _reach(actor, kind, found)
        parts.append(
            select(literal(kind.code, Text).label("kind"), *found.c, mine.label("mine")).where(seen)
        )
    return union_all(*parts).subquery("waiting") if parts else None


def _reach(
    actor: Actor, kind: Kind, found: Subquery
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whether a row is for the actor's eyes, and whether it is theirs to decide: for every programme it concerns."""
    readable, decidable = actor.programmes(kind.read), actor.programmes(kind.decide)
    seen: ColumnElement[bool] = true()
    if readable is not None:
        seen = found.c.programmes.overlap(_codes(readable))
    if actor.kind != "user" or actor.id is None or not actor.may_somewhere(kind.decide):
        return seen, false()
    mine: ColumnElement[bool] = literal(actor.id, Uuid) != all_(found.c.barred)
    if decidable is not None:
        concerned = func.cardinality(found.c.programmes) > 0
        mine = and_(mine, concerned, found.c.programmes.contained_by(_codes(decidable)))
    return seen, mine


def _codes(programmes: frozenset[str]) -> ColumnElement[Any]:
    return cast(array(sorted(programmes), type_=Text), ARRAY(Text))
