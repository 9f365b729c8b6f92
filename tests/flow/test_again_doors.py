"""What waits for a decision, seen and decided through the API, at the terminal and on pages; and what `cbi verify` finds."""

import json

import pytest
from fastapi import FastAPI
from sqlalchemy import URL, text
from typer.testing import CliRunner

from adapters.sandbox.client import Act
from cbi import offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.payments.runs import progress, runs
from cbi.payments.states import PaymentState
from cbi.payments.unpaid.decision_models import Remedy
from cbi.reporting.stuck import Reason, stuck
from tests.factories import EVERYTHING, Team
from tests.flow.browsing import Browsing
from tests.flow.deciding import WHY, Bank, decide, follow_up
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.flow.proving import broken
from tests.flow.sending import STORIES, PointAt, payments, states, told
from tests.flow.tampering import intruding

READY, PAID, FAILED, CANCELLED = (
    PaymentState.READY, PaymentState.PAID, PaymentState.FAILED, PaymentState.CANCELLED
)  # fmt: skip


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def people(database: URL, template: str) -> Team:
    return STORIES[template].people


@pytest.fixture
def bank(database: URL, template: str) -> Bank:
    """Two payments failed, four were paid."""
    return Bank(STORIES[template].by_sandbox, Act.DECLINE, Act.DECLINE)


@pytest.fixture
def app(bank: Bank) -> FastAPI:
    return create_app()


@pytest.fixture
def authoriser(bank: Bank) -> str:
    """A token of somebody who may release runs, and did not make this one."""
    return token_for(make_user("karim", Role.AUTHORISER))


def test_the_api_says_what_waits_and_takes_both_decisions(
    app: FastAPI, authoriser: str, bank: Bank
) -> None:
    caller, path = Caller(app, authoriser), f"/payment-runs/{bank.run_id}"
    (line,) = caller.get(f"{path}/undecided").json()
    assert (line["provider"], line["state"], line["obstacle"]) == ("sandbox", "failed", None)
    assert (line["from_days"], line["to_days"], line["payments"]) == (0, 7, 2)
    first, second = (str(each.id) for each in payments(bank.run_id)[:2])
    done = caller.post(f"{path}/try-again", {"reason": WHY, "payments": [first]}, key="once").json()
    assert (done["remedy"], done["payments"], done["left"]) == ("try_again", 1, [])
    again = caller.post(f"{path}/try-again", {"reason": WHY, "payments": [first]}, key="once")
    assert again.json() == done
    assert caller.post(f"{path}/give-up", {"reason": WHY, "states": ["failed"]}).status_code == 200
    assert states(bank.run_id)[:2] == [READY, CANCELLED]
    nothing = caller.post(f"{path}/give-up", {"reason": WHY, "payments": [second]})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "payment_decision.nothing_waits")
    story = caller.get(f"/payments/{second}/events").json()
    assert story[-1]["what"] == f"attempt 1: failed → cancelled (A B decided so: {WHY})"
    assert caller.post(f"{path}/give-up", {"reason": WHY, "states": []}).status_code == 422


def test_the_terminal_weighs_before_it_decides(
    bank: Bank, authoriser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)
    with offices.transaction("dz") as session:
        number = runs.find(session, bank.run_id).number

    def cbi(*command: str, exits: int = 0) -> str:
        done = CliRunner().invoke(terminal, ["run", *command], env={"COLUMNS": "200"})
        assert done.exit_code == exits, done.output
        return done.output

    assert "failed" in cbi("undecided", str(number))
    by = ["--user", "karim"]
    weighed = json.loads(
        cbi("try-again", str(number), *by, "--dry-run", "--json", "--state", "failed")
    )
    assert (weighed["payments"], weighed["decision_id"]) == (2, None)
    assert states(bank.run_id)[:2] == [FAILED, FAILED]
    cbi("give-up", str(number), *by, exits=2)
    cbi("give-up", str(number), *by, "--state", "paid", "--reason", WHY, exits=2)
    one = str(payments(bank.run_id)[0].id)
    assert "Given up" in cbi("give-up", str(number), *by, "--payment", one, "--reason", WHY)
    assert "Tried anew" in cbi("try-again", str(number), *by, "--reason", WHY)
    assert states(bank.run_id)[:2] == [CANCELLED, READY]


def visitor(app: FastAPI, username: str, role: Role) -> Browsing:
    user_id = make_user(username, role)
    with offices.transaction("dz") as session:
        totp.enrol(session, user_id)
    return Browsing(app, token_for(user_id))


def test_the_runs_page_shows_what_waits_and_has_both_buttons(app: FastAPI, bank: Bank) -> None:
    seen, path = visitor(app, "karim.b", Role.AUTHORISER), f"/runs/{bank.run_id}"
    assert f"{path}/undecided" in seen.get("/").text
    assert f"{path}/undecided" in seen.get(f"/approvals/{bank.run_id}").text
    seen.get(f"{path}/undecided")
    assert "0 to 7 days" in seen.words
    assert "Can it be tried anew?" in seen.words
    refused = seen.send(f"{path}/try-again", reason="")
    assert 'data-code="audit.unusable_reason"' in refused.text
    seen.send(f"{path}/try-again", reason=WHY, state="failed")
    assert "2 payments are sent again" in seen.words
    assert "Nothing waits for a decision." in seen.words
    assert states(bank.run_id)[:2] == [READY, READY]


def test_a_payments_story_shows_who_decided_and_why(app: FastAPI, bank: Bank, people: Team) -> None:
    seen, first = visitor(app, "karim.b", Role.AUTHORISER), payments(bank.run_id)[0]
    seen.get(f"/payments/{first.id}")
    assert "It waits for a decision" in seen.words
    seen.send(f"/payments/{first.id}/give-up", why=WHY)
    assert "1 payment is given up" in seen.words
    assert WHY in seen.words
    assert "It waits for a decision" not in seen.words
    new = follow_up(bank.run_id, people)
    seen.get(f"/approvals/{new}")
    assert "Follow-up run" in seen.words
    assert "1 payment that was given up in run" in seen.words


def test_who_only_reads_sees_what_waits_and_no_button(app: FastAPI, bank: Bank) -> None:
    seen = visitor(app, "aude", Role.AUDITOR)
    seen.get(f"/runs/{bank.run_id}/undecided")
    assert "Somebody decides who may release" in seen.words
    assert not any("try-again" in form.action for form in seen.forms)


@pytest.mark.parametrize("language", ["fr", "ar", "es"])
def test_the_page_speaks_the_readers_language(app: FastAPI, bank: Bank, language: str) -> None:
    seen = visitor(app, "karim.b", Role.AUTHORISER)
    seen.headers["Accept-Language"] = language
    seen.cookies["cbi-language"] = language
    seen.get(f"/runs/{bank.run_id}/undecided")
    assert {"fr": "Réessayer", "ar": "إعادة المحاولة", "es": "Intentar de nuevo"}[language] in seen.words  # fmt: skip


def test_what_waits_is_stuck_since_it_failed_and_names_who_can_decide(
    bank: Bank, people: Team
) -> None:
    with offices.transaction("dz") as session:
        found = [
            each for each in stuck(session, EVERYTHING, progress.board(session))
            if each.reason is Reason.FAILED
        ]  # fmt: skip
    assert [(each.count, each.total, each.who) for each in found] == [
        (2, bank.declined(), ("A Colleague",))
    ]
    assert found[0].since is not None
    assert found[0].link == f"/runs/{bank.run_id}/undecided"


DEEDS = {
    "nobody decided so": "DELETE FROM payment_decisions",
    "says that it moved": "UPDATE payment_decisions SET payment_count = payment_count + 1",
    "the audit log does not say who decided": "DELETE FROM audit_entries WHERE act = 'payment_run.give_up'",
    "made it and also decided": "UPDATE run_parts SET part = 'maker' WHERE user_id = (SELECT decided_by FROM"
    " payment_decisions)",
    "payments given up in run": "UPDATE follow_ups SET payment_count = payment_count + 1",
}


def test_verify_names_whatever_is_altered_about_decisions(
    bank: Bank, people: Team, database: URL
) -> None:
    decide(Remedy.GIVE_UP, people.authoriser.actor, bank.run_id)
    follow_up(bank.run_id, people)
    for named, deed in DEEDS.items():
        with intruding(database) as intruder:
            assert intruder.execute(text(deed)).rowcount > 0, deed
            told = [breach for breaches in broken(intruder).values() for breach in breaches]
        assert any(named in breach for breach in told), (named, told)
