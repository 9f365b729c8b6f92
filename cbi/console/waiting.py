"""Everything that waits for a second person on one page, and a page on which each is accepted or refused."""

from typing import Annotated

from fastapi import Depends, Form, Query
from fastapi import Path as InPath
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.audit.refusal_models import Refusal
from cbi.console import waiting_proposals as proposals
from cbi.console.exports_waiting import DISCLOSURE, LIST
from cbi.console.finance_parts import parts
from cbi.console.languages import N_
from cbi.console.pages import Pages
from cbi.console.visit import Entry, ThisVisit, Visit
from cbi.console.waiting_consent import BASIS, NOTICE
from cbi.console.waiting_days import DAYS, RESUMPTION
from cbi.console.waiting_funds import DEAL, RATE, REQUEST, TARIFF
from cbi.console.waiting_outcomes import AMOUNT, LINE, UNPAID, WITHDRAWAL, WRITE_OFF
from cbi.console.waiting_owed import CONDITION, TOP_UP, VALUE, WORK
from cbi.console.waiting_pairs import DOCUMENT, PAIR, PARTING
from cbi.console.waiting_proposals import Kind, Looking, NothingWaits, Typed
from cbi.console.waiting_registry import ASSESSMENT, HOUSEHOLD, SCORECARD, THRESHOLDS
from cbi.console.waiting_rules import CLOSE, DELEGATION, GOING_ON, POLICY, REOPENING, WAIVER
from cbi.console.waiting_words import REFUSALS, sentence, shown
from cbi.errors import Conflict
from cbi.http.requests import OfficeSession
from cbi.offices import office_of
from cbi.refusals import refusing
from cbi.registry.carried import to_reassess

PATH = "/waiting"
router = Pages()
MENU = (Entry(N_("Second person"), PATH, Permission.PROGRAMME_READ),)
__all__ = ["MENU", "REFUSALS", "router"]

KINDS = (
    REQUEST, DEAL, RATE, TARIFF, VALUE, TOP_UP, CONDITION, DAYS, RESUMPTION, WORK, WRITE_OFF, AMOUNT, UNPAID, LINE,
    WITHDRAWAL, CLOSE, REOPENING, POLICY, DELEGATION, WAIVER, HOUSEHOLD, SCORECARD, ASSESSMENT, THRESHOLDS, PAIR,
    PARTING, DOCUMENT, NOTICE, BASIS, LIST, DISCLOSURE, GOING_ON,
)  # fmt: skip
"""Every kind of proposal that a second person decides about. Another kind is another entry here."""

_BY_CODE = {kind.code: kind for kind in KINDS}
SHOWN = 50
_LENGTH_OF_AN_ID = 36
MINE = "me"

Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
Code = Annotated[str, Form(max_length=20)]
Words = Annotated[str, Form(max_length=1000)]
Seen = Annotated[str, Form(max_length=64)]
Ticked = Annotated[str, Form(max_length=3)]
Named = Annotated[str, InPath(max_length=40)]
Key = Annotated[str, InPath(max_length=200)]


class CannotBeRefused(Conflict):
    """It ends in another way than by a refusal."""

    code = "waiting.cannot_be_refused"


@router.get(PATH)
def everything(
    visit: ThisVisit, session: OfficeSession, actor: Reader,
    kind: Annotated[str, Query(max_length=40)] = "", who: Annotated[str, Query(max_length=10)] = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:  # fmt: skip
    """What was proposed and not decided, of every kind or of one, oldest first."""
    counts = proposals.counted(session, actor, KINDS)
    chosen = [_BY_CODE[kind]] if kind in _BY_CODE else KINDS
    found = proposals.listed(
        session, actor, chosen, limit=SHOWN + 1, skip=(page - 1) * SHOWN, mine=who == MINE
    )
    return visit.show(
        "waiting/list.html",
        parts=parts(visit, actor),
        lines=[(each, _BY_CODE[each.kind], sentence(visit, _BY_CODE[each.kind], each)) for each in found[:SHOWN]],
        counts=[(_BY_CODE[each.kind], each) for each in counts],
        mine=sum(each.mine for each in counts),
        total=sum(each.all for each in counts),
        kind=kind if kind in _BY_CODE else "",
        who=MINE if who == MINE else "",
        page=page,
        is_more=len(found) > SHOWN,
        may_read_runs=visit.may(Permission.RUN_READ),
        reassess=session.execute(to_reassess(actor).limit(SHOWN)).all() if visit.may(Permission.REGISTRY_READ) else (),
        today=clock.today(office_of(session).timezone),
    )  # fmt: skip


@router.get(PATH + "/refused")
def refused(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """What was refused of what the reader proposed, and what they refused, with the reasons."""
    return visit.show(
        "waiting/refused.html",
        lines=[(each, _named(visit, each.refusal.kind), _says(each.refusal)) for each in refusing.listed(session, actor)],
        me=actor.id,
    )  # fmt: skip


@router.get(PATH + "/{kind}/{key}")
def one(visit: ThisVisit, session: OfficeSession, actor: Reader, kind: Named, key: Key) -> Response:
    """One proposal: what it would change, and the decision for whoever may take it."""
    found, kind_ = _find(session, actor, kind, key)
    sheet = kind_.sheet(Looking(visit, session, actor, found))
    return visit.show(
        "waiting/one.html",
        kind=kind_,
        found=found,
        says=sentence(visit, kind_, found),
        sheet=sheet,
        changes=[(what, shown(visit, now), shown(visit, then)) for what, now, then in sheet.changes],
        facts=[(what, shown(visit, value)) for what, value in sheet.facts],
    )  # fmt: skip


@router.post(PATH + "/accept/{kind}/{key}")
def accept(
    visit: ThisVisit, session: OfficeSession, actor: Reader, kind: Named, key: Key, code: Code = "", again: Words = "",
    seen: Seen = "", ticked: Ticked = "",
) -> Response:  # fmt: skip
    """Let what a colleague proposed take effect."""
    found, kind_ = _find(session, actor, kind, key)
    kind_.accept(
        session, actor, found, Typed(code=code, again=again, seen=seen, ticked=bool(ticked))
    )
    return _done(visit, visit.gettext("Accepted: %(what)s", what=visit.gettext(kind_.name)))


@router.post(PATH + "/refuse/{kind}/{key}")
def refuse(
    visit: ThisVisit, session: OfficeSession, actor: Reader, kind: Named, key: Key, reason: Words = ""
) -> Response:  # fmt: skip
    """Say no to what a colleague proposed, or take one's own proposal back."""
    found, kind_ = _find(session, actor, kind, key)
    no = kind_.take_back if found.is_own else kind_.refuse
    if no is None:
        raise CannotBeRefused(
            "Nobody refuses this: it changes nothing unless somebody accepts it.",
            next_step="Leave it as it is.",
        )
    no(session, actor, found, Typed(reason=reason))
    said = N_("Taken back: %(what)s") if found.is_own else N_("Refused: %(what)s")
    return _done(visit, visit.gettext(said, what=visit.gettext(kind_.name)))


def _named(visit: Visit, kind: str) -> str:
    return visit.gettext(_BY_CODE[kind].name) if kind in _BY_CODE else kind


def _says(refusal: Refusal) -> str:
    """Which one it was, where its key says that to people: a number, a month or a version, not the id of a row."""
    return "" if len(refusal.key) == _LENGTH_OF_AN_ID else refusal.key.replace(".", " · ")


def for_me(session: Session, actor: Actor) -> int:
    """How many proposals wait for this reader's decision."""
    theirs = [kind for kind in KINDS if actor.may_somewhere(kind.decide)]
    return sum(each.mine for each in proposals.counted(session, actor, theirs))


def _find(session: Session, actor: Actor, kind: str, key: str) -> tuple[proposals.Proposal, Kind]:
    """The proposal with its kind. Raises NothingWaits."""
    if kind not in _BY_CODE:
        raise NothingWaits("There is no such kind of proposal.", next_step="Look at what waits now: /waiting")  # fmt: skip
    return proposals.one(session, actor, _BY_CODE[kind], key), _BY_CODE[kind]


def _done(visit: Visit, said: str) -> Response:
    return visit.go(PATH, said)
