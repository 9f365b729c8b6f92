"""Nobody is there by default: the first administrator comes in with a token that works once."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pyotp
import pytest
from fastapi import FastAPI
from sqlalchemy import URL, func, select

from cbi import clock, offices
from cbi.access import setting_up
from cbi.access.models import SetUpToken, User
from cbi.access.setting_up import TokenRefused, become_administrator, issue_token
from cbi.access.users import NotTheFirst
from cbi.app import create_app
from cbi.console import tries
from cbi.demo import staff
from cbi.errors import CbiError
from cbi.settings import settings
from cbi.terminal import deployment
from tests.flow.browsing import Browsing
from tests.flow.people import PASSWORD, refused


@pytest.fixture(autouse=True)
def _nobody_tried(database: URL) -> None:
    tries.forget()


@pytest.fixture
def app(database: URL) -> FastAPI:
    """The application with an empty office."""
    return create_app()


def new_token() -> str:
    """A token as `cbi office create` prints it."""
    return offices.transact("dz", issue_token)


def become(token: str, username: str = "ines") -> type[CbiError] | None:
    """Try to become the administrator; the kind of refusal."""
    return refused(
        lambda session: become_administrator(
            session, token, username=username, full_name="Ines A", password=PASSWORD
        )
    )


def people() -> int:
    """How many users the office has."""
    with offices.transaction("dz") as session:
        return session.scalar(select(func.count()).select_from(User)) or 0


def test_a_token_lets_one_person_in_who_first_registers_an_authenticator(app: FastAPI) -> None:
    token, ines = new_token(), Browsing(app)
    ines.get("/first-administrator")
    shown = ines.send(
        "/first-administrator", token=f" {token} ", username="ines", full_name="Ines A",
        password=PASSWORD, again=PASSWORD,
    )  # fmt: skip
    assert token not in shown.text
    assert PASSWORD not in shown.text
    for path in ("/", "/password"):
        assert ines.get(path).url.path == "/authenticator", "nothing else before there is one"
    secret = next(word for word in ines.words.split() if len(word) == 32 and word.isupper())
    ines.send("/authenticator", code="000000")
    assert "This is not the code that belongs to this secret." in ines.words
    assert secret in ines.words, "the picture that was scanned stays good"
    ines.send("/authenticator", code=pyotp.TOTP(secret).at(clock.now()))
    assert "Your authenticator is registered." in ines.words
    assert ines.get("/").url.path == "/"
    ines.send("/sign-out")
    ines.send("/sign-in", username="ines", password=PASSWORD)
    assert "one-time code" in ines.words


def test_a_token_works_once_also_for_two_at_the_same_time() -> None:
    token = new_token()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: become(token, f"ines{n}"), range(4)))
    assert sorted(answer is None for answer in answers) == [False, False, False, True]
    assert {answer for answer in answers if answer} == {TokenRefused}
    assert people() == 1


def test_a_token_that_is_old_replaced_or_made_up_lets_nobody_in() -> None:
    first = new_token()
    second = new_token()
    assert become(first) is TokenRefused
    assert become("cbi_dz_" + "a" * 43) is TokenRefused
    with clock.frozen(clock.now() + setting_up.GOOD_FOR + timedelta(seconds=1)):
        assert become(second) is TokenRefused
    assert people() == 0
    with offices.transaction("dz") as session:
        kept = session.scalars(select(SetUpToken.token_hash)).all()
    assert all(token.encode() not in each for token in (first, second) for each in kept)


def test_what_is_no_token_of_an_office_here_is_told_so_in_the_words_of_the_page(
    app: FastAPI,
) -> None:
    ines = Browsing(app)
    ines.get("/first-administrator")
    for typed in ("cbi office token", "", "cbi_xx_" + "a" * 43):
        ines.send(
            "/first-administrator", token=typed, username="ines", full_name="Ines A",
            password=PASSWORD, again=PASSWORD,
        )  # fmt: skip
        assert "This token is not right, was used, or is too old." in ines.words


def test_a_refused_name_or_password_leaves_the_token_good() -> None:
    token = new_token()
    assert become(token, "x") is not None
    assert become(token) is None


def test_the_token_that_the_terminal_prints_lets_somebody_in(
    capsys: pytest.CaptureFixture[str],
) -> None:
    deployment.new_token(office="dz")
    printed = capsys.readouterr().out
    (token,) = re.findall(r"^cbi_dz_\S{43}$", printed, re.MULTILINE)
    assert "/first-administrator" in printed
    assert become(token) is None


def test_there_is_no_token_where_there_are_people() -> None:
    assert become(new_token()) is None
    assert refused(issue_token) is NotTheFirst


def test_tokens_and_passwords_are_not_guessed_on_from_one_place(app: FastAPI) -> None:
    guesser = Browsing(app)
    guesser.get("/first-administrator")
    for _ in range(tries.MOST):
        guesser.send(
            "/first-administrator", token="cbi_dz_" + "a" * 43, username="ines", full_name="I",
            password=PASSWORD, again=PASSWORD,
        )  # fmt: skip
        assert "This token is not right" in guesser.words
    guesser.send(
        "/first-administrator", token="cbi_dz_" + "a" * 43, username="ines", full_name="I", password=PASSWORD,
        again=PASSWORD,
    )  # fmt: skip
    assert "too many wrong tries from this place" in guesser.words
    guesser.get("/sign-in")
    for _ in range(tries.MOST):
        guesser.send("/sign-in", username="nobody", password="x")
        assert "The user name, the password" in guesser.words, "each page has a count of its own"
    guesser.send("/sign-in", username="nobody", password="x")
    assert "too many wrong tries from this place" in guesser.words
    with clock.frozen(clock.now() + tries.WITHIN):
        guesser.get("/sign-in")
        guesser.send("/sign-in", username="nobody", password="x")
        assert "The user name, the password" in guesser.words


def test_a_demonstration_is_not_served_on_an_office_of_real_people(
    database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    with offices.transaction("dz") as session:
        staff.hire(session)
    monkeypatch.setenv("CBI_DEMO", "true")
    settings.cache_clear()
    with pytest.raises(offices.NotADemo, match="dz"):
        create_app()
