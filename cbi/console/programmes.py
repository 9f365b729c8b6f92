"""Programmes on pages: their rules and versions, their cycles, opening the next one, and building the runs that pay it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Annotated

from fastapi import Depends, Form
from fastapi import Path as InPath
from fastapi.responses import Response

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console import programmes_days, programmes_files
from cbi.console.approvals_words import STATES
from cbi.console.finance_parts import columns
from cbi.console.languages import N_
from cbi.console.pages import Pages
from cbi.console.programmes_words import EVERY, KINDS, LEFT, REFUSALS, WHY_NOT
from cbi.console.visit import Entry, ThisVisit
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.payments.models import PaymentRun
from cbi.payments.runs import queries as run_queries
from cbi.payments.runs import runs, scheduled, unfunded
from cbi.payments.runs.scheduled import Due, Planned
from cbi.payments.runs.unfunded import Left, Reason
from cbi.programmes import cycles, history, queries
from cbi.programmes.models import Cycle, Programme
from cbi.programmes.openable import openable
from cbi.programmes.queries import CycleLine

PATH = programmes_files.PROGRAMMES
router = Pages()
router.routes.extend(programmes_files.router.routes)
router.routes.extend(programmes_days.router.routes)
MENU = (Entry(N_("Programmes"), PATH, Permission.PROGRAMME_READ),)
__all__ = ["MENU", "REFUSALS", "router"]
SHOWN = 24
"""Cycles on a programme's page."""

Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
Opener = Annotated[Actor, Depends(may(Permission.CYCLE_OPEN))]
Builder = Annotated[Actor, Depends(may(Permission.RUN_BUILD))]
Code = Annotated[str, InPath(max_length=64)]
Named = Annotated[str, InPath(max_length=40)]


@router.get(PATH)
def programmes(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """Every programme that the reader may know of, with its latest cycle and when the next one opens."""
    wanted = queries.programmes(actor.programmes(Permission.PROGRAMME_READ))
    found = session.scalars(wanted.order_by(Programme.code)).all()
    latest = queries.latest_cycles(session, [each.id for each in found])
    planned = {each.programme: each for each in scheduled.planned(session)}
    overdue = {each.programme: each for each in scheduled.overdue(session)}
    return visit.show(
        "programmes/list.html",
        lines=[
            (
                each, queries.definition(session, each).schedule, latest.get(each.code), planned.get(each.code),
                overdue.get(each.code),
            )
            for each in found
        ],
        sums=columns([line.total] for line in latest.values()),
        kinds=KINDS,
        every=EVERY,
        may_apply=actor.may_somewhere(Permission.PROGRAMME_APPLY),
    )  # fmt: skip


@router.get(PATH + "/{code}")
def programme(visit: ThisVisit, session: OfficeSession, actor: Reader, code: Code) -> Response:
    """One programme: its cycles and what changed from one to the next, its rules, and who changed them."""
    actor.require(Permission.PROGRAMME_READ, code)
    found = queries.find(session, code)
    terms = queries.definition(session, found)
    lines = queries.cycles(session, Cycle.programme_id == found.id)
    versions = history.versions(session, found)
    offered = openable(session, found)
    names = names_of(
        session, [*(each.applied_by for each in versions), *(each.opened_by for each in lines)]
    )
    return visit.show(
        "programmes/one.html",
        programme=found,
        schedule=terms.schedule,
        lines=_compared(lines)[:SHOWN],
        more=max(0, len(lines) - SHOWN),
        planned=_at(scheduled.planned(session), code),
        overdue=_at(scheduled.overdue(session), code),
        offered=[
            (str(each), f"{each}: {each.starts_on} – {each.ends_on}") for each in offered.periods
        ],
        likely=str(offered.likely or ""),
        is_due=offered.is_due,
        may_open=actor.may(Permission.CYCLE_OPEN, code),
        fields=sorted(history.fields(terms.canonical())),
        versions=versions,
        names=names,
        kinds=KINDS,
        every=EVERY,
    )


@router.post(PATH + "/{code}/cycles")
def open_cycle(
    visit: ThisVisit, session: OfficeSession, actor: Opener, code: Code,
    period: Annotated[str, Form(max_length=40)] = "", seen: Annotated[int, Form(ge=0, le=2**31)] = 0,
) -> Response:  # fmt: skip
    """Decide who is owed what for a period, by the rules that the page showed."""
    opened = cycles.open_cycle(session, actor, code, period, seen=seen)
    at = queries.cycle(session, opened.id)[0].period
    if opened.already_open:
        said = visit.gettext("The cycle was open already: nothing changed.")
    else:
        said = visit.ngettext(
            "The cycle is open: %(num)s household is in, %(other)s are not.",
            "The cycle is open: %(num)s households are in, %(other)s are not.",
            opened.eligible, other=opened.ineligible,
        )  # fmt: skip
    return visit.go(f"{PATH}/{code}/cycles/{at}", said)


@router.get(PATH + "/{code}/cycles/{period}")
def cycle(
    visit: ThisVisit, session: OfficeSession, actor: Reader, code: Code, period: Named
) -> Response:
    """One cycle: who is in, why others are not, the runs that pay it, and what is in no run."""
    actor.require(Permission.PROGRAMME_READ, code)
    which = queries.cycle_id(session, code, period)
    opened, found = queries.cycle(session, which)
    (line,) = queries.cycles(session, Cycle.id == which)
    sees_runs = actor.may(Permission.RUN_READ, code)
    left = unfunded.summed(session, opened, found) if sees_runs else []
    paying = run_queries.runs(session, PaymentRun.cycle_id == which) if sees_runs else []
    return visit.show(
        "programmes/cycle.html",
        programme=found,
        cycle=opened,
        line=line,
        by=names_of(session, [opened.opened_by]).get(opened.opened_by) if opened.opened_by else None,
        why_not=[(visit.gettext(WHY_NOT[reason]), count) for reason, count in queries.why_not(session, which)],
        sees_runs=sees_runs,
        runs=paying,
        in_runs=_sum((run.total for run in paying if run.state != "cancelled"), found.currency),
        states=STATES,
        left=[(LEFT[each.reason], each) for each in left],
        left_sum=(sum(each.entitlements for each in left), _sum((each.total for each in left), found.currency)),
        may_build=_can_be_built(left) and actor.may(Permission.RUN_BUILD, code),
    )  # fmt: skip


@router.post(PATH + "/{code}/cycles/{period}/runs")
def build(
    visit: ThisVisit, session: OfficeSession, actor: Builder, code: Code, period: Named
) -> Response:
    """Build the draft runs that pay what the cycle owes, one for each fund."""
    made = runs.build_all(session, actor, queries.cycle_id(session, code, period))
    said = visit.ngettext(
        "%(num)s draft is made. Look it through, then lock it: from then on others sign it.",
        "%(num)s drafts are made, one for each fund. Look them through, then lock them: from then on others sign them.",
        len(made),
    )
    if len(made) == 1 and actor.may(Permission.RUN_READ, code):
        return visit.go(f"/approvals/{made[0].id}", said)
    return visit.go(f"{PATH}/{code}/cycles/{period}", said)


def _compared(lines: list[CycleLine]) -> list[tuple[CycleLine, int | None, Money | None]]:
    """Each cycle, how many households more are in than in the one before it, and how much more is owed."""
    return [
        (line, line.eligible - before.eligible, line.total - before.total)
        if before
        else (line, None, None)
        for line, before in zip_longest(lines, lines[1:])
    ]


def _at(found: Sequence[Planned | Due], code: str) -> tuple[str, datetime] | None:
    """The first of them that is the programme's: the period, and when it opens or should have."""
    return next(((each.period, each.at) for each in found if each.programme == code), None)


def _can_be_built(left: list[Left]) -> bool:
    return any(each.reason is Reason.CAN_BE_BUILT for each in left)


def _sum(amounts: Iterable[Money], currency: str) -> Money:
    return sum(amounts, Money.zero(currency))
