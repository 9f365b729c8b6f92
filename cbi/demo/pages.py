"""Two pages that only a demonstration has: who works here with what they need to sign in, and everybody's telephone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import FastAPI, Form, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import jobs, offices
from cbi.access.models import User
from cbi.console.pages import STAFF_DOOR, TELLER_DOOR, Pages
from cbi.console.visit import ThisVisit
from cbi.demo.handsets import Handset, script_of
from cbi.demo.staff import CodeToType
from cbi.demo.town import OFFICE, Town
from cbi.errors import NotFound
from cbi.messaging.phones import Text
from cbi.settings import settings

PATH = "/demo"
PHONES = f"{PATH}/phones"
LONGEST = 300

BEGINS = {
    "programme_manager": "/",
    "certifier": "/approvals",
    "authoriser": "/approvals",
    "treasurer": "/discrepancies",
    "teller_supervisor": "/counter/offices",
    "auditor": "/",
}
"""Where the work of a part begins, where it has pages of its own."""

WORDS = {
    "ar": ("حالة", "مشكلة", "مساعدة"),
    "fr": ("STATUT", "PROBLEME", "AIDE"),
    "en": ("STATUS", "PROBLEM", "HELP"),
}
"""What can be sent with one touch, in the language of the telephone."""

router = Pages()


class OnlyInADemonstration(NotFound):
    """These pages show passwords, so they exist where everybody is made up, and nowhere else."""

    code = "demo.only_in_a_demonstration"


class UnknownPhone(NotFound):
    """Nobody in this town has such a telephone."""

    code = "demo.unknown_phone"


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody who works here, and what they would type."""

    username: str
    name: str
    part: str
    password: str = field(repr=False)
    code: CodeToType | None = field(repr=False)
    door: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A telephone in the list."""

    handset: Handset
    count: int
    last: Text | None
    language: str


def mount(app: FastAPI, town: Town) -> None:
    """Put the pages on the application of this process. Raises OnlyInADemonstration, NotADemo."""
    if not settings().demo:
        raise OnlyInADemonstration("These pages exist in a demonstration only.")
    offices.require_demo()
    app.state.town = town
    app.state.demo_pages = PATH
    app.router.routes.extend(router.routes)


@router.get(PATH)
def people(request: Request, visit: ThisVisit) -> Response:
    """Everybody who works here, and the telephones that the story is about."""
    town = _town(request)
    handsets = town.handsets
    return visit.show(
        "demo/people.html",
        staff=_staff(town),
        tellers=[
            Worker(name, name.replace("-", " ").capitalize(), "teller", password, None, TELLER_DOOR)
            for name, password in town.post.passwords.items()
        ],
        waiting=_lines(handsets.waiting),
        wrote=_lines(handsets.wrote),
        new=_lines(handsets.new),
        last=len(handsets.all),
    )


@router.get(PHONES)
def find(request: Request, visit: ThisVisit, place: str = "") -> Response:
    """Any other telephone of the town, by its place in the list."""
    return visit.go(f"{PHONES}/{_handset(request, place).place}")


@router.get(PHONES + "/{place}")
def phone(request: Request, visit: ThisVisit, place: str) -> Response:
    """A telephone as its holder sees it, and what its holder carries to the counter."""
    handset = _handset(request, place)
    return visit.show(
        "demo/phone.html",
        handset=handset,
        thread=[
            (mine, text, script_of(text.body, handset.language)) for mine, text in handset.thread()
        ],
        words=WORDS[handset.language],
        longest=LONGEST,
    )


@router.post(PHONES + "/{place}")
def say(
    request: Request,
    visit: ThisVisit,
    place: str,
    words: Annotated[str, Form(max_length=2 * LONGEST)] = "",
    quick: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Write to the office by the way that every text comes in; the worker's job answers it at once."""
    handset = _handset(request, place)
    written = (quick or words).strip()[:LONGEST]
    if written:
        handset.say(OFFICE, written)
        jobs.answer(OFFICE)
    return visit.go(f"{PHONES}/{handset.place}")


def _town(request: Request) -> Town:
    if not settings().demo:
        raise OnlyInADemonstration("These pages exist in a demonstration only.")
    return cast(Town, request.app.state.town)


def _handset(request: Request, place: str) -> Handset:
    known = _town(request).handsets.all
    found = (
        known.get(int(place)) if place.isascii() and place.isdigit() and len(place) < 7 else None
    )
    if found is None:
        raise UnknownPhone(
            f"The telephones of this town are numbered from 1 to {len(known)}.",
            next_step="Choose one of the list.",
            last=len(known),
        )
    return found


def _staff(town: Town) -> list[Worker]:
    def used(session: Session) -> dict[str, tuple[str, int | None]]:
        rows = session.execute(select(User.username, User.full_name, User.totp_step))
        return {row.username: (row.full_name, row.totp_step) for row in rows}

    known = town.transact(used)
    return [
        Worker(
            each.username, known[each.username][0], each.part, each.password,
            each.code_to_type(known[each.username][1]), _door(each.part),
        )
        for each in town.staff.values()
    ]  # fmt: skip


def _door(part: str) -> str:
    begins = BEGINS.get(part, "/")
    return STAFF_DOOR if begins == "/" else f"{STAFF_DOOR}?next={begins.replace('/', '%2F')}"


def _lines(handsets: Sequence[Handset]) -> list[Line]:
    lines = []
    for handset in handsets:
        came = handset.came()
        last = came[-1] if came else None
        language = script_of(last.body, handset.language) if last else handset.language
        lines.append(Line(handset, len(came), last, language))
    return lines
