"""What households are owed on top, what they have shown to get it, and from when to when they take part."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, UploadFile
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.console.finance_parts import PATH as FINANCE
from cbi.console.finance_parts import columns, day, no_file, parts, programmes, unusable
from cbi.console.finance_words import ACTS, DECISIONS
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.programmes import (
    conditions,
    enrolling,
    enrolling_lists,
    queries,
    top_up_lists,
    top_up_rules,
    top_ups,
)
from cbi.programmes.enrolling import Act
from cbi.programmes.models import Cycle, Programme
from cbi.programmes.top_up_models import TopUp

PATH = f"{FINANCE}/owed"
router = Pages()
SHOWN = 50

Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
Opener = Annotated[Actor, Depends(may(Permission.CYCLE_OPEN))]
Noter = Annotated[Actor, Depends(may(Permission.CONDITION_NOTE))]
Enroller = Annotated[Actor, Depends(may(Permission.ENROLMENT_CHANGE))]
Word = Annotated[str, Form(max_length=100)]
Words = Annotated[str, Form(max_length=1000)]


@router.get(PATH)
def show(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """The top-ups of every cycle, the latest first; and what can be proposed here."""
    lines = _top_ups(session, actor)
    return visit.show(
        "finance/owed.html",
        parts=parts(visit, actor),
        lines=lines,
        sums=columns([each[3]] for each in lines if each[0].decision != top_ups.REFUSED),
        decisions=DECISIONS,
        cycles=_cycles(session, actor),
        noting=programmes(session, actor, Permission.CONDITION_NOTE),
        enrolling=programmes(session, actor, Permission.ENROLMENT_CHANGE),
        acts=[(act.value, visit.gettext(ACTS[act])) for act in Act],
    )


@router.post(PATH + "/top-ups")
def propose(
    visit: ThisVisit, session: OfficeSession, actor: Opener, cycle: Word = "", file: UploadFile | None = None,
    reason: Words = "", reference: Word = "",
) -> Response:  # fmt: skip
    """Propose a top-up: from a list of households or, without one, by the cycle's own rules."""
    cycle_id = _uuid(cycle)
    if file is not None and file.filename:
        currency = queries.cycle(session, cycle_id)[1].currency
        lines = top_up_lists.read_list(file.file, currency, reason=reason)
        made = top_ups.propose(session, actor, cycle_id, lines, reason=reason, reference=reference)
    else:
        made = top_up_rules.propose(session, actor, cycle_id, reason=reason, reference=reference)
    said = visit.gettext(
        "Top-up %(number)s is proposed, for %(households)s households. Somebody else accepts it.",
        number=made.number, households=made.households,
    )  # fmt: skip
    return visit.go(PATH, said)


@router.post(PATH + "/conditions")
def note(
    visit: ThisVisit, session: OfficeSession, actor: Noter, programme: Word = "", household: Word = "",
    condition: Word = "", evidence: Words = "",
) -> Response:  # fmt: skip
    """Note that a household has met a condition of its grant."""
    conditions.note(session, actor, programme, household.strip(), condition.strip(), evidence)
    return visit.go(PATH, visit.gettext("It is noted. Somebody else confirms it."))


@router.post(PATH + "/enrolments")
def change(
    visit: ThisVisit, session: OfficeSession, actor: Enroller, whose: Word = "", act: Word = "",
    list_of: UploadFile | None = None, on: Word = "", because: Words = "", was_wrong: Word = "",
) -> Response:  # fmt: skip
    """Say of a list of households when they start, end, are suspended or resume: all of them or none."""
    if list_of is None or not list_of.filename:
        raise no_file()
    if act not in {each.value for each in Act}:
        raise unusable()
    lines = enrolling_lists.read_list(list_of.file, on=day(on), reason=because)
    changed = enrolling.change(
        session, actor, whose, Act(act), lines, was_wrong=was_wrong == "yes"
    )  # fmt: skip
    said = visit.ngettext(
        "Noted for %(num)s household.", "Noted for %(num)s households.", changed.households
    )
    if changed.waiting:
        waits = visit.gettext(
            "Somebody else confirms what they missed in cycles opened before: %(number)s.",
            number=changed.waiting,
        )
        said = f"{said} {waits}"
    if changed.suspended:
        still = visit.gettext(
            "Still suspended, because people of another suspended household joined them: %(number)s. Resume them once more.",
            number=changed.suspended,
        )  # fmt: skip
        said = f"{said} {still}"
    return visit.go(PATH, said)


def _top_ups(
    session: Session, actor: Actor
) -> list[tuple[TopUp, str, str, Money, str, str | None]]:
    """The latest top-ups with programme, period, total, and who proposed and decided."""
    proposer, decider = aliased(User), aliased(User)
    wanted = (
        select(TopUp, Programme.code, Cycle.period, proposer.full_name, decider.full_name)
        .join(Cycle, Cycle.id == TopUp.cycle_id)
        .join(Programme, Programme.id == Cycle.programme_id)
        .join(proposer, proposer.id == TopUp.proposed_by)
        .outerjoin(decider, decider.id == TopUp.decided_by)
        .order_by(TopUp.proposed_at.desc(), TopUp.id)
        .limit(SHOWN)
    )
    codes = actor.programmes(Permission.PROGRAMME_READ)
    if codes is not None:
        wanted = wanted.where(Programme.code.in_(codes))
    return [
        (each, code, period, Money(each.total_minor, each.currency), one, other)
        for each, code, period, one, other in session.execute(wanted)
    ]


def _cycles(session: Session, actor: Actor) -> list[tuple[str, str]]:
    """The latest cycles that the actor may propose to top up, to choose from."""
    if not actor.may_somewhere(Permission.CYCLE_OPEN):
        return []
    wanted = (
        select(Cycle.id, Programme.code, Cycle.period)
        .join(Programme, Programme.id == Cycle.programme_id)
        .order_by(Cycle.starts_on.desc(), Programme.code)
        .limit(SHOWN)
    )
    codes = actor.programmes(Permission.CYCLE_OPEN)
    if codes is not None:
        wanted = wanted.where(Programme.code.in_(codes))
    return [(str(cycle), f"{code} {period}") for cycle, code, period in session.execute(wanted)]


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise unusable() from None
