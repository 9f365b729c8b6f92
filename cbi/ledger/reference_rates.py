"""The office's table of exchange rates: entered by one person with the source, confirmed by another, never guessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons, refusing
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.ledger.exchange import Rate
from cbi.ledger.fx_models import ReferenceRate
from cbi.offices import office_of
from cbi.settings import settings

SUBJECT, PROPOSAL = "reference_rate", "exchange-rate"
"""What it is called in the audit log, and among the refusals."""
PROPOSED, CONFIRMED = "reference_rate.proposed", "reference_rate.confirmed"
COMPARED = "reference_rate.compared"


class NoRate(Conflict):
    """Amounts in two currencies have to be compared, and nobody has confirmed a rate between them."""

    code = "fx.no_rate"


class StaleRate(Conflict):
    """The latest rate between two currencies is too old to be used."""

    code = "fx.stale_rate"


class UnusableDay(Invalid):
    """A rate, or a deal, is not of a day to come."""

    code = "fx.unusable_day"


class UnknownRate(NotFound):
    """No such rate waits for a second person."""

    code = "fx.unknown_rate"


class RateJumps(Conflict):
    """The rate is so far from the last one that it may be written the other way round."""

    code = "fx.rate_jumps"


class OtherRate(Invalid):
    """What was typed is not the rate that a colleague entered."""

    code = "fx.other_rate"


class OwnRate(Forbidden):
    """Nobody confirms a rate of their own."""

    code = "fx.own_rate"


JUMP = Fraction(2)
"""How many times the last rate, or which part of it, a rate is taken for a mistake at, where no policy says otherwise."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a rate compares with the one before it: `last`, as it was confirmed, and how many times that it is."""

    last: "Quoted"
    times: Fraction

    @property
    def percent(self) -> str:
        """By how many per cent it is higher (`+`) or lower (`-`), to a tenth."""
        tenths = round((self.times - 1) * 1000)
        sign = "+" if tenths >= 0 else "-"
        return f"{sign}{abs(tenths) // 10}.{abs(tenths) % 10} %"

    def jumps(self, at_most: Fraction) -> bool:
        """Whether it is more than so many times the last one, or less than that part of it."""
        return self.times > at_most or self.times * at_most < 1

    def __str__(self) -> str:
        return f"{self.percent}, the last: {self.last}"


@dataclass(frozen=True, slots=True)
class Quoted:
    """A rate that was used: which row of the table, of which day, and who said it."""

    id: UUID
    rate: Rate
    day: date
    source: str

    def __str__(self) -> str:
        return f"{self.rate}, {self.day}, {self.source}"

    def plain(self) -> dict[str, str]:
        """Plain values, as they are kept with what was worked out."""
        value = self.rate.value
        return {
            "id": str(self.id), "base": self.rate.base, "quote": self.rate.quote, "day": self.day.isoformat(),
            "rate": f"{value.numerator}/{value.denominator}", "source": self.source,
        }  # fmt: skip

    @classmethod
    def stored(cls, kept: Mapping[str, str]) -> "Quoted":
        """A rate as `plain` wrote it."""
        rate = Rate(kept["base"], kept["quote"], Fraction(kept["rate"]))
        return cls(UUID(kept["id"]), rate, date.fromisoformat(kept["day"]), kept["source"])


def propose(
    session: Session, actor: Actor, base: str, quote: str, rate: str, source: str, day: date | None = None
) -> ReferenceRate:  # fmt: skip
    """Enter what one `base` is worth in `quote` on a day, today by default. It counts once somebody confirms it.

    Raises UnusableRate, UnknownCurrency, UnusableDay, UnusableReason for the source.
    """
    actor.require(Permission.FUND_MOVE)
    read = Rate.parse(rate, base.strip().upper(), quote.strip().upper())
    row = ReferenceRate(
        base=read.base, quote=read.quote, day=past_day(session, day), numerator=read.value.numerator,
        denominator=read.value.denominator, source=reasons.plain(source), proposed_by=actor.id,
        proposed_at=clock.now(),
    )  # fmt: skip
    session.add(row)
    session.flush()
    record(session, actor, PROPOSED, SUBJECT, row.id, **facts(row))
    return row


def change(session: Session, row: ReferenceRate) -> Change | None:
    """How a rate that waits compares with the last one before its day, or else the next after it; None: it is the first."""
    others = select(ReferenceRate).where(
        _between(row.base, row.quote), ReferenceRate.confirmed_at.is_not(None), ReferenceRate.id != row.id
    )  # fmt: skip
    confirmed = ReferenceRate.confirmed_at.desc()
    last = session.scalar(
        others.where(ReferenceRate.day <= row.day).order_by(ReferenceRate.day.desc(), confirmed).limit(1)
    ) or session.scalar(others.order_by(ReferenceRate.day, confirmed).limit(1))  # fmt: skip
    if last is None:
        return None
    before = rate_of(last)
    worth = before.value if before.base == row.base else 1 / before.value
    return Change(quoted(last), rate_of(row).value / worth)


def confirm(
    session: Session, actor: Actor, rate_id: UUID, code: str, again: str = "", at_most: Fraction = JUMP
) -> ReferenceRate:  # fmt: skip
    """Let a colleague's rate count from now on, with a fresh one-time code.

    It takes the place of a rate of the same day; what was worked out with that one stays. One that is more than `at_most`
    times the last, or less than that part of it, is typed `again` from the paper. Raises UnknownRate, OwnRate, WrongCode,
    RateJumps, OtherRate, UnusableRate.
    """
    actor.require(Permission.FX_CONFIRM)
    row = _waiting(session, rate_id)
    if row.proposed_by == actor.id:
        raise OwnRate(
            "You entered this rate, so somebody else confirms it.",
            next_step="Ask a colleague who may confirm exchange rates.",
        )
    found = change(session, row)
    _check_jump(row, found, again, at_most)
    totp.step_up(session, actor, code)
    _decide(session, row, confirmed_by=actor.id, confirmed_at=clock.now())
    record(session, actor, CONFIRMED, SUBJECT, row.id, **facts(row))
    if found is not None:
        record(
            session, actor, COMPARED, SUBJECT, row.id, last=str(found.last.id), change=found.percent,
            typed_again=bool(again.strip()),
        )  # fmt: skip
    return row


def _check_jump(row: ReferenceRate, found: Change | None, again: str, at_most: Fraction) -> None:
    """A rate that jumps is typed again; and whatever is typed is the rate that was entered."""
    if again.strip():
        if Rate.parse(again, row.base, row.quote) != rate_of(row):
            raise OtherRate(
                f"You typed another rate than was entered: {rate_of(row)}.",
                next_step="Withdraw the one that is wrong (cbi fx withdraw-rate), and have it entered anew.",
            )
    elif found is not None and found.jumps(at_most):
        raise RateJumps(
            f"{rate_of(row)} is {found.percent} against the last rate ({found.last}). Is it written the other way round?",
            next_step="Read it on the paper once more and type it yourself: cbi fx confirm-rate ID --rate …",
            last=found.last.rate.written,
            change=found.percent,
        )


def withdraw(session: Session, actor: Actor, rate_id: UUID, reason: str) -> ReferenceRate:
    """Drop a rate that nobody has confirmed, with a reason that whoever entered it reads.

    Raises UnknownRate, UnusableReason.
    """
    row = _waiting(session, rate_id)
    if actor.id != row.proposed_by:
        actor.require(Permission.FX_CONFIRM)
    refusing.note(
        session, actor, (PROPOSAL, row.id), reasons.plain(reason), by=row.proposed_by, at=row.proposed_at, said=row.source
    )  # fmt: skip
    return drop(session, actor, rate_id)


def drop(session: Session, actor: Actor, rate_id: UUID) -> ReferenceRate:
    """End a rate whose refusal is noted. Raises UnknownRate."""
    row = _waiting(session, rate_id)
    _decide(session, row, withdrawn_by=actor.id, withdrawn_at=clock.now())
    record(session, actor, "reference_rate.withdrawn", SUBJECT, row.id)
    return row


def listed(session: Session, actor: Actor) -> Sequence[ReferenceRate]:
    """Every rate, the latest day first."""
    actor.require(Permission.FUND_READ)
    return every(session)


def every(session: Session) -> Sequence[ReferenceRate]:
    """Every rate, the latest day first."""
    return session.scalars(
        select(ReferenceRate).order_by(
            ReferenceRate.day.desc(), ReferenceRate.proposed_at.desc(), ReferenceRate.id
        )
    ).all()


def on(session: Session, one: str, other: str, day: date | None = None) -> Quoted:
    """The latest rate between two currencies that counts on a day, today by default, written either way round.

    Raises NoRate, and StaleRate where it is older than `CBI_FX_RATE_DAYS`. There is no way around through a third currency.
    """
    day = day or clock.today(office_of(session).timezone)
    row = session.scalar(
        select(ReferenceRate)
        .where(_between(one, other), ReferenceRate.confirmed_at.is_not(None), ReferenceRate.day <= day)
        .order_by(ReferenceRate.day.desc(), ReferenceRate.confirmed_at.desc(), ReferenceRate.id)
        .limit(1)
    )  # fmt: skip
    enter = f"Enter one, and have a second person confirm it: cbi fx rate {one} {other} …"
    if row is None:
        raise NoRate(
            f"Nobody has confirmed an exchange rate between {one} and {other} for {day}.",
            next_step=enter,
            currency=one,
            other=other,
        )
    if row.day < day - timedelta(days=settings().fx_rate_days):
        raise StaleRate(
            f"The latest exchange rate between {one} and {other} is of {row.day}: too old for {day}.",
            next_step=enter,
            currency=one,
            other=other,
            day=row.day.isoformat(),
        )
    return quoted(row)


def quoted(row: ReferenceRate) -> Quoted:
    """The row as a rate to work with."""
    return Quoted(row.id, rate_of(row), row.day, row.source)


def rate_of(row: ReferenceRate) -> Rate:
    """The row's exact rate."""
    return Rate(row.base, row.quote, Fraction(row.numerator, row.denominator))


def state(row: ReferenceRate) -> str:
    """How far it has come: proposed, confirmed or withdrawn."""
    if row.withdrawn_at is not None:
        return "withdrawn"
    return "proposed" if row.confirmed_at is None else "confirmed"


def waits(row: ReferenceRate) -> bool:
    """Whether it waits for a second person."""
    return state(row) == "proposed"


def facts(row: ReferenceRate) -> dict[str, object]:
    """What it says, in plain values: what the audit log keeps, and `cbi verify` compares."""
    return {
        "base": row.base,
        "quote": row.quote,
        "day": row.day.isoformat(),
        "rate": f"{row.numerator}/{row.denominator}",
        "source": row.source,
    }


def past_day(session: Session, day: date | None) -> date:
    """The day, or today where there is none. Raises UnusableDay."""
    today = clock.today(office_of(session).timezone)
    if day is not None and day > today:
        raise UnusableDay(f"{day} is yet to come.", next_step="Give the day of the bank's paper.")
    return day or today


def _between(one: str, other: str) -> ColumnElement[bool]:
    base, quote = ReferenceRate.base, ReferenceRate.quote
    return or_(and_(base == one, quote == other), and_(base == other, quote == one))


def _waiting(session: Session, rate_id: UUID) -> ReferenceRate:
    row = session.get(ReferenceRate, rate_id, with_for_update=True, populate_existing=True)
    if row is None or row.confirmed_at is not None or row.withdrawn_at is not None:
        raise UnknownRate(
            "No such exchange rate waits to be confirmed.", next_step="See: cbi fx rates"
        )
    return row


def _decide(session: Session, row: ReferenceRate, **columns: object) -> None:
    session.execute(
        update(ReferenceRate)
        .where(
            ReferenceRate.id == row.id, ReferenceRate.confirmed_at.is_(None), ReferenceRate.withdrawn_at.is_(None)
        )
        .values(**columns)
    )  # fmt: skip
    session.refresh(row)
