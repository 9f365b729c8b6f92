"""Who gets in, with what, for how long, and what they may do to each other."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import URL, Engine, func, select, text

from cbi import clock, offices
from cbi.access import passwords, roles, throttling, tokens, users
from cbi.access.actor import Actor
from cbi.access.models import SignIn
from cbi.access.permissions import Permission, Role
from cbi.app import create_app
from tests.flow.people import (
    ADMINISTRATOR,
    PASSWORD,
    Caller,
    make_user,
    resolved,
    signing_in,
    token_for,
)

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


def test_a_user_signs_in_and_their_token_is_kept_only_as_a_hash(
    database: URL, owner: Engine
) -> None:
    user_id = make_user("amina.h", Role.CERTIFIER)
    token = signing_in(username="Amina.H ")
    assert isinstance(token, str)
    assert token.startswith("cbi_dz_")
    assert len(token) == len("cbi_dz_") + 43
    actor = resolved(token)
    assert actor is not None
    assert (actor.kind, actor.id) == ("user", user_id)
    assert actor.may(Permission.RUN_CERTIFY)
    with owner.connect() as connection:
        rows = connection.execute(text("SELECT sign_ins::text FROM sign_ins")).scalars().all()
    assert len(rows) == 1
    assert token[-43:] not in rows[0]


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(database: URL) -> None:
    make_user("amina.h")
    app = create_app()
    answers = [
        Caller(app).post("/sign-in", {"office": "dz", "username": name, "password": word}, key=None)
        for name, word in (("nobody", PASSWORD), ("amina.h", "wrong"))
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()


def test_an_unknown_name_costs_a_hash_too(database: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str | None] = []
    judge = passwords.is_right

    def noting(kept: str | None, password: str) -> bool:
        compared.append(kept)
        return judge(kept, password)

    monkeypatch.setattr(passwords, "is_right", noting)
    assert signing_in(username="nobody") is users.SignInRefused
    assert compared == [None]


def test_five_wrong_passwords_pause_the_account_even_for_the_right_one(database: URL) -> None:
    make_user("amina.h")
    with clock.frozen(NOON):
        for _ in range(throttling.TRIES):
            assert signing_in("wrong") is users.SignInRefused
        assert signing_in() is users.SignInRefused
    with clock.frozen(NOON + throttling.PAUSE - timedelta(seconds=1)):
        assert signing_in() is users.SignInRefused
    with clock.frozen(NOON + throttling.PAUSE):
        assert isinstance(signing_in(), str)


def test_four_wrong_passwords_are_forgotten_after_a_right_one(database: URL) -> None:
    make_user("amina.h")
    for _ in range(3):
        for _ in range(throttling.TRIES - 1):
            assert signing_in("wrong") is users.SignInRefused
        assert isinstance(signing_in(), str)


def test_guesses_at_the_same_time_cannot_share_a_try(
    database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user("amina.h")
    judged: list[str | None] = []
    judge = passwords.is_right

    def noting(kept: str | None, password: str) -> bool:
        judged.append(kept)
        return judge(kept, password)

    monkeypatch.setattr(passwords, "is_right", noting)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(signing_in, ["wrong"] * 12))
    assert set(answers) == {users.SignInRefused}
    assert len([kept for kept in judged if kept is not None]) == throttling.TRIES


def test_a_disabled_user_is_out_at_once_and_stays_out(database: URL) -> None:
    user_id = make_user("amina.h", Role.AUDITOR)
    token = signing_in()
    assert isinstance(token, str)
    with offices.transaction("dz") as session:
        assert users.disable_user(session, ADMINISTRATOR, user_id)
        assert not users.disable_user(session, ADMINISTRATOR, user_id)
    assert resolved(token) is None
    assert signing_in() is users.SignInRefused
    with offices.transaction("dz") as session, pytest.raises(roles.UnknownUser):
        users.actor_of_user(session, user_id)


def test_a_tellers_sign_in_ends_sooner_for_a_counter_stands_among_people(database: URL) -> None:
    someone = uuid4()
    with clock.frozen(NOON), offices.transaction("dz") as session:
        token = tokens.open_sign_in(session, "teller", someone)
    teller = Actor("teller", someone, "a teller", frozenset())

    def opens(after: timedelta) -> bool:
        with clock.frozen(NOON + after), offices.transaction("dz") as session:
            return tokens.resolve(session, token, {"teller": lambda *_: teller}) == teller

    idle = tokens.SOONER_IDLE["teller"]
    assert idle < tokens.IDLE
    assert opens(idle - timedelta(seconds=1))
    assert not opens(idle + idle)


def test_a_sign_in_ends_when_idle_and_after_ten_hours_in_any_case(database: URL) -> None:
    user_id = make_user("amina.h", Role.AUDITOR)
    with clock.frozen(NOON):
        idle, busy = token_for(user_id), token_for(user_id)
    with clock.frozen(NOON + tokens.IDLE - timedelta(seconds=1)):
        assert resolved(busy)
    with clock.frozen(NOON + tokens.IDLE):
        assert resolved(idle) is None
        assert resolved(busy)
    step = tokens.IDLE * 2 / 3
    at = NOON + tokens.IDLE
    while at + step < NOON + tokens.LONGEST:
        at += step
        with clock.frozen(at):
            assert resolved(busy)
    with clock.frozen(NOON + tokens.LONGEST):
        assert resolved(busy) is None


def test_old_sign_ins_are_forgotten(database: URL) -> None:
    user_id = make_user("amina.h")
    with clock.frozen(NOON):
        token_for(user_id)
    with clock.frozen(NOON + timedelta(days=91)):
        kept = token_for(user_id)
        with offices.transaction("dz") as session:
            assert tokens.forget_old(session) == 1
            assert session.scalar(select(func.count()).select_from(SignIn)) == 1
        assert resolved(kept)


def test_a_token_of_another_office_opens_nothing(database: URL) -> None:
    offices.create(
        "ke", currency="KES", timezone="Africa/Nairobi", languages=("en",), hotline="3030"
    )
    token = token_for(make_user("amina.h", Role.AUDITOR))
    app = create_app()
    assert Caller(app, token).get("/me").status_code == 200
    for forged in (token.replace("cbi_dz", "cbi_ke"), token.replace("cbi_dz", "cbi_nowhere")):
        assert Caller(app, forged).get("/me").status_code == 401


def test_signing_out_ends_the_token(database: URL) -> None:
    make_user("amina.h")
    app = create_app()
    signed = Caller(app).post(
        "/sign-in", {"office": "dz", "username": "amina.h", "password": PASSWORD}, key=None
    )
    me = Caller(app, signed.json()["token"])
    assert me.get("/me").json()["name"] == "amina.h"
    assert me.post("/sign-out").status_code == 204
    assert me.get("/me").status_code == 401


def test_changing_the_password_needs_the_old_one_and_ends_every_sign_in(database: URL) -> None:
    make_user("amina.h")
    token = signing_in()
    assert isinstance(token, str)
    app = create_app()
    new = "a quite different saying"
    wrong = Caller(app, token).post("/me/password", {"old": "wrong", "new": new})
    assert wrong.status_code == 401
    assert Caller(app, token).post("/me/password", {"old": PASSWORD, "new": new}).status_code == 204
    assert resolved(token) is None
    assert signing_in() is users.SignInRefused
    assert isinstance(signing_in(new), str)
