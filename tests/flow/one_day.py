"""A day in which codes are paid, mistyped, guessed, held, replaced, replayed, expired and typed where none belongs."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from fastapi.routing import iter_route_contexts

from cbi import clock, jobs, offices, queue
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.messaging import inbound
from cbi.proofs.verify import verify
from cbi.redemption import counters
from tests.factories import EVERYTHING
from tests.flow.one_office import Day, Recipient, recipients, register, release
from tests.flow.people import PASSWORD
from tests.flow.searching import (
    Overheard,
    Trap,
)
from tests.redemption_factory import LAST_DAY, OPEN, minutes, wrong


def a_day(folder: Path, trap: Trap) -> Day:
    """Live through it, with what is logged kept in `trap`."""
    answers: list[str] = []
    app = create_app()
    queue.prepare()
    report = register(app, folder, answers)
    run_id = release()
    day = Day(app, recipients(), run_id, trap, report, answers)
    live_through(day)
    return day


def live_through(day: Day) -> None:
    """Codes are paid, mistyped, guessed, held, replaced, locked, replayed, expired, and typed where none belongs."""
    lina, omar = open_counter(day, "lina"), open_counter(day, "omar")
    pay_with_every_slip(day, lina, day.people[0])
    lock_by_guessing_and_replace(day, lina, omar, day.people[1])
    replace_and_pay(day, omar, day.people[2])
    lose_and_replace(day, omar, day.people[4])
    hold_and_give_up(omar, lina, day.people[5])
    type_codes_where_none_belongs(day, lina, day.people[7])
    text_codes_where_none_belongs(day, day.people[7])
    with clock.frozen(minutes(300)):
        work_through_the_queue()
    late = datetime.combine(LAST_DAY + timedelta(days=1), OPEN.timetz())
    expire_and_try(day, omar, day.people[3], late)
    with clock.frozen(late):
        look_everywhere(day)
        jobs.seal("dz")
    with offices.transaction("dz") as session:
        assert all(verdict.kept for verdict in verify(session))


def open_counter(day: Day, username: str) -> Overheard:
    """A teller who signed in over HTTP and stays signed in for the story."""
    with offices.transaction("dz") as session:
        place = counters.create_office(
            session, EVERYTHING, provider="post_office", code=username, name=f"Office of {username}"
        )
        counters.create_teller(
            session, EVERYTHING, office_id=place.id, username=username, full_name="A Teller", password=PASSWORD
        )  # fmt: skip
    return sign_in(day, username, OPEN)


def sign_in(day: Day, username: str, at: datetime) -> Overheard:
    with clock.frozen(at):
        body = {"office": "dz", "username": username, "password": PASSWORD}
        token = day.caller().post("/tellers/sign-in", body, key=None).json()["token"]
    return day.caller(token)


def stay(who: Overheard, until: datetime) -> None:
    """Look at the day's list every few minutes, as a teller does, so that the sign-in does not end for want of use."""
    for ago in range(24, 0, -4):
        if until - timedelta(minutes=ago) > OPEN:
            with clock.frozen(until - timedelta(minutes=ago)):
                who.get("/redemptions/mine")


def ask(who: Overheard, code: str, factor: str, at: datetime, key: str = "") -> dict[str, str]:
    """What the counter's screen shows for a code."""
    stay(who, at)
    with clock.frozen(at):
        answer = who.post("/redemptions/authorise", {"code": code, "factor": factor}, key=key)
    assert answer.status_code == 200, answer.text
    shown: dict[str, str] = answer.json()
    return shown


def refused(who: Overheard, code: str, factor: str, at: datetime) -> str:
    return ask(who, code, factor, at)["code"]


def pay(who: Overheard, person: Recipient, at: datetime) -> None:
    held = ask(who, person.look(), person.document[-4:], at)
    with clock.frozen(at):
        paid = who.post(f"/redemptions/{held['authorisation_id']}/confirm")
    assert paid.status_code == 200, paid.text


def pay_with_every_slip(day: Day, lina: Overheard, person: Recipient) -> None:
    code, factor, key = person.look(), person.document[-4:], str(uuid4())
    slip = code[:-1] + str((int(code[-1]) + 1) % 10)
    assert refused(lina, slip, factor, minutes(1)) == "redemption.mistyped"
    assert refused(lina, code, "WXYZ", minutes(2)) == "redemption.wrong_factor"
    held = ask(lina, code, factor, minutes(3), key)
    assert ask(lina, code, factor, minutes(3), key) == held
    with clock.frozen(minutes(3)):
        other = {"code": code.replace(".", " "), "factor": factor}
        assert lina.post("/redemptions/authorise", other, key=key).status_code == 409
        confirm, again = f"/redemptions/{held['authorisation_id']}/confirm", str(uuid4())
        receipts = [lina.post(confirm, key=again).json() for _ in range(2)]
    assert receipts[0] == receipts[1]
    assert refused(lina, code, factor, minutes(4)) == "redemption.already_paid"


def lock_by_guessing_and_replace(
    day: Day, lina: Overheard, omar: Overheard, person: Recipient
) -> None:
    code, factor = person.look(), person.document[-4:]
    for guess in range(1, 6):
        answer = refused(lina, wrong(code, guess), factor, minutes(5 + guess))
        assert answer == "redemption.not_recognised"
    assert refused(lina, code, factor, minutes(11)) == "redemption.teller_paused"
    assert refused(omar, code, factor, minutes(11)) == "redemption.locked"
    reissue(day, person, minutes(12))
    assert refused(omar, code, factor, minutes(13)) == "redemption.replaced"
    pay(omar, person, minutes(14))


def reissue(day: Day, person: Recipient, at: datetime) -> None:
    """A new code, by a complaint handler whose reason may not hold the old one."""
    path, old = f"/payments/{person.payment}/reissue-code", person.look()
    with clock.frozen(at):
        handler = day.staff(Role.COMPLAINT_HANDLER)
        assert handler.post(path, {"reason": f"the code {old} is lost"}).status_code == 422
        done = handler.post(path, {"reason": "message never arrived"})
        assert done.status_code == 200, done.text
        jobs.hand_over("dz")
    assert person.look() != old


def replace_and_pay(day: Day, omar: Overheard, person: Recipient) -> None:
    old = person.look()
    reissue(day, person, minutes(20))
    assert refused(omar, old, person.document[-4:], minutes(21)) == "redemption.replaced"
    pay(omar, person, minutes(22))


def lose_and_replace(day: Day, omar: Overheard, person: Recipient) -> None:
    lost = person.look()
    with clock.frozen(minutes(25)):
        path = f"/payments/{person.payment}/lock-code"
        handler = day.staff(Role.COMPLAINT_HANDLER)
        assert handler.post(path, {"reason": "telephone stolen"}).status_code == 204
    assert refused(omar, lost, person.document[-4:], minutes(26)) == "redemption.locked"
    reissue(day, person, minutes(27))


def hold_and_give_up(first: Overheard, then: Overheard, person: Recipient) -> None:
    held = ask(first, person.look(), person.document[-4:], minutes(30))
    waiting = refused(then, person.look(), person.document[-4:], minutes(31))
    assert waiting == "redemption.held_elsewhere"
    with clock.frozen(minutes(32)):
        first.post(f"/redemptions/{held['authorisation_id']}/release")
    pay(then, person, minutes(33))


def type_codes_where_none_belongs(day: Day, lina: Overheard, person: Recipient) -> None:
    """Every other field of the counter's screen, malformed bodies, paths, queries, and the sign-in form."""
    code = person.look()
    digits = code.replace(".", "")
    stay(lina, minutes(40))
    with clock.frozen(minutes(40)):
        supervisor = day.staff(Role.TELLER_SUPERVISOR)
        for body in (
            {"code": {"x": code}, "factor": [code]}, {"code": digits * 10, "factor": ""},
            {"cod": code}, [code], code, {"code": int(digits), "factor": code},
        ):  # fmt: skip
            assert lina.post("/redemptions/authorise", body).status_code == 422
        lina.ask(
            "POST", "/api/v1/redemptions/authorise", {"Idempotency-Key": "k1"},
            content=f'{{"code": "{code}"',
        )  # fmt: skip
        assert lina.post(f"/redemptions/{code}/confirm").status_code == 422
        assert lina.get("/redemptions/mine", params={"day": code}).status_code == 422
        assert lina.get(f"/{digits}").status_code == 404
        assert supervisor.post(f"/codes/{digits}/vouch", {"reason": "seen"}).status_code == 422
        said = {"reason": f"the person told me {digits}"}
        assert supervisor.post(f"/codes/{digits[:5]}/vouch", said).status_code == 422
        form = {"office": "dz", "username": digits, "password": code}
        assert day.caller().post("/tellers/sign-in", form, key=None).status_code == 401
    assert refused(lina, code, code, minutes(41)) == "redemption.wrong_factor"


def text_codes_where_none_belongs(day: Day, person: Recipient) -> None:
    """The recipient texts the code back, in several spellings; a handler reads what is left of it."""
    code = person.look()
    said = [
        f"my code {code} does not work", f"6 {code.replace('.', ' ')}", f"4 {code.replace('.', '')} was refused",
        code, "2 " + "".join(chr(0x660 + int(d)) for d in code if d.isdecimal()),
    ]  # fmt: skip
    for at, words in enumerate(said):
        with clock.frozen(minutes(42 + at * 2)):
            with offices.transaction("dz") as session:
                inbound.receive(session, "test", str(at), person.phone, words, clock.now())
            assert jobs.answer("dz") == 1
    with clock.frozen(minutes(55)):
        handler = day.staff(Role.COMPLAINT_HANDLER)
        listed = handler.get("/complaints").json()["items"]
        assert len(listed) == 3
        for each in listed:
            assert code[:4] in handler.get(f"/complaints/{each['id']}").text
    assert person.look() == code


def work_through_the_queue() -> None:
    """Every job is asked for; a worker does them, and one row of each waits for another."""
    for work in (True, False):
        with queue.queue().open() as app:
            for name in jobs.HOUSEKEEPING:
                queue.defer(app, name, "dz")  # or it waits already, because somebody wanted it
        if work:
            queue.queue().run_worker(wait=False, install_signal_handlers=False)


def expire_and_try(day: Day, omar: Overheard, person: Recipient, late: datetime) -> None:
    with clock.frozen(late):
        assert jobs.expire("dz") > 0
        jobs.hand_over("dz")
    omar = sign_in(day, "omar", late)
    code, factor = person.look(), person.document[-4:]
    assert refused(omar, code, factor, late) == "redemption.expired"


def look_everywhere(day: Day) -> None:
    """Every list and every sheet that the API has, as everybody who may see it."""
    paths = {
        route.path for route in iter_route_contexts(day.app.routes)
        if route.path and "GET" in (route.methods or ()) and route.path.startswith("/api/")
    }  # fmt: skip
    ids = {"run_id": day.run_id, "payment_id": day.people[3].payment}
    seen = 0
    for role in Role:
        if role in {Role.TELLER, Role.INTEGRATOR}:
            continue
        who = day.staff(role)
        for path in paths:
            filled = re.sub(r"\{(\w+)\}", lambda hole: str(ids.get(hole[1], uuid4())), path)
            seen += who.ask("GET", filled).status_code == 200
    assert seen > 30
