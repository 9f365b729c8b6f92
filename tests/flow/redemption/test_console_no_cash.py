"""The pages about annoyances at a counter: no cash, a forgotten password, and a code that was lost."""

import re

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from cbi import offices
from cbi.access import passwords, totp
from cbi.access.actor import Actor
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.redemption import counters
from cbi.redemption.models import CodeIssue, CounterOffice, Payout, Teller
from cbi.redemption.states import CodeState
from tests.factories import EVERYTHING
from tests.flow.at_counter import check, count, held, signed_in
from tests.flow.browsing import Browsing
from tests.flow.people import make_user, token_for
from tests.redemption_factory import Issued, code_of, confirm, hold, refused, teller, try_code

OLD, NEW = "seven lanterns over water", "nine ladders against the moon"


@pytest.fixture
def app(run: Issued) -> FastAPI:
    """The application over a run of six codes of 4,000 dinars each."""
    return create_app()


@pytest.fixture
def here(run: Issued) -> CounterOffice:
    """An office in Alger, near which there is another."""
    return [opened("A2", "Hydra"), opened("A1", "Alger Centre")][1]


def opened(code: str, name: str) -> CounterOffice:
    """An office of the post office, committed."""
    with offices.transaction("dz") as session:
        return counters.create_office(
            session, EVERYTHING, provider="post_office", code=code, name=name, area="Alger"
        )


def staff(app: FastAPI, role: Role) -> Browsing:
    """Somebody of that role at a browser."""
    user_id = make_user(f"the.{role}".replace("_", "-"), role)
    with offices.transaction("dz") as session:
        totp.enrol(session, user_id)
    return Browsing(app, token_for(user_id))


def plain(visitor: Browsing) -> str:
    """What the page says, with plain spaces."""
    return visitor.words.replace("\u00a0", " ")


def test_without_cash_for_a_right_code_the_person_hears_when_and_where_to_come(
    app: FastAPI, run: Issued, here: CounterOffice
) -> None:
    visitor, code = signed_in(app, teller(here)), code_of(run.payments[0])
    where = held(visitor, code)
    stale = visitor.filled(f"{where}/confirm")
    visitor.send(f"{where}/no-cash")
    said = plain(visitor)
    assert "Noted: whoever sees to the cash of this office is told." in said
    assert "Nothing was paid, and your money is safe." in said
    assert re.search(r"Your code stays good until [^.]*\d{4} \. Keep the message\.", said), said
    assert "go to another office now: Hydra ( A2 )" in said
    assert "Amount 4,000 DZD" in said
    visitor.ask("POST", f"{where}/confirm", data=stale)
    assert count(Payout) == 0
    other = teller("Hydra")
    confirm(other, hold(other, code).authorisation_id)
    visitor.get(where)
    assert "Your code stays good" not in visitor.words
    assert "Pay nothing" in visitor.words


def test_without_a_code_too_and_with_the_amount_if_it_is_known(
    app: FastAPI, run: Issued, here: CounterOffice
) -> None:
    visitor = signed_in(app, teller(here))
    visitor.send("/counter/no-cash", amount="25,000")
    assert "cannot be read as an amount" in visitor.words
    assert "Who is next?" in visitor.words
    visitor.send("/counter/no-cash", amount="٢٥٠٠٠")
    assert "Keep the message: its last day stands there." in visitor.words
    visitor.get("/counter")
    visitor.send("/counter/no-cash")
    treasurer = staff(app, Role.TREASURER)
    treasurer.get("/")
    assert "Office A1 Alger Centre said it had no cash: 2 × since" in treasurer.words
    assert "25,000.00 DZD" in plain(treasurer)
    treasurer.get(f"/post-offices/{here.id}/cash")
    shown = plain(treasurer)
    assert "This office said that it has not enough cash, and has paid nobody since." in shown
    assert "How often 2 Asked for 25,000.00 DZD" in shown
    assert "Until then people can go to: Hydra ( A2 )" in shown
    assert "Its float" in shown
    assert "A Teller 25,000.00 DZD" in shown
    assert "A Teller not known" in shown
    check(visitor, code_of(run.payments[0]))
    (confirming,) = (form.action for form in visitor.forms if form.action.endswith("/confirm"))
    visitor.send(confirming)
    treasurer.get("/")
    assert "said it had no cash" not in treasurer.words
    treasurer.get(f"/post-offices/{here.id}/cash")
    assert "The office has cash, as far as anybody said." in treasurer.words
    assert "Paid out 1 Amount 4,000.00 DZD" in plain(treasurer)
    assert treasurer.get("/post-offices/00000000-0000-0000-0000-000000000000/cash").status_code == 404  # fmt: skip


def test_the_supervisor_says_it_for_the_office_and_sees_it_there(
    app: FastAPI, here: CounterOffice
) -> None:
    sami, where = staff(app, Role.TELLER_SUPERVISOR), f"/post-offices/{here.id}"
    sami.get(where)
    assert "has not enough cash" not in sami.words
    sami.send(f"{where}/no-cash", amount="90000")
    assert "This office said that it has not enough cash" in sami.words
    assert "Asked for 90,000.00 DZD" in plain(sami)
    sami.get("/")
    assert "Office A1 Alger Centre said it had no cash: 1 × since" in sami.words
    assert sami.get(f"{where}/cash").status_code == 403


@pytest.fixture
def amel(here: CounterOffice) -> Actor:
    """A teller with a password."""
    who = teller(here)
    with offices.transaction("dz") as session:
        found = session.get_one(Teller, who.id)
        found.password_hash = passwords.hash_password(found.username, OLD)
    return who


def at_the_door(app: FastAPI, who: Actor, password: str) -> Browsing:
    """The teller signs in with a password."""
    visitor = Browsing(app)
    visitor.get("/counter/sign-in")
    visitor.send("/counter/sign-in", username=who.name, password=password)
    return visitor


def test_a_forgotten_password_is_replaced_by_the_supervisor(
    app: FastAPI, here: CounterOffice, amel: Actor
) -> None:
    before = at_the_door(app, amel, OLD)
    sami, where = staff(app, Role.TELLER_SUPERVISOR), f"/post-offices/{here.id}"
    sami.get(where)
    form = f"{where}/tellers/{amel.id}/password"
    sami.get(form)
    assert "A new password for A Teller" in sami.words
    sami.send(form, password="short")
    assert "Use four or more words" in sami.words
    sami.send(form, password=NEW)
    assert "The teller can sign in with the new password now." in sami.words
    assert NEW not in sami.words
    before.get("/counter")
    assert "Sign in at the counter" in before.words
    assert "Who is next?" not in at_the_door(app, amel, OLD).words
    assert "Who is next?" in at_the_door(app, amel, NEW).words
    assert sami.get(f"{where}/tellers/{here.id}/password").status_code == 404


def test_a_teller_changes_the_own_password_at_the_counter(app: FastAPI, amel: Actor) -> None:
    visitor = at_the_door(app, amel, OLD)
    assert 'href="/counter/password"' in visitor.get("/counter").text
    visitor.get("/counter/password")
    visitor.send("/counter/password", old=OLD, new=NEW, again=OLD)
    assert "The two new passwords are not the same." in visitor.words
    visitor.send("/counter/password", old=NEW, new=NEW, again=NEW)
    assert "the password is not right" in visitor.words
    visitor.send("/counter/password", old=OLD, new=NEW, again=NEW)
    assert "Your password is changed. Sign in with the new one." in visitor.words
    visitor.get("/counter")
    assert "Sign in at the counter" in visitor.words
    assert "Who is next?" in at_the_door(app, amel, NEW).words
    assert staff(app, Role.TELLER_SUPERVISOR).get("/counter/password").status_code == 403


def test_a_lost_code_is_locked_on_the_payments_page_with_a_reason(
    app: FastAPI, run: Issued
) -> None:
    nadia, path = staff(app, Role.COMPLAINT_HANDLER), f"/payments/{run.payments[0]}"
    code, lina = code_of(run.payments[0]), teller()
    nadia.get(path)
    nadia.send(f"{path}/code/lock", why="told 0555 123 456")
    assert "A reason has 3 to 200 characters" in nadia.words
    nadia.send(f"{path}/code/lock", why="telephone stolen on the bus")
    assert "The code is locked: nobody can cash it." in nadia.words
    assert "send a new code. If that telephone is gone" in nadia.words
    assert [form.action for form in nadia.forms if "/code" in form.action] == [f"{path}/code"]
    assert refused(try_code(lina, code)) == "redemption.locked"
    nadia.send(f"{path}/code", reason="She has it back")
    hold(lina, code_of(run.payments[0]))
    auditor = staff(app, Role.AUDITOR)
    auditor.get(path)
    assert [form.action for form in auditor.forms if "/code" in form.action] == []


def test_a_supervisor_locks_a_lost_code_by_its_public_digits(app: FastAPI, run: Issued) -> None:
    sami, code = staff(app, Role.TELLER_SUPERVISOR), code_of(run.payments[0]).replace(".", "")
    sami.get("/counter-help")
    sami.send("/counter-help/lost-code", begins=code, because="left in the taxi")
    assert "a whole code is for the teller only" in sami.words
    sami.send("/counter-help/lost-code", begins=code[:-7], because="left in the taxi")
    assert "The code is locked: nobody can cash it." in sami.words
    with offices.transaction("dz") as session:
        locked = select(CodeIssue.payment_id).where(CodeIssue.state == CodeState.LOCKED)
        assert session.scalars(locked).all() == [run.payments[0]]
