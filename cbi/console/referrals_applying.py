"""Pages for people outside: register yourself, refer somebody, ask a question, and see what became of it."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi import offices
from cbi.console import tries
from cbi.console.doorway import require_safe
from cbi.console.pages import Pages
from cbi.console.referrals_words import MISSING, REFUSED, STATES, TO_THE_SENDER
from cbi.console.refusals import Table
from cbi.console.tries import Use
from cbi.console.visit import Entry, ThisVisit, Visit
from cbi.errors import CbiError, Invalid, NotFound
from cbi.http.requests import entrance
from cbi.registry.referrals import receiving
from cbi.registry.referrals.receiving import Asked, Received, UnknownPartner, UnusableReferral

PATH = "/apply"
SELF, PARTNER, QUESTION, ANSWER = (
    f"{PATH}/{each}" for each in ("self", "partner", "question", "answer")
)

router = Pages()
MENU: tuple[Entry, ...] = ()
REFUSALS: Table = {}  # those of the office's own pages about requests

Short = Annotated[str, Form(max_length=200)]
Long = Annotated[str, Form(max_length=2000)]
Take = Callable[[Session], Received]


class NotTakenHere(NotFound):
    """The deployment takes no requests from outside."""

    code = "console.not_taken_here"


class NoOffice(Invalid):
    """Several offices work here, and none was chosen."""

    code = "console.no_office_to_apply_to"


@router.get(PATH)
def choose(request: Request, visit: ThisVisit) -> Response:
    """What can be done here, and the place to look up what became of it."""
    _require_open()
    return visit.show("referrals/apply.html", offices=_offices(request), typed={})


@router.get(SELF)
def self_form(request: Request, visit: ThisVisit) -> Response:
    """The form for oneself."""
    return _form(visit, request, "self", {})


@router.get(PARTNER)
def partner_form(request: Request, visit: ThisVisit) -> Response:
    """The form for partners."""
    return _form(visit, request, "partner", {})


@router.get(QUESTION)
def question_form(request: Request, visit: ThisVisit) -> Response:
    """The form for a question."""
    return _form(visit, request, "question", {})


@router.post(SELF)
def register(
    request: Request, visit: ThisVisit, office: Short = "", name: Short = "", phone: Short = "", size: Short = "",
    area: Short = "", words: Long = "", agreed: Short = "",
) -> Response:  # fmt: skip
    """Take in somebody's own request."""
    asked = Asked(name=name, phone=phone, size=size, area=area, words=words)

    def take(session: Session) -> Received:
        return receiving.register(
            session, asked, language=visit.language, agreed=agreed == "yes", form=_form_key(visit)
        )

    return _taken(visit, request, "self", office, asked, take)


@router.post(PARTNER)
def refer(
    request: Request, visit: ThisVisit, office: Short = "", key: Short = "", name: Short = "", phone: Short = "",
    size: Short = "", area: Short = "", words: Long = "", agreed: Short = "",
) -> Response:  # fmt: skip
    """Take in a partner's referral; a wrong key is a wrong try."""
    asked = Asked(name=name, phone=phone, size=size, area=area, words=words)

    def take(session: Session) -> Received:
        return receiving.refer(
            session,
            key,
            asked,
            language=visit.language,
            agreed=agreed == "yes",
            form=_form_key(visit),
        )

    return _taken(visit, request, "partner", office, asked, take)


@router.post(QUESTION)
def ask(
    request: Request, visit: ThisVisit, office: Short = "", phone: Short = "", words: Long = ""
) -> Response:
    """Take in a question; nobody has to say who they are."""
    asked = Asked(phone=phone, words=words)

    def take(session: Session) -> Received:
        return receiving.question(session, asked, language=visit.language, form=_form_key(visit))

    return _taken(visit, request, "question", office, asked, take)


@router.post(ANSWER)
def answer(request: Request, visit: ThisVisit, office: Short = "", follow: Short = "") -> Response:
    """What became of a request, by the word that its sender was given; a wrong word is a wrong try."""
    try:
        _require_open()
        require_safe(request)
        tries.require_some_left(request, Use.FOLLOW)
        code = _office(visit, request, office)
        found = offices.transact(code, lambda session: receiving.followed(session, follow))
    except CbiError as refusal:
        return visit.show(
            "referrals/apply.html", offices=_offices(request), typed={"office": office}, refusal=refusal
        )  # fmt: skip
    if found is None:
        tries.count_wrong(request, Use.FOLLOW)
        return visit.show(
            "referrals/apply.html", offices=_offices(request), typed={"office": office, "wrong": "yes"}
        )  # fmt: skip
    label, kind = STATES[found.state]
    return visit.show(
        "referrals/answer.html", number=found.number, label=visit.gettext(label), kind=kind,
        told=visit.gettext(TO_THE_SENDER[found.state]),
        why=visit.gettext(REFUSED[found.refusal]) if found.refusal else "",
        hotline=offices.transact(code, offices.office_of).hotline,
    )  # fmt: skip


def _form(
    visit: Visit, request: Request, who: str, typed: dict[str, str], refusal: Exception | None = None
) -> Response:  # fmt: skip
    _require_open()
    wrong = refusal.details.get("field") if isinstance(refusal, UnusableReferral) else None
    return visit.show(
        "referrals/form.html", who=who, typed=typed, offices=_offices(request),
        wrong={str(wrong): visit.gettext(MISSING[str(wrong)])} if wrong else {}, refusal=refusal,
    )  # fmt: skip


def _taken(
    visit: Visit, request: Request, who: str, office: str, asked: Asked, take: Take
) -> Response:
    typed = {"office": office, "name": asked.name, "phone": asked.phone, "size": asked.size, "area": asked.area,
             "words": asked.words}  # fmt: skip
    try:
        _require_open()
        require_safe(request)
        code = _office(visit, request, office)
        if who == "partner":  # has a key, and a count of wrong ones
            tries.require_some_left(request, Use.PARTNER)
            received = offices.transact(code, take)
        else:
            received = _counted(request, code, take)
    except CbiError as refusal:
        if isinstance(refusal, UnknownPartner):
            tries.count_wrong(request, Use.PARTNER)
        return _form(visit, request, who, typed, refusal)
    return visit.show("referrals/received.html", who=who, received=received)


def _counted(request: Request, code: str, take: Take) -> Received:
    """Take a request in, unless too many came from its address today. What is refused or came before counts for nothing."""
    counted = tries.take_in(request, offices.transact(code, offices.office_of).hotline)
    received = None
    try:
        received = offices.transact(code, take)
        return received
    finally:
        if received is None or not received.is_new:
            tries.give_back(request, counted)


def _form_key(visit: Visit) -> str:
    """Which form this is, of which browser: sent again it is the same."""
    return f"{visit.form_token}/{visit.form_key}"


def _require_open() -> None:
    if not receiving.is_open():
        raise NotTakenHere(
            "No requests are taken on this page.",
            next_step="Call the hotline, or come to the office.",
        )


def _offices(request: Request) -> list[str]:
    codes = sorted(entrance(request.app).codes())
    return codes if len(codes) > 1 else []


def _office(visit: Visit, request: Request, chosen: str) -> str:
    if visit.office:
        return visit.office.code
    if not chosen or not entrance(request.app).knows(chosen):
        raise NoOffice("Choose the office.")
    return chosen


PUBLIC = frozenset(
    {("GET", path) for path in (PATH, SELF, PARTNER, QUESTION)}
    | {("POST", path) for path in (SELF, PARTNER, QUESTION, ANSWER)}
)
"""All of it: whoever comes here has no account."""
