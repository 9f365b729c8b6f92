"""A one-time code is good for one use, and guessing is stopped."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyotp
import pytest
from sqlalchemy import URL, Engine, select, text

from cbi import clock, offices
from cbi.access import throttling, totp, users
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.errors import CbiError
from cbi.models import audit
from tests.flow.people import ADMINISTRATOR, Caller, make_user, refused, signing_in, token_for

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
STEP = timedelta(seconds=totp.STEP_SECONDS)


@pytest.fixture
def enrolled(database: URL) -> tuple[Actor, pyotp.TOTP]:
    """A certifier with an authenticator."""
    user_id = make_user("amina.h", Role.CERTIFIER)
    with offices.transaction("dz") as session:
        secret = totp.enrol(session, user_id)
        return users.actor_of_user(session, user_id), pyotp.TOTP(secret)


def stepping_up(actor: Actor, code: str) -> type[CbiError] | None:
    """The kind of refusal, or None when the code was taken."""
    return refused(lambda session: totp.step_up(session, actor, code))


def test_a_one_time_code_works_once_and_no_older_one_after_it(
    enrolled: tuple[Actor, pyotp.TOTP],
) -> None:
    actor, phone = enrolled
    with clock.frozen(NOON):
        assert stepping_up(actor, phone.at(NOON)) is None
        assert stepping_up(actor, phone.at(NOON)) is totp.CodeUsed
        assert stepping_up(actor, phone.at(NOON - STEP)) is totp.CodeUsed
        assert stepping_up(actor, phone.at(NOON + STEP)) is None
        assert stepping_up(actor, phone.at(NOON + 2 * STEP)) is totp.WrongCode


def test_twenty_people_with_one_code_are_one(enrolled: tuple[Actor, pyotp.TOTP]) -> None:
    actor, phone = enrolled
    now = clock.now()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: stepping_up(actor, phone.at(now)), range(20)))
    assert answers.count(None) == 1
    assert answers.count(totp.CodeUsed) == 19


def test_five_wrong_codes_pause_even_the_right_one(enrolled: tuple[Actor, pyotp.TOTP]) -> None:
    actor, phone = enrolled
    wrong = f"{(int(phone.at(NOON)) + 1) % 1_000_000:06}"
    with clock.frozen(NOON):
        for _ in range(throttling.TRIES):
            assert stepping_up(actor, wrong) is totp.WrongCode
        assert stepping_up(actor, phone.at(NOON)) is totp.CodesPaused
        assert signing_in(code=phone.at(NOON)) is users.SignInRefused
    later = NOON + throttling.PAUSE
    with clock.frozen(later):
        assert stepping_up(actor, phone.at(later)) is None


def test_a_known_password_does_not_buy_more_guesses_of_the_code(
    enrolled: tuple[Actor, pyotp.TOTP],
) -> None:
    _, phone = enrolled
    wrong = f"{(int(phone.at(NOON)) + 1) % 1_000_000:06}"
    with clock.frozen(NOON):
        for _ in range(throttling.TRIES):
            assert signing_in() is users.CodeNeeded
            assert signing_in(code=wrong) is users.SignInRefused
        assert signing_in(code=phone.at(NOON)) is users.SignInRefused


def test_signing_in_with_an_authenticator_takes_a_code(
    enrolled: tuple[Actor, pyotp.TOTP],
) -> None:
    _, phone = enrolled
    now = clock.now()
    assert signing_in() is users.CodeNeeded
    assert isinstance(signing_in(code=phone.at(now)), str)
    assert signing_in(code=phone.at(now)) is users.SignInRefused


def test_what_a_refused_act_wrote_is_undone_but_a_wrong_code_is_counted(
    enrolled: tuple[Actor, pyotp.TOTP], owner: Engine
) -> None:
    actor, phone = enrolled
    wrong = f"{(int(phone.at(clock.now())) + 1) % 1_000_000:06}"
    assert stepping_up(actor, wrong) is totp.WrongCode
    with owner.connect() as connection:
        assert connection.execute(text("SELECT failed_tries FROM users")).scalar() == 1


def test_a_secret_is_shown_once_sealed_in_the_database_and_withdrawn_by_another(
    enrolled: tuple[Actor, pyotp.TOTP], owner: Engine
) -> None:
    actor, phone = enrolled
    assert actor.id
    with offices.transaction("dz") as session:
        with pytest.raises(totp.AlreadyEnrolled):
            totp.enrol(session, actor.id)
        totp.withdraw(session, ADMINISTRATOR, actor.id)
        assert totp.enrol(session, actor.id) != phone.secret
    with owner.connect() as connection:
        sealed = connection.execute(text("SELECT totp_secret FROM users")).scalar_one()
    assert phone.secret.encode() not in sealed


def test_whoever_has_no_authenticator_cannot_step_up(database: URL) -> None:
    user_id = make_user("amina.h", Role.CERTIFIER)
    for actor in (
        Actor("user", user_id, "x"),
        Actor("client", uuid4(), "y"),
        Actor("user", uuid4(), "z"),
    ):
        assert stepping_up(actor, "123456") is totp.NotEnrolled


def test_the_authenticator_is_registered_only_for_oneself(database: URL) -> None:
    app = create_app()
    own, other = make_user("amina.h"), make_user("karim.b")
    me = Caller(app, token_for(own))
    assert me.post(f"/users/{other}/one-time-code").status_code == 404
    shown = me.post(f"/users/{own}/one-time-code")
    assert shown.status_code == 201
    assert pyotp.parse_uri(shown.json()["uri"]).secret == shown.json()["secret"]
    with offices.transaction("dz") as session:
        enrolled = session.scalars(select(User.id).where(User.totp_secret.is_not(None))).all()
        assert enrolled == [own]
        acts = session.scalars(select(audit.AuditEntry.act)).all()
    assert "access.enrolled" in acts
