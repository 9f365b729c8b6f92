"""Pages about scorecards: which are in use, and what other weights, thresholds or rules of a programme would change."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.refusals import Table
from cbi.console.visit import Entry, ThisVisit, Visit
from cbi.errors import Invalid
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.programmes import queries, what_if
from cbi.programmes.models import Programme
from cbi.programmes.what_if import WhatIf
from cbi.programmes.what_if_bands import LONG_FORM
from cbi.programmes.what_if_tables import Line
from cbi.registry.scorecards import telling, versions
from cbi.registry.scorecards.definition import Scorecard, told
from cbi.registry.scorecards.parts import exact_number

PATH = "/registry/scorecards"
router = Pages()
MENU = (Entry(N_("Scorecards"), PATH, Permission.SCORECARD_PROPOSE, Group.REGISTRATION),)
REFUSALS: Table = {
    "scorecard.unknown": (
        N_("This scorecard is not in use."),
        N_("Choose one from the list of scorecards."),
    ),
    "what_if.unusable_number": (
        N_("This cannot be a weight or a threshold: %(number)s"),
        N_("Write a number such as 3, 2.5 or 1/2; each band begins above the one before."),
    ),
    "programmes.unknown_programme": (
        N_("There is no such programme."),
        N_("Choose one from the list."),
    ),
}
__all__ = ["MENU", "REFUSALS", "router"]

Weigher = Annotated[Actor, Depends(may(Permission.SCORECARD_PROPOSE))]

_BY: Mapping[str, str] = {
    "sex of the head": N_("By the sex of the head"),
    "age of the head": N_("By the age of the head"),
    "area": N_("By area"),
    "band": N_("By band"),
}
_NAMES: Mapping[str, str] = {
    "female": N_("female"), "male": N_("male"), "other": N_("other"), "unknown": N_("not known"),
    "not known": N_("not known"), "under 18": N_("under 18"), "18 to 29": N_("18 to 29"),
    "30 to 44": N_("30 to 44"), "45 to 59": N_("45 to 59"), "60 and over": N_("60 and over"),
    "not assessed": N_("not assessed"),
}  # fmt: skip


class UnusableNumber(Invalid):
    """What was typed is no weight or threshold."""

    code = "what_if.unusable_number"


@router.get(PATH)
def scorecards(visit: ThisVisit, session: OfficeSession, actor: Weigher) -> Response:
    """The scorecards in use."""
    codes = {
        row.code for row in versions.listed(session, actor) if row.decision == versions.ACCEPTED
    }
    kept = [versions.find(session, code) for code in sorted(codes)]
    return visit.show(
        "registry_scorecards/list.html",
        path=PATH,
        kept=[(each, told(each.scorecard.name, visit.language)) for each in kept],
    )


@router.get(PATH + "/{code}/what-if")
def weigh(
    visit: ThisVisit, session: OfficeSession, actor: Weigher, request: Request, code: str
) -> Response:
    """A scorecard's weights and thresholds to try out, and below them what the tried ones would change."""
    kept = versions.find(session, code)
    said = dict(request.query_params)
    card = _changed(kept.scorecard, said)
    programme = said.get("programme") or None
    found = what_if.what_if(session, actor, scorecard=card, programme=programme) if said else None
    seen = actor.programmes(Permission.PROGRAMME_READ)
    programmes = session.scalars(queries.programmes(seen).order_by(Programme.code)).all()
    return visit.show(
        "registry_scorecards/what_if.html",
        path=PATH,
        code=kept.code,
        version=kept.version,
        name=told(card.name, visit.language),
        weights=[
            (f"weight.{each.name}", told(each.ask, visit.language), telling.decimal(each.weight))
            for each in card.indicators
            if each.points or each.steps or each.words or any(one.points for one in each.options)
        ],
        thresholds=[
            (f"from.{band.name}", told(band.say, visit.language), telling.decimal(band.start))
            for band in card.bands[1:]
        ],
        programmes=[(each.code, each.name) for each in programmes],
        programme=programme,
        found=found and _shown(visit, session, card, found),
    )


def _changed(card: Scorecard, said: Mapping[str, str]) -> Scorecard:
    """The scorecard with the weights and thresholds that were typed. Raises UnusableNumber."""
    indicators = tuple(
        replace(each, weight=_number(said, f"weight.{each.name}", each.weight))
        for each in card.indicators
    )
    bands = tuple(
        replace(each, start=_number(said, f"from.{each.name}", each.start)) if at else each
        for at, each in enumerate(card.bands)
    )
    for before, after in pairwise(bands[1:]):
        if after.start <= before.start:
            raise UnusableNumber(
                f"The band {after.name} must begin above {before.name}.", number=str(after.start)
            )
    return replace(card, indicators=indicators, bands=bands)


def _number(said: Mapping[str, str], name: str, otherwise: int | Fraction) -> int | Fraction:
    text = said.get(name, "").strip()
    if not text or text == telling.decimal(otherwise):
        return otherwise  # a third is shown as 0.33, and stays a third
    found = exact_number(text)
    if found is None:
        raise UnusableNumber(f"{text[:20]!r} is no weight or threshold.", number=text[:20])
    return found


def _shown(visit: Visit, session: Session, card: Scorecard, found: WhatIf) -> dict[str, object]:
    """What would change, in the words of whoever looks."""

    def band(name: str) -> str:
        known = any(each.name == name for each in card.bands)
        return (
            telling.band_name(card, name if known else None, visit.language)
            if known or name == LONG_FORM
            else name
        )

    def line(each: Line) -> tuple[str, Line]:
        known = any(one.name == each.name for one in card.bands) or each.name == LONG_FORM
        return (
            band(each.name)
            if known
            else visit.gettext(_NAMES[each.name])
            if each.name in _NAMES
            else each.name
        ), each

    currency = found.cost.now.currency if found.cost else None
    return {
        "assessed": found.assessed,
        "unknown": found.unknown,
        "moves": [
            (band(was), band(becomes), count, was != becomes) for was, becomes, count in found.moves
        ],
        "tables": [
            (
                f"by-{at}",
                visit.gettext(_BY[table.by]),
                [line(each) for each in table.lines],
                table.total,
            )
            for at, table in enumerate(found.tables)
        ],
        "cost": found.cost,
        "money": (lambda minor: Money(minor, currency)) if currency else None,
        "until": found.cost.until_the_end if found.cost else None,
    }
