"""The story that `make demo` tells: what it leaves behind, on any day of the year, and who may see its two pages."""

import io
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import URL, create_engine, func, select, text

from cbi import clock, db, keys, offices
from cbi.app import create_app
from cbi.demo import day, ground, pages
from cbi.demo.pages import OnlyInADemonstration
from cbi.demo.town import KEEP_THEIR_CODE, OFFICE, Town
from cbi.helpline.models import Complaint
from cbi.offices import NotADemo
from cbi.payments.models import Discrepancy, Payment, PaymentEvent
from cbi.payments.runs import queries, waiting
from cbi.payments.runs.sheet_models import FindingKind
from cbi.payments.runs.waiting import Act
from cbi.payments.sending import providers
from cbi.payments.states import PaymentState
from cbi.proofs.verify import verify
from cbi.redemption.models import CodeIssue
from cbi.settings import settings
from tests.flow.browsing import Browsing

HOUSEHOLDS = 40
PointAt = Callable[[pytest.MonkeyPatch, URL], None]


@dataclass
class Told:
    """The town as the story leaves it, and what was printed."""

    town: Town
    printed: str


def _forget() -> None:
    db.disconnect()
    settings.cache_clear()
    keys.forget()
    providers.adapter.cache_clear()


@contextmanager
def _story(server: URL, point_at: PointAt, folder: Path) -> Iterator[Told]:
    """The story, in a database of its own and with settings as `cbi demo` makes them."""
    name = f"demo_{os.getpid()}_{secrets.token_hex(4)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    with pytest.MonkeyPatch.context() as patch:
        for setting, value in (
            ("DATA_DIR", str(folder)), ("DEMO", "true"), ("RECALL_MINUTES", "0"),
            # Another secret is another sandbox: what other tests paid is not on its statement.
            ("FSP_SANDBOX_CALLBACK_SECRET", secrets.token_hex(16)), ("FSP_SANDBOX_FLOAT_UNITS", "1000000"),
        ):  # fmt: skip
            patch.setenv(f"CBI_{setting}", value)
        point_at(patch, server.set(database=name))
        providers.adapter.cache_clear()
        printed = io.StringIO()
        with redirect_stdout(printed):
            town = day.run(folder, HOUSEHOLDS)
        yield Told(town, printed.getvalue())
        _forget()
    _forget()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="module")
def told(
    server: URL, point_at: PointAt, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Told]:
    """The story of today, told once."""
    with _story(server, point_at, tmp_path_factory.mktemp("demo")) as told:
        yield told


def test_it_is_told_chapter_by_chapter_with_tables_that_add_up(told: Told) -> None:
    for chapter in range(1, 10):
        assert f"\n{chapter}. " in f"\n{told.printed}"
    assert "Rejected    2" in told.printed
    assert "other amount     4" in told.printed
    assert told.printed.count(": kept") == 9
    assert not [each for each in told.town.staff.values() if each.password in told.printed]


def test_every_promise_is_kept_when_it_is_computed_again(told: Told) -> None:
    assert all(verdict.kept for verdict in told.town.transact(verify))


def test_a_run_waits_for_the_first_signature_and_says_what_changed(told: Told) -> None:
    def look(actor: str) -> list[waiting.Waiting]:
        found = told.town.staff[actor].actor
        return told.town.transact(lambda s: list(waiting.inbox(s, found).mine))

    (run,) = look("amina")
    assert (run.need.act, run.line.period) == (Act.CERTIFY, str(told.town.months.present))
    assert look("karim") == []
    summary = told.town.transact(lambda session: queries.sheet(session, run.line.id)).summary
    assert summary.of(FindingKind.NEW).payments == len(told.town.newcomers) == 3
    changed = summary.of(FindingKind.AMOUNT)
    assert changed.payments == 4
    assert changed.before < changed.after
    assert summary.of(FindingKind.GONE).payments == summary.of(FindingKind.ACCOUNT).payments == 0


def test_a_dozen_codes_wait_to_be_redeemed_in_three_languages(told: Told) -> None:
    with offices.transaction(OFFICE) as session:
        current = session.scalars(select(CodeIssue.state).where(CodeIssue.current))
        states = Counter(map(str, current))
    assert (states["issued"], states["locked"]) == (KEEP_THEIR_CODE - 1, 1)
    waits = told.town.handsets.waiting
    assert Counter(each.language for each in waits) == {"ar": 4, "fr": 4, "en": 4}
    for handset in waits:
        assert re.search(r"\d{4}\.\d{4}\.\d{4}", handset.came()[0].body)


def test_mobile_money_is_declined_once_and_late_once(told: Told) -> None:
    with offices.transaction(OFFICE) as session:
        of_sandbox = Payment.provider == "sandbox"
        failed = session.scalars(
            select(Payment.state).where(of_sandbox, Payment.state == PaymentState.FAILED)
        ).all()
        late = session.scalars(
            select(func.count())
            .select_from(PaymentEvent)
            .join(Payment, Payment.id == PaymentEvent.payment_id)
            .where(
                of_sandbox, PaymentEvent.before == PaymentState.ACCEPTED, PaymentEvent.after == PaymentState.PAID
            )
        ).one()  # fmt: skip
    assert (len(failed), late) == (1, 1)


def test_what_recipients_wrote_was_answered_in_their_language(told: Told) -> None:
    ar, fr, en, fee, _lost, stranger = told.town.handsets.wrote
    assert [each.language for each in (ar, fr, en, fee)] == ["ar", "fr", "en", "en"]
    for handset, begins in (
        (ar, "ملف "),
        (fr, "Réf "),
        (en, "Ref "),
        (fee, "We noted your report"),
    ):
        mine, answer = handset.thread()[-2:]
        assert (mine[0], answer[0]) == (True, False)
        assert answer[1].body.startswith(begins)
    assert "no information" in stranger.thread()[-1][1].body or len(stranger.came()) == 1
    with offices.transaction(OFFICE) as session:
        opened = Counter(session.scalars(select(Complaint.category)))
        urgent = session.scalars(select(Complaint).where(Complaint.payment_id.is_not(None))).one()
    assert opened == {"payment_problem": 1, "lost_code": 1}
    assert urgent.urgent


def test_the_planted_faults_are_found_and_nothing_else(told: Told) -> None:
    with offices.transaction(OFFICE) as session:
        found = Counter(session.execute(select(Discrepancy.provider, Discrepancy.kind)).all())
    assert found == {
        ("post_office", "paid_not_settled"): 1,
        ("post_office", "amount_differs"): 1,
        ("post_office", "unknown_line"): 1,
    }


def test_the_page_has_what_everybody_needs_to_sign_in(told: Told) -> None:
    app = create_app()
    pages.mount(app, told.town)
    visitor = Browsing(app)
    assert visitor.get("/demo").status_code == 200
    words = visitor.words
    for colleague in told.town.staff.values():
        assert colleague.password in words
    marc = told.town.staff["marc"]
    code = re.search(rf"{marc.password} One-time code (\d{{6}}) counts for", words)
    assert code
    visitor.get("/sign-in")
    assert (
        visitor.send("/sign-in", username="marc", password=marc.password, code=code[1]).status_code
        == 200
    )
    assert "cbi-session" in visitor.cookies
    visitor.get("/demo")
    again = re.search(rf"{marc.password} One-time code (\d{{6}}) counts for", visitor.words)
    assert again
    assert again[1] != code[1], "a code counts once, so the page has the next one"


def test_a_telephone_is_read_and_written_from_its_page(told: Told) -> None:
    app = create_app()
    pages.mount(app, told.town)
    visitor = Browsing(app)
    handset = told.town.handsets.waiting[3]
    assert handset.language == "ar"
    path = f"/demo/phones/{handset.place}"
    before = visitor.get(path)
    assert '<ol class="thread" lang="ar" dir="rtl">' in before.text
    assert handset.holders[0].document[-4:] in before.text
    after = visitor.send(path, words="STATUT")
    assert after.status_code == 200
    assert len(handset.came()) == 2
    assert handset.came()[-1].body in visitor.words
    assert visitor.send(path, words="   ").status_code == 200
    assert len(handset.written) == 1
    assert visitor.get("/demo/phones?place=1").status_code == 200
    assert visitor.get("/demo/phones/0").status_code == 404
    assert visitor.get("/demo/phones?place=nine").status_code == 404


def test_a_text_that_another_site_sends_is_refused(told: Told) -> None:
    app = create_app()
    pages.mount(app, told.town)
    path = f"/demo/phones/{told.town.handsets.waiting[4].place}"
    stranger = Browsing(app)
    stranger.get(path)
    filled = stranger.filled(path, words="STOP")
    elsewhere = Browsing(app)
    assert elsewhere.ask("POST", path, data=filled).status_code == 403
    assert elsewhere.ask("POST", path, data={"words": "STOP"}).status_code == 403
    assert told.town.handsets.waiting[4].written == []


def test_without_the_demonstration_there_are_no_such_pages(told: Told) -> None:
    """The demonstration's own office, served by `cbi serve`."""
    app = create_app()
    visitor = Browsing(app)
    for path in ("/demo", "/demo/phones", "/demo/phones/1"):
        assert visitor.get(path).status_code == 404
    visitor.get("/sign-in")
    assert "/demo" not in visitor.ask("GET", "/sign-in").text


@pytest.fixture
def normal(database: URL, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The application of an office of real people."""
    monkeypatch.setenv("CBI_DEMO", "false")
    settings.cache_clear()
    return create_app()


def test_a_normal_office_never_has_them(normal: FastAPI, tmp_path: Path) -> None:
    with pytest.raises(OnlyInADemonstration):
        pages.mount(normal, Town(tmp_path, HOUSEHOLDS))
    assert Browsing(normal).get("/demo").status_code == 404


def test_nor_has_one_beside_which_somebody_turns_the_demonstration_on(
    normal: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBI_DEMO", "true")
    settings.cache_clear()
    with pytest.raises(NotADemo):
        pages.mount(normal, Town(tmp_path, HOUSEHOLDS))
    assert Browsing(normal).get("/demo").status_code == 404


def test_they_close_where_the_demonstration_is_turned_off(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app()
    pages.mount(app, told.town)
    with monkeypatch.context() as patch:
        patch.setenv("CBI_DEMO", "false")
        settings.cache_clear()
        assert Browsing(app).get("/demo").status_code == 404
    settings.cache_clear()


def test_the_command_ends_by_itself_and_starts_clean() -> None:
    with tempfile.TemporaryDirectory(prefix="cbi-demo-") as data:
        Path(data).chmod(0o755)
        folder = Path(data) / "demo"
        folder.mkdir()
        (folder / "DEMO").write_text(ground.MARK)
        (folder / "left over").write_text("from the last time")
        done = subprocess.run(
            [Path(sys.executable).with_name("cbi"), "demo", "--no-serve", "--households", "40"],
            env=os.environ | {"CBI_DATA_DIR": data, "CBI_DATABASE_URL": "postgresql://nowhere/"},
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count(": kept") == 9
        assert "is served at" not in done.stdout
        assert not (folder / "left over").exists()
        assert str(folder / "witness") in (folder / "cbi").read_text(), (
            "or the next one looks restored"
        )
        assert {"households-report.xlsx", "programme-2.yaml", "settlement.csv"} <= set(
            os.listdir(folder)
        )


@pytest.mark.parametrize(
    ("at", "present"),
    [
        (datetime(2027, 1, 31, 23, 30, tzinfo=UTC), "2027-02"),  # in Algiers it is February already
        (datetime(2027, 1, 31, 9, 0, tzinfo=UTC), "2027-01"),
        (datetime(2027, 3, 1, 9, 0, tzinfo=UTC), "2027-03"),
        (datetime(2028, 2, 29, 9, 0, tzinfo=UTC), "2028-02"),
    ],
)
def test_the_story_holds_on_any_day(
    server: URL, point_at: PointAt, tmp_path: Path, at: datetime, present: str
) -> None:
    began = datetime.now(UTC)
    with (
        clock.running(lambda: at + (datetime.now(UTC) - began)),
        _story(server, point_at, tmp_path) as told,
    ):
        assert str(told.town.months.present) == present
        assert told.printed.count(": kept") == 9
        assert "other amount     4" in told.printed
