"""What the counter's pages refuse, in which words, and that the code is left nowhere whatever became of it."""

import re
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import URL, Engine, select, text

from cbi import offices
from cbi.app import create_app
from cbi.redemption.models import Authorisation, CodeIssue, CounterTry
from cbi.redemption.states import TryResult
from tests.flow.at_counter import check, count, held, signed_in
from tests.flow.browsing import Browsing
from tests.flow.searching import dump, every_log, traces
from tests.redemption_factory import (
    WORD,
    Issued,
    code_of,
    confirm,
    hold,
    nobodys,
    refused,
    teller,
    try_code,
    wrong,
)


@pytest.fixture
def app(run: Issued) -> FastAPI:
    """The application over a run of six codes of 4,000 dinars each."""
    return create_app()


def test_a_slip_is_called_a_slip_and_costs_nothing(app: FastAPI, run: Issued) -> None:
    visitor, code = signed_in(app), code_of(run.payments[0])
    slip = code[:-1] + str((int(code[-1]) + 1) % 10)
    for typed, said in (
        (slip, "A digit was mistyped, or two were swapped."),
        (code[:-1], "A code has 12 digits, and 11 were typed."),
        (code + "x", "A code has digits only"),
        ("1" * 100, "That is too long for a code."),
    ):
        check(visitor, typed)
        assert said in visitor.words
        assert "This cost no try." in visitor.words
        assert typed not in visitor.words
    with offices.transaction("dz") as session:
        assert set(session.scalars(select(CounterTry.result))) == {TryResult.MISTYPED}
        assert set(session.scalars(select(CodeIssue.wrong_secrets))) == {0}


def test_a_wrong_code_is_counted_once_for_a_double_click(app: FastAPI, run: Issued) -> None:
    visitor, guess = signed_in(app), wrong(code_of(run.payments[0]))
    form = visitor.filled("/counter", code=guess, factor=WORD)
    for _ in range(2):
        assert visitor.ask("POST", "/counter", data=form).headers["location"] == "/counter"
        visitor.get("/counter")
        assert "This code is not recognised." in visitor.words
        assert "Wrong tries left before a pause: 4." in visitor.words
    assert count(CounterTry) == 1


def test_the_person_is_told_apart_blind(app: FastAPI, run: Issued) -> None:
    visitor, code = signed_in(app), code_of(run.payments[0])
    check(visitor, code, "")
    assert "The code is right, but the person has not said anything yet." in visitor.words
    check(visitor, code, "lily")
    assert "Ask for the word they chose when they registered" in visitor.words
    assert "Tries left: 2." in visitor.words
    assert WORD not in visitor.words
    check(visitor, code, "rose")
    check(visitor, code, "iris")
    assert "wrong too often. → Do not pay. Call the supervisor" in visitor.words
    check(visitor, code)
    assert "wrong too often" in visitor.words
    assert count(Authorisation) == 0


def to_locked(run: Issued, code: str) -> None:
    """Five tellers' guesses."""
    for by in range(1, 6):
        assert refused(try_code(teller(), wrong(code, by))) == "redemption.not_recognised"


def to_paid(run: Issued, code: str) -> None:
    """Paid at another counter."""
    who = teller("Hydra")
    confirm(who, hold(who, code).authorisation_id)


def to_held(run: Issued, code: str) -> None:
    """In another teller's hands, now."""
    hold(teller("Hydra"), code)


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        (to_locked, "This code is locked"),
        (to_paid, "Paid already: on"),
        (to_held, "Another teller has this code: it is reserved at Hydra until"),
    ],
)
def test_a_dead_code_is_refused_with_what_to_do_next(
    app: FastAPI, run: Issued, meanwhile: Callable[[Issued, str], None], said: str
) -> None:
    visitor, code = signed_in(app), code_of(run.payments[0])
    meanwhile(run, code)
    answer = check(visitor, code)
    assert said in visitor.words
    assert "Do not pay." in visitor.words
    assert 'data-code="redemption.' in answer.text


def test_too_many_wrong_codes_pause_the_teller_and_the_page_says_until_when(
    app: FastAPI, run: Issued
) -> None:
    visitor = signed_in(app)
    with offices.transaction("dz") as session:
        unknown = nobodys(session)
    for _ in range(5):
        check(visitor, unknown)
    assert "you have no wrong try left for now" in visitor.words
    check(visitor, code_of(run.payments[0]))
    assert re.search(r"you can try again at \d\d:\d\d\.", visitor.words)


def test_a_person_without_proof_is_paid_on_the_supervisors_word(
    app: FastAPI, run: Issued, owner: Engine
) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE persons SET factor = NULL, factor_kind = NULL"))
    visitor, code = signed_in(app), code_of(run.payments[0])
    check(visitor, code)
    assert "Call the supervisor, who can vouch for the person." in visitor.words
    with owner.begin() as connection:
        connection.execute(
            text("UPDATE code_issues SET vouched_by = gen_random_uuid(), vouched_until = now() + interval '9 minutes'")
        )  # fmt: skip
    visitor.get("/counter?vouched=yes")
    form = visitor.filled("/counter", code=code)
    assert "factor" not in form
    visitor.send("/counter", code=code)
    assert "Pay 4,000" in visitor.words


def test_the_code_is_left_nowhere(app: FastAPI, run: Issued, database: URL, owner: Engine) -> None:
    """Not in a table, a log, an address, a cookie, or an answer, also not of a page that refuses it."""
    answers: list[str] = []

    def keep(visitor: Browsing, answer: Response) -> Response:
        answers.append(f"{answer.headers} {answer.text} {visitor.cookies} {answer.request.url}")
        return answer

    codes = [code_of(payment) for payment in run.payments]
    with every_log() as trap:
        visitor = signed_in(app)
        slip = codes[0][:-1] + str((int(codes[0][-1]) + 1) % 10)
        for typed, factor in (
            (slip, WORD), (codes[0], "lily"), (codes[0], ""), (wrong(codes[0]), WORD), (codes[1] * 9, codes[1]),
            (f"{codes[1]} x", WORD), (codes[0], WORD), (codes[0], WORD),
        ):  # fmt: skip
            keep(visitor, check(visitor, typed, factor, follow=False))
            keep(visitor, visitor.get("/counter"))
        where = held(visitor, codes[0])
        keep(visitor, visitor.send(f"{where}/confirm"))
        for path in (where, "/counter", "/counter/day", "/"):
            keep(visitor, visitor.get(path))
        keep(visitor, check(visitor, codes[0]))
        keep(visitor, visitor.get("/counter"))
        form = visitor.filled("/counter", code=codes[2], factor=WORD)
        keep(visitor, visitor.ask("POST", "/counter", data={**form, "form_token": ""}))
        keep(visitor, visitor.ask("POST", "/counter", data={**form, "code": codes[2] * 30}))
        visitor.cookies.pop("cbi-session")
        keep(visitor, visitor.ask("POST", "/counter", data=form))
    assert trap.lines
    left = dict(dump(database)) | {"logs": "\n".join(trap.lines), "answers": "\n".join(answers)}
    found = [
        (place, how)
        for code in (*codes, slip)
        for place, content in left.items()
        if (how := traces(code, content))
    ]
    assert found == []
