"""Pages for people outside: they ask without an account, and an officer decides; who is nobody's finds nothing."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import URL, func, select

from cbi import offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.console import tries
from cbi.registry.models import Household
from cbi.registry.referrals.models import Referral
from cbi.settings import settings
from tests.flow.browsing import Browsing, Reader
from tests.flow.people import make_user, token_for

FORM: dict[str, Any] = {
    "name": "Amina Haddad",
    "size": "4",
    "phone": "0550 12 34 56",
    "words": "No roof.",
    "agreed": "yes",
}


@pytest.fixture
def app(database: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    """The application of an office that takes requests from outside."""
    monkeypatch.setenv("CBI_PUBLIC_FORMS", "true")
    settings.cache_clear()
    tries.forget()
    yield create_app()
    tries.forget()  # other tests come from the same address


def referrals() -> int:
    with offices.transaction("dz") as session:
        return session.scalar(select(func.count()).select_from(Referral)) or 0


def officer(app: FastAPI) -> Browsing:
    user = make_user("samira", Role.REGISTRATION_OFFICER)
    with offices.transaction("dz") as session:
        totp.enrol(session, user)
    return Browsing(app, token_for(user))


def sent(visitor: Browsing, to: str = "/apply/self", **typed: Any) -> str:
    """The number by which the sender looks up the answer."""
    visitor.get(to)
    visitor.send(to, **({**FORM, **typed} if to != "/apply/question" else typed))
    found = re.search(r"\d{4}-\d{4}-\d{4}", visitor.words)
    assert found, visitor.words
    return found[0]


def look_up(visitor: Browsing, number: str) -> None:
    answer = visitor.ask(
        "POST", "/apply/answer", data=visitor.filled("/apply/answer") | {"follow": number}
    )
    reader = Reader()
    reader.feed(answer.text)
    visitor.forms, visitor.words = reader.forms or visitor.forms, " ".join(reader.words)


def test_somebody_asks_in_their_language_and_reads_the_answer_without_an_account(
    app: FastAPI,
) -> None:
    amina = Browsing(app, headers={"Accept-Language": "ar"})
    assert "اطلب منا المساعدة" in amina.get("/apply").text
    follow = sent(amina)
    samira = officer(app)
    samira.get("/referrals")
    assert "Amina" not in samira.words, "nobody is shown in a list"
    samira.get("/referrals/1")
    assert "No roof." in samira.words
    samira.send("/referrals/1/accept", area="")
    assert "Registered as self-registration/1." in samira.words
    amina.get("/apply")
    look_up(amina, follow)
    assert "أنت مسجل الآن" in amina.words


def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(app: FastAPI) -> None:
    amina = Browsing(app)
    amina.get("/apply/self")
    answer = amina.send("/apply/self", **{**FORM, "phone": "12"})
    assert answer.status_code == 422
    assert "This is not a telephone number" in amina.words
    assert amina.filled("/apply/self")["name"] == "Amina Haddad"
    assert referrals() == 0


def test_a_question_is_asked_by_nobody_and_answered(app: FastAPI) -> None:
    somebody = Browsing(app)
    sent(somebody, "/apply/question", words="Where is the office?")
    samira = officer(app)
    samira.get("/referrals/1")
    samira.send("/referrals/1/answer", remark="It is on the door.")
    assert "The question is answered." in samira.words


def test_a_partner_without_its_key_is_refused_and_guessing_ends(app: FastAPI) -> None:
    stranger = Browsing(app)
    stranger.get("/apply/partner")
    for _ in range(tries.MOST):
        answer = stranger.send("/apply/partner", key="guess", **FORM)
        assert answer.status_code == 403
    assert "not the key of a partner" in stranger.words
    stranger.send("/apply/partner", key="guess", **FORM)
    assert "too many wrong tries" in stranger.words
    assert referrals() == 0


def test_no_number_is_found_by_guessing(app: FastAPI) -> None:
    stranger = Browsing(app)
    sent(stranger)
    stranger.get("/apply")
    for _ in range(tries.MOST):
        look_up(stranger, "0000-0000-0000")
        assert "We found nothing" in stranger.words
    look_up(stranger, "0000-0000-0000")
    assert "too many wrong tries" in stranger.words


@pytest.mark.usefixtures("database")
def test_an_office_that_takes_no_requests_says_so() -> None:
    nobody = Browsing(create_app())
    for path in ("/apply", "/apply/self", "/apply/partner", "/apply/question"):
        assert nobody.get(path).status_code == 404
        assert "No requests are taken on this page." in nobody.words


def test_a_rejected_sender_reads_why_and_colleagues_words_stay_inside(app: FastAPI) -> None:
    amina = Browsing(app)
    follow = sent(amina)
    samira = officer(app)
    samira.get("/referrals/1")
    samira.send("/referrals/1/reject", refusal="outside_area", remark="Lives in Tunis.")
    amina.get("/apply")
    look_up(amina, follow)
    assert "We do not work where you live." in amina.words
    assert "Tunis" not in amina.words
    with offices.transaction("dz") as session:
        assert not session.scalar(select(func.count()).select_from(Household))
