"""Whether what a provider's statement says is left with it is what our books say that it holds (account 1100).

The rule in one sentence: *our float as it is now, without what lines of later days moved and without what was booked on
the statement's last day or since and no line lists yet, is the closing balance of that statement.*

Our books name the day on which something was written down, so what the provider did on its last day and we booked with the
statement the next morning counts by its line. What is on its way between the two has a day, too: money that we placed on
the last day or since may be in the balance already, the earlier of it first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import accumulate
from uuid import UUID

from sqlalchemy import func, literal, select, text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.ledger.chart import FLOAT, Entry
from cbi.ledger.models import Account
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Discrepancy
from cbi.payments.outcomes.discrepancies import CLOSING_DIFFERS, open_discrepancy, settle_set
from cbi.reconciliation import queries
from cbi.reconciliation.models import StatementFile, StatementLine
from cbi.reconciliation.suspending import effect


@dataclass(frozen=True, slots=True)
class Closing:
    """The last closing balance that a provider's statements name in one currency, and what our books hold against it."""

    day: date
    said: Money
    ours: Money

    @property
    def difference(self) -> Money:
        """How much more the provider says than our books."""
        return self.said - self.ours


def compare(session: Session, provider: str, owner_id: UUID | None) -> tuple[int, int]:
    """Ask about each currency in which the last closing balance is not our books', and settle what agrees by now.

    For the end of a reconciliation, when every line is booked. The same difference on a later day is the same
    discrepancy; another one takes its place and keeps its age. Returns how many were opened, and how many settled.
    """
    opened = settled = 0
    for currency, day, said in _last(session, provider):
        found = _closing(session, provider, currency, day, said)
        there = session.scalars(
            select(Discrepancy).where(
                Discrepancy.provider == provider, Discrepancy.kind == CLOSING_DIFFERS, Discrepancy.settled_at.is_(None),
                Discrepancy.currency == currency,
            )
        ).one_or_none()  # fmt: skip
        if there is not None:
            if there.details["difference_minor"] == found.difference.minor:
                continue
            settled += _settle(session, there, found)
        if found.difference.minor:
            _open(session, provider, found, there, owner_id)
            opened += 1
    return opened, settled


def told(session: Session, actor: Actor, provider: str | None = None) -> list[str]:
    """The balances that differ, of those that the actor may see, with both figures: a sentence for each."""
    differing = queries.discrepancies(actor, kind=CLOSING_DIFFERS, is_open=True, provider=provider)
    return [
        f"{each.provider}: its statement through {each.details['day']} says that {each.details['said_amount']} is left,"
        f" our books say {Money(each.details['our_amount_minor'], each.details['our_currency'])}."
        for each in session.scalars(differing.order_by(Discrepancy.provider, Discrepancy.currency))
    ]


def _last(session: Session, provider: str) -> list[tuple[str, date, Sequence[int]]]:
    """By currency, the latest day whose closing balance a statement names; of several that end on it any may be the last."""
    named = (
        StatementFile.provider == provider,
        StatementFile.closing_minor.is_not(None),
        StatementFile.last_day.is_not(None),
    )
    latest = (
        select(StatementFile.currency, func.max(StatementFile.last_day).label("day"))
        .where(*named)
        .group_by(StatementFile.currency)
        .subquery()
    )
    rows = session.execute(
        select(StatementFile.currency, latest.c.day, func.array_agg(StatementFile.closing_minor))
        .join(latest, latest.c.currency == StatementFile.currency)
        .where(*named, StatementFile.last_day == latest.c.day)
        .group_by(StatementFile.currency, latest.c.day)
        .order_by(StatementFile.currency)
    )
    return [(currency, day, closings) for currency, day, closings in rows]


def _closing(
    session: Session, provider: str, currency: str, day: date, said: Sequence[int]
) -> Closing:
    held, later = session.execute(
        select(
            select(func.sum(Account.debits_minor - Account.credits_minor))
            .where(
                Account.code == FLOAT.code, Account.provider == provider, Account.currency == currency,
            )
            .scalar_subquery(),
            select(func.sum(effect()))
            .where(
                StatementLine.provider == provider, StatementLine.currency == currency, StatementLine.value_date > day,
            )
            .scalar_subquery(),
        )
    ).one()  # fmt: skip
    ours = [int(held or 0) - int(later or 0)]
    if ours[0] not in said:  # only then is it asked what is on its way
        ours = _without_what_is_on_its_way(session, provider, currency, day, int(later or 0))
    near = min(((s, o) for s in said for o in ours), key=lambda pair: abs(pair[0] - pair[1]))
    return Closing(day, *(Money(minor, currency) for minor in near))


def _without_what_is_on_its_way(
    session: Session, provider: str, currency: str, day: date, later: int
) -> list[int]:
    """What our books hold against the balance: with none of the money placed lately, with the first of it, and so on."""
    held, unlisted, placed = session.execute(
        _ON_ITS_WAY,
        {
            "provider": provider, "currency": currency, "day": day, "float": FLOAT.code, "lost": Entry.LOSE_FLOAT.value,
            "since": datetime.combine(day, time.min, office_of(session).timezone),
        },
    ).one()  # fmt: skip
    without = int(held) - later - int(unlisted) - sum(placed)
    return list(accumulate(placed, initial=without))


_ON_ITS_WAY = text("""
    WITH ours AS (
        SELECT id, debits_minor - credits_minor AS held FROM accounts
        WHERE code = :float AND provider = :provider AND currency = :currency
    ), lately AS MATERIALIZED (
        SELECT t.id, t.entry, t.source_id, t.amount_minor FROM transfers t
        JOIN ours f ON f.id IN (t.debit_account_id, t.credit_account_id) WHERE t.effective_on >= :day
    ), about AS MATERIALIZED ( -- the payments that these are about
        SELECT p.id AS payment_id FROM lately JOIN payments p ON p.id = lately.source_id
        UNION SELECT r.payment_id FROM lately JOIN receivables r ON r.id = lately.source_id
        UNION SELECT g.payment_id FROM lately JOIN line_findings g ON g.id = lately.source_id
    ), sources AS (
        SELECT payment_id AS id FROM about
        UNION ALL SELECT r.id FROM receivables r JOIN about USING (payment_id)
        UNION ALL SELECT g.id FROM line_findings g JOIN about USING (payment_id)
    ), booked AS (
        SELECT t.id, CASE t.debit_account_id WHEN f.id THEN t.amount_minor ELSE -t.amount_minor END AS minor
        FROM sources s JOIN transfers t ON t.source_id = s.id
        JOIN ours f ON f.id IN (t.debit_account_id, t.credit_account_id)
    ), lines AS (
        SELECT id, CASE WHEN kind IN ('payment', 'fee') THEN -amount_minor ELSE amount_minor END AS minor
        FROM statement_lines WHERE provider = :provider AND currency = :currency
    ), found AS (
        SELECT g.transfer_id, g.payment_id, g.verdict, l.minor FROM line_findings g JOIN lines l ON l.id = g.line_id
        WHERE g.confirmed_by IS NOT NULL AND g.taken_back_by IS NULL
    ), listed AS ( -- what lines say of the same
        SELECT CASE m.kind WHEN 'payment' THEN -m.amount_minor ELSE m.amount_minor END AS minor
        FROM matches m JOIN about USING (payment_id) JOIN lines l ON l.id = m.line_id
        WHERE (m.line_id, m.undone) NOT IN (SELECT line_id, undone FROM undone_matches)
        UNION ALL SELECT found.minor FROM found JOIN about USING (payment_id) WHERE found.verdict = 'more'
        UNION ALL SELECT found.minor FROM found JOIN booked ON booked.id = found.transfer_id
    )
    SELECT (SELECT coalesce(sum(held), 0) FROM ours),
        (SELECT coalesce(sum(minor), 0) FROM booked) - (SELECT coalesce(sum(minor), 0) FROM listed),
        ARRAY(
            SELECT t.amount_minor FROM fund_movements m JOIN transfers t ON t.source_id = m.id
            JOIN ours f ON f.id IN (t.debit_account_id, t.credit_account_id)
            WHERE m.recorded_at >= :since AND t.entry <> :lost
            AND t.id NOT IN (SELECT transfer_id FROM found WHERE transfer_id IS NOT NULL)
            AND NOT EXISTS (
                SELECT FROM statement_lines l WHERE l.provider = :provider AND l.kind = 'top_up'
                AND l.provider_reference = m.reference AND l.amount_minor = m.amount_minor AND l.currency = :currency
            ) ORDER BY t.id
        )
""")


def _settle(session: Session, there: Discrepancy, found: Closing) -> int:
    if found.difference.minor:
        words = f"The difference is another one through {found.day}."
    else:
        words = f"Through {found.day} the provider's statement and our books say the same."
    return settle_set(
        session, select(Discrepancy.id, literal(words)).where(Discrepancy.id == there.id)
    )


def _open(
    session: Session,
    provider: str,
    found: Closing,
    before: Discrepancy | None,
    owner_id: UUID | None,
) -> None:
    """One for each provider, currency and day; where another amount differs now, a further one of that day."""
    day = datetime.combine(found.day, time.min, office_of(session).timezone)
    subject = f"closing:{provider}:{found.said.currency}:{found.day}"
    same_day = session.scalar(
        select(func.count()).where(
            Discrepancy.kind == CLOSING_DIFFERS, Discrepancy.subject.startswith(subject, autoescape=True)
        )
    )  # fmt: skip
    open_discrepancy(
        session, CLOSING_DIFFERS, f"{subject}:{same_day}" if same_day else subject, provider=provider,
        amount=Money(abs(found.difference.minor), found.said.currency),
        since=before.since if before else min(day, clock.now()),
        owner_id=before.owner_id if before else owner_id, day=found.day.isoformat(), said_amount=str(found.said),
        our_amount_minor=found.ours.minor, our_currency=found.ours.currency, difference_minor=found.difference.minor,
    )  # fmt: skip
