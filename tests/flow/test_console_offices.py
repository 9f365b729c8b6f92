"""What the pages say of the office: a demonstration shows itself everywhere, and of several offices one is chosen."""

import pytest
from fastapi import FastAPI
from sqlalchemy import URL, Engine, create_engine, text

from cbi import offices
from cbi.access import users
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.console import tries
from tests.flow.browsing import Browsing, enrolled
from tests.flow.people import PASSWORD, make_user, token_for

BANNER = "Demonstration: everybody and everything here is made up."


@pytest.fixture(autouse=True)
def _nobody_tried(database: URL) -> None:
    tries.forget()


@pytest.fixture
def app(database: URL) -> FastAPI:
    """The application."""
    return create_app()


def test_a_demonstration_says_so_on_every_page(app: FastAPI, owner: Engine) -> None:
    amina = Browsing(app, token_for(enrolled("amina.h")))
    paths = ("/", "/password", "/nothing")
    for path in paths:
        amina.get(path)
        assert BANNER not in amina.words
    with owner.begin() as connection:
        connection.execute(text("UPDATE office SET is_demo = true"))
    stranger = Browsing(app)
    visits = [(amina, path) for path in paths] + [
        (stranger, path) for path in ("/sign-in", "/counter/sign-in", "/first-administrator", "/x")
    ]
    for visitor, path in visits:
        visitor.get(path)
        assert BANNER in visitor.words, path


def test_the_office_is_chosen_only_where_there_are_several(app: FastAPI, database: URL) -> None:
    visitor = Browsing(app)
    visitor.get("/sign-in")
    assert "office" not in visitor.forms[0].fields
    owner = create_engine(database)
    offices.create(
        "ke", currency="KES", timezone="Africa/Nairobi", languages=("en",), hotline="3030", owner=owner
    )  # fmt: skip
    owner.dispose()
    with offices.transaction("ke") as session:
        users.create_first_administrator(
            session, username="wanjiru", full_name="W", password=PASSWORD
        )
    make_user("amina.h", Role.AUDITOR)
    visitor = Browsing(create_app())
    visitor.get("/sign-in")
    assert "office" in visitor.forms[0].fields
    visitor.send("/sign-in", office="dz", username="wanjiru", password=PASSWORD)
    assert "is not right" in visitor.words
    visitor.send("/sign-in", office="nowhere", username="wanjiru", password=PASSWORD)
    visitor.send("/sign-in", office="ke", username="wanjiru", password=PASSWORD)
    assert "Register your authenticator" in visitor.words
    assert "CBI · ke" in visitor.words


def test_a_pause_after_wrong_passwords_holds_on_the_page_too(app: FastAPI) -> None:
    make_user("amina.h", Role.AUDITOR)
    visitor = Browsing(app)
    visitor.get("/sign-in")
    for _ in range(5):
        visitor.send("/sign-in", username="amina.h", password="x")
    visitor.send("/sign-in", username="amina.h", password=PASSWORD)
    assert "is not right" in visitor.words
