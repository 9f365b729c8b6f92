"""The list that is taken out is exactly the one that is signed, and one that is not is told apart."""

import hashlib
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import select
from typer.testing import CliRunner

from cbi import cli, offices
from cbi.audit.models import AuditEntry
from cbi.errors import Invalid
from cbi.payments.models import PaymentRun
from cbi.payments.runs import list_checks
from cbi.payments.signing import approval, recall
from tests.flow.approvals.office import Office

FILES = {"list.xlsx": "run-2-winter", "list.txt": "run-2-winter"}


def taken_out(office: Office, name: str) -> bytes:
    answer = office.at("amina").ask("GET", f"{office.path}/{name}")
    assert answer.status_code == 200
    assert FILES[name] in answer.headers["content-disposition"]
    return answer.content


def checked(content: bytes) -> list_checks.Checked:
    with offices.transaction("dz") as session:
        return list_checks.check(session, io.BytesIO(content))


@pytest.mark.parametrize("name", FILES)
def test_from_the_list_that_is_taken_out_its_digest_is_computed_again(
    office: Office, name: str
) -> None:
    found = checked(taken_out(office, name))
    assert (found.number, found.payments, found.is_approved) == (2, 11, False)
    with offices.transaction("dz") as session:
        run = session.get_one(PaymentRun, office.locked)
        assert run.digest
        assert found.digest == run.digest.hex()
        for name_, sign in (("amina", approval.certify), ("karim", approval.authorise)):
            sign(session, office.people[name_].actor, run.id, office.code(name_))
    found = checked(taken_out(office, name))
    assert found.is_approved
    assert [each.name for each in found.signed] == ["Amina Certifies", "Karim Authorises"]


def test_that_a_list_was_taken_out_is_noted(office: Office) -> None:
    taken_out(office, "list.txt")
    with offices.transaction("dz") as session:
        noted = session.scalars(
            select(AuditEntry).where(AuditEntry.act == "payment_run.list_taken_out")
        ).one()
    assert noted.actor_id == office.people["amina"].actor.id
    assert (noted.details["form"], noted.details["payments"]) == ("txt", 11)


def test_a_draft_has_no_list_to_take_out(office: Office) -> None:
    with offices.transaction("dz") as session:
        recall.send_back(session, office.people["amina"].actor, office.locked, "not yet")
    answer = office.at("amina").get(f"{office.path}/list.xlsx")
    assert answer.status_code == 409
    assert 'data-code="payment_run.not_locked"' in answer.text


def test_the_recipe_in_the_documentation_gives_the_digest(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = (Path(__file__).parents[3] / "docs" / "verify-a-list.md").read_text()
    recipe = document.partition("```python\n")[2].partition("```")[0]
    file = tmp_path / "list.xlsx"
    file.write_bytes(taken_out(office, "list.xlsx"))
    exec(recipe.replace("run-12-winter-2026-11.xlsx", str(file)), {})  # noqa: S102 - our own documentation
    found = checked(taken_out(office, "list.txt"))
    assert capsys.readouterr().out.strip() == found.digest
    assert hashlib.sha256(taken_out(office, "list.txt")).hexdigest() == found.digest


def test_the_terminal_tells_whether_a_file_is_the_list(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_bytes(taken_out(office, "list.txt"))
    told = CliRunner().invoke(cli.app, ["run", "check-list", str(file)])
    assert told.exit_code == 0, told.output
    assert "exactly the list, not yet approved, of run 2: 11 payments" in told.output
    told = CliRunner().invoke(cli.app, ["run", "check-list", str(file), "--json"])
    assert json.loads(told.stdout)["is_approved"] is False
    file.write_bytes(file.read_bytes().replace(b"|post_office|", b"|other|"))
    told = CliRunner().invoke(cli.app, ["run", "check-list", str(file)])
    assert isinstance(told.exception, list_checks.NotThatList)


Change = Callable[[list[bytes]], list[bytes]]
CHANGES: dict[str, tuple[Change, str]] = {
    "altered": (lambda rows: [*rows[:2], rows[2].replace(b"|post_office|", b"|other|"), *rows[3:]], "altered: no. 2"),
    "missing": (lambda rows: [*rows[:3], *rows[4:]], "missing: no. 3"),
    "added": (lambda rows: [*rows, rows[-1].replace(b"11|", b"12|", 1)], "not in the run: no. 12"),
    "doubled": (lambda rows: [*rows, rows[-1]], "given twice: 1"),
    "turned round": (lambda rows: [rows[0], rows[2], rows[1], *rows[3:]], "their order or the first line"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_list_that_is_not_the_runs_is_told_apart_and_its_rows_are_named(
    office: Office, change: str
) -> None:
    work, told = CHANGES[change]
    rows = work(taken_out(office, "list.txt").splitlines(keepends=True))
    with pytest.raises(list_checks.NotThatList, match=told):
        checked(b"".join(rows))


def test_a_workbook_whose_readable_amount_was_changed_is_not_the_list(office: Office) -> None:
    book = load_workbook(io.BytesIO(taken_out(office, "list.xlsx")))
    book["Payments"]["P4"] = 99
    changed = io.BytesIO()
    book.save(changed)
    with pytest.raises(list_checks.NotThatList, match=r"altered: no\. 3"):
        checked(changed.getvalue())


@pytest.mark.parametrize(
    "content", [b"", b"something else\n", b"\xff\xfe\x00", b"PK\x03\x04broken"]
)
def test_what_is_no_list_is_refused(office: Office, content: bytes) -> None:
    with pytest.raises(Invalid):
        checked(content)


def test_the_workbook_opens_at_the_amounts_with_a_filter_and_totals(office: Office) -> None:
    book = load_workbook(io.BytesIO(taken_out(office, "list.xlsx")))
    about, payments = book["About this list"], book["Payments"]
    assert payments.freeze_panes == "B2"
    assert payments.auto_filter.ref == "A1:P12"
    assert payments.column_dimensions["B"].hidden
    assert not payments.column_dimensions["P"].hidden
    assert (payments["A2"].value, payments["P2"].data_type) == (1, "n")
    assert payments["P2"].number_format == "#,##0.00"
    amounts = [Decimal(str(row[15])) for row in payments.iter_rows(min_row=2, values_only=True)]
    assert sum(amounts) == 40_000
    rows = list(about.iter_rows(values_only=True))
    assert ("Total", 11, 40_000) in [row[:3] for row in rows]
    assert any(row[:2] == ("Programme", "winter: Winter stipend") for row in rows)
