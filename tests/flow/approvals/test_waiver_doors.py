"""Waivers at the doors: pages in four languages, the API and the terminal; and an open one stands on every report."""

import inspect
import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select
from typer.main import get_command
from typer.testing import CliRunner

from cbi import cli, clock, console, offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.audit import sealing
from cbi.http.routing import API, OPEN_WAIVERS
from cbi.month_end import closing
from cbi.payments.models import Payment
from cbi.payments.signing import policies, waiver_register
from cbi.terminal import office as terminal_office
from tests.approval_factory import HEADINGS
from tests.factories import EVERYTHING, START, Colleague, office_day
from tests.flow.approvals.office import Office
from tests.flow.people import Caller, make_user, token_for

OPEN = "Waiver 1 (open, until"
"""How the sentence about the office's waiver begins: it lets a household of run 2 pass that has left."""


def caller(office: Office, name: str) -> Caller:
    actor_id = office.people[name].actor.id
    assert actor_id
    return Caller(office.app, token_for(actor_id))


def terminal(*words: str, user: str | None = None, password: str = "") -> Any:
    with pytest.MonkeyPatch.context() as patch:
        if user:
            patch.setenv("CBI_USER", user)
            patch.setenv("CBI_PASSWORD", password)
        return CliRunner().invoke(cli.app, list(words))


def asked(office: Office, control: str = "shared_account", **more: object) -> dict[str, object]:
    """What the API takes for a waiver of run 2, asked for by Tala at Dina's risk."""
    owner = office.people["dina"].actor.id
    today = office_day()
    usual: dict[str, object] = {
        "control": control, "programme": "winter", "run": 2, "reason": "One family", "evidence": "visit report 9",
        "risk_owner": str(owner), "first_day": today.isoformat(), "last_day": (today + timedelta(days=6)).isoformat(),
        "one_time_code": office.code("tala"),
    }  # fmt: skip
    return usual | more


@pytest.mark.parametrize(
    ("language", "title", "granted"),
    [
        ("en", "Waivers", "Waiver 2 is granted."),
        ("fr", "Dérogations", "La dérogation 2 est accordée."),
        ("ar", "الاستثناءات", "مُنح الاستثناء 2."),
        ("es", "Dispensas", "La dispensa 2 está concedida."),
    ],
)
def test_one_asks_and_another_grants_on_pages(
    office: Office, language: str, title: str, granted: str
) -> None:
    tala, dina = (office.at(name, language) for name in ("tala", "dina"))
    tala.get("/waivers")
    assert title in tala.words
    form = asked(office, at_most="2")
    tala.send(
        "/waivers", control="shared_account", programme="winter", run="2", at_most="2", reason="One family",
        evidence="visit report 9", owner=str(form["risk_owner"]), first=str(form["first_day"]),
        last=str(form["last_day"]), code=office.code("tala"),
    )  # fmt: skip
    assert not any(form.action == "/waivers/2/grant" for form in tala.forms)  # not one's own
    dina.get("/waivers")
    dina.send("/waivers/2/grant", code=office.code("dina"))
    assert granted in dina.words
    with offices.transaction("dz") as session:
        assert [each.number for each in waiver_register.in_use(session)] == [2, 1]


def test_a_waiver_is_refused_and_another_ended_on_pages(office: Office) -> None:
    caller(office, "tala").post("/waivers", asked(office))
    hana = office.at("hana")
    hana.get("/waivers")
    hana.send("/waivers/2/refuse", reason="Visit them first")
    assert "Waiver 2 is refused." in hana.words
    hana.send("/waivers/1/revoke", reason="They have not left")
    assert "Waiver 1 has ended." in hana.words
    assert "No control is waived." in hana.words
    amina = office.at("amina")
    amina.get(office.path)
    assert "Nobody can sign it like this." in amina.words
    amina.send(f"{office.path}/sign/certifier", code=office.code("amina"))
    assert "Run 2 is blocked: households are paid that are no longer active" in amina.words


@pytest.mark.parametrize("language", ["en", "fr", "ar", "es"])
def test_what_cannot_be_asked_is_told_in_the_readers_language(
    office: Office, language: str
) -> None:
    tala = office.at("tala", language)
    tala.get("/waivers")
    tala.send("/waivers", control="budget", programme="winter", code=office.code("tala"))
    answer = tala.get("/waivers")
    assert answer.status_code == 200


def test_whoever_has_not_opened_the_lists_signs_on_no_page_and_over_no_api(office: Office) -> None:
    user_id = make_user("certifier.two", Role.CERTIFIER)
    with offices.transaction("dz") as session:
        secret = totp.enrol(session, user_id)
    second = Colleague(EVERYTHING, secret)
    program = Caller(office.app, token_for(user_id))
    path = f"/payment-runs/{office.locked}"
    body = {"one_time_code": second.code(), "digest_seen": program.get(path).json()["digest"]}
    answer = program.post(f"{path}/certify", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "control.lists_unopened")
    for kind in (
        answer.json()["details"]["lists"] if "details" in answer.json() else answer.json()["lists"]
    ):
        found = program.get(f"{path}/findings/{kind}", params={"limit": 1}).json()
        assert set(found["items"][0]) == {
            "number",
            "household",
            "area",
            "together",
            "before",
            "after",
        }
    assert program.post(f"{path}/certify", body).json()["state"] == "certified"


def test_the_api_and_the_terminal_ask_grant_refuse_and_revoke(office: Office) -> None:
    tala, dina = caller(office, "tala"), caller(office, "dina")
    made = tala.post("/waivers", asked(office, households=["W-0011", "W-0012"]))
    assert (made.status_code, made.json()["state"], made.json()["households"]) == (201, "asked", 2)
    assert "W-0011" not in made.text
    granted = dina.post("/waivers/2/grant", {"one_time_code": office.code("dina")})
    assert granted.json()["state"] == "open"
    revoked = tala.post("/waivers/2/revocation", {"reason": "No longer so"})
    assert (revoked.json()["state"], revoked.json()["why"]) == ("revoked", "No longer so")
    assert {each["code"] for each in dina.get("/controls").json()} >= {"inactive", "amount_bounds"}
    never = tala.post("/waivers", asked(office, "separation_of_people"))
    assert (never.status_code, never.json()["code"]) == (403, "waiver.never")
    first = office_day()
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        told = terminal(
            "waiver", "ask", "open_duplicate", "--programme", "winter", "--reason", "Looked into", "--evidence",
            "note 4", "--risk-owner", "dina", "--first", str(first), "--last", str(first), "--code",
            office.code("tala"), user="tala", password=office.people["tala"].password,
        )  # fmt: skip
        assert "Somebody else grants it: cbi waiver grant 3" in told.output, told.output
        told = terminal(
            "waiver", "refuse", "3", "--reason", "Not needed", user="dina", password=office.people["dina"].password
        )  # fmt: skip
        assert "Waiver 3 is refused." in told.output
    (third, second, one) = json.loads(terminal("waiver", "list", "--json").stdout)
    assert [each["state"] for each in (third, second, one)] == ["refused", "revoked", "open"]
    assert "never" in terminal("waiver", "controls").output


def test_who_gets_more_than_one_person_may_stands_behind_the_warning(office: Office) -> None:
    signer = office.at("amina")
    signer.get(f"{office.path}/payees")
    assert "sets no such limit" in signer.words
    text = """
rules:
  - {currency: DZD, bands: [{steps: [certifier, authoriser]}]}
controls:
  payees: [{currency: DZD, at_most: "9000.00"}]
"""
    with offices.transaction("dz") as session:
        proposer, accepter = office.people["tala"].actor, office.people["dina"].actor
        made = policies.propose(session, proposer, text, office.code("tala"))
        policies.accept(session, accepter, made.version, office.code("dina"))
    signer.get(office.path)
    assert "than may be" in signer.words
    assert f'href="{office.path}/payees"' in signer.get(office.path).text
    signer.get(f"{office.path}/payees")
    assert "W-0008" in signer.words  # eight members in the first month, and in this one
    told = terminal(
        "run", "payees", "2", "--json", user="amina", password=office.people["amina"].password
    )  # fmt: skip
    found = json.loads(told.stdout)
    assert found["lines"][0]["household"] == "W-0008", told.output


def reading_commands() -> Iterator[tuple[str, ...]]:
    """Every command that looks into an office's tables."""

    def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
        for name, each in getattr(command, "commands", {}).items():
            yield from walk(each, (*path, name))
        if not hasattr(command, "commands"):
            yield path, command

    for path, command in walk(get_command(cli.app)):
        if "reading(" in inspect.getsource(inspect.unwrap(command.callback)):
            yield path


NOT_REPORTS = {("run", "release"), ("fx", "confirm-rate"), ("keys", "export"), ("keys", "import")}
"""Commands that do something, and say what they did."""
SPOKEN = {"payment show": "{payment}", "run check-list": "{list}", "tariff cost": "post_office 1000.00 DZD",
          "run show": "2", "programme history": "winter", "run undecided": "1",
          "books check": "{month}", "audit check": f"0:{'0' * 64}"}  # fmt: skip
"""What follows a command that needs more than its name."""


@pytest.mark.parametrize("path", sorted(set(reading_commands()) - NOT_REPORTS))
def test_an_open_waiver_stands_on_every_report_of_the_terminal(
    office: Office, path: tuple[str, ...], tmp_path: Path
) -> None:
    with offices.transaction("dz") as session:
        payment = session.scalars(select(Payment.id).limit(1)).one()
    listed = office.at("amina").get(f"{office.path}/list.txt")
    (tmp_path / "list.txt").write_bytes(listed.content)
    more = SPOKEN.get(" ".join(path), "").format(
        payment=payment, list=tmp_path / "list.txt", month=f"{START:%Y-%m}"
    )
    told = terminal(*path, *more.split())
    if path == ("tariff", "cost"):  # there is no tariff here, which is a refusal and no report
        return
    assert told.exit_code in {0, 1}, told.output
    assert OPEN in " ".join(told.output.split()), told.output


def test_every_other_command_with_a_table_passes_the_same_place() -> None:
    """`reading` and `working` are the only ways into an office from the terminal, and both look for open waivers."""
    for way in (terminal_office.reading, terminal_office.working):
        assert "_look_around(session)" in inspect.getsource(inspect.unwrap(way))


def test_an_open_waiver_is_in_what_programs_read_of_the_terminal(office: Office) -> None:
    sheet = json.loads(terminal("run", "show", "2", "--json").stdout)
    assert sheet["waivers"][0].startswith(OPEN)
    lines = terminal("run", "list", "--json")
    assert isinstance(json.loads(lines.stdout), list)
    assert OPEN in " ".join(lines.stderr.split())


def workbook(content: bytes) -> list[str]:
    """Every cell of a workbook's first sheet."""
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    return [str(cell) for row in sheet.iter_rows(values_only=True) for cell in row if cell]


TEMPLATES = Path(console.__file__).parent / "templates"
REPORTS = frozenset({"finance", "overview", "exports", "decisions", "work", "programmes"})
"""The areas of pages that are reports: a page of theirs stands on `report.html`, or is named below."""
OTHERS = frozenset(
    {
        "access", "approvals", "counter", "demo", "referrals", "registry_appeals", "registry_assessing", "waiting",
        "waivers", "registry_consent", "registry_households", "registry_lists",
        "registry_pairs", "registry_rows", "registry_scorecards",
    }
)  # fmt: skip
"""The areas of pages on which something is done: no reports, but what is named below."""
BY_ITSELF = {"overview/front.html": "waivers.open(", "approvals/sheet.html": "waivers.of_run("}
OUTSIDE = {
    "approvals/inbox.html": True, "approvals/payees.html": True, "exports/passphrase.html": False,
    "programmes/file.html": False,
}  # fmt: skip
"""Pages that are, or are not, a report unlike the rest of their area."""


def test_every_page_that_is_a_report_stands_on_the_template_that_tells_the_open_waivers() -> None:
    found = {path.parent.name for path in TEMPLATES.glob("*/*.html")}
    assert found == REPORTS | OTHERS, "say whether the pages of a new area are reports"
    for path in TEMPLATES.glob("*/*.html"):
        name, text = path.relative_to(TEMPLATES).as_posix(), path.read_text()
        is_page = text.startswith("{% extends")
        if name in BY_ITSELF:
            assert BY_ITSELF[name] in text
        elif is_page and OUTSIDE.get(name, path.parent.name in REPORTS):
            assert text.startswith('{% extends "report.html" %}'), name


PAGES = {
    "/": "amina", "/approvals": "amina", "/waivers": "amina", "": "amina", "/statements": "amina", "/discrepancies": "amina",
    "/payments": "amina", "/finance": "tala", "/finance/months": "tala", f"/finance/months/{START:%Y-%m}": "tala",
    "/programmes": "amina",
    "/programmes/winter": "amina", "/finance/owed-back": "tala", "/finance/tariffs": "tala",
    "/finance/standstill": "tala", "/exports": "paul",
}  # fmt: skip
"""Pages, and who reads them; the empty one is the sheet of the locked run."""
CONTROL = {
    "en": "Households that are no longer active", "fr": "Ménages qui ne sont plus actifs",
    "ar": "أسر لم تعد نشطة", "es": "Hogares que ya no están activos",
}  # fmt: skip


def test_an_open_waiver_stands_on_the_pages(office: Office) -> None:
    readers = {name: office.at(name) for name in set(PAGES.values())}
    for path, name in PAGES.items():
        assert readers[name].get(path or office.path).status_code == 200, path
        assert "Risk owner:" in readers[name].words, path
        assert CONTROL["en"] in readers[name].words, path


@pytest.mark.parametrize("language", CONTROL)
def test_a_report_names_the_open_waivers_in_the_readers_language(
    office: Office, language: str
) -> None:
    tala = office.at("tala", language)
    tala.get("/finance")
    assert CONTROL[language] in tala.words


ASKED_ABOUT = re.compile(r"\{\w+\}")


def test_whatever_the_api_lets_be_read_carries_the_numbers_of_the_open_waivers(
    office: Office,
) -> None:
    auditor, read = caller(office, "ada"), []
    described = office.app.openapi()["paths"]
    for path, operations in described.items():
        told = operations.get("get")
        if told and told.get("security"):
            assert OPEN_WAIVERS in told["responses"]["200"]["headers"], path
            if not ASKED_ABOUT.search(path):
                answer = auditor.ask("GET", path)
                assert (answer.headers.get(OPEN_WAIVERS) == "1") == answer.is_success, path
                read += [path.removeprefix(API)] * answer.is_success
    assert {"/funds", "/trial-balance", "/statements", "/discrepancies", "/month-closes"} < set(
        read
    )
    hana = office.at("hana")
    hana.get("/waivers")
    hana.send("/waivers/1/revoke", reason="They have not left")
    assert OPEN_WAIVERS not in auditor.get("/funds").headers


def test_an_open_waiver_stands_in_the_exports_and_in_the_closing_of_a_month(
    office: Office, tmp_path: Path
) -> None:
    amina = office.at("amina")
    about = workbook(amina.get(f"{office.path}/list.xlsx").content)
    assert any(cell.startswith(OPEN) for cell in about)
    api = caller(office, "amina")
    assert api.get("/overview").json()["waivers"][0].startswith(OPEN)
    sheet = api.get(f"/payment-runs/{office.locked}").json()
    assert sheet["waivers"][0].startswith(OPEN)
    assert next(each for each in sheet["cautions"] if each["code"] == "inactive")["waivers"] == [1]
    listed = tmp_path / "more.csv"
    row = "W-0099,Somebody,+213555000099,ar,3,Harbour,passport,DOC0099"
    listed.write_text(f"{HEADINGS}\n{row}\n")
    checked = tmp_path / "checked.xlsx"
    terminal(
        "registry", "import", str(listed), "--dry-run", "--report", str(checked), user="rania",
        password=office.people["rania"].password,
    )  # fmt: skip
    assert any(cell.startswith(OPEN) for cell in workbook(checked.read_bytes()))
    with offices.transaction("dz") as session, clock.frozen(START + timedelta(days=40)):
        month = f"{START:%Y-%m}"
        treasurer = office.people["tala"].actor
        lines = closing.check(session, treasurer, month)
        given = {
            line.check.value: "the auditor knows"
            for line in lines
            if not line.done and not line.must
        }
        if any(line.must and not line.done for line in lines):
            sealing.seal(session)
        close = closing.propose(session, treasurer, month, given)
        assert close.facts["waivers"][0].startswith("Waiver 1 (expired, until")
    tala = office.at("tala")
    tala.get(f"/finance/months/{START:%Y-%m}")
    assert "Waivers that held in this month" in tala.words
    assert "Waiver 1 (expired, until" in tala.words
