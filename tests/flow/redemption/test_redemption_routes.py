"""The counter over HTTP: a teller signs in, checks a code and pays it, and the code goes nowhere else."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, MetaData, event, select, text

from cbi import db, offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.redemption.models import CodeIssue, Payout
from tests.flow.people import Caller, make_user, token_for
from tests.redemption_factory import (
    WORD,
    Issued,
    code_of,
    nobodys,
    teller,
    wrong,
)

PASSWORD = "four lanterns over water"


@pytest.fixture
def supervisor(run: Issued) -> Caller:
    """The post office's supervisor."""
    return Caller(create_app(), token_for(make_user("supervisor", Role.TELLER_SUPERVISOR)))


@pytest.fixture
def at_counter(run: Issued) -> Caller:
    """A teller who has signed in."""
    return teller_calling()


def teller_calling() -> Caller:
    """Another teller who has signed in."""
    who = teller()
    assert who.id is not None
    return Caller(create_app(), token_for(who.id, "teller"))


def check(caller: Caller, code: str, factor: str = WORD, *, key: str = "") -> dict[str, Any]:
    """What the route answers to a code."""
    answer = caller.post("/redemptions/authorise", {"code": code, "factor": factor}, key=key)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_from_an_empty_provider_to_cash_in_the_hand(supervisor: Caller, run: Issued) -> None:
    place = supervisor.post(
        "/counter-offices", {"provider": "post_office", "code": "16001", "name": "Alger Centre"}
    )
    assert place.status_code == 201, place.text
    made = supervisor.post(
        "/tellers",
        {
            "office_id": place.json()["id"],
            "username": "amel",
            "full_name": "Amel B.",
            "password": PASSWORD,
        },
    )
    assert made.status_code == 201, made.text
    assert "password" not in made.text
    public = Caller(create_app())
    signed = public.post(
        "/tellers/sign-in", {"office": "dz", "username": "amel", "password": PASSWORD}, key=None
    )
    assert signed.status_code == 200, signed.text
    amel = Caller(create_app(), signed.json()["token"])
    held = check(amel, code_of(run.payments[0]))
    assert (held["outcome"], held["amount"]) == (
        "authorised",
        {"amount": "4000.00", "currency": "DZD"},
    )
    paid = amel.post(f"/redemptions/{held['authorisation_id']}/confirm")
    assert paid.status_code == 200, paid.text
    assert (paid.json()["receipt"], paid.json()["office"]) == (held["receipt"], "Alger Centre")
    again = amel.post(f"/redemptions/{held['authorisation_id']}/confirm")
    assert again.json() == paid.json()
    day = amel.get("/redemptions/mine").json()
    assert (day["count"], day["totals"]) == (1, [{"amount": "4000.00", "currency": "DZD"}])
    assert [each["username"] for each in supervisor.get("/tellers").json()["items"]] == ["amel"]
    assert [each["code"] for each in supervisor.get("/counter-offices").json()["items"]] == [
        "16001"
    ]


def test_a_refusal_is_an_answer_and_its_try_is_counted_once_for_one_key(
    at_counter: Caller, run: Issued
) -> None:
    guess, key = wrong(code_of(run.payments[0])), str(uuid4())
    first = check(at_counter, guess, key=key)
    assert (first["outcome"], first["code"], first["tries_left"]) == (
        "refused",
        "redemption.not_recognised",
        4,
    )
    assert check(at_counter, guess, key=key) == first
    assert check(at_counter, guess)["tries_left"] == 3
    with offices.transaction("dz") as session:
        assert (
            session.scalars(
                select(CodeIssue.wrong_secrets).order_by(CodeIssue.wrong_secrets)
            ).all()[-1]
            == 2
        )


def test_an_unknown_locator_is_answered_like_a_wrong_secret(
    at_counter: Caller, run: Issued
) -> None:
    with offices.transaction("dz") as session:
        unknown = nobodys(session)
    assert check(at_counter, unknown) == check(teller_calling(), wrong(code_of(run.payments[0])))


def test_a_teller_gives_a_code_up(at_counter: Caller, run: Issued) -> None:
    held = check(at_counter, code_of(run.payments[0]))
    assert at_counter.post(f"/redemptions/{held['authorisation_id']}/release").status_code == 204
    refused = at_counter.post(f"/redemptions/{held['authorisation_id']}/confirm")
    assert (refused.status_code, refused.json()["code"]) == (409, "redemption.not_held")
    assert check(teller_calling(), code_of(run.payments[0]))["outcome"] == "authorised"


def test_another_tellers_hold_does_not_exist_for_one(at_counter: Caller, run: Issued) -> None:
    held = check(at_counter, code_of(run.payments[0]))
    for act in ("confirm", "release"):
        answer = teller_calling().post(f"/redemptions/{held['authorisation_id']}/{act}")
        assert (answer.status_code, answer.json()["code"]) == (
            404,
            "redemption.unknown_authorisation",
        )


def test_staff_replace_and_block_codes_without_seeing_them(supervisor: Caller, run: Issued) -> None:
    payment, old = run.payments[0], code_of(run.payments[0])
    new = supervisor.post(f"/payments/{payment}/reissue-code", {"reason": "never arrived"})
    assert new.status_code == 200, new.text
    assert new.json()["locator"] == code_of(payment).replace(".", "")[:5]
    assert check(teller_calling(), old)["code"] == "redemption.replaced"
    reader = Caller(create_app(), token_for(make_user("auditor", Role.AUDITOR)))
    standing = reader.get(f"/payments/{payment}/code").json()
    assert (standing["state"], standing["reissues"]) == ("issued", 1)
    blocked = supervisor.post(f"/payments/{payment}/lock-code", {"reason": "telephone stolen"})
    assert blocked.status_code == 204, blocked.text
    assert check(teller_calling(), code_of(payment))["code"] == "redemption.locked"
    code = code_of(payment).replace(".", "")
    assert code not in new.text + str(standing)
    assert reader.get(f"/payments/{uuid4()}/code").status_code == 404


def test_a_supervisor_vouches_over_http(
    supervisor: Caller, at_counter: Caller, run: Issued
) -> None:
    code = code_of(run.payments[0])
    vouched = supervisor.post(
        f"/codes/{code.replace('.', '')[:5]}/vouch", {"reason": "known for years"}
    )
    assert vouched.status_code == 200, vouched.text
    assert check(at_counter, code, factor="")["outcome"] == "authorised"


def test_a_teller_signs_in_again_after_being_moved(supervisor: Caller) -> None:
    who = teller()
    caller = Caller(create_app(), token_for(who.id or uuid4(), "teller"))
    assert caller.get("/redemptions/mine").status_code == 200
    oran = supervisor.post(
        "/counter-offices", {"provider": "post_office", "code": "31", "name": "Oran"}
    )
    moved = supervisor.post(f"/tellers/{who.id}/move", {"office_id": oran.json()["id"]})
    assert moved.json()["office_id"] == oran.json()["id"]
    assert caller.get("/redemptions/mine").status_code == 401
    assert supervisor.post(f"/tellers/{who.id}/unlock").status_code == 204
    assert supervisor.post(f"/tellers/{who.id}/disable").json()["disabled_at"]
    assert supervisor.post(f"/counter-offices/{oran.json()['id']}/close").json()["closed_at"]


def test_what_cannot_be_read_is_refused_without_repeating_it(
    at_counter: Caller, run: Issued
) -> None:
    secret = code_of(run.payments[0])
    for body in ({"code": secret * 20, "factor": "x"}, {"code": [secret]}, {"kode": secret}):
        answer = at_counter.post("/redemptions/authorise", body)
        assert answer.status_code == 422
        assert secret not in answer.text


@pytest.fixture
def overheard(run: Issued, caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Everything that is logged or given to the database within the test."""
    caplog.set_level(logging.DEBUG)
    heard: list[str] = []

    def listen(*given: Any) -> None:
        heard.append(f"{given[2]} {given[3]!r}")

    event.listen(db.engine("dz"), "before_cursor_execute", listen)
    yield heard
    event.remove(db.engine("dz"), "before_cursor_execute", listen)


def test_no_code_is_ever_kept_logged_or_told(
    run: Issued, owner: Engine, overheard: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caller = teller_calling()
    supervisor = Caller(create_app(), token_for(make_user("supervisor", Role.TELLER_SUPERVISOR)))
    codes = [code_of(payment) for payment in run.payments]
    answers = [check(caller, wrong(codes[0])), check(caller, codes[1], "mountain")]
    answers += [check(caller, codes[2][:-1] + str((int(codes[2][-1]) + 1) % 10))]
    held = check(caller, codes[3])
    answers += [held, caller.post(f"/redemptions/{held['authorisation_id']}/confirm").json()]
    answers += [
        supervisor.post(f"/payments/{run.payments[4]}/reissue-code", {"reason": "lost it"}).json()
    ]
    answers += [check(caller, codes[4]), check(caller, code_of(run.payments[4]))]
    codes += [code_of(run.payments[4])]
    rows = _rows(owner)
    with offices.transaction("dz") as session:
        assert session.scalars(select(Payout.payment_id)).all() == [run.payments[3]]
    places = {
        "answers": str(answers), "log": caplog.text, "statements": " ".join(overheard), "database": str(rows)
    }  # fmt: skip
    assert all(places.values())
    assert [
        (place, trace)
        for place, kept in places.items()
        for trace in _traces(codes)
        if trace in kept
    ] == []
    parts = {code.replace(".", "")[cut] for code in codes for cut in (slice(5, 11), slice(5, 12))}
    assert [name for row in rows for name, value in row.items() if str(value) in parts] == []


def _traces(codes: Sequence[str]) -> list[str]:
    """Each code as it could have been written down."""
    plain = [code.replace(".", "") for code in codes]
    return [
        *codes,
        *(code.replace(".", " ") for code in codes),
        *plain,
        *(code[:-1] for code in plain),
    ]


def _rows(owner: Engine) -> list[dict[str, object]]:
    """Every row of every table of the office."""
    with owner.connect() as connection:
        metadata = MetaData()
        metadata.reflect(connection, schema="dz")
        return [
            row
            for table in metadata.sorted_tables
            for row in connection.execute(text(f"SELECT to_jsonb(t) FROM {table.name} t")).scalars()
        ]
