"""The supervisor's pages: who pays where, who is unlocked, whom the supervisor vouches for, and who may not see it."""

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select, text

from cbi import clock, offices
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.redemption.models import CodeIssue, CounterOffice, Teller
from tests.flow.browsing import Browsing
from tests.flow.people import make_user, token_for
from tests.redemption_factory import (
    Issued,
    code_of,
    confirm,
    hold,
    minutes,
    nobodys,
    refused,
    teller,
    try_code,
)

PASSWORD = "seven lanterns over water"


@pytest.fixture
def app(run: Issued) -> FastAPI:
    """The application over a run of six codes of 4,000 dinars each."""
    return create_app()


@pytest.fixture
def sami(app: FastAPI) -> Browsing:
    """The supervisor of the post offices, at a browser."""
    user_id = make_user("sami.s", Role.TELLER_SUPERVISOR)
    with offices.transaction("dz") as session:
        totp.enrol(session, user_id)
    return Browsing(app, token_for(user_id))


def at_office(sami: Browsing, who: Actor) -> str:
    """Look at the office where this teller works."""
    with offices.transaction("dz") as session:
        office_id = session.scalar(select(Teller.office_id).where(Teller.id == who.id))
    where = f"/post-offices/{office_id}"
    sami.get(where)
    return where


def test_every_office_and_teller_is_shown_with_what_was_paid(sami: Browsing, run: Issued) -> None:
    lina, omar = teller("Bab El Oued"), teller("Hydra")
    for payment in run.payments[:2]:
        confirm(lina, hold(lina, code_of(payment)).authorisation_id)
    hold(omar, code_of(run.payments[2]))
    sami.get("/post-offices")
    shown = sami.words.replace("\u00a0", " ")
    assert "Bab El Oued 2 8,000.00 DZD" in shown
    assert "Hydra 0" in shown
    at_office(sami, lina)
    assert "can pay 2 8,000.00 DZD 0" in sami.words.replace("\u00a0", " ").replace("✔ ", "")
    at_office(sami, omar)
    assert "can pay 0 1" in sami.words


def test_a_long_list_of_offices_comes_in_pages(sami: Browsing, run: Issued) -> None:
    with offices.transaction("dz") as session:
        opened = session.scalars(select(CounterOffice)).all()
        session.add_all(
            CounterOffice(
                provider="post_office", code=f"{at:03d}", name=f"Office {at}", created_at=clock.now()
            )
            for at in range(60)
        )  # fmt: skip
    assert opened == []
    sami.get("/post-offices")
    assert "Office 49" in sami.words
    assert "Office 50" not in sami.words
    page = sami.get("/post-offices").text
    more = page.partition('href="/post-offices?cursor=')[2].partition('"')[0]
    sami.get(f"/post-offices?cursor={more}")
    assert "Office 59" in sami.words
    assert sami.get("/post-offices?cursor=made-up").status_code == 422


def test_a_stopped_teller_is_seen_and_unlocked(sami: Browsing, run: Issued) -> None:
    lina = teller()
    with offices.transaction("dz") as session:
        unknown = nobodys(session)
    for at in range(10):
        try_code(lina, unknown, at=at * 16)
    assert refused(try_code(lina, unknown, at=200)) == "redemption.supervisor_needed"
    with clock.frozen(minutes(200)):
        with offices.transaction("dz") as session:
            user_id = session.scalars(select(User.id).where(User.username == "sami.s")).one()
        sami.cookies["cbi-session"] = token_for(user_id)
        where = at_office(sami, lina)
        assert "stopped: too many wrong codes" in sami.words
        sami.send(f"{where}/tellers/{lina.id}/unlock")
        assert "The teller can go on." in sami.words
        assert "can pay" in sami.words
    hold(lina, code_of(run.payments[0]), at=201)


def test_the_supervisor_vouches_with_the_public_digits_alone(
    sami: Browsing, run: Issued, owner: Engine
) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE persons SET factor = NULL, factor_kind = NULL"))
    code = code_of(run.payments[0]).replace(".", "")
    said = "known to me for years"
    sami.get("/counter-help")
    sami.send("/counter-help/vouch", locator=code, reason=said)
    assert "a whole code is for the teller only" in sami.words
    sami.send("/counter-help/vouch", locator=code[:-7], reason="shows 12 34 56 78")
    assert "A reason has 3 to 200 characters" in sami.words
    sami.send("/counter-help/vouch", locator="00000", reason=said)
    assert "No code has this locator." in sami.words
    sami.send("/counter-help/vouch", locator=code[:-7], reason=said)
    assert "You vouched for this person. Until" in sami.words
    with offices.transaction("dz") as session:
        vouched = select(CodeIssue.payment_id).where(CodeIssue.vouched_by.is_not(None))
        assert session.scalars(vouched).all() == [run.payments[0]]


def test_a_new_code_is_sent_and_the_old_one_is_dead(sami: Browsing, run: Issued) -> None:
    old = code_of(run.payments[0])
    sami.get("/counter-help")
    sami.send("/counter-help/new-code", digits=old.replace(".", "")[:-7], why="message was deleted")
    assert "A new code is on its way" in sami.words
    assert refused(try_code(teller(), old)) == "redemption.replaced"
    hold(teller(), code_of(run.payments[0]))
    sami.send("/counter-help/new-code", digits="00000", why="message was deleted")
    assert "No code begins with these digits." in sami.words


def add(sami: Browsing, where: str, username: str) -> None:
    """Register a teller at the office that is looked at."""
    sami.send(f"{where}/tellers", full_name="Amel B.", username=username, password=PASSWORD)


def test_tellers_are_added_and_their_sign_in_is_taken_away(
    app: FastAPI, sami: Browsing, run: Issued
) -> None:
    lina = teller()
    where = at_office(sami, lina)
    add(sami, where, "amel")
    assert "The teller can sign in now." in sami.words
    assert PASSWORD not in sami.words
    add(sami, where, "amel")
    assert "There is a teller amel already." in sami.words
    amel = Browsing(app)
    amel.get("/counter/sign-in")
    amel.send("/counter/sign-in", username="amel", password=PASSWORD)
    assert "Who is next?" in amel.words
    with offices.transaction("dz") as session:
        amel_id = session.scalar(select(Teller.id).where(Teller.username == "amel"))
    at_office(sami, lina)
    sami.send(f"{where}/tellers/{amel_id}/disable")
    assert "The teller can no longer sign in." in sami.words
    assert "sign-in taken away" in sami.words
    amel.get("/counter")
    assert "Sign in at the counter" in amel.words


def test_tellers_and_supervisors_do_not_see_each_others_pages(
    app: FastAPI, sami: Browsing, run: Issued
) -> None:
    who = teller()
    assert who.id is not None
    lina = Browsing(app, token_for(who.id, "teller"))
    assert lina.get("/post-offices").status_code == 403
    assert lina.get("/counter-help").status_code == 403
    assert sami.get("/counter").status_code == 403
    lina.get("/counter")
    assert "Post offices" not in lina.words
    sami.get("/post-offices")
    assert "Counter" not in sami.words
