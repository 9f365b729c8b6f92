"""One household on a page: who is in it, why it is not paid, what changed in it, and saying what happened to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Form, Query
from fastapi.responses import Response
from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console import overview_words, waiting_registry
from cbi.console.exports_words import PURPOSES
from cbi.console.finance_parts import day, unusable
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.registry_households_words import (
    ASKS,
    CHANGES,
    FIELDS,
    GONE,
    HOLDS,
    REFUSALS,
    ROLES,
    SEXES,
    STATUSES,
)
from cbi.console.visit import Entry, ThisVisit, Visit
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.programmes.household_models import Suspension
from cbi.programmes.models import Programme
from cbi.registry import bands, needs, viewing
from cbi.registry.households import queries, requests
from cbi.registry.households.asked import AT_ONCE, Asked, read_personal
from cbi.registry.households.models import ChangeKind, HouseholdRequest
from cbi.registry.households.queries import HouseholdShown
from cbi.registry.linkage.queries import in_question
from cbi.registry.models import Household
from cbi.registry.naming import named
from cbi.registry.queries import ACTIVE, shares_a_document
from cbi.registry.viewing import Opened

PATH = "/registry/households"
router = Pages()
MENU = (Entry(N_("Households"), PATH, Permission.REGISTRY_READ, Group.REGISTRATION),)
__all__ = ["MENU", "REFUSALS", "router"]

SHOWN = 24
"""Payments, looks and changes that are shown, the latest first."""

Reader = Annotated[Actor, Depends(may(Permission.REGISTRY_READ))]
Changer = Annotated[Actor, Depends(may(Permission.HOUSEHOLD_CHANGE))]
Opener = Annotated[Actor, Depends(may(Permission.PERSON_OPEN))]
Numbered = Annotated[str, Form(max_length=200)]
Word = Annotated[str, Form(max_length=300)]


@dataclass(frozen=True, slots=True)
class Paid:
    """One payment for the household."""

    programme: str
    period: str
    component: str
    amount: Money
    state: tuple[str, str]


@router.get(PATH)
def show(
    visit: ThisVisit, session: OfficeSession, actor: Reader, household: Annotated[str, Query(max_length=200)] = ""
) -> Response:  # fmt: skip
    """A household by its registration number, masked; without one the question which."""
    if not household.strip():
        return visit.show("registry_households/household.html", path=PATH, number="", found=None)
    return _page(visit, session, actor, household.strip())


@router.post(PATH + "/open")
def open_(
    visit: ThisVisit, session: OfficeSession, actor: Opener, household: Numbered = "", purpose: Word = "",
    what: Annotated[list[str] | None, Form(max_length=len(FIELDS))] = None,
) -> Response:  # fmt: skip
    """What identifies its people, for a purpose; that somebody looked is written down, and the page is kept nowhere."""
    found = viewing.opened(session, actor, household, what or [], purpose)
    return _page(visit, session, actor, household, opened=found, wanted=what or [])


@router.get(PATH + "/say")
def ask(
    visit: ThisVisit, session: OfficeSession, actor: Changer, household: Annotated[str, Query(max_length=200)] = "",
    kind: Annotated[str, Query(max_length=20)] = "",
) -> Response:  # fmt: skip
    """The form for one kind of change, with what that kind asks for."""
    if kind not in set(CHANGES):
        raise unusable()
    which = ChangeKind(kind)
    found = queries.show(session, actor, named(session, household))
    back = which is ChangeKind.RETURNED
    return visit.show(
        "registry_households/say.html",
        path=PATH,
        number=household,
        found=found,
        kind=kind,
        title=CHANGES[which],
        at_once=which in AT_ONCE,
        asks=ASKS[which],
        members=[each for each in found.members if back or each.gone is None],
        sexes=[("", "–"), *((key, visit.gettext(text)) for key, text in SEXES.items())],
    )


@router.post(PATH + "/changes")
def change(
    visit: ThisVisit, session: OfficeSession, actor: Changer, household: Numbered = "", kind: Word = "",
    member: Word = "", reason: Word = "", on: Word = "", evidence: Word = "", version: Word = "", name: Word = "",
    sex: Word = "", born_on: Word = "", age: Word = "", document_kind: Word = "", document: Word = "", phone: Word = "",
    word: Word = "", size: Word = "", area: Word = "", language: Word = "", consent_on: Word = "",
) -> Response:  # fmt: skip
    """Say what happened: what stops money is done at once, everything else waits for a second person."""
    if kind not in set(CHANGES):
        raise unusable()
    home = named(session, household)
    told = {
        "name": name, "sex": sex, "born_on": born_on, "age": age, "document_kind": document_kind, "document": document,
        "phone": phone, "word": word,
    }  # fmt: skip
    said = requests.ask(
        session, actor,
        Asked(
            ChangeKind(kind), home.id, reason, happened_on=day(on), evidence=evidence.strip() or None,
            version=_number(version), person=queries.person_named(session, home.id, member) if member else None,
            size=_number(size), area=area.strip() or None, language=language.strip() or None, consent_on=day(consent_on),
            personal=read_personal(session, told),
        ),
    )  # fmt: skip
    done = (
        visit.gettext("It is done.")
        if said.request is None
        else visit.gettext("It is noted as no. %(number)s, and waits for a second person.", number=said.request)
    )  # fmt: skip
    return visit.go(f"{PATH}?{urlencode({'household': household})}", done)


def _page(
    visit: Visit, session: Session, actor: Actor, number: str, *, opened: Sequence[Opened] = (), wanted: Sequence[str] = ()
) -> Response:  # fmt: skip
    home = named(session, number)
    found = queries.show(session, actor, home)
    waits = session.scalars(
        queries.waiting(actor).where(HouseholdRequest.household_id == home.id).order_by(HouseholdRequest.id)
    ).all()  # fmt: skip
    people = [who for each in found.changes for who in (each.recorded_by, each.confirmed_by)]
    changed = {kind: visit.gettext(text) for kind, text in waiting_registry.CHANGES.items()}
    return visit.show(
        "registry_households/household.html",
        path=PATH,
        number=number,
        found=found,
        clear={each.person_id: each for each in opened},
        wanted=[(each, visit.gettext(FIELDS[each])) for each in FIELDS if each in wanted],
        fields=[(str(each), visit.gettext(text)) for each, text in FIELDS.items()],
        purposes=[(str(each), visit.gettext(text)) for each, text in PURPOSES.items()],
        stands=STATUSES.get(found.status, (found.status, "plain")),
        holds=list(_holds(visit, session, found)),
        roles={key: visit.gettext(text) for key, text in ROLES.items()},
        sexes={key: visit.gettext(text) for key, text in SEXES.items()},
        gone={key: visit.gettext(text) for key, text in GONE.items()},
        needs=needs.words_of(session, home.id),
        bands=bands.words_of(session, home.id),
        paid=_paid(session, actor, home),
        waits=[(each, changed[each.kind]) for each in waits],
        changes=[(each, changed[ChangeKind(each.kind)]) for each in reversed(found.changes[-SHOWN:])],
        names=names_of(session, people),
        seen=viewing.seen(session, actor, number, names=visit.may(Permission.VIEWS_READ), limit=SHOWN),
        looked_for={str(each): visit.gettext(text) for each, text in PURPOSES.items()},
        kinds=[(str(kind), visit.gettext(text)) for kind, text in CHANGES.items()],
    )  # fmt: skip


def _holds(visit: Visit, session: Session, found: HouseholdShown) -> Iterator[str]:
    """Why nothing, or less, is paid to it now."""
    if found.status != ACTIVE:
        yield _why(visit, "inactive")
    elif not any("collector" in each.roles for each in found.members):
        yield _why(visit, "nobody_collects")
    this = literal(found.id, Household.id.type)
    paired, document = session.execute(select(in_question(this), shares_a_document(this))).one()
    if paired:
        yield _why(visit, "pair")
    if document:
        yield _why(visit, "document")
    for code, since in session.execute(
        select(Programme.code, Suspension.begins_on)
        .join(Programme, Programme.id == Suspension.programme_id)
        .where(Suspension.household_id == found.id, Suspension.resumes_on.is_(None))
        .order_by(Programme.code)
    ):
        yield _why(visit, "suspended", programme=code, day=since)


def _why(visit: Visit, hold: str, **facts: object) -> str:
    return visit.gettext(HOLDS[hold], **facts)


def _paid(session: Session, actor: Actor, home: Household) -> list[Paid] | None:
    """Its latest payments, for whoever may see payments at all; None for everybody else."""
    if not actor.may_somewhere(Permission.PAYMENT_READ):
        return None
    wanted = (
        select(
            Programme.code,
            Payment.period,
            Payment.component,
            Payment.amount_minor,
            Payment.currency,
            Payment.state,
        )
        .join(Programme, Programme.id == Payment.programme_id)
        .where(Payment.household_id == home.id)
        .order_by(Payment.id.desc())
        .limit(SHOWN)
    )
    codes = actor.programmes(Permission.PAYMENT_READ)
    if codes is not None:
        wanted = wanted.where(Programme.code.in_(codes))
    return [
        Paid(code, period, component, Money(minor, currency), overview_words.STATES[state])
        for code, period, component, minor, currency, state in session.execute(wanted)
    ]


def _number(typed: str) -> int | None:
    try:
        return int(typed) if typed.strip() else None
    except ValueError:
        raise unusable() from None
