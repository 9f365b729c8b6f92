"""Codes that were issued, tellers who can pay them, and what a person would read on their telephone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, event, select, text
from sqlalchemy.orm import Session

from cbi import clock, db, offices
from cbi.access.actor import Actor
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Payment
from cbi.redemption import codes, counters, issuing, parts, tellers
from cbi.redemption import counter as counter_stage
from cbi.redemption.counter import Receipt
from cbi.redemption.holding import Authorised
from cbi.redemption.models import CodeIssue, CounterOffice, Teller
from cbi.redemption.refusals import Refused
from cbi.registry.models import FactorKind
from cbi.registry.personal import Sealer, normal_factor
from tests.factories import EVERYTHING, START, Team, released_run

WORD = "jasmine"
"""What every recipient chose at registration."""

OPEN = (START + timedelta(days=2)).replace(hour=11, minute=0, second=0, microsecond=0)
"""When codes are issued and the counters of these stories open: noon in Algiers."""

LAST_DAY = OPEN.date() + timedelta(days=45)
"""The last day of those codes."""


@dataclass(frozen=True)
class Issued:
    """A run released to codes: its payments in order of their number."""

    run_id: UUID
    payments: Sequence[UUID]


def issued(owner: Engine, sizes: Sequence[int] = (4, 4, 4)) -> Issued:
    """A run of households of these sizes, released to codes and committed; everybody's word is `jasmine`."""
    run_id, _ = released_run("dz", sizes)
    know_words(owner)
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        assert issuing.issue_chunk(session, run_id, "post_office") == len(sizes)
        found = select(Payment.id).where(Payment.run_id == run_id).order_by(Payment.number)
        return Issued(run_id, session.scalars(found).all())


@dataclass(frozen=True)
class InParts(Issued):
    """Such a run in a programme that may pay in parts of 1,000 dinars at least, and who works for it."""

    people: Team


PARTIAL = 'partial: {smallest: "1000.00", notes: "500.00", at_most: 3}'


def in_parts(owner: Engine, sizes: Sequence[int] = (4, 4)) -> InParts:
    """A run of a programme that may pay in parts, released to codes and committed."""
    run_id, people = released_run("dz", sizes, mechanism=f"cash_over_counter, {PARTIAL}")
    know_words(owner)
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        issuing.issue_chunk(session, run_id, "post_office")
        found = select(Payment.id).where(Payment.run_id == run_id).order_by(Payment.number)
        return InParts(run_id, session.scalars(found).all(), people)


def pay_part(who: Actor, authorisation_id: UUID, amount: int, *, at: float = 0) -> Receipt:
    """The receipt for so many whole units of what was held, committed."""
    with clock.frozen(minutes(at)), offices.transaction("dz") as session:
        return parts.confirm(session, who, authorisation_id, Money(amount * 100, "DZD"))


def know_words(owner: Engine, word: str = WORD) -> None:
    """Give every recipient this second factor, as registration would have."""
    with offices.transaction("dz") as session:
        sealer = Sealer(office_of(session).keys)
    with owner.begin() as connection:
        people = connection.execute(text("SELECT id FROM persons")).scalars().all()
        normal = normal_factor(FactorKind.WORD, word)
        connection.execute(
            text("UPDATE persons SET factor_kind = 'word', factor = :factor WHERE id = :id"),
            [
                {"id": each, "factor": sealer.factor(each, FactorKind.WORD, normal)}
                for each in people
            ],
        )


def code_of(payment_id: UUID, session: Session | None = None) -> str:
    """The code of a payment as its recipient reads it, whatever became of the code since."""
    if session is None:
        with offices.transaction("dz") as own:
            return code_of(payment_id, own)
    row = session.execute(
        select(CodeIssue.locator, CodeIssue.counter).where(
            CodeIssue.payment_id == payment_id, CodeIssue.current
        )
    ).one()
    secret = codes.SecretDigits(office_of(session).keys).at(row.counter)
    return codes.compose(row.locator, secret).dotted


def wrong(code: str, by: int = 1) -> str:
    """A code with the same locator, another secret and its right check digit: a guess."""
    plain = code.replace(".", "")
    locator, secret = plain[:-7], plain[-7:-1]
    return codes.compose(locator, f"{(int(secret) + by) % 10**6:06d}").dotted


def nobodys(session: Session) -> str:
    """A code with a locator that no code has, and its right check digit."""
    taken = set(session.scalars(select(CodeIssue.locator)))
    return codes.compose(
        next(free for free in map(str, range(10_000, 99_999)) if free not in taken), "123456"
    ).dotted


def counter(session: Session, name: str = "Bab El Oued") -> CounterOffice:
    """An open office of the post office."""
    return counters.create_office(
        session, EVERYTHING, provider="post_office", code=f"po-{uuid4().hex[:8]}", name=name
    )


def teller(office: str | CounterOffice = "Bab El Oued") -> Actor:
    """A teller of that office (a new one where it is given by name), committed; without a password that works."""
    with offices.transaction("dz") as session:
        place = counter(session, office) if isinstance(office, str) else office
        made = Teller(
            office_id=place.id,
            username=f"t{uuid4().hex[:10]}",
            full_name="A Teller",
            password_hash="",
            created_at=OPEN,
        )
        session.add(made)
        session.flush()
        actor = tellers.actor_of_teller(session, made.id)
        assert actor is not None
        return actor


def minutes(count: float) -> datetime:
    """So many minutes after the counters opened."""
    return OPEN + timedelta(minutes=count)


def try_code(who: Actor, code: str, *, factor: str = WORD, at: float = 0) -> Authorised | Refused:
    """What the engine answers a teller, committed, so many minutes after opening."""
    with clock.frozen(minutes(at)), offices.transaction("dz") as session:
        return counter_stage.authorise(session, who, code=code, factor=factor)


def hold(who: Actor, code: str, *, factor: str = WORD, at: float = 0) -> Authorised:
    """The hold that a right code gives."""
    answer = try_code(who, code, factor=factor, at=at)
    assert isinstance(answer, Authorised), answer
    return answer


def confirm(who: Actor, authorisation_id: UUID, *, at: float = 0) -> Receipt:
    """The receipt for what was held, committed."""
    with clock.frozen(minutes(at)), offices.transaction("dz") as session:
        return counter_stage.confirm(session, who, authorisation_id)


def refused(answer: Authorised | Refused) -> str:
    """The code of a refusal."""
    assert isinstance(answer, Refused), answer
    return answer.code


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL that the office's connections are given within the block."""
    seen: list[str] = []

    def note(*given: Any) -> None:
        seen.append(" ".join(str(given[2]).split()))

    engine = db.engine("dz")
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
