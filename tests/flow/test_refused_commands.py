"""What `cbi` says when it will not do something: a sentence and exit code 1, or how to call it and exit code 2."""

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
import typer
from sqlalchemy import URL
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner

from cbi import clock, db, offices
from cbi.access import users
from cbi.access.permissions import Role
from cbi.cli import app, main
from cbi.ledger.queries import fund_positions
from cbi.settings import settings
from tests.factories import EVERYTHING, funded_programme, households, locked_run, team

PASSWORD = "seven lanterns over the water"
STAFF = {
    "tala": Role.TREASURER, "marc": Role.PROGRAMME_MANAGER, "rania": Role.REGISTRATION_OFFICER,
    "amina": Role.CERTIFIER, "sami": Role.TELLER_SUPERVISOR, "ines": Role.ADMINISTRATOR,
}  # fmt: skip


Words = tuple[str, ...]


@dataclass
class Terminal:
    """The command's own entry point, called in this process."""

    patch: pytest.MonkeyPatch
    screen: pytest.CaptureFixture[str]

    def call(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of `cbi …`. Anything but an exit is a traceback to a user."""
        self.patch.setattr(sys, "argv", ["cbi", *words])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        shown = self.screen.readouterr()
        return code, shown.out, shown.err

    def refused(self, command: str) -> str:
        """The sentence with which a command is refused."""
        code, out, err = self.call(*shlex.split(command))
        assert (code, out) == (1, ""), (command, code, out, err)
        assert err.startswith("Refused: "), err
        assert err.strip().endswith((".", ":", "?")) or "cbi " in err, err
        return err


@pytest.fixture
def cbi(
    database: URL, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Terminal:  # fmt: skip
    """The terminal of an office with six members of staff who share a password, in a folder with some bad files."""
    with offices.transaction("dz") as session:
        for name, role in STAFF.items():
            users.create_user(
                session, EVERYTHING, username=name, full_name="A B", password=PASSWORD, roles=[role]
            )
    for name, content in {
        "empty": b"", "binary": bytes(range(256)) * 4, "latin.yaml": "source: é".encode("latin-1"),
        "list.csv": b"Registration number,Name,Phone [home],Household size\nR-1,A Name,0550123456,1\n",
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)
    monkeypatch.setenv("CBI_NEW_PASSWORD", "nine boats beside the harbour")
    return Terminal(monkeypatch, capsys)


NO_OFFICE = "00000000-0000-0000-0000-000000000000"
REFUSALS = {
    "fund list --office nowhere": "no office 'nowhere'",
    "verify --office 'dz; DROP SCHEMA dz'": "no office",
    "verify --office '[/red] [bold]'": r"no office '\[/red\] \[bold\]'",
    "office create dz --currency DZD --timezone Africa/Algiers --hotline 3030": "is an office 'dz'",
    "office create xx --currency XXX --timezone Africa/Algiers --hotline 3030": "'XXX' is not a currency",
    "office create q1 --currency EUR --timezone Mars/Here --hotline 3030": "no time zone 'Mars/Here'",
    "office create 9 --currency EUR --timezone Europe/Paris --hotline 3030": "'9' cannot name an office",
    "office create fr --currency EUR --timezone Europe/Paris --hotline none": "cannot be the hotline",
    "user create first Somebody --first": "has users already",
    "user create boss Somebody --roles boss --user ines": "no role boss",
    "user create nina Somebody --roles certifier --user marc": "not have the permission",
    "user create nina Somebody --roles certifier,teller_supervisor --user ines": "cannot be teller_supervisor and",
    "registry import empty --user rania": "file is empty",
    "registry import binary --user rania": "NUL bytes",
    "registry import list.csv --user rania": r"no column 'Phone'",
    "registry import list.csv --mapping latin.yaml --user rania": "not UTF-8",
    "registry import list.csv --mapping empty --user rania": "file is empty",
    "registry import list.csv --user marc": "not have the permission",
    "programme apply empty --user marc": "file is empty",
    "programme apply latin.yaml --user marc": "not UTF-8",
    "programme apply binary --user marc": "nothing was changed",
    "cycle open nope 2026-01 --user marc": "no programme 'nope'",
    "run build nope 2026-01 --user marc": "no programme 'nope'",
    "run show 99": "no payment run 99",
    "run show 99999999999999999999": "NumericValueOutOfRange",
    "run certify 99 --code 123456 --user amina": "no payment run 99",
    "statement import empty --user tala": "file is empty",
    "statement import binary --user tala": "of the statement: there are bytes",
    "statement import empty --provider nowhere --user tala": "not use the provider 'nowhere'",
    "reconcile --provider nowhere --user tala": "not use the provider 'nowhere'",
    "counter create-office 101 Main --provider nowhere --user sami": "not use the provider 'nowhere'",
    "counter create-office 101 Main --provider sandbox --user sami": "not pay over a counter",
    "counter set-password nobody --user sami": "no teller of that name",
    "counter set-password nobody --user tala": "not have the permission",
    f"counter no-cash {NO_OFFICE} --user sami": "no such office",
    f"counter no-cash {NO_OFFICE} --amount 1,000 --user sami": "without guessing",
    f"counter no-cash {NO_OFFICE} --user tala": "not have the permission",
    "counter short-of-cash --user rania": "not have the permission",
    "counter redeem --teller nobody": "not right",
    "phone 12": "not a telephone number",
    "fund prefund nowhere 1 --currency DZD --reference V1 --user tala": "not use the provider 'nowhere'",
    "fund prefund post_office 1 --currency XXX --reference V1 --user tala": "'XXX' is not a currency",
    "fund receive nofund 1 --reference B1 --user tala": "no fund 'nofund'",
}  # fmt: skip


def test_every_refusal_is_a_sentence_and_exit_code_1(cbi: Terminal) -> None:
    for command, why in REFUSALS.items():
        assert re.search(why, cbi.refused(command)), command


AMOUNTS = (
    "12345678901234567890", "1,000", "1.000,50", "1e3", "0", "0.001", "ten", "''", "'1 DZD'", "-- -1", "-- -1.00"
)  # fmt: skip


def test_an_amount_that_cannot_be_meant_books_nothing(cbi: Terminal) -> None:
    with offices.transaction("dz") as session:
        funded_programme(session)
        before = fund_positions(session)
    for amount in AMOUNTS:
        for where in (
            "receive --reference B-9 --user tala echo-26", "allocate --reference M-9 --user tala winter",
            "prefund --currency DZD --reference V-9 --user tala post_office",
        ):  # fmt: skip
            cbi.refused(f"fund {where} {amount}")
    with offices.transaction("dz") as session:
        assert fund_positions(session) == before


def test_amounts_are_read_in_any_digits(cbi: Terminal) -> None:
    with offices.transaction("dz") as session:
        funded_programme(session)
    receive = ("fund", "receive", "echo-26", "\u200f٥٠٠٫٢٥", "--reference", "B-9", "--user", "tala")
    assert cbi.call(*receive)[:2] == (0, "Booked.\n")
    assert "nothing changed" in cbi.call(*receive)[1]
    with offices.transaction("dz") as session:
        assert fund_positions(session)[0].received.decimal == "2000500.25"


WRONG_CALLS = (
    "", "nonsense", "run", "run nonsense", "run show", "run show x", "fund receive", "fund receive a 1",
    "registry import not-there.csv", "registry import .", "registry decide 5 same --reason x", "run list --nonsense",
    "fund prefund post_office -1 --currency DZD --reference V1",
)  # fmt: skip


def test_a_wrong_way_to_call_it_is_exit_code_2(cbi: Terminal) -> None:
    for command in WRONG_CALLS:
        assert cbi.call(*command.split())[0] == 2, command


def test_a_wrong_password_five_times_pauses_the_user_also_with_the_right_one(
    cbi: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = "discrepancy list --json --user tala"
    for _ in range(5):
        monkeypatch.setenv("CBI_PASSWORD", "a guess that is wrong")
        assert "not right, or signing in is paused" in cbi.refused(look)
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)
    assert "signing in is paused" in cbi.refused(look)
    assert cbi.call(*["discrepancy", "list", "--json", "--user", "marc"])[0] == 0
    with clock.frozen(clock.now() + timedelta(minutes=16)):
        assert cbi.call(*look.split())[0] == 0


def test_a_wrong_one_time_code_five_times_pauses_the_signer_although_the_password_is_right(
    cbi: Terminal,
) -> None:
    with offices.transaction("dz") as session:
        households(session, [1])
        run = locked_run(session, team(session), funded_programme(session))
    authenticator = pyotp.TOTP(cbi.call("user", "authenticator", "--user", "amina")[1].split()[-1])
    assert "already" in cbi.refused("user authenticator --user amina")
    with clock.frozen(clock.now()):
        right = authenticator.at(clock.now())
        certify = f"run certify {run.number} --user amina --code "
        for guess in range(1, 6):
            wrong = f"{(int(right) + guess * 150_000) % 10**6:06d}"
            assert "one-time code is not right" in cbi.refused(certify + wrong)
        assert "paused" in cbi.refused(certify + right)
    later = clock.now() + timedelta(minutes=16)
    with clock.frozen(later):
        certified = cbi.call(*f"{certify}{authenticator.at(later)}".split())
    assert (certified[0], "certified, 1 payments" in certified[1]) == (0, True)


def test_a_database_that_does_not_answer_is_said_in_a_sentence(
    cbi: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBI_DATABASE_URL", "postgresql://cbi_app:hidden-word@127.0.0.1:9/nowhere")
    db.disconnect()
    settings.cache_clear()
    said = cbi.refused("fund list --office dz")
    assert "The database does not answer" in said
    assert "hidden-word" not in said
    code, out, _ = cbi.call("doctor")
    assert (code, "hidden-word" in out) == (1, False)
    assert "wrong  The database cannot be used" in out


def commands(
    command: object, path: Words = ()
) -> Iterator[tuple[Words, TyperCommand | TyperGroup]]:
    """Every command and group, with the words that lead to it."""
    assert isinstance(command, TyperCommand | TyperGroup)
    yield path, command
    if isinstance(command, TyperGroup):
        for name, each in command.commands.items():
            yield from commands(each, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example_that_fits_it(path: Words) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    command = ALL[path]
    if isinstance(command, TyperGroup):
        return
    assert "Example: cbi" in shown.output
    example = re.search(r"Example: cbi ([^\n]+)", command.help or "")
    assert example, command.help
    words = shlex.split(example[1])
    assert tuple(words[: len(path)]) == path
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known
    needed = [
        each for each in command.params if each.required and each.param_type_name == "argument"
    ]
    assert len([word for word in words[len(path) :] if not word.startswith("--")]) >= len(needed)
