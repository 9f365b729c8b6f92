"""Two agencies find out whom both know, and neither learns anything else."""

import base64
import re
import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, select, update
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from cbi import clock, offices
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.cli import app as terminal
from cbi.proofs.linkage import on_record_once
from cbi.registry.disclosing import disclosing
from cbi.registry.disclosing.disclosing import MoreThanApproved, NothingAllowsIt
from cbi.registry.linkage import exchange
from cbi.registry.linkage.asking import TooManyQuestions
from cbi.registry.linkage.exchange import UnusableExchangeFile, UnusableExchangeKey
from cbi.registry.linkage.models import ExchangeDay
from cbi.settings import settings
from tests.disclosing import agreed
from tests.factories import colleague
from tests.flow.people import PASSWORD, actor_of, make_user
from tests.flow.test_linkage import register

KEY = base64.b64decode(b"c2hhcmVkIGJ5IHR3byBhZ2VuY2llcyBmb3IgYSB0ZXN0")
OURS = (
    "A1;Mohamed Benali;0550000001;ar;4;Oran;M;1990-05-04;AB-123456;lemon",
    "A2;Khadija Mansouri;0550000003;fr;2;Oran;F;1984-02-20;;lemon",
    "A3;Karim Haddad;0550000005;ar;3;Oran;M;1980-02-03;ZZ900900;lemon",
    "A4;Leila Cherif;0550000009;fr;3;Oran;F;1975-07-07;;lemon",
)
THEIRS = (
    "X1;Somebody Else;0661000001;ar;1;Bechar;M;1966-01-09;ab 123456;lemon",
    "X2;خديجة منصوري;0661000002;ar;6;Bechar;F;1984-02-20;;lemon",
    "X3;Another Person;+213 550 00 00 05;ar;6;Bechar;F;1984-12-12;;lemon",
)


def file_of(session: Session, *rows: str) -> list[str]:
    """What an agency with these people would send; nothing of it stays here."""
    manager = colleague(session, Role.PROGRAMME_MANAGER).actor
    undo = session.begin_nested()
    register(session, colleague(session, Role.REGISTRATION_OFFICER).actor, *rows)
    lines = list(exchange.export(session, manager, KEY, agreed(session)))
    undo.rollback()
    return lines


def test_the_intersection_is_right_by_document_telephone_and_name(session: Session) -> None:
    lines = file_of(session, *THEIRS)
    manager = colleague(session, Role.PROGRAMME_MANAGER).actor
    register(session, colleague(session, Role.REGISTRATION_OFFICER).actor, *OURS)
    told = exchange.check(session, manager, lines, KEY, agreed(session))
    assert {number: shared for _, number, shared in told.people} == {
        "A1": ("document",), "A2": ("name",), "A3": ("phone",),
    }  # fmt: skip
    assert told.theirs == {"document": 1, "phone": 3, "name": 3}
    entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "exchange.checked")).one()
    assert entry.details["people"] == 3


def test_the_file_holds_no_plain_value_no_order_and_nothing_to_compare_two_files_by(
    session: Session,
) -> None:
    first, second = file_of(session, *OURS), file_of(session, *OURS)
    heading, *lines = first
    assert re.fullmatch(r"cbi-exchange 1 key [0-9a-f]{8} salt [0-9a-f]{32}", heading)
    assert all(re.fullmatch(r"(document|phone|name) [0-9a-f]{64}", line) for line in lines)
    assert lines == sorted(lines)
    assert not set(lines) & set(second)
    everything = "\n".join(first).lower()
    for secret in ("benali", "mohamed", "mhmd", "123456", "550000001", "1990", "oran", "a1;"):
        assert secret not in re.sub(r"[0-9a-f]{32,}", "", everything)


def test_another_key_and_other_files_are_refused(session: Session) -> None:
    lines = file_of(session, *OURS)
    manager = colleague(session, Role.PROGRAMME_MANAGER).actor
    with pytest.raises(UnusableExchangeKey):
        exchange.check(session, manager, lines, secrets.token_bytes(32), agreed(session))
    for wrong in ([], ["Name;Phone"], [*lines, "Mohamed Benali"]):
        with pytest.raises(UnusableExchangeFile):
            exchange.check(session, manager, wrong, KEY, agreed(session))
    for short in ("", "c2hvcnQ=", "not base64 at all!"):
        with pytest.raises(UnusableExchangeKey):
            exchange.key_in(short)
    with pytest.raises(NotPermitted):
        list(exchange.export(session, colleague(session, Role.REGISTRATION_OFFICER).actor, KEY, 1))


def test_only_yes_or_no_goes_back_and_nobody_tries_all_names(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = file_of(session, *THEIRS)
    manager = colleague(session, Role.PROGRAMME_MANAGER).actor
    register(session, colleague(session, Role.REGISTRATION_OFFICER).actor, *OURS)
    heading, *told = exchange.answer(session, manager, lines, KEY, agreed(session))
    assert heading.startswith("cbi-answer 1 key ")
    assert {line.rpartition(" ")[0] for line in told} == set(lines[1:]), (
        "their hashes, none of ours"
    )
    assert sorted(line.split()[0] for line in told if line.endswith(" yes")) == [
        "document", "name", "phone",
    ]  # fmt: skip
    entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "exchange.answered")).one()
    assert entry.details["yes"] == {"document": 1, "phone": 1, "name": 1}
    monkeypatch.setenv("CBI_EXCHANGE_LINES_A_DAY", "20")
    settings.cache_clear()
    exchange.check(session, manager, lines, KEY, agreed(session))
    with pytest.raises(TooManyQuestions, match="14 were today; 20 a day"):
        exchange.check(session, manager, lines, KEY, agreed(session))
    broken = [each for check in on_record_once for each in check(session)]
    assert broken == []
    (day,) = session.scalars(select(ExchangeDay)).all()
    assert (day.lines, day.key_name) == (14, heading.split()[3])
    with clock.frozen(clock.now() + timedelta(days=1)):
        exchange.check(session, manager, lines, KEY, agreed(session))
    session.execute(update(ExchangeDay).values(lines=1))
    (said,) = [each for check in on_record_once for each in check(session)]
    assert "21 hashes of another agency were answered, and 2 are counted" in said


def test_hashes_at_the_terminal(
    database: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = make_user("officer", Role.REGISTRATION_OFFICER)
    make_user("manager", Role.PROGRAMME_MANAGER)
    with offices.transaction("dz") as session:
        register(session, actor_of(officer), *OURS)
        agreement = agreed(session)
    key, file = tmp_path / "shared.key", tmp_path / "ours.txt"
    key.write_text(base64.b64encode(KEY).decode())
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)

    def run(*words: str) -> str:
        done = CliRunner().invoke(
            terminal,
            [
                "registry", "exchange", *words, "--key-file", str(key), "--user", "manager",
                "--disclosure", str(agreement),
            ],
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        return done.output

    assert "10 hashes" in run("export", str(file))
    assert "4 of our people" in run("check", str(file))
    assert '"A4"' in run("check", str(file), "--json")
    answers = tmp_path / "answers.txt"
    assert "10 answers" in run("answer", str(file), str(answers))
    assert answers.read_text().count(" yes\n") == 10


def test_no_hash_leaves_without_an_agreement_that_the_legal_officer_approved(
    session: Session,
) -> None:
    manager = colleague(session, Role.PROGRAMME_MANAGER).actor
    number = agreed(session)
    for act in (
        lambda at: list(exchange.export(session, manager, KEY, at)),
        lambda at: list(exchange.answer(session, manager, [], KEY, at)),
        lambda at: exchange.check(session, manager, [], KEY, at),
    ):
        with pytest.raises(NothingAllowsIt):
            act(number + 1)
    list(exchange.export(session, manager, KEY, number))
    legal = colleague(session, Role.LEGAL_OFFICER).actor
    disclosing.revoke(session, legal, number, "The agreement ended.")
    with pytest.raises(NothingAllowsIt, match="revoked"):
        list(exchange.export(session, manager, KEY, number))


def test_no_more_people_are_told_about_than_the_legal_officer_approved(session: Session) -> None:
    manager = colleague(session, Role.PROGRAMME_MANAGER).actor
    theirs = file_of(session, *THEIRS)
    register(session, colleague(session, Role.REGISTRATION_OFFICER).actor, *OURS)
    with pytest.raises(MoreThanApproved, match="3 people at most, and these are 4"):
        list(exchange.export(session, manager, KEY, agreed(session, most=3)))
    with pytest.raises(MoreThanApproved, match="2 people at most, and these are 3"):
        list(exchange.answer(session, manager, theirs, KEY, agreed(session, most=2)))
    assert len(list(exchange.export(session, manager, KEY, agreed(session, most=4)))) > 4
