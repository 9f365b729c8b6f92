"""Releasing payments to codes, in sets: each gets a locator and a counter, and a text that will tell its code."""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy import exists as sql_exists
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock, db, ids
from cbi.errors import Conflict
from cbi.messaging.choices import Level
from cbi.messaging.outbox import amount_in_sql, date_in_sql
from cbi.offices import Office, office_of
from cbi.payments.models import Payment
from cbi.payments.runs.runs import find
from cbi.payments.sending import dispatch
from cbi.payments.states import PaymentState
from cbi.redemption import locators, notices
from cbi.redemption.codes import SecretDigits, compose
from cbi.redemption.counters import rules_of
from cbi.redemption.models import CodeIssue
from cbi.redemption.states import CodeState
from cbi.registry.models import PrivacyChoice

CHUNK = 10_000
ROUNDS = 20
"""How often locators are redrawn: each time only those that another transaction took at the same moment."""

SOURCE = "codes"


class OneOfficeOnly(Conflict):
    """The provider's rules bind each code to one office, and nothing says which."""

    code = "redemption.one_office_only"


def issue_chunk(session: Session, run_id: UUID, provider: str, size: int = CHUNK) -> int:
    """Release the next payments of a releasing run's route to codes; returns how many were handled, 0 when none is left.

    Everything about a payment happens in this transaction or not at all: attempt, books, code issue, text. A payment
    whose telephone is no longer the one that was approved, or whose collector is gone, gets no code: it fails, with a
    discrepancy. A chunk of which everything is found to have to wait is passed by: the rest of the run goes on.
    Raises LocatorsScarce, OneOfficeOnly.
    """
    begun = _begin(session, run_id, provider, size)
    if begun is None:
        return 0
    chunk, started, accepted = begun
    run, office = find(session, run_id), office_of(session)
    rules = rules_of(provider)
    if not rules.any_office:
        raise OneOfficeOnly(
            f"{provider} pays each code at one office only, and no payment names its office.",
            next_step="Set ANY_OFFICE in the provider's settings.",
        )
    if accepted:
        with db.planned_by_keys(session):
            _close_earlier(session, chunk.within)
        _issue(session, office, chunk.within, accepted, last_day(office, rules.validity_days))
        with db.planned_by_keys(session):
            _tell(session, chunk.within, run.currency)
    return started


def _begin(
    session: Session, run_id: UUID, provider: str, size: int
) -> tuple[dispatch.Chunk, int, int] | None:
    """The next chunk of which something may leave, how many were begun of it and how many were accepted; None when none is
    left.
    """
    # Each turn moves the route's mark on, or leaves out what was found to have to wait, so this comes to an end.
    while (chunk := dispatch.next_chunk(session, run_id, provider, size)) is not None:
        started, accepted = dispatch.take_chunk(session, chunk, SOURCE)
        if started:
            return chunk, started, accepted
    return None


def last_day(office: Office, validity_days: int) -> date:
    """The last day of a code issued now, in the office's calendar."""
    return clock.today(office.timezone) + timedelta(days=validity_days)


def _close_earlier(session: Session, within: ColumnElement[bool]) -> None:
    """A payment that is tried again keeps its earlier codes on record, but they are no longer its code."""
    session.execute(
        update(CodeIssue)
        .where(
            CodeIssue.payment_id == Payment.id,
            CodeIssue.current,
            within,
            CodeIssue.attempt < Payment.attempts,
        )
        .values(current=False),
        execution_options={"synchronize_session": False},
    )


def _issue(
    session: Session, office: Office, within: ColumnElement[bool], count: int, expires_on: date
) -> None:
    """One code issue for each payment, until everyone has one: a locator lost to another transaction is redrawn."""
    for _ in range(ROUNDS):
        drawn = locators.draw(session, count, office.locator_digits)
        # Looked up for each: as a condition on a set, it reads the codes of all other chunks, too.
        code = (
            select(CodeIssue.id)
            .where(CodeIssue.payment_id == Payment.id, CodeIssue.current)
            .scalar_subquery()
        )
        waiting = (
            select(
                Payment.id, Payment.attempts, func.row_number().over(order_by=Payment.number).label("place")
            )
            .where(within, Payment.state == PaymentState.ACCEPTED, code.is_(None))
            .subquery("waiting")
        )  # fmt: skip
        given = (
            func.unnest(locators.in_sql(drawn))
            .table_valued("locator", with_ordinality="place")
            .render_derived(name="given")
        )
        row = {
            "id": ids.fresh_in_sql(), "payment_id": waiting.c.id, "attempt": waiting.c.attempts,
            "locator": given.c.locator, "state": literal(CodeState.ISSUED.value), "live": true(), "current": true(),
            "wrong_secrets": literal(0), "wrong_factors": literal(0), "reissues": literal(0),
            "issued_at": literal(clock.now()), "expires_on": literal(expires_on, Date),
        }  # fmt: skip
        added = (
            insert(CodeIssue)
            .from_select(
                list(row),
                # In one order, so that two workers never wait for each other's locators crosswise.
                select(*row.values())
                .join_from(waiting, given, waiting.c.place == given.c.place)
                .order_by(given.c.locator),
            )
            .on_conflict_do_nothing(
                index_elements=["locator"], index_where=CodeIssue.live.expression
            )
            .returning(CodeIssue.id)
            .cte("added")
        )
        # Places are no key: whoever expects few of them compares each with each.
        with db.planned_for_few(session), db.planned_for_sets(session):
            count -= session.scalar(select(func.count()).select_from(added)) or 0
        if count <= 0:
            return
    raise locators.LocatorsScarce(
        "Other releases took every locator that was drawn.", next_step="Try again."
    )


def _tell(session: Session, within: ColumnElement[bool], currency: str) -> None:
    """Ask for the texts that tell these payments' codes; with the amount, which others might read, for who chose so."""
    issued = and_(within, CodeIssue.current, CodeIssue.state == CodeState.ISSUED)
    with_amount = sql_exists().where(
        PrivacyChoice.person_id == Payment.person_id, PrivacyChoice.level == Level.NORMAL
    )
    amount = amount_in_sql(Payment.amount_minor - Payment.parts_minor, currency)
    notices.tell(
        session, case((with_amount, "CODE_READY_AMT"), else_="CODE_READY"), issued, about="code", tells_code=True,
        date=date_in_sql(CodeIssue.expires_on.expression), amount=case((with_amount, amount)),
    )  # fmt: skip


def render_codes(session: Session, issue_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The codes of these issues as a text shows them, in memory only; those that cannot be cashed are left out."""
    rows = session.execute(
        select(CodeIssue.id, CodeIssue.locator, CodeIssue.counter).where(
            # One array, not a parameter for each: those took longer to write down than the codes to compute.
            CodeIssue.id == any_(bindparam(None, list(issue_ids), ARRAY(Uuid))),
            CodeIssue.current,
            CodeIssue.state == CodeState.ISSUED,
        )
    ).all()
    secrets = SecretDigits(office_of(session).keys)
    return {issue: compose(locator, secrets.at(counter)).dotted for issue, locator, counter in rows}
