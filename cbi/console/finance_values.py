"""Transfer values with what they cost, and the rounds of market prices that they rest on."""

import io
from typing import Annotated

from fastapi import Depends, Form, UploadFile
from fastapi import Path as InPath
from fastapi.responses import Response

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.finance_parts import PATH as FINANCE
from cbi.console.finance_parts import columns, no_file, parts
from cbi.console.finance_words import DECISIONS
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.programmes import price_rounds, revaluing, value_queries
from cbi.programmes.value_queries import ValueLine

PATH = f"{FINANCE}/values"
router = Pages()
SHOWN = 50
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
Enterer = Annotated[Actor, Depends(may(Permission.PRICES_ENTER))]
Proposer = Annotated[Actor, Depends(may(Permission.VALUE_PROPOSE))]
Word = Annotated[str, Form(max_length=100)]
Number = Annotated[str, InPath(max_length=20)]


@router.get(PATH)
def show(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """The values that were proposed with what a cycle costs now and then, and the rounds of prices."""
    lines = [(each, _costs(each)) for each in value_queries.values(session, actor)[:SHOWN]]
    return visit.show(
        "finance/values.html",
        parts=parts(visit, actor),
        lines=lines,
        sums=columns(costs for each, costs in lines if each.decision is None),
        decisions=DECISIONS,
        rounds=value_queries.rounds(session, actor)[:SHOWN] if actor.may(Permission.PROGRAMME_READ) else [],
        may_enter=actor.may(Permission.PRICES_ENTER),
        may_propose=actor.may_somewhere(Permission.VALUE_PROPOSE),
    )  # fmt: skip


@router.post(PATH + "/rounds")
def make_round(
    visit: ThisVisit, session: OfficeSession, actor: Enterer, basket: Word = "", name: Word = ""
) -> Response:  # fmt: skip
    """Begin a round of market prices."""
    made = price_rounds.make(session, actor, basket.strip(), name)
    said = visit.gettext("Round %(number)s is there: take its sheet to the markets.", number=made.id)  # fmt: skip
    return visit.go(PATH, said)


@router.get(PATH + "/rounds/{number}/sheet.xlsx")
def sheet(visit: ThisVisit, session: OfficeSession, actor: Enterer, number: Number) -> Response:
    """The round's sheet as it goes to the markets."""
    round_ = price_rounds.find(session, _whole(number))
    target = io.BytesIO()
    price_rounds.export(session, actor, round_, target, form="xlsx", language=visit.language)
    headers = {"Content-Disposition": f'attachment; filename="prices-{round_.id}.xlsx"'}
    return Response(target.getvalue(), media_type=_XLSX, headers=headers)


@router.post(PATH + "/prices")
def take_in(
    visit: ThisVisit, session: OfficeSession, actor: Enterer, file: UploadFile | None = None
) -> Response:
    """Take in a price sheet that came back: all of its rows, or none with the reasons."""
    if file is None or not file.filename:
        raise no_file()
    made = price_rounds.take_in(session, actor, file.file)
    return visit.go(
        PATH,
        visit.gettext(
            "Round %(name)s: prices taken in %(taken)s, not found %(missing)s, far from the usual %(far)s.",
            name=made.name, taken=made.taken, missing=made.not_found, far=made.outliers,
        ),
    )  # fmt: skip


@router.post(PATH + "/rounds/{number}/propose")
def propose(visit: ThisVisit, session: OfficeSession, actor: Proposer, number: Number) -> Response:
    """Propose what a round's prices make of every programme that rests on its basket."""
    outcomes = revaluing.propose_all(session, actor, _whole(number))
    made = [each.programme for each in outcomes if each.value]
    left = [f"{each.programme}: {each.why_not}" for each in outcomes if each.why_not]
    said = visit.ngettext(
        "%(num)s value is proposed. Somebody else accepts it.",
        "%(num)s values are proposed. Somebody else accepts them.",
        len(made),
    )
    return visit.go(PATH, " ".join([said, *left])[:1000])


def _costs(line: ValueLine) -> list[Money]:
    """A cycle now and then, and all cycles that are left now and then."""
    names = ("cycle_now", "cycle_then", "until_the_end_now", "until_the_end_then")
    return [Money.parse(line.cost[name], line.base.currency) for name in names]


def _whole(number: str) -> int:
    """A number in an address; what is none is that of nothing."""
    return int(number) if number.isascii() and number.isdigit() else 0
