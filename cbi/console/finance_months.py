"""Closing a month: what keeps it from being closed, proposing it, opening it again, and what the books held."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, Query
from fastapi import Path as InPath
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console.finance_parts import PATH as FINANCE
from cbi.console.finance_parts import columns, parts
from cbi.console.finance_words import ACCOUNTS, CHECKS, CLOSES
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.http.requests import OfficeSession
from cbi.ledger import past
from cbi.ledger.models import MonthClose
from cbi.month_end import closing, reopening
from cbi.month_end.checklist import Line, month_of
from cbi.offices import office_of

PATH = f"{FINANCE}/months"
router = Pages()
MONTHS = 12

Reader = Annotated[Actor, Depends(may(Permission.FUND_READ))]
Closer = Annotated[Actor, Depends(may(Permission.BOOKS_CLOSE))]
Named = Annotated[str, InPath(max_length=10)]
Words = Annotated[str, Form(max_length=1000)]
Many = Annotated[list[str], Form(max_length=20)]


@router.get(PATH)
def months(
    visit: ThisVisit, session: OfficeSession, actor: Reader, month: Annotated[str, Query(max_length=10)] = ""
) -> Response:  # fmt: skip
    """The last months, how far each has come, and every close with who stands behind it."""
    if month.strip():
        return visit.go(f"{PATH}/{month_of(session, month.strip()).name}")
    closes = closing.closes(session, actor)
    latest: dict[date, MonthClose] = {}
    for each in closes:
        latest.setdefault(each.month, each)
    return visit.show(
        "finance/months.html",
        parts=parts(visit, actor),
        months=[
            (f"{first:%Y-%m}", CLOSES[closing.state(latest[first])] if first in latest else CLOSES["open"])
            for first in _last_months(session)
        ],
        closes=[(each, f"{each.month:%Y-%m}", CLOSES[closing.state(each)]) for each in closes],
        names=_names(session, *closes),
    )  # fmt: skip


@router.get(PATH + "/{month}")
def one(visit: ThisVisit, session: OfficeSession, actor: Reader, month: Named) -> Response:
    """A month's checklist, what is proposed about it, and the trial balance at its end."""
    chosen = month_of(session, month)
    lines = closing.check(session, actor, month)
    close = next(iter(closing.closes(session, actor, month)), None)
    state = closing.state(close) if close else "open"
    balances = past.trial_balance(session, through=chosen.last)
    return visit.show(
        "finance/month.html",
        parts=parts(visit, actor),
        month=chosen,
        lines=lines,
        checks=CHECKS,
        explainable=[line for line in lines if not line.done and not line.must],
        is_blocked=any(_blocks(line) for line in lines),
        close=close,
        state=state,
        shown=CLOSES[state],
        names=_names(session, *([close] if close else [])),
        balances=balances,
        accounts=ACCOUNTS,
        sums=columns([each.debits, each.credits] for each in balances),
        may_close=actor.may(Permission.BOOKS_CLOSE),
    )


@router.post(PATH + "/{month}/propose")
def propose(
    visit: ThisVisit, session: OfficeSession, actor: Closer, month: Named, check: Many = [], why: Many = []  # noqa: B006 - FastAPI copies them
) -> Response:  # fmt: skip
    """Propose to close the month, with a reason for every line that stays open."""
    given = {name: words for name, words in zip(check, why, strict=False) if words.strip()}
    closing.propose(session, actor, month, given)
    return visit.go(f"{PATH}/{month}", visit.gettext("It is proposed. Somebody else confirms it."))


@router.post(PATH + "/{month}/reopen")
def reopen(
    visit: ThisVisit, session: OfficeSession, actor: Closer, month: Named, reason: Words = ""
) -> Response:  # fmt: skip
    """Ask to open the month again."""
    reopening.ask(session, actor, month, reason)
    return visit.go(f"{PATH}/{month}", visit.gettext("It is noted. Somebody else confirms it."))


def _blocks(line: Line) -> bool:
    return line.must and not line.done


def _last_months(session: Session) -> list[date]:
    first = clock.today(office_of(session).timezone).replace(day=1)
    found = []
    for _ in range(MONTHS):
        found.append(first)
        first = (first - timedelta(days=1)).replace(day=1)
    return found


def _names(session: Session, *closes: MonthClose) -> dict[UUID, str]:
    return names_of(
        session,
        [
            who
            for each in closes
            for who in (each.proposed_by, each.confirmed_by, each.reopen_asked_by, each.reopened_by)
        ],
    )
