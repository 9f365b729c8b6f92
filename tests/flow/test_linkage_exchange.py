"""Two agencies find out whom both know, and neither learns anything else."""

import base64
import re
import secrets
from pathlib import Path

import pytest
from sqlalchemy import URL, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from cbi import offices
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.cli import app as terminal
from cbi.registry.linkage import exchange
from cbi.registry.linkage.exchange import UnusableExchangeFile, UnusableExchangeKey
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
    lines = list(exchange.export(session, manager, KEY))
    undo.rollback()
    return lines


def test_the_intersection_is_right_by_document_telephone_and_name(session: Session) -> None:
    lines = file_of(session, *THEIRS)
    manager = colleague(session, Role.PROGRAMME_MANAGER).actor
    register(session, colleague(session, Role.REGISTRATION_OFFICER).actor, *OURS)
    told = exchange.check(session, manager, lines, KEY)
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
        exchange.check(session, manager, lines, secrets.token_bytes(32))
    for wrong in ([], ["Name;Phone"], [*lines, "Mohamed Benali"]):
        with pytest.raises(UnusableExchangeFile):
            exchange.check(session, manager, wrong, KEY)
    for short in ("", "c2hvcnQ=", "not base64 at all!"):
        with pytest.raises(UnusableExchangeKey):
            exchange.key_in(short)
    with pytest.raises(NotPermitted):
        list(exchange.export(session, colleague(session, Role.REGISTRATION_OFFICER).actor, KEY))


def test_hashes_at_the_terminal(
    database: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = make_user("officer", Role.REGISTRATION_OFFICER)
    make_user("manager", Role.PROGRAMME_MANAGER)
    with offices.transaction("dz") as session:
        register(session, actor_of(officer), *OURS)
    key, file = tmp_path / "shared.key", tmp_path / "ours.txt"
    key.write_text(base64.b64encode(KEY).decode())
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)

    def run(*words: str) -> str:
        done = CliRunner().invoke(
            terminal, ["registry", "exchange", *words, "--key-file", str(key), "--user", "manager"]
        )
        assert done.exit_code == 0, done.output
        return done.output

    assert "10 hashes" in run("export", str(file))
    assert "4 of our people" in run("check", str(file))
    assert '"A4"' in run("check", str(file), "--json")
