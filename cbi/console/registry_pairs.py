"""Pages about people who may be on record twice: why, side by side, and what officers find out."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form
from fastapi.responses import Response
from sqlalchemy import select

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.registry_pairs_words import FINDINGS, REFUSALS, because, state_of
from cbi.console.visit import Entry, ThisVisit
from cbi.http.requests import OfficeSession
from cbi.registry.linkage import deciding, inherited, queries, showing, thresholds
from cbi.registry.linkage.models import Finding, Pair, PairState

PATH = "/registry/pairs"
router = Pages()
MENU = (Entry(N_("The same person?"), PATH, Permission.REGISTRY_DECIDE, Group.REGISTRATION),)
__all__ = ["MENU", "REFUSALS", "router"]

_SHOWN = 200

Decider = Annotated[Actor, Depends(may(Permission.REGISTRY_DECIDE))]
Opener = Annotated[Actor, Depends(may(Permission.PERSON_OPEN))]
Words = Annotated[str, Form(max_length=1000)]
Word = Annotated[str, Form(max_length=100)]


@router.get(PATH)
def pairs(visit: ThisVisit, session: OfficeSession, actor: Decider) -> Response:
    """The pairs that wait, the likeliest first."""
    found = session.scalars(
        queries.to_decide().order_by(Pair.per_mille.desc(), Pair.found_at, Pair.id).limit(_SHOWN)
    ).all()
    sides = queries.sides(session, found)
    return visit.show(
        "registry_pairs/list.html",
        path=PATH,
        certain=thresholds.in_force(session).certain,
        lines=[
            (pair, [sides[each] for each in (pair.first_id, pair.second_id)], because(visit, pair.levels))
            for pair in found
        ],
    )  # fmt: skip


@router.get(PATH + "/{pair_id}")
def pair(visit: ThisVisit, session: OfficeSession, actor: Decider, pair_id: UUID) -> Response:
    """One pair, masked."""
    return _shown(visit, session, deciding.pair_of(session, actor, pair_id), opened=None)


@router.get(PATH + "/{pair_id}/open")
def opened(visit: ThisVisit, session: OfficeSession, actor: Opener, pair_id: UUID) -> Response:
    """The same in clear. That somebody looked is written down."""
    found = deciding.pair_of(session, actor, pair_id)
    return _shown(visit, session, found, opened=showing.opened(session, actor, found))


def _shown(visit: ThisVisit, session: OfficeSession, pair: Pair, *, opened: object) -> Response:
    sides = queries.sides(session, [pair])
    said = queries.verdicts(session, [pair]).get(pair.id, [])
    asked = select(User.id, User.full_name).where(User.id.in_([each.said_by for each in said]))
    names = dict(iter(session.execute(asked)))
    return visit.show(
        "registry_pairs/pair.html",
        path=f"{PATH}/{pair.id}",
        pair=pair,
        sides=[sides[pair.first_id], sides[pair.second_id]],
        opened=opened,
        may_open=visit.may(Permission.PERSON_OPEN),
        why=because(visit, pair.levels),
        state=state_of(visit, pair.state),
        is_open=pair.state is PairState.OPEN,
        nothing_to_merge=not queries.mergeable(sides.values()),
        is_asked_back=deciding.undo_asked(session, pair) is not None,
        certain=thresholds.in_force(session).certain,
        because_of=inherited.because_of(session, pair),
        said=[(visit.gettext(FINDINGS[each.finding]), names.get(each.said_by or pair.id), each) for each in said],
    )  # fmt: skip


@router.post(PATH + "/{pair_id}/say")
def say(
    visit: ThisVisit, session: OfficeSession, actor: Decider, pair_id: UUID,
    finding: Word = "", reason: Words = "", kept: Word = "",
) -> Response:  # fmt: skip
    """Say what was found out."""
    stays = _key(kept) if finding == Finding.SAME else None
    done = deciding.say(session, actor, pair_id, finding, reason, kept=stays)
    if done.state is not PairState.OPEN:
        return visit.go(PATH, visit.gettext("The pair is settled."))
    if finding == Finding.ASK_AGAIN:
        return visit.go(PATH, visit.gettext("Noted. The pair stays open."))
    return visit.go(PATH, visit.gettext("Noted. Somebody else must say so, too."))


@router.post(PATH + "/{pair_id}/take-back")
def take_back(
    visit: ThisVisit, session: OfficeSession, actor: Decider, pair_id: UUID, reason: Words = ""
) -> Response:
    """Open a settled pair again, or ask for two records back that were made one."""
    done = deciding.take_back(session, actor, pair_id, reason)
    if done.state is not PairState.OPEN:
        return visit.go(PATH, visit.gettext("Noted. Somebody else must say so, too."))
    return visit.go(f"{PATH}/{pair_id}", visit.gettext("The pair is open again."))


@router.post(PATH + "/{pair_id}/uphold")
def uphold(
    visit: ThisVisit, session: OfficeSession, actor: Decider, pair_id: UUID, reason: Words = ""
) -> Response:
    """Let two records stay one that somebody wants back."""
    deciding.uphold(session, actor, pair_id, reason)
    return visit.go(f"{PATH}/{pair_id}", visit.gettext("Noted. They stay one."))


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
