"""Cash for work over HTTP and at the terminal, from an activity to a payment cycle."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from openpyxl import load_workbook
from rich.console import Console
from sqlalchemy import URL
from typer.testing import CliRunner

from cbi import clock, offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.errors import CbiError
from cbi.terminal import output
from tests.factories import households
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.work_factory import CODE, NOW, days, filled, programme


@pytest.fixture(autouse=True)
def _february() -> Iterator[None]:
    with clock.frozen(NOW):
        yield


@pytest.fixture
def numbers(database: URL) -> list[str]:
    with offices.transaction("dz") as session:
        programme(session)
        return households(session, [4, 4, 4])


def secret_of(username: str, *roles: Role) -> tuple[Caller, str]:
    """Somebody at the HTTP door, and the secret of their one-time codes."""
    user_id = make_user(username, *roles)
    with offices.transaction("dz") as session:
        secret = totp.enrol(session, user_id)
    return Caller(create_app(), token_for(user_id)), secret


def test_work_over_http_from_the_activity_to_the_cycle(numbers: list[str]) -> None:
    manager, _ = secret_of("manager", Role.PROGRAMME_MANAGER)
    officer, _ = secret_of("officer", Role.REGISTRATION_OFFICER)
    signer, secret = secret_of("signer", Role.WORK_SUPERVISOR)
    at, group = (
        f"/programmes/{CODE}/activities",
        f"/programmes/{CODE}/activities/well/groups/group-a",
    )
    described = {
        "code": "well", "name": "The well", "area": "Harbour", "basis": "days", "starts_on": "2026-01-05",
        "ends_on": "2026-06-30", "supervisor": "signer",
    }  # fmt: skip
    assert officer.post(at, described).json()["code"] == "access.not_permitted"
    assert manager.post(at, described).status_code == 201
    assert manager.post(f"{at}/well/supervisor", {"supervisor": "officer"}).status_code == 422
    assert manager.post(f"{at}/well/groups", {"code": "group-a", "name": "A"}).status_code == 201
    people = {"people": [{"registration": n} for n in numbers], "joined_on": "2026-01-05"}
    assert manager.post(f"{group}/members", people).json() == {"added": 3}
    leaving = {"registration": numbers[2], "last_day": "2026-01-30"}
    assert manager.post(f"{group}/departures", leaving).status_code == 204
    members = signer.get(f"{group}/members").json()
    assert [(each["number"], each["left_on"]) for each in members] == [
        (1, None), (2, None), (3, "2026-01-30")
    ]  # fmt: skip
    assert [each["code"] for each in signer.get(at).json()["items"]] == ["well"]
    assert [each["code"] for each in signer.get(f"{at}/well/groups").json()["items"]] == ["group-a"]

    made = officer.post(f"{group}/sheets", {"period": "2026-01"}).json()
    number = made["number"]
    assert (made["version"], made["rows"], made["signed_at"]) == (0, 0, None)
    file = officer.get(f"/work-sheets/{number}/file", params={"language": "en"})
    assert file.headers["content-disposition"] == f'attachment; filename="work-sheet-{number}.xlsx"'
    wrong = filled(file.content, {numbers[0]: {"Day 5": "sick"}})
    refused = officer.post("/work-sheets/imports", files={"file": ("sheet.xlsx", wrong)})
    assert (refused.status_code, refused.json()["code"]) == (422, "work.sheet_refused")
    assert refused.json()["details"]["rows"][0]["line"] == 2
    right = filled(file.content, {numbers[0]: days(5), numbers[1]: days(2, half=True)})
    tried = officer.post(
        "/work-sheets/imports", files={"file": ("sheet.xlsx", right)}, data={"dry_run": "true"}
    )
    assert (tried.status_code, tried.json()["version"]) == (200, 1)
    taken = officer.post("/work-sheets/imports", files={"file": ("sheet.xlsx", right)})
    assert (taken.status_code, taken.json()["half_days"]) == (201, 15)

    shown = signer.get(f"/work-sheets/{number}").json()
    assert [line["earned"]["amount"] for line in shown["lines"]] == ["6000.00", "3000.00", "0.00"]
    assert numbers[0] == shown["lines"][0]["registration"]
    signature = {"one_time_code": pyotp.TOTP(secret).at(NOW), "digest_seen": shown["digest"]}
    assert officer.post(f"/work-sheets/{number}/signature", signature).status_code == 403
    signed = signer.post(f"/work-sheets/{number}/signature", signature)
    assert (signed.status_code, signed.json()["unpaid"]["amount"]) == (201, "9000.00")
    cycle = manager.post(f"/programmes/{CODE}/cycles", {"period": "2026-01"}).json()
    assert (cycle["entitlements"], cycle["total"]["amount"]) == (2, "9000.00")
    (line,) = signer.get(f"/programmes/{CODE}/work-sheets").json()
    assert line["unpaid"]["amount"] == "0.00"
    tie = {
        "username": "signer", "registration": numbers[0], "is_same": True, "reason": "Lives there"
    }  # fmt: skip
    assert manager.post("/work-ties", tie).status_code == 204


def test_work_at_the_terminal_from_the_activity_to_the_signature(
    numbers: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user("manager", Role.PROGRAMME_MANAGER)
    make_user("officer", Role.REGISTRATION_OFFICER)
    _, secret = secret_of("signer", Role.WORK_SUPERVISOR)
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)
    monkeypatch.setattr(output, "console", Console(width=250))  # or words stand below each other

    def cbi(line: str, by: str = "manager", *, exits: int = 0) -> str:
        done = CliRunner().invoke(terminal, ["work", *line.split(), "--user", by])
        if isinstance(done.exception, CbiError):
            assert exits == 1
            return str(done.exception)
        assert done.exit_code == exits, done.output
        return done.output

    workers = tmp_path / "workers.csv"
    workers.write_text("Registration number\n" + "\n".join(numbers) + "\n")
    out, back, checked = (tmp_path / name for name in ("out.xlsx", "back.xlsx", "checked.xlsx"))
    where = f"{CODE} well group-a"
    cbi(
        f"activity add {CODE} well --name Well --area Harbour --from 2026-01-05 --to 2026-06-30 --supervisor signer"
    )
    cbi(f"activity supervisor {CODE} well signer")
    cbi(f"group add {where} --name Morning")
    assert "3 joined" in cbi(f"group join {where} --file {workers} --on 2026-01-05")
    assert "0 joined" in cbi(f"group join {where} {numbers[0]} --on 2026-01-05")
    cbi(f"group leave {where} {numbers[2]} --on 2026-01-30")
    assert "2026-01-30" in cbi(f"group list {where}")
    assert json.loads(cbi(f"activity list {CODE} --json"))[0]["code"] == "well"
    cbi(f"sheet export {where} 2026-01 {out}.pdf", "officer", exits=2)
    told = cbi(f"sheet export {where} 2026-01 {out} --language en", "officer")
    assert "with 3 people" in told
    back.write_bytes(filled(out.read_bytes(), {numbers[0]: days(5), numbers[1]: {"Day 5": "sick"}}))
    refusal = cbi(f"sheet import {back} --report {checked}", "officer", exits=1)
    assert "nothing was changed" in refusal
    assert load_workbook(io.BytesIO(checked.read_bytes())).sheetnames[0] == "Summary"
    back.write_bytes(filled(out.read_bytes(), {numbers[0]: days(5)}))
    entered = json.loads(cbi(f"sheet import {back} --json", "officer"))
    number = entered["sheet"]
    assert (entered["version"], entered["half_days"]) == (1, 10)
    assert "nothing changed" in cbi(f"sheet import {back}", "officer")
    shown = json.loads(cbi(f"sheet show {number} --json", "signer"))
    assert shown["rows"][0]["trace"].endswith("5 days × 1200.00 = 6000.00 DZD")
    assert numbers[0] in cbi(f"sheet show {number}", "signer")
    assert "waits for a signature" in cbi(f"sheet list {CODE}", "signer")
    code = pyotp.TOTP(secret).at(NOW)
    cbi(f"sheet sign {number} --digest xyz --code {code}", "signer", exits=2)
    assert "is signed" in cbi(
        f"sheet sign {number} --digest {shown['digest']} --code {code}", "signer"
    )
    assert (
        json.loads(cbi(f"sheet list {CODE} --json", "signer"))[0]["unpaid"]["amount"] == "6000.00"
    )
    cbi(f"tie signer {numbers[0]} --is --reason Neighbour")
