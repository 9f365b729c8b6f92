"""No code, and nobody's name, number or document, is left anywhere but on the telephone and in the sealed registry."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import URL, Engine, select, text

from cbi import offices, queue
from cbi.access.permissions import Role
from cbi.registry import personal
from cbi.registry.intake import importing, reports
from cbi.registry.models import PaymentAccount, Person
from cbi.registry.referrals import deciding, receiving
from cbi.registry.referrals.receiving import Asked
from cbi.registry.scorecards import appeals
from tests.factories import EVERYTHING, colleague
from tests.flow.one_day import a_day
from tests.flow.one_office import (
    FIRST_NAMES,
    SPOILED,
    SPOILED_DOCUMENT,
    SPOILED_PHONE,
    SURNAME,
    Day,
    Recipient,
)
from tests.flow.searching import Overheard, dump, every_log, spellings, traces, workbook


def places(day: Day, owner: URL) -> dict[str, str]:
    """Everything that the day left behind, by what it is."""
    return dict(dump(owner)) | {
        "logs": "\n".join(day.trap.lines),
        "answers": "\n".join(day.answers),
        "report": day.report,
    }


def no_code_is_in(left: dict[str, str], codes: set[str]) -> None:
    """Nowhere, in no spelling, not even hashed."""
    assert [
        (place, found) for code in codes for place, content in left.items() if (found := traces(code, content))
    ] == []  # fmt: skip


def nothing_personal_is_in(left: dict[str, str], people: Sequence[Recipient]) -> None:
    """Nobody's name, number or document, also not as the bytes of a column that should be sealed."""
    secret = {*SPOILED.split(), SPOILED_PHONE, SPOILED_DOCUMENT, SURNAME}
    for person in people:
        bare = person.phone.removeprefix("+213")
        secret |= {FIRST_NAMES[person.at], bare, person.document, person.document[-4:]}
    assert all(each in left["report"] for each in secret)  # the officer's own list, given back
    whole = re.compile(
        "|".join(rf"(?<![\w-]){each}(?![\w-])|{each.encode().hex()}" for each in secret), re.IGNORECASE
    )  # fmt: skip
    assert [
        (place, whole.findall(content)) for place, content in left.items()
        if place != "report" and whole.search(content)
    ] == []  # fmt: skip


def write_about(person: Recipient) -> None:
    """Name a person and their document wherever colleagues write freely about people."""
    words = f"{FIRST_NAMES[person.at]} showed {person.document}."
    with offices.transaction("dz") as session:
        household = session.scalars(select(Person.household_id).order_by(Person.id).limit(1)).one()
        appeal = appeals.write(
            session, EVERYTHING, household, words, against=None, cycle_id=uuid4()
        )
        other = colleague(session, Role.PROTECTION_OFFICER, Role.REGISTRATION_OFFICER)
        appeals.decide(session, other.actor, appeal.id, appeals.STANDS, words)
        asked = Asked(name=words, size="1")
        number = receiving.register(session, asked, language="ar", agreed=True).number
        deciding.reject(session, other.actor, number, "other_service", words)


def test_no_code_and_nothing_personal_is_left_anywhere(database: URL, tmp_path: Path) -> None:
    with every_log() as trap:
        day = a_day(tmp_path, trap)
        write_about(day.people[0])
    codes, left = day.codes(), places(day, database)
    assert len(codes) == len(day.people) + 3  # three were replaced
    assert {"dz.code_issues", "dz.messages", "procrastinate.procrastinate_jobs"} <= left.keys()
    assert "sqlalchemy.engine" in left["logs"]
    assert "CODE_READY" in left["dz.messages"]
    assert not [answer for answer in day.answers if re.match(r"[A-Z]+ 5\d\d", answer)]
    no_code_is_in(left, codes)
    nothing_personal_is_in(left, day.people)
    with offices.transaction("dz") as session:  # and it is all there, for whoever has the key
        accounts = session.scalars(select(PaymentAccount.id)).all()
        assert sorted(personal.numbers(session, accounts).values()) == [
            each.phone for each in day.people
        ]
        names = personal.names(session, session.scalars(select(Person.id)).all())
        assert sorted(names.values()) == sorted(each.name for each in day.people)


PLANTED = "4831.2907.5526"


@pytest.mark.parametrize("spelling", spellings(PLANTED))
def test_the_search_finds_a_code_in_every_spelling(spelling: str) -> None:
    spelt = spellings(PLANTED)[spelling]
    assert spelling in traces(PLANTED, f"…{spelt}…")
    assert traces(PLANTED, "locator 48312 and receipt 9075526110") == []
    assert traces(PLANTED, "she said 9075526, I think") == ["without its locator"]


def test_the_search_finds_a_code_in_every_table_and_in_the_queue(
    database: URL, owner: Engine
) -> None:
    queue.prepare()
    with queue.queue().open() as app:
        queue.defer(app, "seal", PLANTED)
    with owner.begin() as intruder:
        for table, columns, values in (
            ("audit_entries", "at, actor_kind, act, subject_kind, subject_id, details",
             "now(), 'user', 'a', 's', '1', jsonb_build_object('said', CAST(:code AS text))"),
            ("answered_requests", "principal, key, fingerprint, received_at",
             "'user:1', 'k', CAST(:code AS bytea), now()"),
        ):  # fmt: skip
            intruder.execute(
                text(f"INSERT INTO {table} ({columns}) VALUES ({values})"),
                {"code": PLANTED.replace(".", "")},
            )
    assert {name for name, content in dump(database) if traces(PLANTED, content)} >= {
        "dz.audit_entries", "dz.answered_requests", "procrastinate.procrastinate_jobs"
    }  # fmt: skip


def test_the_search_finds_a_code_in_logs_answers_and_reports(database: URL, tmp_path: Path) -> None:
    with every_log() as trap:
        for name in ("sqlalchemy.engine.Engine", "procrastinate", f"made.{uuid4().hex}"):
            logging.getLogger(name).debug("parameters %r", (PLANTED,))
    assert sum(bool(traces(PLANTED, line)) for line in trap.lines) == 3
    answers: list[str] = []
    echoing = FastAPI()
    echoing.add_api_route("/api/v1/echo", lambda said: {"said": said})
    Overheard(echoing, None, answers).get("/echo", params={"said": PLANTED})
    assert traces(PLANTED, answers[0])
    source = tmp_path / "list.csv"
    source.write_text(
        f"Registration number,Name,Phone,Household size\nR-1,A Name,{PLANTED},1\nR-2,B Name,0550123456,1\n"
    )
    with offices.transaction("dz") as session:
        result = importing.import_file(session, EVERYTHING, source, filename="l", dry_run=True)
    reports.write_report(result, source, tmp_path / "report.xlsx")
    assert traces(PLANTED, workbook(tmp_path / "report.xlsx"))
