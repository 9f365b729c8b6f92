"""Pages for people outside: they ask without an account, and an officer decides; who is nobody's finds nothing."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import URL, func, select

from cbi import clock, offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.console import tries
from cbi.registry.models import Household
from cbi.registry.referrals import receiving
from cbi.registry.referrals.models import Referral
from cbi.settings import settings
from tests.flow.browsing import Browsing, Reader
from tests.flow.people import PASSWORD, make_user, token_for

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


def test_who_guesses_here_keeps_no_colleague_of_the_same_network_out(app: FastAPI) -> None:
    stranger = Browsing(app)
    make_user("karim", Role.AUDITOR)
    sent(stranger)
    stranger.get("/apply")
    for _ in range(tries.MOST + 1):
        look_up(stranger, "0000-0000-0000")
    assert "too many wrong tries" in stranger.words
    karim = Browsing(app)
    karim.get("/sign-in")
    karim.send("/sign-in", username="karim", password=PASSWORD)
    assert "too many wrong tries" not in karim.words
    assert "/sign-in" not in {form.action for form in karim.forms}


def test_so_many_requests_are_taken_from_one_place_in_a_day_and_no_more(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings(), "public_requests_a_day", 2)
    with offices.transaction("dz") as session:
        hotline = offices.office_of(session).hotline
    amina = Browsing(app)
    amina.get("/apply/self")
    assert amina.send("/apply/self", **{**FORM, "phone": "12"}).status_code == 422, "counts nothing"
    for each in ("one", "two"):
        sent(amina, words=each)
    for language, words in (
        ("fr", "appelez le"), ("ar", "تعال إلى المكتب"), ("es", "venga a la oficina"), ("en", f"call {hotline}"),
    ):  # fmt: skip
        amina.headers["Accept-Language"] = language
        amina.get("/apply/self")
        answer = amina.send("/apply/self", **FORM)
        assert (answer.status_code, referrals()) == (429, 2)
        assert words in amina.words
    assert amina.filled("/apply/self")["name"] == "Amina Haddad", "nothing typed is lost"
    with clock.frozen(clock.now() + tries.A_DAY):
        sent(amina)


def test_a_form_that_is_sent_twice_is_one_request_with_one_number(app: FastAPI) -> None:
    amina = Browsing(app)
    amina.get("/apply/self")
    form = amina.filled("/apply/self", **FORM)

    def send(_: int) -> str:
        answer = Browsing(app, cookies=dict(amina.cookies)).ask("POST", "/apply/self", data=form)
        found = re.search(r"\d{4}-\d{4}-\d{4}", answer.text)
        assert found, answer.text
        return found[0]

    with ThreadPoolExecutor(4) as threads:
        numbers = set(threads.map(send, range(4)))
    assert (len(numbers), referrals()) == (1, 1)
    changed = amina.ask("POST", "/apply/self", data={**form, "words": "No roof, and rain."})
    assert numbers.isdisjoint(re.findall(r"\d{4}-\d{4}-\d{4}", changed.text))
    assert referrals() == 2, "what was changed before it was sent again is another request"
    stranger = Browsing(app)
    stranger.get("/apply/self")
    theirs = {**stranger.filled("/apply/self", **FORM), "form_once": form["form_once"]}
    found = re.findall(r"\d{4}-\d{4}-\d{4}", stranger.ask("POST", "/apply/self", data=theirs).text)
    assert numbers.isdisjoint(found), "the number is of the browser that sent it"


@pytest.mark.usefixtures("database")
def test_the_same_form_on_two_connections_at_once_is_one_row() -> None:
    asked, both = receiving.Asked(name="Amina Haddad", size="4"), threading.Barrier(2)

    def send(form: str) -> receiving.Received:
        with offices.transaction("dz") as session:
            session.execute(select(func.count()).select_from(Referral))
            both.wait()
            return receiving.register(session, asked, language="ar", agreed=True, form=form)

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(send, ["the same form"] * 2)
        assert (one.number, one.follow) == (other.number, other.follow)
        assert (sorted((one.is_new, other.is_new)), referrals()) == ([False, True], 1)
        one, other = threads.map(send, ["", ""])  # no form that could be the same
        assert (one.number == other.number, referrals()) == (False, 3)


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
