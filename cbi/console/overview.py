"""The front page: how the office stands, as far as whoever looks may know."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import Depends
from fastapi.responses import Response

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.guards import signed_in
from cbi.access.permissions import Permission
from cbi.console import (
    overview_discrepancies,
    overview_findings,
    overview_line_words,
    overview_lines,
    overview_payments,
    overview_refusals,
    overview_statements,
    waiting,
)
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.overview_roles import ROLES
from cbi.console.overview_stuck_words import STUCK
from cbi.console.pages import Pages
from cbi.console.visit import Entry, ThisVisit, Visit
from cbi.console.waivers_words import told
from cbi.http.requests import OfficeSession
from cbi.ledger.queries import together
from cbi.money import Money
from cbi.payments.runs.progress import Tally
from cbi.reconciliation.queries import AGES
from cbi.reporting.overview import CycleLine, Lately, overview
from cbi.reporting.stuck import Reason, Stuck

router = Pages()
for part in (
    overview_discrepancies, overview_findings, overview_lines, overview_statements, overview_payments,
):  # fmt: skip
    router.routes.extend(part.router.routes)

MENU = (Entry(N_("Discrepancies"), "/discrepancies", Permission.DISCREPANCY_READ, Group.FINANCE),)
REFUSALS = {**overview_refusals.REFUSALS, **overview_line_words.REFUSALS}


DRAWN = 6
"""How many cycles are drawn as charts; further ones are lines of a table, or the page would be heavy."""


@dataclass(frozen=True, slots=True)
class StuckLine:
    """One thing that is stuck, in the reader's words."""

    why: str
    next: str
    when: str
    """What happens at `stuck.until`, or should have happened."""
    stuck: Stuck

    @property
    def is_link(self) -> bool:
        """Whether the next step is a page of ours, and not something to type or to do."""
        return self.stuck.link is not None and self.stuck.command is None


@dataclass(frozen=True, slots=True)
class Steps:
    """One cycle as a chart: each step with its payments and amount."""

    programme: str
    period: str
    steps: list[tuple[str, Tally]]
    besides: list[tuple[str, Tally]]


@dataclass(frozen=True, slots=True)
class Daily:
    """What one provider paid out in one currency: an amount for each day, with none left out."""

    provider: str
    days: list[tuple[date, Money]]
    of_day: dict[date, Tally]
    total: Tally

    @property
    def highest(self) -> tuple[date, Money]:
        """The day on which most was paid."""
        return max(self.days, key=lambda each: each[1].minor)

    def place(self, day: date) -> int:
        """How many days it comes after the first one that is shown."""
        return (day - self.days[0][0]).days

    def height(self, amount: Money) -> int:
        """The amount in hundredths of the highest day's; what is not nothing is seen."""
        return max(1, amount.minor * 100 // self.highest[1].minor)


@router.get("/")
def front_page(
    visit: ThisVisit, session: OfficeSession, actor: Annotated[Actor, Depends(signed_in)]
) -> Response:
    """What is stuck first, then each cycle, what was paid lately, and where the money is."""
    found = overview(session, actor)
    return visit.show(
        "overview/front.html",
        found=found,
        is_informed=any(
            part is not None for part in (found.cycles, found.funds, found.registry, found.staff)
        )
        or bool(found.stuck),
        stuck=[_stuck(visit, each) for each in found.stuck],
        cycles=[_steps(visit, line) for line in found.cycles or ()],
        drawn=DRAWN,
        daily=_daily(found.lately) if found.lately else [],
        days_paid=sorted({paid.day for paid in found.lately.paid}, reverse=True)
        if found.lately
        else [],
        ages=[ages(visit, place) for place in range(len(AGES))],
        funds_together=together(found.funds or ()),
        waiting=waiting.for_me(session, actor),
        role_words=lambda role: visit.gettext(ROLES[role]),
        waived=[told(visit, each) for each in found.waivers or ()],
    )


def _stuck(visit: Visit, stuck: Stuck) -> StuckLine:
    words = STUCK[stuck.reason]
    provider = (stuck.provider or "").replace("_", " ")
    return StuckLine(
        visit.gettext(
            words.why, run=stuck.run, programme=stuck.programme, period=stuck.period, provider=provider,
            office=stuck.office, count=stuck.count, since=_since(visit, stuck),
        ),
        visit.gettext(words.next), _when(visit, stuck), stuck,
    )  # fmt: skip


def _since(visit: Visit, stuck: Stuck) -> str:
    """When it began, on the office's clock: the time, and the day if that was another than today."""
    assert visit.office is not None
    zone = visit.office.timezone
    began = (stuck.since or clock.now()).astimezone(zone)
    return f"{began:%H:%M}" if began.date() == clock.today(zone) else f"{began:%d/%m/%Y %H:%M}"


def _when(visit: Visit, stuck: Stuck) -> str:
    if stuck.reason is not Reason.PROVIDER_TAKES_NOTHING:
        return visit.gettext("first void from")
    if stuck.until and stuck.until < clock.now():
        return visit.gettext("not tried again since")
    return visit.gettext("next try")


def _steps(visit: Visit, line: CycleLine) -> Steps:
    told = line.progress
    return Steps(
        told.cycle.programme,
        told.cycle.period,
        [
            (visit.gettext("Decided"), told.cycle.decided),
            (visit.gettext("In a payment run"), told.in_a_run),
            (visit.gettext("Approved"), told.approved),
            (visit.gettext("Handed to a provider"), told.handed_over),
            (visit.gettext("Paid"), told.paid),
            (visit.gettext("On a statement"), line.settled),
        ],
        [
            (text, tally)
            for text, tally in (
                (visit.gettext("not paid, to be decided"), told.undecided),
                (visit.gettext("nobody knows"), told.unknown),
            )
            if tally.payments
        ],
    )


def _daily(lately: Lately) -> list[Daily]:
    count = (lately.last - lately.first).days + 1
    days = [lately.first + timedelta(days=at) for at in range(count)]
    lines: dict[tuple[str, str], dict[date, Tally]] = {}
    for paid in lately.paid:
        of_provider = lines.setdefault((paid.provider, paid.total.currency), {})
        of_provider[paid.day] = Tally(paid.payments, paid.total)
    made = []
    for (provider, currency), of_day in sorted(lines.items()):
        none = Tally(0, Money.zero(currency))
        total = sum(of_day.values(), none)
        amounts = [(day, of_day.get(day, none).total) for day in days]
        made.append(Daily(provider.replace("_", " "), amounts, of_day, total))
    return made


def ages(visit: Visit, place: int) -> str:
    """An age of the ageing tables, in words: `8 to 30 days`."""
    start, end = AGES[place]
    if end is None:
        return visit.gettext("over %(start)s days", start=start - 1)
    return visit.gettext("%(start)s to %(end)s days", start=start, end=end)
